#include "api/exemplars_api.h"

#include "api/envelope.h"
#include "api/params.h"
#include "api/query_json.h"
#include "metrics/promql/ast.h"

namespace sextant::api {
namespace {

net::HttpResponse HandleQueryExemplars(const ExemplarsApiDeps& deps, const net::HttpRequest& request) {
  auto params = request.Form();
  if (!params) return ErrorResponse(ApiError::BadData(params.error().message()));
  auto start_ms = TimeParam(*params, "start", kMinTimeMs);
  if (!start_ms) return ErrorResponse(start_ms.error());
  auto end_ms = TimeParam(*params, "end", kMaxTimeMs);
  if (!end_ms) return ErrorResponse(end_ms.error());
  if (*end_ms < *start_ms) {
    return ErrorResponse(ApiError::BadData("end timestamp must not be before start timestamp"));
  }
  auto expr = promql::ParseExpr(params->Get("query"), deps.parser);
  if (!expr) return ErrorResponse(ApiError::BadData(expr.error().Message()));
  std::vector<std::vector<model::Matcher>> selectors = SelectorsOf(**expr);
  // As upstream answers when there is nothing to ask for.
  if (selectors.empty()) return net::HttpResponse{204, {}, {}, {}};
  auto exemplars = deps.db.Exemplars(*start_ms, *end_ms, selectors);
  return SuccessResponse([&](core::JsonWriter& json) { WriteExemplars(json, exemplars); });
}

}  // namespace

std::vector<std::vector<model::Matcher>> SelectorsOf(const promql::Expr& expr) {
  std::vector<std::vector<model::Matcher>> selectors;
  promql::Walk(expr, [&](const promql::Expr& node) {
    if (const auto* selector = promql::As<promql::VectorSelector>(&node)) {
      selectors.push_back(selector->matchers);
    }
  });
  return selectors;
}

std::vector<tsdb::SeriesExemplars> ExemplarsOf(const ExemplarsApiDeps& deps, std::string_view query,
                                               int64_t start_ms, int64_t end_ms) {
  auto expr = promql::ParseExpr(query, deps.parser);
  if (!expr) return {};
  std::vector<std::vector<model::Matcher>> selectors = SelectorsOf(**expr);
  return selectors.empty() ? std::vector<tsdb::SeriesExemplars>{}
                           : deps.db.Exemplars(start_ms, end_ms, selectors);
}

void WriteExemplars(core::JsonWriter& json, const std::vector<tsdb::SeriesExemplars>& exemplars) {
  json.BeginArray();
  std::string number;
  for (const tsdb::SeriesExemplars& series : exemplars) {
    json.BeginObject().Key("seriesLabels");
    WriteLabels(json, series.series);
    json.Key("exemplars").BeginArray();
    for (const model::Exemplar& exemplar : series.exemplars) {
      json.BeginObject().Key("labels");
      WriteLabels(json, exemplar.labels);
      number.clear();
      AppendValue(number, exemplar.value);
      json.Key("value").String(number);
      number.clear();
      AppendTimestamp(number, exemplar.time_ms);
      json.Key("timestamp").Raw(number).EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray();
}

void AddExemplarRoutes(net::Router& router, ExemplarsApiDeps deps) {
  for (const char* method : {"GET", "POST"}) {
    router.Add(method, "/api/v1/query_exemplars",
               [deps](const net::HttpRequest& request) { return HandleQueryExemplars(deps, request); });
  }
}

}  // namespace sextant::api
