// Runs work off the I/O threads: a fixed number of threads and one bounded queue per priority. Ingestion goes
// before alerting, alerting before queries, queries before background work; one thread is always left to what
// is more urgent than queries, so that a pile of slow queries cannot stop a scrape.
//
// Thread-safe. Stop() runs what is queued, refuses what is new, and returns when all threads have ended.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/result.h"

namespace sextant::core {

enum class Priority { kIngest, kAlerting, kQuery, kBackground };
inline constexpr size_t kPriorityCount = 4;

struct ExecutorOptions {
  size_t threads = 2;                 // at least 2
  size_t queue_limit_tasks = 10'000;  // per priority
};

class Executor {
 public:
  using Task = std::function<void()>;

  explicit Executor(ExecutorOptions options);
  ~Executor();  // stops
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Queues a task; kResourceExhausted when the queue of this priority is full, kUnavailable after Stop. A
  // task must not throw and must not wait for a task of this executor that may not have begun.
  Status Submit(Priority priority, Task task);

  // Tasks waiting at a priority.
  size_t QueuedTasks(Priority priority) const;

  // Runs what is queued and joins the threads. May be called again.
  void Stop();

 private:
  void Run();
  bool PopTask(Task& task, bool& is_slow);
  bool HasSlowTasks() const;

  const ExecutorOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::array<std::deque<Task>, kPriorityCount> queues_;
  size_t slow_running_ = 0;  // tasks of kQuery or kBackground under way
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sextant::core
