#include "metrics/rules/concurrent_evals.h"

#include <algorithm>

#include "core/parallel.h"

namespace sextant::rules {

void ConcurrentEvals::Run(size_t count, const std::function<void(size_t)>& work) {
  const size_t helpers = count > 1 ? Take(count - 1) : 0;
  core::ExecutorParallel(executor_, core::Priority::kAlerting, helpers + 1).Run(count, work);
  GiveBack(helpers);
}

size_t ConcurrentEvals::Take(size_t most) {
  const std::lock_guard lock(mutex_);
  const size_t taken = std::min(most, free_);
  free_ -= taken;
  return taken;
}

void ConcurrentEvals::GiveBack(size_t count) {
  const std::lock_guard lock(mutex_);
  free_ += count;
}

}  // namespace sextant::rules
