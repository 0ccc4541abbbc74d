// Takes alerts from the rules and hands them to whoever notifies people: the Alertmanager inside this
// process, and the external ones.
#pragma once

#include <memory>
#include <mutex>

#include "alerting/alert.h"
#include "app/alertmanager_notifier.h"
#include "core/log.h"
#include "metrics/rules/alert.h"

namespace sextant::app {

class AlertFanout final : public rules::AlertSink {
 public:
  // `internal` may be null. Both must outlive the fan-out.
  AlertFanout(alerting::AlertSink* internal, AlertmanagerNotifier& external, core::Logger logger);

  // Labels that every alert gets unless it has them.
  void SetExternalLabels(model::Labels labels);

  void Send(std::span<const rules::Alert> alerts) override;

 private:
  alerting::AlertSink* const internal_;
  AlertmanagerNotifier& external_;
  const core::Logger logger_;
  std::mutex mutex_;
  model::Labels external_labels_;  // guarded by mutex_
};

}  // namespace sextant::app
