#include "api/alertmanager_json.h"

#include <simdjson.h>

#include <algorithm>

#include "config/text.h"
#include "gotemplate/go_time.h"

namespace sextant::api {

namespace {

namespace dom = simdjson::dom;

// The codes of go-openapi.
constexpr int kInvalidType = 601;
constexpr int kRequired = 602;
constexpr int kTooFewItems = 612;
constexpr int kUnprocessable = 422;
constexpr size_t kMaxMapEntries = 10'000;

BodyError Unprocessable(int code, std::string message) { return {kUnprocessable, code, std::move(message)}; }
BodyError RequiredIn(std::string_view path) {
  return Unprocessable(kRequired, fmt::format("{} in body is required", path));
}

// The whole body, and where errors say it came from.
class Body {
 public:
  Body(std::string_view text, std::string_view name, std::string_view type)
      : text_(text), name_(name), type_(type) {}

  BodyResult<dom::element> Parse() {
    if (std::all_of(text_.begin(), text_.end(),
                    [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; })) {
      return tl::unexpected(RequiredIn(name_));
    }
    dom::element root;
    if (const auto error = parser_.parse(text_.data(), text_.size()).get(root); error)
      return tl::unexpected(Malformed(simdjson::error_message(error)));
    if (root.is_null()) return tl::unexpected(RequiredIn(name_));
    return root;
  }

  BodyError Malformed(std::string_view why) const {
    return {400, 400, fmt::format("parsing {} body from \"\" failed, because {}", name_, why)};
  }
  BodyError WrongType(dom::element element, std::string_view type) const {
    return Malformed(
        fmt::format("json: cannot unmarshal {} into Go value of type {}", KindOf(element), type));
  }
  BodyError WrongRoot(dom::element element) const { return WrongType(element, type_); }

  static std::string_view KindOf(dom::element element) {
    switch (element.type()) {
      case dom::element_type::ARRAY:
        return "array";
      case dom::element_type::OBJECT:
        return "object";
      case dom::element_type::STRING:
        return "string";
      case dom::element_type::BOOL:
        return "bool";
      case dom::element_type::NULL_VALUE:
        return "null";
      default:
        return "number";
    }
  }

 private:
  std::string_view text_;
  std::string name_;
  std::string type_;
  dom::parser parser_;
};

bool IsAbsent(const simdjson::simdjson_result<dom::element>& field) {
  return field.error() != simdjson::SUCCESS || field.value_unsafe().is_null();
}

BodyResult<std::string> ReadText(const Body& body, simdjson::simdjson_result<dom::element> field) {
  if (IsAbsent(field)) return std::string();
  std::string_view text;
  if (field.get(text) != simdjson::SUCCESS)
    return tl::unexpected(body.WrongType(field.value_unsafe(), "string"));
  return std::string(text);
}

BodyResult<bool> ReadBool(const Body& body, simdjson::simdjson_result<dom::element> field, bool otherwise) {
  if (IsAbsent(field)) return otherwise;
  bool value = false;
  if (field.get(value) != simdjson::SUCCESS)
    return tl::unexpected(body.WrongType(field.value_unsafe(), "bool"));
  return value;
}

// A time as the original's library takes it; `zero` when it is absent.
BodyResult<core::TimestampMs> ReadTime(const Body& body, simdjson::simdjson_result<dom::element> field,
                                       core::TimestampMs zero) {
  if (IsAbsent(field)) return zero;
  auto text = ReadText(body, field);
  if (!text) return tl::unexpected(text.error());
  if (text->empty()) return core::TimestampMs{0};
  constexpr std::string_view kLayouts[] = {"2006-01-02T15:04:05.999999999Z07:00",
                                           "2006-01-02T15:04:05.999999999",
                                           "2006-01-02T15:04Z07:00",
                                           "2006-01-02T15:04",
                                           "2006-01-02",
                                           "2006-01-02 15:04:05.999999999Z07:00",
                                           "2006-01-02 15:04:05"};
  core::Result<gotemplate::Time> time = core::Fail(core::Code::kInvalidArgument, "no layout");
  for (const std::string_view layout : kLayouts) {
    time = gotemplate::ParseTime(layout, *text);
    if (time) return time->UnixMs();
  }
  return tl::unexpected(body.Malformed(time.error().message()));
}

BodyResult<std::map<std::string, std::string>> ReadMap(const Body& body,
                                                       simdjson::simdjson_result<dom::element> field,
                                                       std::string_view type) {
  std::map<std::string, std::string> map;
  if (IsAbsent(field)) return map;
  dom::object object;
  if (field.get(object) != simdjson::SUCCESS)
    return tl::unexpected(body.WrongType(field.value_unsafe(), type));
  for (const auto& [name, value] : object) {
    std::string_view text;
    if (!value.is_null() && value.get(text) != simdjson::SUCCESS)
      return tl::unexpected(body.WrongType(value, "string"));
    if (map.size() >= kMaxMapEntries)
      return tl::unexpected(body.Malformed(fmt::format("a map has more than {} entries", kMaxMapEntries)));
    map.insert_or_assign(std::string(name), std::string(text));
  }
  return map;
}

// What Go's url.ParseRequestURI takes, as far as it matters here.
bool IsRequestUri(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  if (text.starts_with('/')) return true;
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, colon);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(scheme[0])) return false;
  for (const char c : scheme) {
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.') return false;
  }
  std::string_view rest = text.substr(colon + 1);
  if (!rest.starts_with("//")) return true;
  rest.remove_prefix(2);
  return rest.substr(0, rest.find_first_of("/?#")).find(' ') == std::string_view::npos;
}

BodyResult<alerting::Alert> ReadAlert(const Body& body, dom::element element) {
  alerting::Alert alert;
  auto labels = ReadMap(body, element["labels"], "models.LabelSet");
  if (!labels) return tl::unexpected(labels.error());
  model::LabelsBuilder builder;
  // An empty value is no label.
  for (const auto& [name, value] : *labels) builder.Set(name, value);
  alert.labels = builder.Build();
  auto annotations = ReadMap(body, element["annotations"], "models.LabelSet");
  if (!annotations) return tl::unexpected(annotations.error());
  alert.annotations = std::move(*annotations);
  for (const auto& [key, target] :
       {std::pair("startsAt", &alert.starts_at_ms), std::pair("endsAt", &alert.ends_at_ms)}) {
    auto time = ReadTime(body, element[key], alerting::kZeroTimeMs);
    if (!time) return tl::unexpected(time.error());
    *target = *time;
  }
  auto url = ReadText(body, element["generatorURL"]);
  if (!url) return tl::unexpected(url.error());
  alert.generator_url = std::move(*url);
  return alert;
}

BodyResult<alerting::Matcher> ReadMatcher(const Body& body, dom::element element) {
  auto is_regex = ReadBool(body, element["isRegex"], false);
  if (!is_regex) return tl::unexpected(is_regex.error());
  auto is_equal = ReadBool(body, element["isEqual"], true);
  if (!is_equal) return tl::unexpected(is_equal.error());
  auto name = ReadText(body, element["name"]);
  if (!name) return tl::unexpected(name.error());
  auto value = ReadText(body, element["value"]);
  if (!value) return tl::unexpected(value.error());
  using Type = alerting::MatcherType;
  const Type type = *is_regex ? (*is_equal ? Type::kRegexp : Type::kNotRegexp)
                              : (*is_equal ? Type::kEqual : Type::kNotEqual);
  const std::string pattern = *value;
  auto matcher = alerting::Matcher::Make(type, std::move(*name), std::move(*value));
  if (matcher) return std::move(*matcher);
  // The original compiles the expression without our anchors here.
  std::string why = matcher.error().message();
  const std::string anchored = fmt::format("`^(?:{})$`", pattern);
  if (why.ends_with(anchored)) why = why.substr(0, why.size() - anchored.size()) + "`" + pattern + "`";
  return tl::unexpected(
      BodyError{400, 0, fmt::format("invalid regular expression {}: {}", config::Quote(pattern), why)});
}

// The required fields of a silence, in the order in which they are missed.
BodyResult<void> CheckSilence(const Body& body, dom::element root) {
  for (const char* key : {"comment", "createdBy", "endsAt", "matchers"}) {
    if (IsAbsent(root[key])) return tl::unexpected(RequiredIn(key));
  }
  dom::array matchers;
  if (root["matchers"].get(matchers) != simdjson::SUCCESS)
    return tl::unexpected(body.WrongType(root["matchers"].value_unsafe(), "models.Matchers"));
  if (matchers.size() == 0)
    return tl::unexpected(Unprocessable(kTooFewItems, "matchers in body should have at least 1 items"));
  size_t i = 0;
  for (const dom::element matcher : matchers) {
    if (!matcher.is_object()) return tl::unexpected(body.WrongType(matcher, "models.Matcher"));
    for (const char* key : {"isRegex", "name", "value"}) {
      if (IsAbsent(matcher[key])) return tl::unexpected(RequiredIn(fmt::format("matchers.{}.{}", i, key)));
    }
    ++i;
  }
  if (IsAbsent(root["startsAt"])) return tl::unexpected(RequiredIn("startsAt"));
  return {};
}

void WriteMap(core::JsonWriter& json, const std::map<std::string, std::string>& map) {
  json.BeginObject();
  for (const auto& [name, value] : map) json.Key(name).String(value);
  json.EndObject();
}

void WriteLabels(core::JsonWriter& json, const model::Labels& labels) {
  json.BeginObject();
  for (const model::LabelView label : labels) json.Key(label.name).String(label.value);
  json.EndObject();
}

void WriteTexts(core::JsonWriter& json, const std::vector<std::string>& texts) {
  json.BeginArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray();
}

}  // namespace

BodyResult<std::vector<alerting::Alert>> ReadPostedAlerts(std::string_view text) {
  Body body(text, "alerts", "models.PostableAlerts");
  auto root = body.Parse();
  if (!root) return tl::unexpected(root.error());
  dom::array items;
  if (root->get(items) != simdjson::SUCCESS) return tl::unexpected(body.WrongRoot(*root));
  std::vector<alerting::Alert> alerts;
  for (const dom::element item : items) {
    if (!item.is_object()) return tl::unexpected(body.WrongType(item, "models.PostableAlert"));
    auto alert = ReadAlert(body, item);
    if (!alert) return tl::unexpected(alert.error());
    alerts.push_back(std::move(*alert));
  }
  // Everything is read before anything is checked, as the original does.
  size_t i = 0;
  for (const dom::element item : items) {
    const std::string& url = alerts[i].generator_url;
    if (!url.empty() && !IsRequestUri(url)) {
      return tl::unexpected(Unprocessable(
          kInvalidType,
          fmt::format("{}.generatorURL in body must be of type uri: {}", i, config::Quote(url))));
    }
    if (IsAbsent(item["labels"])) return tl::unexpected(RequiredIn(fmt::format("{}.labels", i)));
    ++i;
  }
  return alerts;
}

BodyResult<alerting::Silence> ReadPostedSilence(std::string_view text) {
  Body body(text, "silence", "models.PostableSilence");
  auto root = body.Parse();
  if (!root) return tl::unexpected(root.error());
  if (!root->is_object()) return tl::unexpected(body.WrongRoot(*root));
  alerting::Silence silence;
  for (const auto& [key, target] : {std::pair("id", &silence.id), std::pair("createdBy", &silence.created_by),
                                    std::pair("comment", &silence.comment)}) {
    auto value = ReadText(body, (*root)[key]);
    if (!value) return tl::unexpected(value.error());
    *target = std::move(*value);
  }
  for (const auto& [key, target] :
       {std::pair("startsAt", &silence.starts_at_ms), std::pair("endsAt", &silence.ends_at_ms)}) {
    auto time = ReadTime(body, (*root)[key], 0);
    if (!time) return tl::unexpected(time.error());
    *target = *time;
  }
  auto annotations = ReadMap(body, (*root)["annotations"], "models.LabelSet");
  if (!annotations) return tl::unexpected(annotations.error());
  silence.annotations = std::move(*annotations);
  if (auto checked = CheckSilence(body, *root); !checked) return tl::unexpected(checked.error());
  alerting::Matchers matchers;
  for (const dom::element item : dom::array((*root)["matchers"])) {
    auto matcher = ReadMatcher(body, item);
    if (!matcher) {
      BodyError error = matcher.error();
      if (error.code == 0)
        error.message =
            fmt::format("invalid silence: invalid label matcher {}: {}", matchers.size(), error.message);
      return tl::unexpected(std::move(error));
    }
    matchers.push_back(std::move(*matcher));
  }
  silence.matcher_sets.push_back(std::move(matchers));
  return silence;
}

std::string FormatMillis(core::TimestampMs time_ms) {
  const gotemplate::Time time = gotemplate::Time::FromUnixMs(time_ms);
  const gotemplate::CivilTime civil = gotemplate::ToCivil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", civil.year, civil.month, civil.day,
                     civil.hour, civil.minute, civil.second, time.nanos / 1'000'000);
}

void WriteAlert(core::JsonWriter& json, const alerting::AlertView& view,
                const std::vector<std::string>& muted_by) {
  const alerting::Alert& alert = *view.alert;
  const bool is_suppressed = view.state == alerting::AlertState::kSuppressed || !muted_by.empty();
  json.BeginObject().Key("annotations");
  WriteMap(json, alert.annotations);
  json.Key("endsAt").String(FormatMillis(alert.ends_at_ms));
  json.Key("fingerprint").String(alerting::FingerprintText(view.fingerprint)).Key("receivers").BeginArray();
  for (const std::string& receiver : view.receivers)
    json.BeginObject().Key("name").String(receiver).EndObject();
  json.EndArray().Key("startsAt").String(FormatMillis(alert.starts_at_ms));
  json.Key("status").BeginObject().Key("inhibitedBy").BeginArray();
  for (const uint64_t fingerprint : view.inhibited_by) json.String(alerting::FingerprintText(fingerprint));
  json.EndArray().Key("mutedBy");
  WriteTexts(json, muted_by);
  json.Key("silencedBy");
  WriteTexts(json, view.silenced_by);
  json.Key("state").String(is_suppressed ? "suppressed" : "active").EndObject();
  json.Key("updatedAt").String(FormatMillis(alert.updated_at_ms));
  if (!alert.generator_url.empty()) json.Key("generatorURL").String(alert.generator_url);
  json.Key("labels");
  WriteLabels(json, alert.labels);
  json.EndObject();
}

void WriteGroup(core::JsonWriter& json, const alerting::GroupView& group) {
  json.BeginObject().Key("alerts").BeginArray();
  for (const alerting::AlertView& view : group.alerts) WriteAlert(json, view, group.muted_by);
  json.EndArray().Key("labels");
  WriteLabels(json, group.labels);
  json.Key("receiver").BeginObject().Key("name").String(group.receiver).EndObject().Key("routeLabels");
  WriteMap(json, group.route_labels);
  json.EndObject();
}

void WriteSilence(core::JsonWriter& json, const alerting::Silence& silence, core::TimestampMs now_ms) {
  using Type = alerting::MatcherType;
  json.BeginObject().Key("id").String(silence.id).Key("status").BeginObject().Key("state");
  json.String(alerting::SilenceStateName(silence.StateAt(now_ms))).EndObject();
  json.Key("updatedAt").String(FormatMillis(silence.updated_at_ms)).Key("annotations");
  WriteMap(json, silence.annotations);
  json.Key("comment").String(silence.comment).Key("createdBy").String(silence.created_by);
  json.Key("endsAt").String(FormatMillis(silence.ends_at_ms)).Key("matchers").BeginArray();
  if (!silence.matcher_sets.empty()) {
    for (const alerting::Matcher& matcher : silence.matcher_sets.front()) {
      json.BeginObject()
          .Key("isEqual")
          .Bool(matcher.type() == Type::kEqual || matcher.type() == Type::kRegexp)
          .Key("isRegex")
          .Bool(matcher.type() == Type::kRegexp || matcher.type() == Type::kNotRegexp)
          .Key("name")
          .String(matcher.name())
          .Key("value")
          .String(matcher.value())
          .EndObject();
    }
  }
  json.EndArray().Key("startsAt").String(FormatMillis(silence.starts_at_ms)).EndObject();
}

}  // namespace sextant::api
