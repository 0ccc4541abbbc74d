// Sends alerts to external Alertmanagers (prometheus.yml's alerting.alertmanagers) through their API v2, as
// Prometheus' notifier does: every Alertmanager gets every alert, from a bounded queue of its own, in
// batches.
//
// Send only queues and may be called from any thread. When a queue is full the oldest alerts go and a counter
// moves. An Alertmanager that fails loses the batch it was sent: the rules send firing alerts again and
// again.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "api/rules_api.h"
#include "config/prometheus_config.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "metrics/discovery/manager.h"
#include "metrics/relabel/relabel.h"
#include "metrics/rules/alert.h"
#include "model/labels.h"
#include "net/http_client.h"

namespace sextant::app {

struct NotifierOptions {
  size_t queue_capacity = 10'000;  // of each Alertmanager
  size_t batch_size = 256;         // most alerts of a request
  bool drains_on_stop = true;      // what is queued is sent before the end
};

class AlertmanagerNotifier {
 public:
  // References must outlive the notifier.
  AlertmanagerNotifier(net::HttpClient& client, core::Executor& executor, const core::Clock& clock,
                       core::Registry& registry, core::Logger logger, NotifierOptions options = {});
  ~AlertmanagerNotifier();
  AlertmanagerNotifier(const AlertmanagerNotifier&) = delete;
  AlertmanagerNotifier& operator=(const AlertmanagerNotifier&) = delete;

  // Makes these the Alertmanagers that are told; alerts queued for others are dropped. kInvalidArgument for
  // relabelling that does not compile; nothing has changed then.
  core::Status Apply(const config::AlertingConfig& config, const model::Labels& external_labels);
  // Takes the Alertmanagers that were discovered, by DiscoverySet, in place of those before. Sets belong to
  // groups by their places in the configuration: those that were found for another `generation` of it are
  // dropped.
  void SetDiscovered(uint64_t generation, discovery::TargetSets sets);
  // Which sets are taken now; another number after an Apply that looks for Alertmanagers in other ways.
  uint64_t discovery_generation() const;
  // The name of the i-th group of the configuration in service discovery.
  static std::string DiscoverySet(size_t index) { return fmt::format("config-{}", index); }

  void Send(std::span<const rules::Alert> alerts);

  // URLs of the Alertmanagers that are told now, and of those that relabelling dropped.
  api::AlertmanagerUrls Urls() const;

  // Waits for sends under way and, unless told otherwise, for what is queued, kDrainBoundMs at most; later
  // alerts are dropped.
  void Stop();

  static constexpr core::DurationMs kDrainBoundMs = 15'000;

 private:
  class Endpoint;
  class UrlMetrics;
  struct Settings;

  core::Result<std::shared_ptr<const Settings>> MakeSettings(const config::AlertingConfig& config,
                                                             const model::Labels& external_labels,
                                                             const discovery::TargetSets& sets);
  core::Status AddGroup(const config::AlertmanagerTargetsConfig& group,
                        const std::vector<discovery::TargetGroup>& found, Settings& settings);
  void Use(std::shared_ptr<const Settings> settings);
  discovery::TargetSets DiscoveredFor(const config::AlertingConfig& config) const;
  std::shared_ptr<const Settings> Current() const;
  size_t LongestQueue() const;

  net::HttpClient& client_;
  core::Executor& executor_;
  const core::Clock& clock_;
  const NotifierOptions options_;
  core::Registry& registry_;
  const std::shared_ptr<UrlMetrics> metrics_;
  core::Gauge& discovered_count_;
  const core::Logger logger_;

  mutable std::mutex apply_mutex_;  // taken before mutex_
  config::AlertingConfig config_;   // guarded by apply_mutex_, as what follows
  model::Labels external_labels_;
  discovery::TargetSets discovered_;
  uint64_t generation_ = 0;
  bool is_stopped_ = false;

  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  // guarded by mutex_
};

}  // namespace sextant::app
