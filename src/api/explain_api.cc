#include "api/explain_api.h"

#include "api/query_json.h"
#include "api/query_params.h"
#include "metrics/promql/query_log.h"

namespace sextant::api {

namespace {

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

// What was asked, and when.
struct Asked {
  QueryParamsRead read;
  bool is_range = false;
  RangeParams range;  // start and end are the time of an instant query
};

ApiResult<Asked> ReadAsked(const QueryApiDeps& deps, const net::QueryParams& params,
                           const net::HttpRequest& request) {
  // There is no result of which they could say anything; statistics are always given.
  for (std::string_view name : {"limit", "stats"}) {
    if (params.Has(name)) return tl::unexpected(ApiError::InvalidParameter(name, "not known to explain"));
  }
  Asked asked;
  asked.is_range = !params.Get("step").empty();
  if (asked.is_range) {
    auto range = ReadRange(params);
    if (!range) return tl::unexpected(range.error());
    asked.range = *range;
  } else {
    auto time_ms = TimeParam(params, "time", deps.clock.NowMs());
    if (!time_ms) return tl::unexpected(time_ms.error());
    asked.range = {*time_ms, *time_ms, 0};
  }
  auto read = ReadQueryParams(params, request, false);
  if (!read) return tl::unexpected(read.error());
  asked.read = std::move(*read);
  return asked;
}

size_t CountSeries(const promql::QueryValue& value) {
  if (const auto* vector = std::get_if<promql::VectorResult>(&value)) return vector->size();
  if (const auto* matrix = std::get_if<promql::MatrixResult>(&value)) return matrix->size();
  if (const auto* columns = std::get_if<promql::ColumnsResult>(&value)) return columns->series.size();
  return 1;
}

void WriteSelections(core::JsonWriter& json, const std::vector<promql::ProfileSelection>& selections) {
  json.Key("selections").BeginArray();
  for (const promql::ProfileSelection& selection : selections) {
    std::string start;
    std::string end;
    AppendTimestamp(start, selection.min_ms);
    AppendTimestamp(end, selection.max_ms);
    json.BeginObject().Key("selector").String(selection.selector).Key("series").Int(selection.series);
    json.Key("start").Raw(start).Key("end").Raw(end).EndObject();
  }
  json.EndArray();
}

net::HttpResponse Explain(const QueryApiDeps& deps, const Asked& asked) {
  promql::QueryProfile profile(deps.clock);
  promql::QueryOptions options = asked.read.options;
  options.profile = &profile;
  options.keeps_columns = true;
  const RangeParams& range = asked.range;
  promql::QueryOutcome outcome =
      asked.is_range ? deps.engine.Range(deps.storage, asked.read.query, range.start_ms, range.end_ms,
                                         range.step_ms, options)
                     : deps.engine.Instant(deps.storage, asked.read.query, range.start_ms, options);
  if (!outcome) return ErrorResponse(ApiError::From(outcome.error()));
  ShownAnnotations shown = LimitAnnotations(*outcome);
  return SuccessResponse(
      [&](core::JsonWriter& json) {
        json.BeginObject().Key("query").String(asked.read.query);
        json.Key("resultType").String(promql::QueryValueTypeName(outcome->value));
        json.Key("resultSeries").UInt(CountSeries(outcome->value));
        json.Key("steps").Int(asked.is_range ? (range.end_ms - range.start_ms) / range.step_ms + 1 : 1);
        json.Key("peakBytes").Int(outcome->stats.peak_bytes);
        json.Key("stats");
        promql::WriteQueryStats(json, outcome->stats, range.start_ms, range.step_ms);
        WriteSelections(json, profile.selections());
        json.Key("plan");
        WriteProfileNode(json, profile.root());
        json.EndObject();
      },
      shown.warnings, shown.infos);
}

void HandleExplain(const QueryApiDeps& deps, net::HttpRequest request, net::ResponseWriter writer) {
  auto params = request.Form();
  if (!params) return writer.Send(ErrorResponse(ApiError::BadData(params.error().message())));
  auto asked = ReadAsked(deps, *params, request);
  if (!asked) return writer.Send(ErrorResponse(asked.error()));
  RunGated(deps, std::move(request), std::move(writer), std::move(asked->read),
           [deps, asked = *asked](const QueryParamsRead& read, net::ResponseWriter answer) mutable {
             asked.read = read;
             answer.Send(Explain(deps, asked));
           });
}

}  // namespace

void WriteProfileNode(core::JsonWriter& json, const promql::ProfileNode& node) {
  json.BeginObject().Key("kind").String(node.kind).Key("name").String(node.name).Key("text").String(
      node.text);
  json.Key("stepInvariant").Bool(node.is_step_invariant);
  json.Key("series").Int(node.series).Key("points").Int(node.points).Key("samples").Int(node.samples);
  json.Key("bytes").Int(node.bytes);
  json.Key("seconds").Double(Seconds(node.time_ns)).Key("selfSeconds").Double(Seconds(node.self_ns));
  json.Key("operands").BeginArray();
  for (const promql::ProfileNode& operand : node.operands) WriteProfileNode(json, operand);
  json.EndArray().EndObject();
}

void AddExplainRoutes(net::Router& router, QueryApiDeps deps) {
  for (const char* method : {"GET", "POST"}) {
    router.AddStream(method, "/api/v1/explain", [deps](net::HttpRequest request, net::ResponseWriter writer) {
      HandleExplain(deps, std::move(request), std::move(writer));
    });
  }
}

}  // namespace sextant::api
