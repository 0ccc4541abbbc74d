#include "core/executor.h"

#include <algorithm>

namespace sextant::core {

Executor::Executor(ExecutorOptions options) : options_(options) {
  size_t count = std::max<size_t>(2, options_.threads);
  threads_.reserve(count);
  for (size_t i = 0; i < count; ++i) threads_.emplace_back([this] { Run(); });
}

Executor::~Executor() { Stop(); }

Status Executor::Submit(Priority priority, Task task) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return Fail(Code::kUnavailable, "shutting down");
    auto& queue = queues_[static_cast<size_t>(priority)];
    if (queue.size() >= options_.queue_limit_tasks) {
      return Fail(Code::kResourceExhausted, "too much work is waiting ({} tasks); try again later",
                  queue.size());
    }
    queue.push_back(std::move(task));
  }
  wake_.notify_one();
  return {};
}

size_t Executor::QueuedTasks(Priority priority) const {
  std::lock_guard lock(mutex_);
  return queues_[static_cast<size_t>(priority)].size();
}

void Executor::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// Takes the most urgent task that may run now. Called with the lock held.
bool Executor::PopTask(Task& task, bool& is_slow) {
  for (size_t i = 0; i < kPriorityCount; ++i) {
    is_slow = i >= static_cast<size_t>(Priority::kQuery);
    if (is_slow && slow_running_ + 1 >= std::max<size_t>(2, options_.threads)) return false;
    if (queues_[i].empty()) continue;
    task = std::move(queues_[i].front());
    queues_[i].pop_front();
    return true;
  }
  return false;
}

// Whether queries or background work wait, for which another thread may just have found no place.
bool Executor::HasSlowTasks() const {
  return !queues_[static_cast<size_t>(Priority::kQuery)].empty() ||
         !queues_[static_cast<size_t>(Priority::kBackground)].empty();
}

void Executor::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    Task task;
    bool is_slow = false;
    if (PopTask(task, is_slow)) {
      slow_running_ += is_slow;
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      slow_running_ -= is_slow;
      if (stopping_) {
        wake_.notify_all();
      } else if (is_slow && HasSlowTasks()) {
        wake_.notify_one();
      }
      continue;
    }
    bool is_empty =
        std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) { return queue.empty(); });
    if (stopping_ && is_empty) return;
    wake_.wait(lock);
  }
}

}  // namespace sextant::core
