// POST /api/batch: the queries of a whole page in one request, each answered as soon as it is there.
//
//   {"queries": [{"id": "1", "query": "up", "start": 0, "end": 60, "step": 15}, {"id": "2", "query": "up",
//   "time": 60}]}
//
// answers a line of JSON for each query, in the order in which they finish:
//
//   {"id":"2","status":200,"answer":{"status":"success","data":…}}
//
// where `answer` is what /api/v1/query or /api/v1/query_range would have said. With "format": "columns" a
// range query may be answered with series on the grid of its steps: QueryJsonOptions::as_columns says how;
// pages read them several times faster. With "exemplars": "true" what /api/v1/query_exemplars knows of a
// range query's selectors stands beside its data, as "exemplars", when there are any. A query that fails is a
// line like any other. When the client goes away all of them are cancelled.
#pragma once

#include "api/exemplars_api.h"
#include "api/query_api.h"
#include "core/executor.h"
#include "net/router.h"

namespace sextant::api {

// Adds the route. What the arguments refer to must outlive the server.
void AddBatchRoutes(net::Router& router, const QueryApiDeps& deps, const ExemplarsApiDeps& exemplars,
                    core::Executor& executor);

}  // namespace sextant::api
