// Evaluates rules that do not depend on each other at the same time: a bound on how many of all groups do,
// over threads that are free.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>

#include "core/executor.h"

namespace sextant::rules {

class ConcurrentEvals {
 public:
  // At most `limit` evaluations run besides those that the groups' own threads do. `executor` must outlive
  // this.
  ConcurrentEvals(core::Executor& executor, size_t limit) : executor_(executor), free_(limit) {}

  // Calls work(0) … work(count - 1), each once, some of them on other threads when there is room, and returns
  // when all have returned. Any thread, any number at once; `work` must not throw.
  void Run(size_t count, const std::function<void(size_t)>& work);

 private:
  size_t Take(size_t most);
  void GiveBack(size_t count);

  core::Executor& executor_;
  std::mutex mutex_;
  size_t free_;  // guarded by mutex_
};

}  // namespace sextant::rules
