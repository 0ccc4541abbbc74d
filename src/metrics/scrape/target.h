// What is scraped: a target's identity, and what people see of it (API and pages). Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "model/labels.h"
#include "model/storage.h"

namespace sextant::scrape {

// The labels that steer a scrape, as in Prometheus.
inline constexpr std::string_view kAddressLabel = "__address__";
inline constexpr std::string_view kSchemeLabel = "__scheme__";
inline constexpr std::string_view kMetricsPathLabel = "__metrics_path__";
inline constexpr std::string_view kParamLabelPrefix = "__param_";
inline constexpr std::string_view kScrapeIntervalLabel = "__scrape_interval__";
inline constexpr std::string_view kScrapeTimeoutLabel = "__scrape_timeout__";

enum class TargetHealth { kUnknown, kUp, kDown };
// "unknown", "up", "down".
std::string_view TargetHealthText(TargetHealth health);

// A target and how its last scrape went.
struct TargetStatus {
  std::string pool;                 // the job's name in the configuration
  model::Labels discovered_labels;  // before relabelling
  model::Labels labels;             // what its series get; without __ labels
  std::string scrape_url;
  TargetHealth health = TargetHealth::kUnknown;
  std::string last_error;                // "" when the last scrape was good
  core::TimestampMs last_scrape_ms = 0;  // 0: not yet
  double last_duration_seconds = 0;
  core::DurationMs interval_ms = 0;
  core::DurationMs timeout_ms = 0;
  uint64_t last_samples = 0;  // in the last body
  uint64_t series = 0;        // followed now
  // What its last good body said of metric families (MetadataStore::Resolve); null: nothing yet.
  std::shared_ptr<const std::vector<uint32_t>> metadata = nullptr;
};

// A target that relabelling dropped.
struct DroppedTarget {
  std::string pool;
  model::Labels discovered_labels;
};

struct TargetsStatus {
  std::vector<TargetStatus> active;                // by pool, then labels
  std::vector<DroppedTarget> dropped;              // at most kMaxDroppedKept per pool, or fewer if told so
  std::map<std::string, uint64_t> dropped_counts;  // all, per pool
};
inline constexpr size_t kMaxDroppedKept = 10'000;

// One metric's metadata as one target gave it.
struct TargetMetadata {
  model::Labels target;
  std::string metric;
  model::MetricMetadata metadata;
};

}  // namespace sextant::scrape
