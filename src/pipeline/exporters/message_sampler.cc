#include "pipeline/exporters/message_sampler.h"

#include <functional>

namespace sextant::pipeline {

bool MessageSampler::Passes(std::string_view message) {
  int64_t now_ns = clock_.MonotonicNs();
  std::lock_guard lock(mutex_);
  Counter& counter = counters_[std::hash<std::string_view>()(message) % counters_.size()];
  if (now_ns >= counter.reset_ns) counter = {now_ns + kTickNs, 0};
  int64_t number = ++counter.count;
  if (number <= initial_) return true;
  return thereafter_ > 0 && (number - initial_) % thereafter_ == 0;
}

}  // namespace sextant::pipeline
