// What one running query may use, and has used: its deadline, its cancellation, its samples and bytes, its
// annotations. Everything that loops during evaluation asks Tick() so that a query stops soon after it
// should. Owned by one query, on one thread; a part of the query that another thread computes gets a context
// of its own, which counts into the same limits and is absorbed when it is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/memory_budget.h"
#include "core/parallel.h"
#include "core/result.h"
#include "metrics/promql/annotations.h"
#include "metrics/promql/query_result.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

class QueryProfile;

struct QueryLimits {
  int64_t max_samples = 0;
  int64_t max_bytes = 0;                // 0: no limit
  core::MemoryShare* memory = nullptr;  // what all queries share; null: no limit
  DurationMs timeout_ms = 0;
  const std::atomic<bool>* cancelled = nullptr;
  // Whose threads may take part; null: the query's own thread alone.
  core::Parallel* parallel = nullptr;
};

// What all parts of a query hold together. Thread-safe.
class QueryHoldings {
 public:
  explicit QueryHoldings(const QueryLimits& limits) : limits_(limits) {}
  ~QueryHoldings();
  QueryHoldings(const QueryHoldings&) = delete;
  QueryHoldings& operator=(const QueryHoldings&) = delete;

  core::Status Hold(int64_t samples, int64_t bytes);
  void Release(int64_t samples, int64_t bytes) {
    samples_.fetch_sub(samples, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  int64_t peak_samples() const { return peak_samples_.load(std::memory_order_relaxed); }
  int64_t peak_bytes() const { return peak_bytes_.load(std::memory_order_relaxed); }

 private:
  // Bytes are taken from the shared memory in steps of this size and given back when the query ends.
  static constexpr int64_t kReserveStepBytes = 1 << 20;

  core::Status Reserve(int64_t bytes);

  const QueryLimits& limits_;
  std::atomic<int64_t> samples_ = 0;
  std::atomic<int64_t> bytes_ = 0;
  std::atomic<int64_t> peak_samples_ = 0;
  std::atomic<int64_t> peak_bytes_ = 0;
  std::mutex reserve_mutex_;
  std::atomic<int64_t> reserved_bytes_ = 0;  // grows only with the lock held
};

class QueryContext {
 public:
  QueryContext(const QueryLimits& limits, const core::Clock& clock)
      : limits_(limits),
        clock_(clock),
        deadline_ns_(clock.MonotonicNs() + limits.timeout_ms * 1'000'000),
        own_holdings_(std::in_place, limits_),
        holdings_(*own_holdings_) {}
  // For a part of a query. `whole` must outlive it and not be used for anything but other parts until it is
  // absorbed.
  explicit QueryContext(const QueryContext& whole, std::in_place_t)
      : limits_(whole.limits_),
        clock_(whole.clock_),
        deadline_ns_(whole.deadline_ns_),
        holdings_(whole.holdings_) {
    TrackSteps(whole.stats_.samples_per_step.size());
  }
  QueryContext(const QueryContext&) = delete;
  QueryContext& operator=(const QueryContext&) = delete;

  // Counts `work` (about one per sample touched) and now and then looks at the clock and the cancellation
  // flag.
  core::Status Tick(size_t work) {
    work_left_ -= static_cast<int64_t>(work) + 1;
    if (work_left_ > 0) [[likely]]
      return {};
    return Check();
  }
  // The same for the innermost loops: true when the query must stop; the caller then returns Check()'s error.
  bool Spend(size_t work) {
    work_left_ -= static_cast<int64_t>(work) + 1;
    return work_left_ <= 0 && !Check().has_value();
  }
  // Looks now: kCancelled or kDeadlineExceeded when the query must stop.
  core::Status Check();

  // Accounts samples and bytes that are held from now on; kResourceExhausted over the limit.
  core::Status Hold(int64_t samples, int64_t bytes) { return holdings_.Hold(samples, bytes); }
  void Release(int64_t samples, int64_t bytes) { holdings_.Release(samples, bytes); }

  // Counts samples that were looked at for a step, as Prometheus' query statistics do.
  void CountSamples(size_t step, int64_t samples) {
    stats_.total_samples += samples;
    if (step < stats_.samples_per_step.size()) stats_.samples_per_step[step] += samples;
  }
  void TrackSteps(size_t steps) { stats_.samples_per_step.assign(steps, 0); }

  // Where what each node takes is noted; null: nowhere.
  QueryProfile* profile() const { return profile_; }
  void set_profile(QueryProfile* profile) { profile_ = profile; }

  Annotations& annotations() { return annotations_; }
  QueryStats& stats() { return stats_; }

  // Adds what a part counted and noted. Parts are absorbed in the order in which one thread would have
  // computed them, so that annotations keep theirs.
  void Absorb(QueryContext& part);
  core::Parallel* parallel() const { return limits_.parallel; }
  // Writes the peaks into the statistics.
  void FinishStats() {
    stats_.peak_samples = holdings_.peak_samples();
    stats_.peak_bytes = holdings_.peak_bytes();
  }

 private:
  static constexpr int64_t kWorkBetweenChecks = 100'000;

  const QueryLimits limits_;
  const core::Clock& clock_;
  const int64_t deadline_ns_;
  int64_t work_left_ = kWorkBetweenChecks;
  std::optional<QueryHoldings> own_holdings_;  // not of parts
  QueryHoldings& holdings_;
  QueryProfile* profile_ = nullptr;
  Annotations annotations_;
  QueryStats stats_;
};

// Samples and bytes held as long as this lives. Movable.
class Holding {
 public:
  explicit Holding(QueryContext& context) : context_(&context) {}
  Holding(Holding&& other) noexcept
      : context_(other.context_),
        samples_(std::exchange(other.samples_, 0)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Holding& operator=(Holding&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(samples_, other.samples_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Holding() { Reset(); }

  core::Status Add(int64_t samples, int64_t bytes) {
    samples_ += samples;
    bytes_ += bytes;
    return context_->Hold(samples, bytes);
  }
  void Reset() {
    context_->Release(samples_, bytes_);
    samples_ = bytes_ = 0;
  }

 private:
  QueryContext* context_;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace sextant::promql
