// `promtool query`: asks a server.
#include <algorithm>
#include <cstdio>

#include "app/promtool_commands.h"
#include "core/duration.h"
#include "core/json_writer.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Result;

constexpr core::DurationMs kHourMs = 3'600'000;
// What stands for "all time" when neither start nor end is given.
constexpr core::DurationMs kLongMs = 9'999 * kHourMs;

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

void PrintValue(const ApiValue& value, const PromtoolOptions& options) {
  Print(options.format == "json" ? ValueJson(value) : ValueText(value));
}

int QueryInstant(const Words& words) {
  PromtoolOptions options;
  std::string server;
  std::string query;
  std::string time;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlag("time", 0, "The moment, as RFC 3339 or Unix time; without it, now.", &time);
  line.AddArgument("server", "The server that is asked.", &server);
  line.AddArgument("expr", "The expression.", &query);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query instant", "Ask for one moment.", options, code)) return code;
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options);
  if (!client) return FailWith(client.error().message());
  Result<core::TimestampMs> time_ms = ParseTimeFlag(time, NowMs(), "evaluation");
  if (!time_ms) return FailWith(time_ms.error().message());
  Result<ApiValue> value =
      (*client)->Query("/api/v1/query", {{"query", query}, {"time", SecondsText(*time_ms)}});
  if (!value) return FailQuery(value.error());
  PrintValue(*value, options);
  return kExitOk;
}

int QueryRange(const Words& words) {
  PromtoolOptions options;
  std::string server;
  std::string query;
  std::string start;
  std::string end;
  std::string step;
  std::vector<std::string> headers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlagList("header", "More headers for the server; may be repeated.", &headers);
  line.AddFlag("start", 0, "The first moment, as RFC 3339 or Unix time.", &start);
  line.AddFlag("end", 0, "The last moment, as RFC 3339 or Unix time.", &end);
  line.AddFlag("step", 0, "The time between two moments.", &step);
  line.AddArgument("server", "The server that is asked.", &server);
  line.AddArgument("expr", "The expression.", &query);
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
                                                                    {"start", SecondsText(*start_ms)},
                                                                    {"end", SecondsText(*end_ms)},
                                                                    {"step", SecondsText(step_ms)}});
  if (!value) return FailQuery(value.error());
  PrintValue(*value, options);
  return kExitOk;
}

// start and end of the commands that may do without.
Result<ApiParams> LongRange(const std::string& start, const std::string& end) {
  SEXTANT_ASSIGN(core::TimestampMs start_ms, ParseTimeFlag(start, NowMs() - kLongMs, "start"));
  SEXTANT_ASSIGN(core::TimestampMs end_ms, ParseTimeFlag(end, NowMs() + kLongMs, "end"));
  return ApiParams{{"start", SecondsText(start_ms)}, {"end", SecondsText(end_ms)}};
}

int QuerySeries(const Words& words) {
  PromtoolOptions options;
  std::string server;
  std::string start;
  std::string end;
  std::vector<std::string> matchers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlagList("match", "A selector; may be repeated.", &matchers, true);
  line.AddFlag("start", 0, "From then on: RFC 3339 or Unix time.", &start);
  line.AddFlag("end", 0, "Until then: RFC 3339 or Unix time.", &end);
  line.AddArgument("server", "The server that is asked.", &server);
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
  PromtoolOptions options;
  std::string server;
  std::string name;
  std::string start;
  std::string end;
  std::vector<std::string> matchers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlag("start", 0, "From then on: RFC 3339 or Unix time.", &start);
  line.AddFlag("end", 0, "Until then: RFC 3339 or Unix time.", &end);
  line.AddFlagList("match", "A selector; may be repeated.", &matchers);
  line.AddArgument("server", "The server that is asked.", &server);
  line.AddArgument("name", "The label whose values are asked for.", &name);
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

}  // namespace

std::vector<PromtoolCommand> PromtoolQueryCommands() {
  return {
      {{"query", "instant"}, "<server> <expr>", "Ask for one moment.", QueryInstant},
      {{"query", "range"}, "<server> <expr>", "Run range query.", QueryRange},
      {{"query", "series"}, "--match=MATCH <server>", "Run series query.", QuerySeries},
      {{"query", "labels"}, "<server> <name>", "Run labels query.", QueryLabels},
      {{"query", "analyze"},
       "--server=SERVER --type=TYPE --match=MATCH",
       "Analyze the usage pattern of histograms.",
       PromtoolQueryAnalyze},
  };
}

}  // namespace sextant::app
