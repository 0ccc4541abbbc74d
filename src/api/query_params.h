// What the endpoints that run queries share: their parameters, and their way through the gate.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/params.h"
#include "api/query_api.h"
#include "metrics/promql/engine.h"
#include "net/http_message.h"
#include "net/response_writer.h"

namespace sextant::api {

struct QueryParamsRead {
  std::string query;
  promql::QueryOptions options;
  size_t limit = 0;  // of series; 0 is none. Left to those who have a result to cut
  bool with_stats = false;
  std::string origin;       // of the request, for the query log
  core::SpanContext trace;  // the span of the request
};

// `per_step_stats`: whether `stats=all` asks for samples per step.
ApiResult<QueryParamsRead> ReadQueryParams(const net::QueryParams& params, const net::HttpRequest& request,
                                           bool per_step_stats);

// What a request for a list of names or series may use: as much as a query.
promql::QueryLimits ListLimits(const promql::Engine& engine, const net::HttpRequest& request);
// A failure while something is listed, as Prometheus names it.
ApiError ListError(const core::Error& error);

// The first ten annotations of each kind, and how many more there are, as Prometheus' API shows them; they
// are moved out of the result.
struct ShownAnnotations {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};
ShownAnnotations LimitAnnotations(promql::QueryResult& result);

// start, end and step of a range query.
struct RangeParams {
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;
  core::DurationMs step_ms = 0;
};
ApiResult<RangeParams> ReadRange(const net::QueryParams& params);

// Runs `answer` when it is this query's turn, with the options completed by how long it has waited.
void RunGated(const QueryApiDeps& deps, net::HttpRequest request, net::ResponseWriter writer,
              QueryParamsRead read,
              std::function<void(const QueryParamsRead& read, net::ResponseWriter writer)> answer);

}  // namespace sextant::api
