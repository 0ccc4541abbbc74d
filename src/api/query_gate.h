// How many queries of the API run at once (--query.max-concurrency). One over the number waits, without
// holding a thread: a thread that ends a query takes the oldest that waits. Thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

namespace sextant::api {

class QueryGate {
 public:
  using Task = std::function<void()>;

  explicit QueryGate(size_t max_running) : max_running_(max_running < 1 ? 1 : max_running) {}
  QueryGate(const QueryGate&) = delete;
  QueryGate& operator=(const QueryGate&) = delete;

  // Runs the task on this thread now, or later on that of a query that ends. Tasks must not throw. How many
  // may wait is bounded by who calls: each waits with a connection.
  void Run(Task task);

 private:
  const size_t max_running_;
  std::mutex mutex_;
  size_t running_ = 0;        // guarded by mutex_
  std::deque<Task> waiting_;  // likewise
};

}  // namespace sextant::api
