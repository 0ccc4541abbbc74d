// Drives a RuleManager: one timer for the next group that is due, evaluations on the executor.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>

#include "core/executor.h"
#include "core/log.h"
#include "metrics/rules/rule_manager.h"
#include "net/io.h"

namespace sextant::app {

class RuleRunner {
 public:
  // References must outlive the runner.
  RuleRunner(net::IoContext& io, core::Executor& executor, const core::Clock& clock,
             rules::RuleContext context);
  ~RuleRunner();  // stops

  // Replaces the groups and goes on. Not from an executor or I/O thread.
  void Update(const rules::RuleOptions& options, std::span<const rules::RuleFile> files);
  // Ends; no evaluation runs when it returns.
  void Stop();

  const rules::RuleManager& manager() const { return manager_; }

 private:
  void Schedule();
  void RunDue();
  void Finish();

  core::Executor& executor_;
  const core::Clock& clock_;
  const core::Logger logger_;
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;       // guarded by mutex_
  bool is_stopped_ = false;  // guarded by mutex_
  rules::RuleManager manager_;
  net::Timer timer_;
};

}  // namespace sextant::app
