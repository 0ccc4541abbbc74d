#include "metrics/promql/query_context.h"

#include <algorithm>

namespace sextant::promql {

core::Status QueryContext::Check() {
  work_left_ = kWorkBetweenChecks;
  if (limits_.cancelled && limits_.cancelled->load(std::memory_order_relaxed)) {
    return core::Fail(core::Code::kCancelled, "query was canceled in expression evaluation");
  }
  if (clock_.MonotonicNs() >= deadline_ns_) {
    return core::Fail(core::Code::kDeadlineExceeded, "query timed out in expression evaluation");
  }
  return {};
}

core::Status QueryContext::Hold(int64_t samples, int64_t bytes) {
  samples_ += samples;
  bytes_ += bytes;
  stats_.peak_samples = std::max(stats_.peak_samples, samples_);
  stats_.peak_bytes = std::max(stats_.peak_bytes, bytes_);
  if (samples_ > limits_.max_samples) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would load too many samples into memory in query execution");
  }
  if (limits_.max_bytes > 0 && bytes_ > limits_.max_bytes) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would use more than {} bytes of memory in query execution",
                      limits_.max_bytes);
  }
  return bytes_ > reserved_bytes_ ? Reserve() : core::Status();
}

core::Status QueryContext::Reserve() {
  if (limits_.memory == nullptr) return {};
  int64_t missing = bytes_ - reserved_bytes_;
  int64_t step = (missing + kReserveStepBytes - 1) / kReserveStepBytes * kReserveStepBytes;
  SEXTANT_TRY(limits_.memory->Take(static_cast<uint64_t>(step)));
  reserved_bytes_ += step;
  return {};
}

QueryContext::~QueryContext() {
  if (reserved_bytes_ > 0) limits_.memory->GiveBack(static_cast<uint64_t>(reserved_bytes_));
}

}  // namespace sextant::promql
