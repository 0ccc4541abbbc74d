// Calls back again and again, for components that flush, expire or poll.
#pragma once

#include <functional>

#include "core/clock.h"
#include "core/executor.h"
#include "net/io.h"

namespace sextant::pipeline {

class Ticker {
 public:
  Ticker(net::IoContext& io, core::Executor& executor) : timer_(io, executor, core::Priority::kIngest) {}

  // Calls `callback` on the executor every `interval_ms`, which is above 0, until Stop; never while it runs.
  void Start(core::DurationMs interval_ms, std::function<void()> callback);
  // After it returns the callback neither runs nor will run. Not from the callback, and not with a lock held
  // that it takes.
  void Stop() { timer_.Cancel(); }

 private:
  void Arm();

  core::DurationMs interval_ms_ = 0;
  std::function<void()> callback_;
  net::Timer timer_;  // last, so that it ends first
};

}  // namespace sextant::pipeline
