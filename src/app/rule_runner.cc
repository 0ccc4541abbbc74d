#include "app/rule_runner.h"

#include <algorithm>

namespace sextant::app {

namespace {
// Looks at the clock again at least this often, so that a clock that was set does not stop the rules for
// long.
constexpr core::DurationMs kMaxWaitMs = 5'000;
}  // namespace

RuleRunner::RuleRunner(net::IoContext& io, core::Executor& executor, const core::Clock& clock,
                       rules::RuleContext context)
    : executor_(executor), clock_(clock), logger_(context.logger), manager_(context), timer_(io) {}

RuleRunner::~RuleRunner() { Stop(); }

void RuleRunner::Update(const rules::RuleOptions& options, std::span<const rules::RuleFile> files) {
  manager_.Update(options, files);
  Schedule();
}

void RuleRunner::Stop() {
  std::unique_lock lock(mutex_);
  is_stopped_ = true;
  lock.unlock();
  timer_.Cancel();
  lock.lock();
  idle_.wait(lock, [&] { return running_ == 0; });
}

void RuleRunner::Schedule() {
  core::DurationMs wait_ms =
      std::clamp<core::DurationMs>(manager_.NextDueMs() - clock_.NowMs(), 1, kMaxWaitMs);
  timer_.StartAfter(wait_ms, [this] { RunDue(); });
}

// On the I/O thread: only hands over.
void RuleRunner::RunDue() {
  for (rules::RuleManager::Evaluation& evaluation : manager_.TakeDue(clock_.NowMs())) {
    {
      std::lock_guard lock(mutex_);
      if (is_stopped_) return;
      ++running_;
    }
    core::Status queued =
        executor_.Submit(core::Priority::kAlerting, [this, run = std::move(evaluation)]() mutable {
          run();
          run = nullptr;
          Finish();
        });
    if (!queued) {
      logger_.Error("rule group not evaluated", {{"error", queued.error()}});
      Finish();
    }
  }
  std::lock_guard lock(mutex_);
  if (!is_stopped_) Schedule();
}

void RuleRunner::Finish() {
  std::lock_guard lock(mutex_);
  --running_;
  idle_.notify_all();
}

}  // namespace sextant::app
