// /api/v1/features: which of Prometheus' features this server has and has switched on, by Prometheus' names.
#pragma once

#include <map>
#include <string>

#include "metrics/promql/engine.h"
#include "net/router.h"

namespace sextant::api {

struct FeatureSwitches {
  promql::EngineOptions engine;
  bool per_step_stats = false;
  bool admin_api = false;
  bool search_api = false;
  bool lifecycle = false;
  bool remote_write_receiver = false;
  bool otlp_write_receiver = false;
  bool otlp_delta_conversion = false;
  bool otlp_native_delta = false;
  bool agent_mode = false;
  bool auto_reload = false;
  bool xor2_encoding = false;
  bool histograms_st_encoding = false;
  bool extra_scrape_metrics = false;
  bool start_zeros = false;  // created-timestamp-zero-ingestion
  bool concurrent_rule_eval = false;
  bool host_watch = false;  // ours: /api/v1/host
};

// By category and name, as Prometheus sorts them.
using Features = std::map<std::string, std::map<std::string, bool>>;
Features ListFeatures(const FeatureSwitches& switches);

void AddFeatureRoutes(net::Router& router, const FeatureSwitches& switches);

}  // namespace sextant::api
