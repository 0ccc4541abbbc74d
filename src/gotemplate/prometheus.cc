#include "gotemplate/prometheus.h"

#include <algorithm>
#include <cmath>

#include "core/duration.h"
#include "gotemplate/builtins.h"
#include "gotemplate/text_functions.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {

const std::string_view kPrometheusAlertPrefix =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}"
    "{{$value := .Value}}";

namespace {

using core::Result;
using Args = std::span<const Value>;

const Type kSampleType{.name = "*template.sample"};
const Type kQueryResultType{.name = "template.queryResult", .elem = "*template.sample"};
const Type kAlertDataType{.name = "template.AlertTemplateData"};
constexpr FieldSpec kSampleFields[] = {{"Labels", ""}, {"Value", ""}};
constexpr FieldSpec kAlertDataFields[] = {
    {"Labels", ""}, {"ExternalLabels", ""}, {"ExternalURL", ""}, {"Value", ""}};
const Type kUrlValuesType{.name = "url.Values", .elem = "[]string"};
const Type kConsoleDataType{.name = "struct"};
constexpr FieldSpec kConsoleDataFields[] = {
    {"RawParams", ""}, {"Params", ""}, {"Path", ""}, {"ExternalLabels", ""}, {"ExternalURL", ""}};
constexpr double kMaxNanos = 9.223372036854775807e18;

Value LabelMap(const std::map<std::string, std::string>& labels) {
  Map::Entries entries;
  for (const auto& [name, value] : labels) entries.emplace(name, Value::String(value));
  return Value::OfMap(std::move(entries), kStringMapType);
}

Result<const PrometheusEnvironment*> EnvironmentOf(Call& call) {
  const auto* environment = dynamic_cast<const PrometheusEnvironment*>(call.environment());
  if (environment == nullptr) return FailCall("not available here");
  return environment;
}

const std::string& LabelOf(const Value& sample, std::string_view name) {
  static const std::string none;
  const auto& labels = sample.AsStruct().values()[0].AsMap().entries();
  const auto found = labels.find(name);
  return found == labels.end() ? none : found->second.AsString();
}

Result<Value> Query(Call& call, Args args) {
  SEXTANT_ASSIGN(const PrometheusEnvironment* environment, EnvironmentOf(call));
  if (!environment->query) return FailCall("queries are not available here");
  SEXTANT_ASSIGN(const std::vector<QuerySample> samples, environment->query(args[0].AsString()));
  std::vector<Value> values;
  values.reserve(samples.size());
  for (const QuerySample& sample : samples) values.push_back(SampleValue(sample));
  return Value::OfList(std::move(values), kQueryResultType);
}

Result<Value> First(Call&, Args args) {
  const auto& items = args[0].AsList().items();
  if (items.empty()) return FailCall("first() called on vector with no elements");
  return items.front();
}

Result<Value> Label(Call&, Args args) { return Value::String(LabelOf(args[1], args[0].AsString())); }

Result<Value> SampleNumber(Call&, Args args) { return args[0].AsStruct().values()[1]; }

Result<Value> StringValue(Call&, Args args) { return Value::String(LabelOf(args[0], "__value__")); }

Result<Value> SortByLabel(Call&, Args args) {
  std::vector<Value> items = args[1].AsList().items();
  const std::string& label = args[0].AsString();
  std::stable_sort(items.begin(), items.end(),
                   [&](const Value& a, const Value& b) { return LabelOf(a, label) < LabelOf(b, label); });
  return Value::OfList(std::move(items), kQueryResultType);
}

Result<Value> NumberedArgs(Call&, Args args) {
  Map::Entries entries;
  for (size_t i = 0; i < args.size(); ++i) entries.emplace(fmt::format("arg{}", i), args[i]);
  return Value::OfMap(std::move(entries));
}

Result<Value> ExpandTemplate(Call& call, Args args) {
  SEXTANT_ASSIGN(std::string text, call.ExecuteTemplate(args[0].AsString(), args[1]));
  // Escaped already where HTML is written, and a text as any other elsewhere.
  return Value::String(std::move(text), TextType::kHtml);
}

Result<Value> Title(Call&, Args args) { return Value::String(TitleWords(args[0].AsString())); }

Function Link(int tab) {
  return {{Param::String()}, false, [tab](Call&, Args args) -> Result<Value> {
            return Value::String(
                fmt::format("/graph?g0.expr={}&g0.tab={}", QueryEscape(args[0].AsString()), tab));
          }};
}

struct HostPort {
  std::string_view host;
  std::string_view port;
};

// net.SplitHostPort; false when the text is not host:port.
bool SplitHostPort(std::string_view text, HostPort& out) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  if (text[0] == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close + 1 != colon) return false;
    out = {text.substr(1, close - 1), text.substr(colon + 1)};
    return out.host.find('[') == std::string_view::npos &&
           out.port.find_first_of("[]") == std::string_view::npos;
  }
  out = {text.substr(0, colon), text.substr(colon + 1)};
  return out.host.find_first_of(":[]") == std::string_view::npos &&
         out.port.find_first_of("[]") == std::string_view::npos;
}

Result<Value> StripPort(Call&, Args args) {
  HostPort parts;
  if (!SplitHostPort(args[0].AsString(), parts)) return args[0];
  return Value::String(std::string(parts.host));
}

bool IsIpAddress(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    return text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  }
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos &&
         std::count(text.begin(), text.end(), '.') == 3;
}

Result<Value> StripDomain(Call&, Args args) {
  const std::string& text = args[0].AsString();
  HostPort parts{text, {}};
  const bool has_port = SplitHostPort(text, parts);
  if (!has_port) parts.host = text;
  if (IsIpAddress(parts.host)) return args[0];
  const std::string host(parts.host.substr(0, parts.host.find('.')));
  return Value::String(has_port && !parts.port.empty() ? fmt::format("{}:{}", host, parts.port) : host);
}

Result<Value> Humanize(Call&, Args args) {
  SEXTANT_ASSIGN(double number, ToFloat(args[0]));
  if (number == 0 || std::isnan(number) || std::isinf(number))
    return Value::String(FormatFloat(number, 'g', 4));
  constexpr std::string_view kLarge[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
  constexpr std::string_view kSmall[] = {"m", "u", "n", "p", "f", "a", "z", "y"};
  std::string_view prefix;
  if (std::abs(number) >= 1) {
    for (const std::string_view next : kLarge) {
      if (std::abs(number) < 1000) break;
      prefix = next;
      number /= 1000;
    }
  } else {
    for (const std::string_view next : kSmall) {
      if (std::abs(number) >= 1) break;
      prefix = next;
      number *= 1000;
    }
  }
  return Value::String(FormatFloat(number, 'g', 4) + std::string(prefix));
}

Result<Value> Humanize1024(Call&, Args args) {
  SEXTANT_ASSIGN(double number, ToFloat(args[0]));
  if (std::abs(number) <= 1 || std::isnan(number) || std::isinf(number)) {
    return Value::String(FormatFloat(number, 'g', 4));
  }
  std::string_view prefix;
  for (const std::string_view next : {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"}) {
    if (std::abs(number) < 1024) break;
    prefix = next;
    number /= 1024;
  }
  return Value::String(FormatFloat(number, 'g', 4) + std::string(prefix));
}

Result<Value> HumanizePercentage(Call&, Args args) {
  SEXTANT_ASSIGN(const double number, ToFloat(args[0]));
  return Value::String(FormatFloat(number * 100, 'g', 4) + "%");
}

// Seconds since the epoch as a time. Precise to a nanosecond of the double's value, as upstream computes it.
Result<Time> TimeFromSeconds(double seconds) {
  const double nanos = seconds * 1e9;
  if (!(std::abs(nanos) < kMaxNanos)) {
    return FailCall("{} cannot be represented as a nanoseconds timestamp since it overflows int64",
                    FormatFloat(seconds, 'g', -1));
  }
  const double whole = std::floor(seconds);
  // Milliseconds are what Prometheus keeps; finer digits of a double near 10^9 seconds are noise.
  const auto rest_ms = static_cast<int64_t>(std::round((seconds - whole) * 1000));
  return Time::FromUnixNanos(static_cast<int64_t>(whole) * 1'000'000'000 + rest_ms * 1'000'000);
}

Result<Value> HumanizeTimestamp(Call&, Args args) {
  SEXTANT_ASSIGN(const double seconds, ToFloat(args[0]));
  if (std::isnan(seconds) || std::isinf(seconds)) return Value::String(FormatFloat(seconds, 'g', 4));
  SEXTANT_ASSIGN(const Time time, TimeFromSeconds(seconds));
  return Value::String(TimeString(time));
}

Result<Value> ToTime(Call&, Args args) {
  SEXTANT_ASSIGN(const double seconds, ToFloat(args[0]));
  SEXTANT_ASSIGN(Time time, TimeFromSeconds(seconds));
  return Value::OfTime(std::move(time));
}

Result<Value> ToDuration(Call&, Args args) {
  SEXTANT_ASSIGN(const double seconds, ToFloat(args[0]));
  if (!(std::abs(seconds * 1e9) < kMaxNanos)) {
    return FailCall("{} cannot be represented as a nanoseconds duration since it overflows int64",
                    FormatFloat(seconds, 'g', -1));
  }
  return Value::Duration(static_cast<int64_t>(std::round(seconds * 1e9)));
}

Result<Value> Now(Call& call, Args) {
  SEXTANT_ASSIGN(const PrometheusEnvironment* environment, EnvironmentOf(call));
  return Value::Float(static_cast<double>(environment->now_ms) / 1000);
}

Result<Value> PathPrefix(Call& call, Args) {
  SEXTANT_ASSIGN(const PrometheusEnvironment* environment, EnvironmentOf(call));
  return Value::String(environment->path_prefix);
}

Result<Value> ExternalUrl(Call& call, Args) {
  SEXTANT_ASSIGN(const PrometheusEnvironment* environment, EnvironmentOf(call));
  return Value::String(environment->external_url);
}

Result<Value> ParseDurationSeconds(Call&, Args args) {
  std::string_view text = args[0].AsString();
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  SEXTANT_ASSIGN(const core::DurationMs duration_ms, core::ParseDuration(text));
  const double seconds = static_cast<double>(duration_ms) / 1000;
  return Value::Float(negative ? -seconds : seconds);
}

Result<Value> UrlQueryEscape(Call&, Args args) { return Value::String(QueryEscape(args[0].AsString())); }

FunctionMap MakeFunctions() {
  const Param any = Param::Any();
  const Param text = Param::String();
  const Param sample = Param::Of(kSampleType);
  const Param result = Param::Of(kQueryResultType);
  FunctionMap map;
  map["query"] = {{text}, false, Query};
  map["first"] = {{result}, false, First};
  map["label"] = {{text, sample}, false, Label};
  map["value"] = {{sample}, false, SampleNumber};
  map["strvalue"] = {{sample}, false, StringValue};
  map["sortByLabel"] = {{text, result}, false, SortByLabel};
  map["args"] = {{any}, true, NumberedArgs};
  map["tmpl"] = {{text, any}, false, ExpandTemplate};
  map["reReplaceAll"] = ReReplaceAllFunction();
  map["safeHtml"] = SafeHtmlFunction();
  map["match"] = MatchFunction();
  map["title"] = {{text}, false, Title};
  map["toUpper"] = ToUpperFunction();
  map["toLower"] = ToLowerFunction();
  map["graphLink"] = Link(0);
  map["tableLink"] = Link(1);
  map["stripPort"] = {{text}, false, StripPort};
  map["stripDomain"] = {{text}, false, StripDomain};
  map["humanize"] = {{any}, false, Humanize};
  map["humanize1024"] = {{any}, false, Humanize1024};
  map["humanizeDuration"] = HumanizeDurationFunction();
  map["humanizePercentage"] = {{any}, false, HumanizePercentage};
  map["humanizeTimestamp"] = {{any}, false, HumanizeTimestamp};
  map["toTime"] = {{any}, false, ToTime};
  map["toDuration"] = {{any}, false, ToDuration};
  map["now"] = {{}, false, Now};
  map["pathPrefix"] = {{}, false, PathPrefix};
  map["externalURL"] = {{}, false, ExternalUrl};
  map["parseDuration"] = {{text}, false, ParseDurationSeconds};
  map["urlQueryEscape"] = {{text}, false, UrlQueryEscape};
  return map;
}

}  // namespace

std::shared_ptr<const FunctionMap> PrometheusFunctions() {
  static const auto map = std::make_shared<const FunctionMap>(MakeFunctions());
  return map;
}

Value PrometheusAlertData(const std::map<std::string, std::string>& labels,
                          const std::map<std::string, std::string>& external_labels,
                          const std::string& external_url, double value) {
  return Value::OfStruct(
      kAlertDataType, kAlertDataFields,
      {LabelMap(labels), LabelMap(external_labels), Value::String(external_url), Value::Float(value)});
}

Result<std::string> ExpandPrometheusConsole(const std::string& name, const std::string& text,
                                            const std::vector<std::pair<std::string, std::string>>& libraries,
                                            const ConsoleData& data,
                                            const PrometheusEnvironment& environment) {
  TemplateSet set(PrometheusFunctions(), {.missing_key = MissingKey::kZero, .limits = {}});
  for (const auto& [file, library] : libraries) {
    SEXTANT_TRY(set.Parse(file, library).map_error(core::AddContext("error parsing template files")));
  }
  Map::Entries raw_params;
  Map::Entries params;
  for (const auto& [key, values] : data.params) {
    std::vector<Value> items;
    for (const std::string& value : values) items.push_back(Value::String(value));
    if (!values.empty()) params.emplace(key, Value::String(values.front()));
    raw_params.emplace(key, Value::OfList(std::move(items), kStringListType));
  }
  Value dot = Value::OfStruct(
      kConsoleDataType, kConsoleDataFields,
      {Value::OfMap(std::move(raw_params), kUrlValuesType), Value::OfMap(std::move(params), kStringMapType),
       Value::String(data.path), LabelMap(data.external_labels), Value::String(environment.external_url)});
  std::string whole = "{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}" + text;
  return set.ExecuteHtmlPage(name, std::move(whole), dot, &environment)
      .map_error(core::AddContext("error executing template {}", name));
}

Value SampleValue(const QuerySample& sample) {
  return Value::OfStruct(
      kSampleType, kSampleFields,
      {LabelMap(sample.labels),
       sample.histogram.empty() ? Value::Float(sample.value) : Value::String(sample.histogram)});
}

Result<std::string> ExpandPrometheus(const std::string& name, std::string text, const Value& data,
                                     const PrometheusEnvironment& environment, MissingKey missing_key) {
  TemplateSet set(PrometheusFunctions(), {.missing_key = missing_key, .limits = {}});
  SEXTANT_TRY(
      set.Parse(name, std::move(text)).map_error(core::AddContext("error parsing template {}", name)));
  return set.Execute(name, data, &environment)
      .map_error(core::AddContext("error executing template {}", name));
}

Result<std::string> ExpandPrometheusAlert(const std::string& name, const std::string& text, const Value& data,
                                          const PrometheusEnvironment& environment) {
  // Most labels and many annotations are plain text.
  if (text.find("{{") == std::string::npos) return text;
  return ExpandPrometheus(name, std::string(kPrometheusAlertPrefix) + text, data, environment);
}

}  // namespace sextant::gotemplate
