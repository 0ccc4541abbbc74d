// /api/v1/explain, ours: runs a query like /api/v1/query (`time`) or /api/v1/query_range (`start`, `end`,
// `step`) and answers, instead of its value, with the plan as a tree: what each node looked at, gave and
// took. Used by the page /explain.
#pragma once

#include "api/query_api.h"
#include "core/json_writer.h"
#include "metrics/promql/query_profile.h"

namespace sextant::api {

// A node and its operands as an object.
void WriteProfileNode(core::JsonWriter& json, const promql::ProfileNode& node);

// Adds the routes. What `deps` refers to must outlive the server.
void AddExplainRoutes(net::Router& router, QueryApiDeps deps);

}  // namespace sextant::api
