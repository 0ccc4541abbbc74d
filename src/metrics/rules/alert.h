// Alerts as they leave the rules: what is sent to whoever notifies people.
#pragma once

#include <span>
#include <string>

#include "core/clock.h"
#include "model/labels.h"

namespace sextant::rules {

// One alert that fires or has just ended. External labels are not in it; they are the sender's to add.
struct Alert {
  model::Labels labels;  // the identity, with `alertname`
  model::Labels annotations;
  core::TimestampMs starts_at_ms = 0;  // when it began to fire
  // When it ended, or, while it fires, when the receiver may take it for ended if it hears nothing more.
  core::TimestampMs ends_at_ms = 0;
  bool is_resolved = false;
  std::string generator_url;  // the page that shows the rule's expression
};

// Takes alerts from the rules. Send is called from the threads that evaluate rules, several at once, and
// should only queue.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  // Alerts of one rule that are due: new ones, ended ones, and those whose resend delay has passed. Never
  // empty.
  virtual void Send(std::span<const Alert> alerts) = 0;
};

}  // namespace sextant::rules
