// Prometheus' endpoints about the server itself:
// /api/v1/status/{buildinfo,runtimeinfo,flags,config,tsdb,walreplay}, /metrics, /-/healthy and /-/ready; and
// ours about what costs most, /api/v1/status/cardinality.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/metrics.h"
#include "metrics/tsdb/db.h"
#include "net/router.h"

namespace sextant::api {

struct StatusInfo {
  std::string version;
  core::TimestampMs start_ms = 0;
  std::string working_directory;
  std::function<std::string()> storage_retention;  // gives such as "15d or 1GiB"; called from any thread
  std::vector<std::pair<std::string, std::string>> flags;
};

struct StatusApiDeps {
  StatusInfo info;
  const tsdb::Db& db;
  const core::Clock& clock;
  const core::Registry& registry;
  const std::atomic<bool>& is_ready;
  // The configuration in force as YAML, secrets hidden. Called from any thread.
  std::function<std::string()> config_yaml;
  std::shared_ptr<const tsdb::ReplayProgress> replay;
  bool is_agent = false;  // says nothing of the store
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddStatusRoutes(net::Router& router, StatusApiDeps deps);

// What is answered while the store is being opened: healthy, not ready, and how far it is; 503 for all else.
// `registry` must outlive the server.
void AddStartRoutes(net::Router& router, const core::Registry& registry,
                    std::shared_ptr<const tsdb::ReplayProgress> replay);

}  // namespace sextant::api
