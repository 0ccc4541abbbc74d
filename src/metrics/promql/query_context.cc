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

void QueryContext::Absorb(QueryContext& part) {
  annotations_.Absorb(std::move(part.annotations_));
  stats_.total_samples += part.stats_.total_samples;
  for (size_t step = 0; step < stats_.samples_per_step.size(); ++step) {
    stats_.samples_per_step[step] += part.stats_.samples_per_step[step];
  }
}

namespace {

void RaiseTo(std::atomic<int64_t>& peak, int64_t value) {
  int64_t seen = peak.load(std::memory_order_relaxed);
  while (value > seen && !peak.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

core::Status QueryHoldings::Hold(int64_t samples, int64_t bytes) {
  int64_t held_samples = samples_.fetch_add(samples, std::memory_order_relaxed) + samples;
  int64_t held_bytes = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  RaiseTo(peak_samples_, held_samples);
  RaiseTo(peak_bytes_, held_bytes);
  if (held_samples > limits_.max_samples) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would load too many samples into memory in query execution");
  }
  if (limits_.max_bytes > 0 && held_bytes > limits_.max_bytes) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would use more than {} bytes of memory in query execution",
                      limits_.max_bytes);
  }
  return held_bytes > reserved_bytes_.load(std::memory_order_relaxed) ? Reserve(held_bytes) : core::Status();
}

core::Status QueryHoldings::Reserve(int64_t bytes) {
  if (limits_.memory == nullptr) return {};
  std::lock_guard lock(reserve_mutex_);
  int64_t reserved = reserved_bytes_.load(std::memory_order_relaxed);
  if (bytes <= reserved) return {};
  int64_t step = (bytes - reserved + kReserveStepBytes - 1) / kReserveStepBytes * kReserveStepBytes;
  SEXTANT_TRY(limits_.memory->Take(static_cast<uint64_t>(step)));
  reserved_bytes_.store(reserved + step, std::memory_order_relaxed);
  return {};
}

QueryHoldings::~QueryHoldings() {
  int64_t reserved = reserved_bytes_.load(std::memory_order_relaxed);
  if (reserved > 0) limits_.memory->GiveBack(static_cast<uint64_t>(reserved));
}

}  // namespace sextant::promql
