// Prometheus' /api/v1/query_exemplars: the exemplars of the series that the selectors of any PromQL
// expression match.
#pragma once

#include <cstdint>
#include <string_view>
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

// Those of the series that the selectors of an expression match; none for one that cannot be parsed.
std::vector<tsdb::SeriesExemplars> ExemplarsOf(const ExemplarsApiDeps& deps, std::string_view query,
                                               int64_t start_ms, int64_t end_ms);

// The matchers of each selector in an expression, in the order in which they stand there.
std::vector<std::vector<model::Matcher>> SelectorsOf(const promql::Expr& expr);

}  // namespace sextant::api
