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
    Arm();
  });
}

}  // namespace sextant::pipeline
