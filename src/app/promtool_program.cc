// `sextant promtool`: its commands, and those that ask a server or work on expressions. Output, error texts
// and exit codes are promtool's; whatever else it can do is refused by name.
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "api/params.h"
#include "api/query_json.h"
#include "app/api_client.h"
#include "app/command_line.h"
#include "app/programs.h"
#include "app/promtool/check.h"
#include "app/promtool/test_rules.h"
#include "app/promtool_analyze.h"
#include "core/duration.h"
#include "core/json_writer.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/printer.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr core::DurationMs kHourMs = 3'600'000;
// What stands for "all time" when neither start nor end is given.
constexpr core::DurationMs kLongMs = 9'999 * kHourMs;

// What all commands may be given.
struct Options {
  std::string format = "promql";
  std::string http_config;
  bool is_experimental = false;
  std::vector<std::string> features;
};

void AddQueryFlags(CommandLine& line, Options& options) {
  line.AddFlag("format", 'o', "Output format of the query.", &options.format);
  line.AddFlag("http.config.file", 0, "HTTP client configuration file for promtool to connect to Prometheus.",
               &options.http_config);
}

// --- Printing ---

std::string SecondsText(core::TimestampMs time_ms) {
  std::string text;
  api::AppendTimestamp(text, time_ms);
  while (text.find('.') != text.npos && text.ends_with('0')) text.pop_back();
  return text;
}

std::string PointText(const ApiPoint& point) {
  if (!point.histogram)
    return fmt::format("{} @[{}]", model::FormatValue(point.value), SecondsText(point.time_ms));
  std::string buckets;
  for (const ApiBucket& bucket : point.histogram->buckets) {
    bool lower_inclusive = bucket.boundaries == 1 || bucket.boundaries == 3;
    bool upper_inclusive = bucket.boundaries == 0 || bucket.boundaries == 3;
    buckets += fmt::format("{}{}{},{}{}:{}", buckets.empty() ? "" : " ", lower_inclusive ? '[' : '(',
                           model::FormatValue(bucket.lower), model::FormatValue(bucket.upper),
                           upper_inclusive ? ']' : ')', model::FormatValue(bucket.count));
  }
  return fmt::format("Count: {:f}, Sum: {:f}, Buckets: [{}] @[{}]", point.histogram->count,
                     point.histogram->sum, buckets, SecondsText(point.time_ms));
}

// Fewer labels first, then by names and values: the order of Prometheus' Go clients.
bool IsBefore(const ApiSeries& a, const ApiSeries& b) {
  if (a.labels.size() != b.labels.size()) return a.labels.size() < b.labels.size();
  auto left = a.labels.begin();
  auto right = b.labels.begin();
  for (; left != a.labels.end(); ++left, ++right) {
    // The smaller name is one that the other lacks.
    if (left->first != right->first) return right->first < left->first;
    if (left->second != right->second) return left->second < right->second;
  }
  return false;
}

std::string ValueText(ApiValue value) {
  if (value.type == "scalar") {
    return fmt::format("scalar: {} @[{}]\n", model::FormatValue(value.scalar.value),
                       SecondsText(value.scalar.time_ms));
  }
  if (value.type == "string") return value.text + "\n";
  if (value.type == "matrix") std::ranges::stable_sort(value.series, IsBefore);
  std::string out;
  for (const ApiSeries& series : value.series) {
    std::string points;
    for (const std::vector<ApiPoint>* kind : {&series.floats, &series.histograms}) {
      for (const ApiPoint& point : *kind)
        points += fmt::format("{}{}", points.empty() ? "" : "\n", PointText(point));
    }
    out += fmt::format("{} =>{}{}\n", MetricText(series.labels), value.type == "matrix" ? "\n" : " ", points);
  }
  return out.empty() ? "\n" : out;
}

void WriteLabels(core::JsonWriter& json, const ApiLabels& labels) {
  json.BeginObject();
  for (const auto& [name, label] : labels) json.Key(name).String(label);
  json.EndObject();
}

void WritePoint(core::JsonWriter& json, const ApiPoint& point) {
  json.BeginArray().Raw(SecondsText(point.time_ms));
  if (!point.histogram) {
    json.String(model::FormatValue(point.value)).EndArray();
    return;
  }
  json.BeginObject().Key("count").String(model::FormatValue(point.histogram->count));
  json.Key("sum").String(model::FormatValue(point.histogram->sum)).Key("buckets").BeginArray();
  for (const ApiBucket& bucket : point.histogram->buckets) {
    json.BeginArray().Int(bucket.boundaries).String(model::FormatValue(bucket.lower));
    json.String(model::FormatValue(bucket.upper)).String(model::FormatValue(bucket.count)).EndArray();
  }
  json.EndArray().EndObject().EndArray();
}

std::string ValueJson(const ApiValue& value) {
  core::JsonWriter json;
  if (value.type == "scalar") {
    WritePoint(json, value.scalar);
  } else if (value.type == "string") {
    json.String(value.text);
  } else {
    const bool is_matrix = value.type == "matrix";
    json.BeginArray();
    for (const ApiSeries& series : value.series) {
      json.BeginObject().Key("metric");
      WriteLabels(json, series.labels);
      for (const auto& [points, key, keys] : {std::tuple(&series.floats, "value", "values"),
                                              std::tuple(&series.histograms, "histogram", "histograms")}) {
        if (points->empty()) continue;
        json.Key(is_matrix ? keys : key);
        if (is_matrix) json.BeginArray();
        for (const ApiPoint& point : *points) WritePoint(json, point);
        if (is_matrix) json.EndArray();
      }
      json.EndObject();
    }
    json.EndArray();
  }
  return std::move(json).Take() + "\n";
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

int FailWith(const std::string& text) {
  std::fputs((text + "\n").c_str(), stderr);
  return kExitFailed;
}
int FailQuery(const core::Error& error) { return FailWith("query error: " + error.message()); }

// --- Parameters ---

Result<core::TimestampMs> ParseTimeFlag(const std::string& text, core::TimestampMs otherwise,
                                        std::string_view what) {
  if (text.empty()) return otherwise;
  Result<core::TimestampMs> time = api::ParseTime(text);
  if (time) return time;
  return Fail(Code::kInvalidArgument, "error parsing {} time: cannot parse {} to a valid timestamp", what,
              model::QuoteGo(text));
}

core::TimestampMs NowMs() { return core::SystemClock().NowMs(); }

// As Prometheus' Go client sends times and steps.
std::string TimeText(core::TimestampMs time_ms) { return SecondsText(time_ms); }

Result<std::unique_ptr<ApiClient>> Connect(const std::string& server, const Options& options,
                                           const std::vector<std::string>& headers = {}) {
  if (!options.http_config.empty()) {
    return Fail(Code::kUnimplemented, "--http.config.file is not supported yet");
  }
  ApiHeaders parsed;
  for (const std::string& header : headers) {
    size_t equals = header.find_first_of("=:");
    if (equals == header.npos) {
      return Fail(Code::kInvalidArgument, "expected KEY=VALUE got '{}'", header);
    }
    parsed.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  return ApiClient::Connect(server, std::move(parsed))
      .map_error(core::AddContext("error creating API client"));
}

void PrintValue(const ApiValue& value, const Options& options) {
  Print(options.format == "json" ? ValueJson(value) : ValueText(value));
}

Status CheckFormat(const Options& options) {
  if (options.format == "promql" || options.format == "json") return {};
  return Fail(Code::kInvalidArgument, "enum value must be one of promql,json, got '{}'", options.format);
}

// --- Commands ---

using Words = std::vector<std::string>;

// Parses; false when the command is over, with its exit code in `code`.
bool ParseOrStop(const CommandLine& line, const Words& words, std::string_view command,
                 std::string_view summary, const Options& options, int& code) {
  if (std::ranges::find(words, "--help") != words.end() || std::ranges::find(words, "-h") != words.end()) {
    Print(line.Help(fmt::format("promtool {}", command), summary));
    code = kExitOk;
    return false;
  }
  Status parsed = line.Parse(words);
  if (parsed) parsed = CheckFormat(options);
  if (parsed) return true;
  code = FailWith(fmt::format("promtool: error: {}, try --help", parsed.error().message()));
  return false;
}

int QueryInstant(const Words& words) {
  Options options;
  std::string server;
  std::string query;
  std::string time;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlag("time", 0, "Query evaluation time (RFC3339 or Unix timestamp).", &time);
  line.AddArgument("server", "Prometheus server to query.", &server);
  line.AddArgument("expr", "PromQL query expression.", &query);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query instant", "Run instant query.", options, code)) return code;
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options);
  if (!client) return FailWith(client.error().message());
  Result<core::TimestampMs> time_ms = ParseTimeFlag(time, NowMs(), "evaluation");
  if (!time_ms) return FailWith(time_ms.error().message());
  Result<ApiValue> value =
      (*client)->Query("/api/v1/query", {{"query", query}, {"time", TimeText(*time_ms)}});
  if (!value) return FailQuery(value.error());
  PrintValue(*value, options);
  return kExitOk;
}

int QueryRange(const Words& words) {
  Options options;
  std::string server;
  std::string query;
  std::string start;
  std::string end;
  std::string step;
  std::vector<std::string> headers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlagList("header", "Extra headers to send to server.", &headers);
  line.AddFlag("start", 0, "Query range start time (RFC3339 or Unix timestamp).", &start);
  line.AddFlag("end", 0, "Query range end time (RFC3339 or Unix timestamp).", &end);
  line.AddFlag("step", 0, "Query step size (duration).", &step);
  line.AddArgument("server", "Prometheus server to query.", &server);
  line.AddArgument("expr", "PromQL query expression.", &query);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query range", "Run range query.", options, code)) return code;
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options, headers);
  if (!client) return FailWith(client.error().message());
  Result<core::TimestampMs> end_ms = ParseTimeFlag(end, NowMs(), "end");
  if (!end_ms) return FailWith(end_ms.error().message());
  Result<core::TimestampMs> start_ms = ParseTimeFlag(start, *end_ms - 300'000, "start");
  if (!start_ms) return FailWith(start_ms.error().message());
  if (*start_ms >= *end_ms) return FailWith("start time is not before end time");
  core::DurationMs step_ms = std::max<core::DurationMs>((*end_ms - *start_ms) / 1000 / 250, 1) * 1000;
  if (!step.empty()) {
    Result<core::DurationMs> given = core::ParseDuration(step);
    if (!given) return FailWith(fmt::format("promtool: error: {}, try --help", given.error().message()));
    if (*given > 0) step_ms = *given;
  }
  Result<ApiValue> value = (*client)->Query("/api/v1/query_range", {{"query", query},
                                                                    {"start", TimeText(*start_ms)},
                                                                    {"end", TimeText(*end_ms)},
                                                                    {"step", TimeText(step_ms)}});
  if (!value) return FailQuery(value.error());
  PrintValue(*value, options);
  return kExitOk;
}

// start and end of the commands that may do without.
Result<ApiParams> LongRange(const std::string& start, const std::string& end) {
  SEXTANT_ASSIGN(core::TimestampMs start_ms, ParseTimeFlag(start, NowMs() - kLongMs, "start"));
  SEXTANT_ASSIGN(core::TimestampMs end_ms, ParseTimeFlag(end, NowMs() + kLongMs, "end"));
  return ApiParams{{"start", TimeText(start_ms)}, {"end", TimeText(end_ms)}};
}

int QuerySeries(const Words& words) {
  Options options;
  std::string server;
  std::string start;
  std::string end;
  std::vector<std::string> matchers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlagList("match", "Series selector. Can be specified multiple times.", &matchers, true);
  line.AddFlag("start", 0, "Start time (RFC3339 or Unix timestamp).", &start);
  line.AddFlag("end", 0, "End time (RFC3339 or Unix timestamp).", &end);
  line.AddArgument("server", "Prometheus server to query.", &server);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query series", "Run series query.", options, code)) return code;
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options);
  if (!client) return FailWith(client.error().message());
  Result<ApiParams> params = LongRange(start, end);
  if (!params) return FailWith(params.error().message());
  for (const std::string& matcher : matchers) params->emplace_back("match[]", matcher);
  Result<std::vector<ApiLabels>> series = (*client)->Series(*params);
  if (!series) return FailQuery(series.error());
  if (options.format == "json") {
    core::JsonWriter json;
    json.BeginArray();
    for (const ApiLabels& labels : *series) WriteLabels(json, labels);
    json.EndArray();
    Print(std::move(json).Take() + "\n");
  } else {
    for (const ApiLabels& labels : *series) Print(LabelSetText(labels) + "\n");
  }
  return kExitOk;
}

int QueryLabels(const Words& words) {
  Options options;
  std::string server;
  std::string name;
  std::string start;
  std::string end;
  std::vector<std::string> matchers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlag("start", 0, "Start time (RFC3339 or Unix timestamp).", &start);
  line.AddFlag("end", 0, "End time (RFC3339 or Unix timestamp).", &end);
  line.AddFlagList("match", "Series selector. Can be specified multiple times.", &matchers);
  line.AddArgument("server", "Prometheus server to query.", &server);
  line.AddArgument("name", "Label name to provide label values for.", &name);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query labels", "Run labels query.", options, code)) return code;
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options);
  if (!client) return FailWith(client.error().message());
  Result<ApiParams> params = LongRange(start, end);
  if (!params) return FailWith(params.error().message());
  for (const std::string& matcher : matchers) params->emplace_back("match[]", matcher);
  std::vector<std::string> warnings;
  Result<std::vector<std::string>> values = (*client)->LabelValues(name, *params, warnings);
  for (const std::string& warning : warnings)
    std::fputs(("query warning: " + warning + "\n").c_str(), stderr);
  if (!values) return FailQuery(values.error());
  if (options.format == "json") {
    core::JsonWriter json;
    json.BeginArray();
    for (const std::string& value : *values) json.String(value);
    json.EndArray();
    Print(std::move(json).Take() + "\n");
  } else {
    for (const std::string& value : *values) Print(value + "\n");
  }
  return kExitOk;
}

// "1h0m0s", as Go prints a duration and PromQL reads it.
std::string GoDuration(core::DurationMs ms) {
  int64_t seconds = ms / 1000;
  if (ms % 1000 != 0 || seconds == 0) return fmt::format("{}ms", ms);
  std::string text;
  if (seconds >= 3600) text += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) text += fmt::format("{}m", seconds / 60 % 60);
  return text + fmt::format("{}s", seconds % 60);
}

struct Analysis {
  ApiClient& client;
  std::string end;
  std::string duration;
  std::vector<BucketStatistics> all;
  ChangeCounts changes;

  Result<std::vector<ApiSeries>> Ask(std::string query) {
    SEXTANT_ASSIGN(ApiValue value,
                   client.Query("/api/v1/query", {{"query", std::move(query)}, {"time", end}}));
    return std::move(value.series);
  }

  Status Native(const std::string& matcher) {
    SEXTANT_ASSIGN(std::vector<ApiSeries> found, Ask(fmt::format("{}[{}]", matcher, duration)));
    for (const ApiSeries& series : found) {
      std::optional<BucketStatistics> stats = AnalyzeNative(series, changes);
      if (!stats) continue;
      Print(fmt::format("{}={}\n", MetricText(series.labels), stats->ToString()));
      all.push_back(*stats);
    }
    return {};
  }

  Status Classic(const std::string& matcher) {
    static const RE2 kSum(R"(_sum\b)");
    if (!RE2::PartialMatch(matcher, kSum)) {
      return Fail(Code::kInvalidArgument,
                  "every classic histogram matcher must have a '_sum' suffix in the metric name, but the "
                  "matcher '{}' "
                  "does not",
                  matcher);
    }
    SEXTANT_ASSIGN(std::vector<ApiSeries> sums,
                   Ask(fmt::format("last_over_time({}[{}])", matcher, duration)));
    for (ApiSeries& sum : sums) {
      std::string name = sum.labels[std::string(model::kMetricName)];
      RE2::GlobalReplace(&name, kSum, "_bucket");
      std::string labels;
      for (const auto& [label, value] : sum.labels) {
        if (label == model::kMetricName) continue;
        labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", label, model::QuoteGo(value));
      }
      std::string selector = fmt::format("{}{{{}}}[{}]", name, labels, duration);
      SEXTANT_ASSIGN(std::vector<ApiSeries> buckets, Ask(selector));
      SEXTANT_ASSIGN(std::optional<BucketStatistics> stats, AnalyzeClassic(std::move(buckets), changes));
      if (!stats) continue;
      Print(fmt::format("{}={}\n", selector, stats->ToString()));
      all.push_back(*stats);
    }
    return {};
  }
};

int QueryAnalyze(const Words& words) {
  Options options;
  std::string server;
  std::string type;
  std::string duration = "1h";
  std::string time;
  std::vector<std::string> matchers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlag("server", 0, "Prometheus server to query.", &server);
  line.AddFlag("type", 0, "Type of metric: classichistograms or nativehistograms.", &type);
  line.AddFlag("duration", 0, "Time frame to analyze.", &duration);
  line.AddFlag("time", 0, "Query time (RFC3339 or Unix timestamp), defaults to now.", &time);
  line.AddFlagList("match", "Series selector. Can be specified multiple times.", &matchers, true);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query analyze",
                   "Run queries against your Prometheus to analyze the usage pattern of certain metrics.",
                   options, code)) {
    return code;
  }
  for (const auto& [name, value] : {std::pair("server", &server), std::pair("type", &type)}) {
    if (value->empty())
      return FailWith(fmt::format("promtool: error: required flag --{} not provided, try --help", name));
  }
  if (type != "classichistograms" && type != "nativehistograms") {
    return FailWith(
        fmt::format("analyze type is {}, must be 'classichistograms' or 'nativehistograms'", type));
  }
  Result<core::DurationMs> range = core::ParseDuration(duration);
  if (!range) return FailWith(fmt::format("promtool: error: {}, try --help", range.error().message()));
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options);
  if (!client) return FailWith(client.error().message());
  Result<core::TimestampMs> end_ms = time.empty() ? Result<core::TimestampMs>(NowMs()) : api::ParseTime(time);
  if (!end_ms) {
    return FailWith(fmt::format("error parsing time '{}': cannot parse {} to a valid timestamp", time,
                                model::QuoteGo(time)));
  }
  Analysis analysis{**client, TimeText(*end_ms), GoDuration(*range), {}, {}};
  for (const std::string& matcher : matchers) {
    Status done = type == "nativehistograms" ? analysis.Native(matcher) : analysis.Classic(matcher);
    if (!done) return FailWith(done.error().message());
  }
  Print(DescribeAll(analysis.all, analysis.changes));
  return kExitOk;
}

void AppendNames(std::string_view list, std::vector<std::string>& names) {
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    names.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
}

Result<promql::ExprPtr> ParseQuery(const std::string& query, const Options& options) {
  promql::EngineOptions engine;
  std::vector<std::string> names;
  for (const std::string& list : options.features) AppendNames(list, names);
  SEXTANT_TRY(promtool::EnableFeatures(names, engine));
  promql::ParseResult<promql::ExprPtr> expr = promql::ParseExpr(query, engine.parser);
  if (!expr) return Fail(Code::kInvalidArgument, "{}", expr.error().Message());
  return *std::move(expr);
}

void AddExpressionFlags(CommandLine& line, Options& options) {
  line.AddSwitch("experimental", "Enable experimental commands.", &options.is_experimental);
  line.AddFlagList("enable-feature", "Comma separated feature names to enable.", &options.features);
}

int RefuseWithoutExperimental() {
  return FailWith("This command is experimental and requires the --experimental flag to be set.");
}

int PromqlFormat(const Words& words) {
  Options options;
  std::string query;
  CommandLine line;
  AddExpressionFlags(line, options);
  line.AddArgument("query", "PromQL query.", &query);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "promql format", "Format PromQL query to pretty printed form.", options,
                   code)) {
    return code;
  }
  if (!options.is_experimental) return RefuseWithoutExperimental();
  Result<promql::ExprPtr> expr = ParseQuery(query, options);
  if (!expr) return FailWith(expr.error().message());
  Print(promql::Prettify(**expr) + "\n");
  return kExitOk;
}

// Calls change(selector) for every selector of a query, and prints what comes out.
template <typename Change>
int ChangeSelectors(const std::string& query, const Options& options, Change&& change) {
  if (!options.is_experimental) return RefuseWithoutExperimental();
  Result<promql::ExprPtr> expr = ParseQuery(query, options);
  if (!expr) return FailWith(expr.error().message());
  Status changed;
  promql::Walk(**expr, [&](const promql::Expr& node) {
    const auto* selector = promql::As<promql::VectorSelector>(&node);
    // The tree is ours.
    if (selector != nullptr && changed) changed = change(const_cast<promql::VectorSelector&>(*selector));
  });
  if (!changed) return FailWith(changed.error().message());
  Print(promql::Prettify(**expr) + "\n");
  return kExitOk;
}

int PromqlSetMatcher(const Words& words) {
  Options options;
  std::string query;
  std::string name;
  std::string value;
  std::string type = "=";
  CommandLine line;
  AddExpressionFlags(line, options);
  line.AddFlag("label-match-type", 't', "Type of the label match to set: =, !=, =~ or !~.", &type);
  line.AddArgument("query", "PromQL query.", &query);
  line.AddArgument("name", "Name of the label matcher to set.", &name);
  line.AddArgument("value", "Value of the label matcher to set.", &value);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "promql label-matchers set", "Set a label matcher in the query.", options,
                   code)) {
    return code;
  }
  std::optional<model::MatchType> match;
  for (const auto& [text, known] :
       {std::pair("=", model::MatchType::kEqual), std::pair("!=", model::MatchType::kNotEqual),
        std::pair("=~", model::MatchType::kRegexp), std::pair("!~", model::MatchType::kNotRegexp)}) {
    if (type == text) match = known;
  }
  if (!match) {
    return FailWith(
        fmt::format("promtool: error: enum value must be one of =,!=,=~,!~, got '{}', try --help", type));
  }
  return ChangeSelectors(query, options, [&](promql::VectorSelector& selector) -> Status {
    SEXTANT_ASSIGN(model::Matcher matcher, model::Matcher::Make(*match, name, value));
    bool is_found = false;
    for (model::Matcher& present : selector.matchers) {
      if (present.name() != name) continue;
      present = matcher;
      is_found = true;
    }
    if (!is_found) selector.matchers.push_back(std::move(matcher));
    return {};
  });
}

int PromqlDeleteMatcher(const Words& words) {
  Options options;
  std::string query;
  std::string name;
  CommandLine line;
  AddExpressionFlags(line, options);
  line.AddArgument("query", "PromQL query.", &query);
  line.AddArgument("name", "Name of the label to delete.", &name);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "promql label-matchers delete", "Delete a label from the query.", options,
                   code)) {
    return code;
  }
  return ChangeSelectors(query, options, [&](promql::VectorSelector& selector) -> Status {
    std::erase_if(selector.matchers, [&](const model::Matcher& matcher) { return matcher.name() == name; });
    return {};
  });
}

struct Command {
  std::vector<std::string_view> words;
  std::string_view arguments;
  std::string_view summary;
  int (*run)(const Words&);
};

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {
      {{"query", "instant"}, "<server> <expr>", "Run instant query.", QueryInstant},
      {{"query", "range"}, "<server> <expr>", "Run range query.", QueryRange},
      {{"query", "series"}, "--match=MATCH <server>", "Run series query.", QuerySeries},
      {{"query", "labels"}, "<server> <name>", "Run labels query.", QueryLabels},
      {{"query", "analyze"},
       "--server=SERVER --type=TYPE --match=MATCH",
       "Analyze the usage pattern of histograms.",
       QueryAnalyze},
      {{"promql", "format"}, "<query>", "Format PromQL query to pretty printed form.", PromqlFormat},
      {{"promql", "label-matchers", "set"},
       "<query> <name> <value>",
       "Set a label matcher in the query.",
       PromqlSetMatcher},
      {{"promql", "label-matchers", "delete"},
       "<query> <name>",
       "Delete a label from the query.",
       PromqlDeleteMatcher},
  };
  return kCommands;
}

// Commands of the original that this version does not have.
constexpr std::string_view kMissing[] = {"debug", "tsdb", "push"};

// The commands on files: `check` and `test`.
bool IsOnFiles(std::string_view command) { return command == "check" || command == "test"; }

// Takes --enable-feature, which may stand before the command, out of the arguments.
Words TakeFeatures(Words words, std::vector<std::string>& features) {
  constexpr std::string_view kFlag = "--enable-feature=";
  std::erase_if(words, [&](const std::string& word) {
    if (!word.starts_with(kFlag)) return false;
    AppendNames(std::string_view(word).substr(kFlag.size()), features);
    return true;
  });
  return words;
}

int RunOnFiles(const Words& arguments) {
  std::vector<std::string> features;
  Words words = TakeFeatures(arguments, features);
  const std::string command = words.front();
  words.erase(words.begin());
  promtool::Output output;
  Result<int> code = command == "check" ? promtool::RunCheck(words, features, output)
                                        : promtool::RunTest(words, features, output);
  Print(output.out);
  std::fflush(stdout);
  std::fputs(output.err.c_str(), stderr);
  return code ? *code : FailWith(fmt::format("promtool: error: {}, try --help", code.error().message()));
}

// Takes a command's words off the front, flags between them aside; the command, or null.
const Command* TakeCommand(Words& words) {
  for (const Command& command : Commands()) {
    Words rest;
    size_t matched = 0;
    for (const std::string& word : words) {
      bool is_flag = word.starts_with('-');
      if (matched < command.words.size() && !is_flag) {
        if (word != command.words[matched]) break;
        ++matched;
      } else {
        rest.push_back(word);
      }
    }
    if (matched != command.words.size()) continue;
    words = std::move(rest);
    return &command;
  }
  return nullptr;
}

}  // namespace

FlagSet PromtoolFlags() {
  std::string summary = "Stands in for promtool: what it prints is what promtool prints.\n\n";
  for (const Command& command : Commands()) {
    summary +=
        fmt::format("  {} {}\n      {}\n", fmt::join(command.words, " "), command.arguments, command.summary);
  }
  summary +=
      "  check config|rules|web-config|metrics|healthy|ready|service-discovery\n      Check files and "
      "servers.\n"
      "  test rules\n      Run unit tests of rules.\n"
      "\nEach command of query and promql has a --help of its own.";
  FlagSet flags{"sextant promtool <command>", summary};
  return flags;
}

int RunPromtoolProgram(const Arguments& arguments) {
  Words words = arguments;
  if (const Command* command = TakeCommand(words)) return command->run(words);
  std::string first;
  for (const std::string& word : arguments) {
    if (!word.starts_with('-') && first.empty()) first = word;
  }
  if (IsOnFiles(first)) {
    if (std::ranges::find(words, "--help") == words.end()) return RunOnFiles(words);
    Print(PromtoolFlags().Help());
    return kExitOk;
  }
  if (std::ranges::find(kMissing, first) != std::end(kMissing)) {
    return FailWith(fmt::format("promtool: error: the command {} is not in this version, try --help", first));
  }
  if (first.empty()) return FailWith("promtool: error: command not specified, try --help");
  if (first == "query" || first == "promql") {
    return FailWith("promtool: error: must select a subcommand of '" + first + "', try --help");
  }
  return FailWith(
      fmt::format("promtool: error: expected command but got {}, try --help", model::QuoteGo(first)));
}

}  // namespace sextant::app
