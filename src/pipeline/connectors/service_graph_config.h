// Settings of the connector `service_graph`, with its original's names and defaults.
#pragma once

#include <string>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

struct ServiceGraphConfig {
  struct Store {
    int64_t max_items = 1000;
    core::DurationMs ttl_ms = 2'000;
  };

  std::string metrics_exporter;                          // has no effect, as in the original
  std::vector<DurationNs> latency_histogram_buckets_ns;  // empty: the default ones
  int32_t exponential_histogram_max_size = 0;            // 0: buckets of fixed bounds
  std::vector<std::string> dimensions;
  Store store;
  core::DurationMs cache_loop_ms = 60'000;
  core::DurationMs store_expiration_loop_ms = 2'000;
  std::vector<std::string> virtual_node_peer_attributes = {"peer.service", "db.name", "db.system"};
  bool has_virtual_node_label = false;
  core::DurationMs metrics_flush_interval_ms = 60'000;  // 0: with every batch
  core::DurationMs metrics_timestamp_offset_ms = 0;
  std::string database_name_attribute;  // the old name of the next, which it joins
  std::vector<std::string> database_name_attributes = {"db.name"};
};
const config::Struct& FieldsOf(const ServiceGraphConfig::Store*);
const config::Struct& FieldsOf(const ServiceGraphConfig*);

}  // namespace sextant::pipeline
