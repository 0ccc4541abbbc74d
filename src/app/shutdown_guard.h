// Ends the process by force when its orderly end takes too long.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/clock.h"
#include "core/log.h"

namespace sextant::app {

class ShutdownGuard {
 public:
  // Begins to wait. Unless this object is destroyed within `bound_ms`, the process exits with code 1.
  ShutdownGuard(core::Logger logger, core::DurationMs bound_ms);
  ~ShutdownGuard();
  ShutdownGuard(const ShutdownGuard&) = delete;
  ShutdownGuard& operator=(const ShutdownGuard&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::thread thread_;
};

}  // namespace sextant::app
