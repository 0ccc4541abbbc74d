// Spreads the pieces of one computation over the cores that are free at the moment.
//
// Whoever computes goes on computing: the calling thread takes pieces like the others, so that a machine
// whose threads are all busy is as fast as if there were no helpers, and nothing ever waits for a thread to
// become free.
#pragma once

#include <cstddef>
#include <functional>

#include "core/executor.h"

namespace sextant::core {

class Parallel {
 public:
  virtual ~Parallel() = default;

  // Most threads that work on one computation, the caller's included.
  virtual size_t width() const = 0;
  // Calls work(0) … work(pieces - 1), each once, in any order, some of them on other threads, and returns
  // when all have returned. What they wrote is visible to the caller then. `work` must not throw. Any thread
  // may call, any number at once.
  virtual void Run(size_t pieces, const std::function<void(size_t)>& work) = 0;
};

// Borrows threads of an executor at one priority. Helpers are queued like other tasks, so that they never
// come before what is more urgent, and only while few tasks wait, so that many computations at once keep to
// their own threads.
class ExecutorParallel final : public Parallel {
 public:
  // `executor` must outlive this and all that Run was called for.
  ExecutorParallel(Executor& executor, Priority priority, size_t width)
      : executor_(executor), priority_(priority), width_(width) {}

  size_t width() const override { return width_; }
  void Run(size_t pieces, const std::function<void(size_t)>& work) override;

 private:
  Executor& executor_;
  const Priority priority_;
  const size_t width_;
};

}  // namespace sextant::core
