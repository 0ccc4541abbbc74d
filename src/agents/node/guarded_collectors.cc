#include "agents/node/guarded_collectors.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <utility>

namespace sextant::node {
namespace {

using SteadyClock = std::chrono::steady_clock;

enum class TaskState { kIdle, kQueued, kRunning, kDone, kGivenUp };

struct Task {
  std::unique_ptr<Collector> collector;
  MetricSink sink;  // of whoever may touch the task: the worker while it runs, else the one who runs all
  TaskState state = TaskState::kIdle;
  core::Status status;
  std::string warnings;
  double seconds = 0;
};

}  // namespace

// What the worker and its master both know. The worker that is not `current_worker` any more has been given
// up, and must touch nothing but its own task.
struct GuardedCollectors::Shared {
  explicit Shared(HostPaths host_paths) : paths(std::move(host_paths)) {}

  const HostPaths paths;
  std::mutex mutex;
  std::condition_variable wake_worker;
  std::condition_variable wake_master;
  std::vector<Task> tasks;                // fixed; their states are guarded by mutex
  std::deque<size_t> queue;               // guarded by mutex
  Task* running = nullptr;                // guarded by mutex
  SteadyClock::time_point running_since;  // guarded by mutex
  uint64_t current_worker = 0;            // guarded by mutex
  bool is_stopping = false;               // guarded by mutex

  void Work(uint64_t worker) {
    std::unique_lock lock(mutex);
    for (;;) {
      wake_worker.wait(lock, [&] { return is_stopping || worker != current_worker || !queue.empty(); });
      if (is_stopping || worker != current_worker) return;
      Task& task = tasks[queue.front()];
      queue.pop_front();
      task.state = TaskState::kRunning;
      running = &task;
      running_since = SteadyClock::now();
      lock.unlock();
      core::Status status = task.collector->Collect(paths, task.sink);
      if (core::Status sink_status = task.sink.TakeStatus(); status && !sink_status) {
        status = std::move(sink_status);
      }
      lock.lock();
      if (worker != current_worker) {  // given up meanwhile
        task.sink.Clear();
        task.state = TaskState::kIdle;
        return;
      }
      const std::chrono::duration<double> taken = SteadyClock::now() - running_since;
      task.status = std::move(status);
      task.warnings = task.sink.TakeWarnings();
      task.seconds = taken.count();
      task.state = TaskState::kDone;
      running = nullptr;
      if (queue.empty()) wake_master.notify_all();
    }
  }

  // Whether nothing is left to do. Gives up a collector that runs for too long; then a new worker is needed.
  bool WaitForRound(core::DurationMs timeout_ms, bool& needs_worker) {
    std::unique_lock lock(mutex);
    const auto is_over = [&] { return queue.empty() && running == nullptr; };
    while (!is_over()) {
      const Task* const waited_for = running;
      const auto start = running != nullptr ? running_since : SteadyClock::now();
      wake_master.wait_until(lock, start + std::chrono::milliseconds(timeout_ms), is_over);
      if (is_over() || running == nullptr || running != waited_for) continue;
      if (SteadyClock::now() - running_since < std::chrono::milliseconds(timeout_ms)) continue;
      running->state = TaskState::kGivenUp;
      running = nullptr;
      ++current_worker;
      needs_worker = true;
      return false;
    }
    return true;
  }
};

GuardedCollectors::GuardedCollectors(HostPaths paths, std::vector<std::unique_ptr<Collector>> collectors,
                                     core::DurationMs timeout_ms)
    : timeout_ms_(timeout_ms), shared_(std::make_shared<Shared>(std::move(paths))) {
  shared_->tasks = std::vector<Task>(collectors.size());
  for (size_t i = 0; i < collectors.size(); ++i) shared_->tasks[i].collector = std::move(collectors[i]);
}

GuardedCollectors::~GuardedCollectors() {
  if (!worker_.joinable()) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_stopping = true;
  }
  shared_->wake_worker.notify_all();
  worker_.join();  // no Run is going on, so it is idle: those that hang are not this one any more
}

void GuardedCollectors::StartWorker() {
  if (worker_.joinable()) worker_.detach();  // given up
  uint64_t number = 0;
  {
    const std::lock_guard lock(shared_->mutex);
    number = shared_->current_worker;
  }
  worker_ = std::thread([shared = shared_, number] { shared->Work(number); });
}

std::vector<GuardedCollectors::Outcome> GuardedCollectors::Run(
    const std::function<bool(std::string_view)>& is_wanted, const std::function<void()>& meanwhile,
    MetricSink& sink) {
  const std::lock_guard run_lock(run_mutex_);
  bool has_work = false;
  {
    const std::lock_guard lock(shared_->mutex);
    for (size_t i = 0; i < shared_->tasks.size(); ++i) {
      Task& task = shared_->tasks[i];
      if (task.state != TaskState::kIdle || !is_wanted(task.collector->name())) continue;
      task.state = TaskState::kQueued;
      shared_->queue.push_back(i);
      has_work = true;
    }
  }
  if (has_work) {
    if (!worker_.joinable()) StartWorker();
    shared_->wake_worker.notify_one();
  }
  meanwhile();
  for (bool is_over = false; !is_over;) {
    bool needs_worker = false;
    is_over = shared_->WaitForRound(timeout_ms_, needs_worker);
    if (needs_worker) StartWorker();
  }
  std::vector<Outcome> outcomes;
  const std::lock_guard lock(shared_->mutex);
  for (Task& task : shared_->tasks) {
    if (!is_wanted(task.collector->name())) continue;
    Outcome& outcome = outcomes.emplace_back();
    outcome.collector = task.collector->name();
    if (task.state != TaskState::kDone) {
      outcome.status =
          core::Fail(core::Code::kDeadlineExceeded, "it hangs: no answer within {} ms", timeout_ms_);
      outcome.seconds = static_cast<double>(timeout_ms_) / 1e3;
      continue;
    }
    outcome.status = std::move(task.status);
    outcome.warnings = std::move(task.warnings);
    outcome.seconds = task.seconds;
    sink.Absorb(task.sink);
    if (core::Status absorbed = sink.TakeStatus(); outcome.status && !absorbed) {
      outcome.status = std::move(absorbed);
    }
    task.state = TaskState::kIdle;
  }
  return outcomes;
}

}  // namespace sextant::node
