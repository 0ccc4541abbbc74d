#include "api/agent_api.h"

#include "api/envelope.h"

namespace sextant::api {

namespace {

struct Place {
  const char* method;
  const char* path;
};

constexpr Place kPlaces[] = {
    {"GET", "/api/v1/query"},
    {"POST", "/api/v1/query"},
    {"GET", "/api/v1/query_range"},
    {"POST", "/api/v1/query_range"},
    {"GET", "/api/v1/query_exemplars"},
    {"POST", "/api/v1/query_exemplars"},
    {"GET", "/api/v1/format_query"},
    {"POST", "/api/v1/format_query"},
    {"GET", "/api/v1/parse_query"},
    {"POST", "/api/v1/parse_query"},
    {"GET", "/api/v1/labels"},
    {"POST", "/api/v1/labels"},
    {"GET", "/api/v1/label/{name}/values"},
    {"GET", "/api/v1/series"},
    {"POST", "/api/v1/series"},
    {"DELETE", "/api/v1/series"},
    {"GET", "/api/v1/alertmanagers"},
    {"GET", "/api/v1/status/tsdb"},
    {"GET", "/api/v1/status/tsdb/blocks"},
    {"GET", "/api/v1/alerts"},
    {"GET", "/api/v1/rules"},
    {"POST", "/api/v1/admin/tsdb/delete_series"},
    {"PUT", "/api/v1/admin/tsdb/delete_series"},
    {"POST", "/api/v1/admin/tsdb/clean_tombstones"},
    {"PUT", "/api/v1/admin/tsdb/clean_tombstones"},
    {"POST", "/api/v1/admin/tsdb/snapshot"},
    {"PUT", "/api/v1/admin/tsdb/snapshot"},
};

}  // namespace

void AddAgentRoutes(net::Router& router) {
  for (const Place& place : kPlaces) {
    router.Add(place.method, place.path, [](const net::HttpRequest&) {
      return ErrorResponse({ErrorType::kExecution, "unavailable with Prometheus Agent"});
    });
  }
  for (const Place& place : {Place{"POST", "/api/v1/read"}, Place{"GET", "/federate"}}) {
    router.Add(place.method, place.path, [](const net::HttpRequest&) {
      return net::HttpResponse::Text(500, "unsupported operation with WAL-only storage\n");
    });
  }
}

}  // namespace sextant::api
