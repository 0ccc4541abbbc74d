#include "pipeline/ticker.h"

namespace sextant::pipeline {

void Ticker::Start(core::DurationMs interval_ms, std::function<void()> callback) {
  interval_ms_ = interval_ms;
  callback_ = std::move(callback);
  Arm();
}

void Ticker::Arm() {
  timer_.StartAfter(interval_ms_, [this] {
    callback_();
    if (!is_stopped_) Arm();
  });
}

void Ticker::Stop() {
  is_stopped_ = true;
  timer_.Cancel();
  // A callback that was running when the first call came may have armed the timer once more.
  timer_.Cancel();
}

}  // namespace sextant::pipeline
