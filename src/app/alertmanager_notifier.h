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

#include "config/prometheus_config.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "metrics/relabel/relabel.h"
#include "metrics/rules/alert.h"
#include "model/labels.h"
#include "net/http_client.h"

namespace sextant::app {

class AlertmanagerNotifier {
 public:
  // References must outlive the notifier.
  AlertmanagerNotifier(net::HttpClient& client, core::Executor& executor, core::Registry& registry,
                       core::Logger logger);
  ~AlertmanagerNotifier();
  AlertmanagerNotifier(const AlertmanagerNotifier&) = delete;
  AlertmanagerNotifier& operator=(const AlertmanagerNotifier&) = delete;

  // Makes these the Alertmanagers that are told; alerts queued for others are dropped. kInvalidArgument for
  // relabelling that does not compile; nothing has changed then.
  core::Status Apply(const config::AlertingConfig& config, const model::Labels& external_labels);

  void Send(std::span<const rules::Alert> alerts);

  // URLs of the Alertmanagers that are told now.
  std::vector<std::string> Urls() const;

  // Waits for sends under way; later alerts are dropped.
  void Stop();

  static constexpr size_t kQueueCapacity = 10'000;
  static constexpr size_t kBatchSize = 256;

 private:
  class Endpoint;
  struct Settings;

  net::HttpClient& client_;
  core::Executor& executor_;
  core::Registry& registry_;
  const core::Logger logger_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  // guarded by mutex_
};

}  // namespace sextant::app
