#include "metrics/promql/query_context.h"

#include <algorithm>

#include "metrics/promql/query_profile.h"

namespace sextant::promql {

core::Status QueryContext::Check() {
  stats_.longest_stretch = std::max(stats_.longest_stretch, kWorkBetweenChecks - work_left_);
  work_left_ = 0;
  if (limits_.cancelled && limits_.cancelled->load(std::memory_order_relaxed)) {
    return core::Fail(core::Code::kCancelled, "query was canceled in expression evaluation");
  }
  if (clock_.MonotonicNs() >= deadline_ns_) {
    return core::Fail(core::Code::kDeadlineExceeded, "query timed out in expression evaluation");
  }
  work_left_ = kWorkBetweenChecks;
  return {};
}

QueryContext::QueryContext(const QueryLimits& limits, const core::Clock& clock)
    : limits_(limits),
      clock_(clock),
      deadline_ns_(clock.MonotonicNs() + limits.timeout_ms * 1'000'000),
      holdings_(std::make_shared<QueryHoldings>(limits)) {}

QueryContext::QueryContext(const QueryContext& whole, std::in_place_t)
    : limits_(whole.limits_),
      clock_(whole.clock_),
      deadline_ns_(whole.deadline_ns_),
      holdings_(whole.holdings_) {
  TrackSteps(whole.stats_.samples_per_step.size());
  if (whole.profile_ == nullptr) return;
  own_profile_ = std::make_unique<QueryProfile>(clock_);
  profile_ = own_profile_.get();
}

QueryContext::~QueryContext() = default;

void QueryContext::NoteSharedTime(int64_t ns) {
  if (profile_ != nullptr) profile_->AddSharedTime(ns);
}

void QueryContext::Absorb(QueryContext& part) {
  if (part.own_profile_ && profile_) profile_->Absorb(*part.own_profile_);
  annotations_.Absorb(std::move(part.annotations_));
  stats_.total_samples += part.stats_.total_samples;
  stats_.longest_stretch = std::max(stats_.longest_stretch, part.stats_.longest_stretch);
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
  if (held_samples > max_samples_) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would load too many samples into memory in query execution");
  }
  if (max_bytes_ > 0 && held_bytes > max_bytes_) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would use more than {} bytes of memory in query execution",
                      max_bytes_);
  }
  return held_bytes > reserved_bytes_.load(std::memory_order_relaxed) ? Reserve(held_bytes) : core::Status();
}

core::Status QueryHoldings::Reserve(int64_t bytes) {
  if (memory_ == nullptr) return {};
  std::lock_guard lock(reserve_mutex_);
  int64_t reserved = reserved_bytes_.load(std::memory_order_relaxed);
  if (bytes <= reserved) return {};
  int64_t step = (bytes - reserved + kReserveStepBytes - 1) / kReserveStepBytes * kReserveStepBytes;
  SEXTANT_TRY(memory_->Take(static_cast<uint64_t>(step)));
  reserved_bytes_.store(reserved + step, std::memory_order_relaxed);
  return {};
}

void QueryHoldings::GiveBackUnused() {
  if (memory_ == nullptr) return;
  std::lock_guard lock(reserve_mutex_);
  int64_t reserved = reserved_bytes_.load(std::memory_order_relaxed);
  int64_t unused = (reserved - held_bytes()) / kReserveStepBytes * kReserveStepBytes;
  if (unused <= 0) return;
  reserved_bytes_.store(reserved - unused, std::memory_order_relaxed);
  memory_->GiveBack(static_cast<uint64_t>(unused));
}

core::Result<HeldScalar> HeldScalar::Make(size_t steps, double value, QueryContext& context) {
  HeldScalar scalar{{}, Holding(context)};
  SEXTANT_TRY(scalar.holding.Add(0, static_cast<int64_t>(steps * sizeof(double))));
  scalar.values.reserve(steps);
  SEXTANT_TRY(InBlocks(context, steps, 1, [&](size_t, size_t end) { scalar.values.resize(end, value); }));
  return scalar;
}

QueryHoldings::~QueryHoldings() {
  int64_t reserved = reserved_bytes_.load(std::memory_order_relaxed);
  if (reserved > 0) memory_->GiveBack(static_cast<uint64_t>(reserved));
}

}  // namespace sextant::promql
