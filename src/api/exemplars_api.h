// Prometheus' /api/v1/query_exemplars: the exemplars of the series that the selectors of any PromQL
// expression match.
#pragma once

#include <vector>

#include "core/json_writer.h"
#include "metrics/promql/parser.h"
#include "metrics/tsdb/db.h"
#include "net/router.h"

namespace sextant::api {

struct ExemplarsApiDeps {
  const tsdb::Db& db;
  promql::ParserOptions parser;
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddExemplarRoutes(net::Router& router, ExemplarsApiDeps deps);

// The data of an answer.
void WriteExemplars(core::JsonWriter& json, const std::vector<tsdb::SeriesExemplars>& exemplars);

// The matchers of each selector in an expression, in the order in which they stand there.
std::vector<std::vector<model::Matcher>> SelectorsOf(const promql::Expr& expr);

}  // namespace sextant::api
