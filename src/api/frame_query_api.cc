#include "api/frame_query_api.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>

#include "api/envelope.h"
#include "api/grafana_json.h"
#include "api/query_params.h"
#include "core/duration.h"
#include "core/json_writer.h"
#include "net/trace_headers.h"

namespace sextant::api {

namespace {

using core::DurationMs;
using core::JsonWriter;
using core::TimestampMs;
using dashboards::DataSourcePtr;
using dashboards::SourceKind;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t kMaxQueries = 100;
constexpr int64_t kMaxPoints = 11'000;
constexpr DurationMs kScrapeMs = 15'000;
constexpr int64_t kDefaultPoints = 100;
// More series than a page can hold; such an answer is refused, not cut.
constexpr size_t kMaxSeries = 20'000;
constexpr size_t kMaxAnswerBytes = 64 << 20;

struct FrameQuery {
  std::string ref_id = "A";
  std::string source_uid;
  std::string source_type;
  std::string expr;
  std::string legend;
  std::string format = "time_series";
  std::string min_step;
  bool is_range = false;
  bool is_instant = false;
  DurationMs interval_ms = 0;
  int64_t max_points = kDefaultPoints;
  int64_t factor = 1;
};

struct FrameRequest {
  std::vector<FrameQuery> queries;
  TimestampMs from_ms = 0;
  TimestampMs to_ms = 0;
};

std::string TextOf(const simdjson::dom::object& object, const char* name) {
  std::string_view text;
  return object[name].get(text) ? std::string() : std::string(text);
}

bool BoolOf(const simdjson::dom::object& object, const char* name) {
  bool value = false;
  return !object[name].get(value) && value;
}

int64_t NumberOf(const simdjson::dom::object& object, const char* name, int64_t otherwise) {
  double value = 0;
  if (object[name].get(value) || !(std::fabs(value) < 1e15)) return otherwise;
  return static_cast<int64_t>(value);
}

core::Result<FrameQuery> ReadQuery(const simdjson::dom::object& object) {
  FrameQuery query;
  if (std::string ref_id = TextOf(object, "refId"); !ref_id.empty()) query.ref_id = ref_id;
  simdjson::dom::object source;
  if (!object["datasource"].get(source)) {
    query.source_uid = TextOf(source, "uid");
    query.source_type = TextOf(source, "type");
  } else {
    query.source_uid = TextOf(object, "datasource");
  }
  query.expr = TextOf(object, "expr");
  if (query.expr.empty())
    return core::Fail(core::Code::kInvalidArgument, "query {}: expr is missing", query.ref_id);
  query.legend = TextOf(object, "legendFormat");
  if (std::string format = TextOf(object, "format"); !format.empty()) query.format = format;
  query.min_step = TextOf(object, "interval");
  query.is_range = BoolOf(object, "range");
  query.is_instant = BoolOf(object, "instant");
  if (!query.is_range && !query.is_instant) query.is_range = true;
  query.interval_ms = NumberOf(object, "intervalMs", 0);
  query.max_points = std::clamp<int64_t>(NumberOf(object, "maxDataPoints", kDefaultPoints), 1, kMaxPoints);
  query.factor = std::clamp<int64_t>(NumberOf(object, "intervalFactor", 1), 1, 1'000);
  return query;
}

core::Result<TimestampMs> ReadTime(const simdjson::dom::object& body, const char* name, TimestampMs now_ms) {
  std::string text = TextOf(body, name);
  if (text.empty()) {
    int64_t number = NumberOf(body, name, -1);
    if (number < 0) return core::Fail(core::Code::kInvalidArgument, "{} is missing", name);
    return number;
  }
  return ParseGrafanaTime(text, now_ms).map_error(core::AddContext("{}", name));
}

core::Result<FrameRequest> ReadRequest(const std::string& text, TimestampMs now_ms) {
  simdjson::dom::parser parser;
  simdjson::dom::object body;
  if (auto error = parser.parse(simdjson::padded_string(text)).get_object().get(body))
    return core::Fail(core::Code::kInvalidArgument, "bad request data: {}", simdjson::error_message(error));
  FrameRequest request;
  SEXTANT_ASSIGN(request.from_ms, ReadTime(body, "from", now_ms));
  SEXTANT_ASSIGN(request.to_ms, ReadTime(body, "to", now_ms));
  if (request.to_ms < request.from_ms)
    return core::Fail(core::Code::kInvalidArgument, "to must not be before from");
  simdjson::dom::array queries;
  if (body["queries"].get(queries) || queries.size() == 0)
    return core::Fail(core::Code::kInvalidArgument, "No queries found in query");
  if (queries.size() > kMaxQueries)
    return core::Fail(core::Code::kInvalidArgument, "a request may have {} queries", kMaxQueries);
  for (simdjson::dom::element element : queries) {
    simdjson::dom::object object;
    if (element.get(object)) return core::Fail(core::Code::kInvalidArgument, "a query must be an object");
    if (BoolOf(object, "hide")) continue;
    SEXTANT_ASSIGN(FrameQuery query, ReadQuery(object));
    request.queries.push_back(std::move(query));
  }
  return request;
}

// {{label}} in a legend is the label's value; without a legend, a series is called by its labels.
std::string NameOf(const FrameQuery& query, const std::string& expr, const model::Labels& labels) {
  if (query.legend.empty() || query.legend == "__auto") {
    std::string text = labels.ToString();
    return text == "{}" || text.empty() ? expr : text;
  }
  std::string name;
  std::string_view rest = query.legend;
  while (true) {
    size_t open = rest.find("{{");
    size_t close = open == std::string_view::npos ? open : rest.find("}}", open);
    name += rest.substr(0, close == std::string_view::npos ? close : open);
    if (close == std::string_view::npos) return name;
    std::string_view label = rest.substr(open + 2, close - open - 2);
    while (label.starts_with(' ')) label.remove_prefix(1);
    while (label.ends_with(' ')) label.remove_suffix(1);
    name += labels.Get(label);
    rest.remove_prefix(close + 2);
  }
}

// Values of a frame: what JSON has no number for is null, and listed beside.
class Values {
 public:
  explicit Values(size_t size) { values_.reserve(size); }
  void Add(double value) { values_.push_back(value); }
  void Write(JsonWriter& json) const {
    json.BeginArray();
    for (double value : values_) json.Double(value);
    json.EndArray();
  }
  bool HasOdd() const {
    return std::ranges::any_of(values_, [](double value) { return !std::isfinite(value); });
  }
  void WriteOdd(JsonWriter& json) const {
    auto list = [&](const char* name, auto is_one) {
      json.Key(name).BeginArray();
      for (size_t i = 0; i < values_.size(); ++i) {
        if (is_one(values_[i])) json.UInt(i);
      }
      json.EndArray();
    };
    json.BeginObject();
    list("NaN", [](double value) { return std::isnan(value); });
    list("Inf", [](double value) { return std::isinf(value) && value > 0; });
    list("NegInf", [](double value) { return std::isinf(value) && value < 0; });
    json.EndObject();
  }

 private:
  std::vector<double> values_;
};

struct Asked {
  std::string expr;
  DurationMs step_ms = 0;
  bool is_range = true;
};

void WriteSchema(JsonWriter& json, const FrameQuery& query, const Asked& asked, std::string_view result_type,
                 const std::string& name, const model::Labels& labels) {
  json.Key("schema").BeginObject().Key("name").String(name).Key("refId").String(query.ref_id);
  json.Key("meta").BeginObject().Key("type").String(asked.is_range ? "timeseries-multi" : "numeric-multi");
  json.Key("typeVersion").BeginArray().Int(0).Int(1).EndArray();
  json.Key("custom").BeginObject().Key("resultType").String(result_type).EndObject();
  json.Key("executedQueryString")
      .String(fmt::format("Expr: {}\nStep: {}", asked.expr, core::FormatDuration(asked.step_ms)));
  json.EndObject().Key("fields").BeginArray();
  json.BeginObject().Key("name").String("Time").Key("type").String("time");
  json.Key("typeInfo").BeginObject().Key("frame").String("time.Time").EndObject();
  json.Key("config").BeginObject().Key("interval").Int(asked.step_ms).EndObject().EndObject();
  json.BeginObject().Key("name").String("Value").Key("type").String("number");
  json.Key("typeInfo").BeginObject().Key("frame").String("float64").EndObject().Key("labels");
  json.BeginObject();
  for (model::LabelView label : labels) json.Key(label.name).String(label.value);
  json.EndObject().Key("config").BeginObject().Key("displayNameFromDS").String(name).EndObject();
  json.EndObject().EndArray().EndObject();
}

void WriteFrame(JsonWriter& json, const FrameQuery& query, const Asked& asked, std::string_view result_type,
                const model::Labels& labels, const std::vector<promql::FloatPoint>& points) {
  json.BeginObject();
  WriteSchema(json, query, asked, result_type, NameOf(query, asked.expr, labels), labels);
  Values values(points.size());
  json.Key("data").BeginObject().Key("values").BeginArray().BeginArray();
  for (const promql::FloatPoint& point : points) {
    json.Int(point.time_ms);
    values.Add(point.value);
  }
  json.EndArray();
  values.Write(json);
  json.EndArray();
  if (values.HasOdd()) {
    json.Key("entities").BeginArray().Null();
    values.WriteOdd(json);
    json.EndArray();
  }
  json.EndObject().EndObject();
}

tl::unexpected<core::Error> HistogramRefusal() {
  return core::Fail(core::Code::kUnimplemented,
                    "native histograms are not answered as frames; make numbers of them with "
                    "histogram_quantile() or histogram_count()");
}

tl::unexpected<core::Error> SizeRefusal() {
  return core::Fail(core::Code::kResourceExhausted,
                    "the answer is larger than {} bytes; select fewer series or ask for fewer points",
                    kMaxAnswerBytes);
}

core::Status WriteFrames(JsonWriter& json, const FrameQuery& query, const Asked& asked,
                         const promql::QueryValue& value) {
  std::string_view type = promql::QueryValueTypeName(value);
  if (const auto* matrix = std::get_if<promql::MatrixResult>(&value)) {
    if (matrix->size() > kMaxSeries)
      return core::Fail(core::Code::kResourceExhausted, "the answer has {} series, more than {}",
                        matrix->size(), kMaxSeries);
    for (const promql::MatrixSeries& series : *matrix) {
      if (!series.histograms.empty()) return HistogramRefusal();
      if (json.size() > kMaxAnswerBytes) return SizeRefusal();
      WriteFrame(json, query, asked, type, series.labels, series.floats);
    }
  } else if (const auto* vector = std::get_if<promql::VectorResult>(&value)) {
    if (vector->size() > kMaxSeries)
      return core::Fail(core::Code::kResourceExhausted, "the answer has {} series, more than {}",
                        vector->size(), kMaxSeries);
    for (const promql::VectorSample& sample : *vector) {
      if (sample.histogram) return HistogramRefusal();
      WriteFrame(json, query, asked, type, sample.labels, {{sample.time_ms, sample.value}});
    }
  } else if (const auto* scalar = std::get_if<promql::ScalarResult>(&value)) {
    WriteFrame(json, query, asked, type, {}, {{scalar->time_ms, scalar->value}});
  } else {
    return core::Fail(core::Code::kInvalidArgument, "a text is no data frame");
  }
  return {};
}

// One query's answers, range and instant; the text of a JSON object.
struct Answered {
  std::string json;
  bool is_failed = false;
};

Answered Failure(std::string_view message, int status) {
  JsonWriter json;
  json.BeginObject().Key("error").String(message).Key("errorSource").String("downstream");
  json.Key("status").Int(status).Key("frames").BeginArray().EndArray().EndObject();
  return {std::move(json).Take(), true};
}

class FrameQueries {
 public:
  FrameQueries(const FrameQueryDeps& deps, const HttpRequest& request) : deps_(deps), request_(request) {}

  Answered Run(const FrameRequest& frames, const FrameQuery& query) const {
    DataSourcePtr source = deps_.sources.Resolve(query.source_uid, query.source_type);
    if (source == nullptr)
      return Failure(fmt::format("data source not found: \"{}\"", query.source_uid), 404);
    if (source->kind == SourceKind::kUnsupported) return Failure(source->why_unsupported, 501);
    if (source->kind != SourceKind::kOwnMetrics) {
      return Failure(
          fmt::format("{} is not this server's own; ask it by way of /api/datasources/proxy/uid/{}/",
                      source->name, source->uid),
          501);
    }
    if (query.format != "time_series" && query.format != "table" && query.format != "heatmap")
      return Failure(fmt::format("unknown format \"{}\"", query.format), 400);
    DurationMs scrape_ms = source->min_step_ms > 0 ? source->min_step_ms : kScrapeMs;
    DurationMs min_ms = scrape_ms;
    if (!query.min_step.empty()) {
      auto parsed = core::ParseDuration(query.min_step);
      if (!parsed) return Failure("interval: " + parsed.error().message(), 400);
      min_ms = *parsed;
    } else if (query.interval_ms > 0) {
      min_ms = query.interval_ms;
    }
    DurationMs range_ms = frames.to_ms - frames.from_ms;
    DurationMs step_ms =
        GrafanaStep(range_ms, query.max_points, std::max<DurationMs>(min_ms, 1)) * query.factor;
    DurationMs rate_scrape_ms = query.min_step.empty() ? scrape_ms : std::max<DurationMs>(min_ms, 1);
    Asked asked{FillIn(query.expr, step_ms, range_ms, rate_scrape_ms), step_ms, true};
    JsonWriter json;
    json.BeginObject().Key("status").Int(200).Key("frames").BeginArray();
    for (bool is_range : {true, false}) {
      if (is_range ? !query.is_range : !query.is_instant) continue;
      asked.is_range = is_range;
      promql::QueryOutcome outcome = Ask(frames, asked);
      if (!outcome) return Failure(ApiError::From(outcome.error()).message, 400);
      if (core::Status written = WriteFrames(json, query, asked, outcome->value); !written)
        return Failure(written.error().message(), 400);
    }
    json.EndArray().EndObject();
    return {std::move(json).Take(), false};
  }

 private:
  promql::QueryOutcome Ask(const FrameRequest& frames, const Asked& asked) const {
    promql::QueryOptions options;
    options.cancelled = request_.cancelled.get();
    options.parent = &trace_;
    const QueryApiDeps& queries = deps_.queries;
    if (!asked.is_range) return queries.engine.Instant(queries.storage, asked.expr, frames.to_ms, options);
    TimestampMs start_ms = frames.from_ms - frames.from_ms % asked.step_ms;
    TimestampMs end_ms = std::max(start_ms, frames.to_ms - frames.to_ms % asked.step_ms);
    return queries.engine.Range(queries.storage, asked.expr, start_ms, end_ms, asked.step_ms, options);
  }

  const FrameQueryDeps& deps_;
  const HttpRequest& request_;
  const core::SpanContext trace_ = net::ReadTraceHeaders(request_.headers);
};

HttpResponse AnswerAll(const FrameQueryDeps& deps, const HttpRequest& request, const FrameRequest& frames) {
  FrameQueries queries(deps, request);
  JsonWriter json;
  json.BeginObject().Key("results").BeginObject();
  bool is_failed = false;
  for (const FrameQuery& query : frames.queries) {
    Answered answered = queries.Run(frames, query);
    if (json.size() + answered.json.size() > kMaxAnswerBytes) {
      answered = Failure(SizeRefusal().value().message(), 400);
    }
    is_failed = is_failed || answered.is_failed;
    json.Key(query.ref_id).Raw(answered.json);
  }
  json.EndObject().EndObject();
  return HttpResponse::Json(is_failed ? 400 : 200, std::move(json).Take());
}

}  // namespace

core::Result<TimestampMs> ParseGrafanaTime(std::string_view text, TimestampMs now_ms) {
  if (text.starts_with("now")) {
    std::string_view rest = text.substr(3);
    if (rest.empty()) return now_ms;
    if (rest[0] == '-' || rest[0] == '+') {
      auto offset = core::ParseDuration(rest.substr(1));
      if (offset) return rest[0] == '-' ? now_ms - *offset : now_ms + *offset;
    }
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not \"now\" with a duration like now-6h",
                      text);
  }
  TimestampMs time_ms = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), time_ms);
  if (error != std::errc() || end != text.data() + text.size() || time_ms < 0)
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is no time in milliseconds", text);
  return time_ms;
}

DurationMs GrafanaStep(DurationMs range_ms, int64_t points, DurationMs min_ms) {
  // Up to a bound, a step is rounded to the step beside it.
  struct Round {
    DurationMs below_ms;
    DurationMs step_ms;
  };
  static constexpr std::array kRounds = std::to_array<Round>({{15, 10},
                                                              {35, 20},
                                                              {75, 50},
                                                              {150, 100},
                                                              {350, 200},
                                                              {750, 500},
                                                              {1'500, 1'000},
                                                              {3'500, 2'000},
                                                              {7'500, 5'000},
                                                              {12'500, 10'000},
                                                              {17'500, 15'000},
                                                              {25'000, 20'000},
                                                              {45'000, 30'000},
                                                              {90'000, 60'000},
                                                              {210'000, 120'000},
                                                              {450'000, 300'000},
                                                              {750'000, 600'000},
                                                              {1'050'000, 900'000},
                                                              {1'500'000, 1'200'000},
                                                              {2'700'000, 1'800'000},
                                                              {5'400'000, 3'600'000},
                                                              {9'000'000, 7'200'000},
                                                              {16'200'000, 10'800'000},
                                                              {32'400'000, 21'600'000},
                                                              {86'400'000, 43'200'000},
                                                              {604'800'000, 86'400'000},
                                                              {1'814'400'000, 604'800'000}});
  DurationMs even_ms = range_ms / std::max<int64_t>(points, 1);
  DurationMs step_ms = 2'592'000'000;
  for (const Round& round : kRounds) {
    if (even_ms < round.below_ms) {
      step_ms = round.step_ms;
      break;
    }
  }
  DurationMs least_ms = (range_ms + kMaxPoints - 1) / kMaxPoints;
  return std::max({step_ms, min_ms, least_ms, DurationMs{1}});
}

std::string FillIn(std::string expression, DurationMs step_ms, DurationMs range_ms, DurationMs scrape_ms) {
  DurationMs rate_ms = std::max(step_ms + scrape_ms, 4 * scrape_ms);
  DurationMs range_s = (range_ms + 500) / 1'000;
  // Longer names come before those that they begin with.
  const std::pair<std::string_view, std::string> names[] = {
      {"__rate_interval_ms", std::to_string(rate_ms)}, {"__rate_interval", core::FormatDuration(rate_ms)},
      {"__interval_ms", std::to_string(step_ms)},      {"__interval", core::FormatDuration(step_ms)},
      {"__range_ms", std::to_string(range_ms)},        {"__range_s", std::to_string(range_s)},
      {"__range", std::to_string(range_s) + "s"},
  };
  for (const auto& [name, value] : names) {
    for (const std::string& spelling : {fmt::format("${{{}}}", name), fmt::format("${}", name)}) {
      for (size_t at = expression.find(spelling); at != std::string::npos;
           at = expression.find(spelling, at + value.size()))
        expression.replace(at, spelling.size(), value);
    }
  }
  return expression;
}

void AddFrameQueryRoutes(net::Router& router, const FrameQueryDeps& deps) {
  net::RouteOptions options;
  options.max_body_bytes = 4 << 20;
  router.AddStream(
      "POST", "/api/ds/query",
      [deps](HttpRequest request, net::ResponseWriter writer) {
        auto frames = ReadRequest(request.body, deps.queries.clock.NowMs());
        if (!frames) return writer.Send(GrafanaError(frames.error()));
        struct Waiting {
          HttpRequest request;
          net::ResponseWriter writer;
          FrameRequest frames;
        };
        auto waiting = std::make_shared<Waiting>(std::move(request), std::move(writer), std::move(*frames));
        deps.queries.gate.Run(
            [deps, waiting] { waiting->writer.Send(AnswerAll(deps, waiting->request, waiting->frames)); });
      },
      options);
}

}  // namespace sextant::api
