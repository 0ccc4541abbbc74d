#include "app/shutdown_guard.h"

#include <chrono>
#include <cstdlib>

namespace sextant::app {

ShutdownGuard::ShutdownGuard(core::Logger logger, core::DurationMs bound_ms)
    : thread_([this, logger = std::move(logger), bound_ms] {
        std::unique_lock lock(mutex_);
        if (done_.wait_for(lock, std::chrono::milliseconds(bound_ms), [this] { return is_done_; })) return;
        logger.Error("shutdown took too long; leaving by force", {{"bound_ms", bound_ms}});
        std::_Exit(1);
      }) {}

ShutdownGuard::~ShutdownGuard() {
  {
    std::lock_guard lock(mutex_);
    is_done_ = true;
  }
  done_.notify_all();
  thread_.join();
}

}  // namespace sextant::app
