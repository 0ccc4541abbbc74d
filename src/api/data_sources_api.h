// Grafana's endpoints for data sources: the lists, the proxy to their servers, and the reloading of
// provisioning files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/metrics.h"
#include "dashboards/data_sources.h"
#include "net/http_client.h"
#include "net/router.h"

namespace sextant::api {

struct DataSourceApiDeps {
  const dashboards::DataSources& sources;
  net::HttpClient& client;
  core::Executor& executor;  // where answers of other servers are passed on
  core::Registry& registry;
  std::string user_agent;
  // What the server's own sources answer, under the paths of the originals.
  const net::Router& own_routes;
  // Reads provisioning files again and gives what is wrong with them.
  std::function<std::vector<std::string>()> reload;
  // What is wrong with them now.
  std::function<std::vector<std::string>()> problems;
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddDataSourceRoutes(net::Router& router, const DataSourceApiDeps& deps);

// Whether the proxy passes on this method and path (decoded, without a slash in front: "api/v1/query") to a
// source of this kind: what reads, of the APIs of Prometheus and Alertmanager.
bool IsPassedOn(dashboards::SourceKind kind, std::string_view method, std::string_view path);

}  // namespace sextant::api
