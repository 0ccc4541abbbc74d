// From a scrape configuration to the targets it means: labels as discovered, relabelled, and what is left of
// them on the series (Prometheus' scrape.PopulateLabels).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/prometheus_config.h"
#include "core/result.h"
#include "metrics/discovery/discoverer.h"
#include "metrics/relabel/relabel.h"
#include "metrics/scrape/target.h"
#include "model/labels.h"

namespace sextant::scrape {

// A target that will be scraped.
struct ScrapeTarget {
  model::Labels discovered_labels;
  model::Labels labels;  // for its series: without names that start with "__", with `instance`
  std::string url;
  core::DurationMs interval_ms = 0;
  core::DurationMs timeout_ms = 0;

  // The same labels and URL mean the same target: its series go on over a reload.
  friend bool operator==(const ScrapeTarget& a, const ScrapeTarget& b) {
    return a.labels == b.labels && a.url == b.url && a.interval_ms == b.interval_ms &&
           a.timeout_ms == b.timeout_ms;
  }
};

struct TargetList {
  std::vector<ScrapeTarget> active;    // each once
  std::vector<model::Labels> dropped;  // discovered labels of those that relabelling dropped
  std::vector<core::Error> errors;     // of targets that make no sense (a path in the address, …)
};

// Targets of all static_configs, and of the groups that were discovered for the job. `rules` are the compiled
// relabel_configs.
TargetList BuildTargets(const config::ScrapeConfig& config, const relabel::Rules& rules,
                        std::span<const discovery::TargetGroup> groups = {});

}  // namespace sextant::scrape
