// What one running query may use, and has used: its deadline, its cancellation, its samples and bytes, its
// annotations. Everything that loops during evaluation asks Tick() so that a query stops soon after it
// should. Owned by one query, on one thread; a part of the query that another thread computes gets a context
// of its own, which counts into the same limits and is absorbed when it is done.
//
// Work is counted in units of about a nanosecond to ten; a thread looks at the clock at least every 100,000
// of them, which is well below the 100 ms within which a query has to stop.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
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
  size_t least_shared_work = 0;  // see EngineOptions
};

// What all parts of a query hold together, and its answer until that is dropped. Thread-safe.
class QueryHoldings {
 public:
  explicit QueryHoldings(const QueryLimits& limits)
      : max_samples_(limits.max_samples), max_bytes_(limits.max_bytes), memory_(limits.memory) {}
  ~QueryHoldings();
  QueryHoldings(const QueryHoldings&) = delete;
  QueryHoldings& operator=(const QueryHoldings&) = delete;

  core::Status Hold(int64_t samples, int64_t bytes);
  void Release(int64_t samples, int64_t bytes) {
    samples_.fetch_sub(samples, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  // Gives back what is taken from the shared memory beyond what is held now. Only while nothing else runs.
  void GiveBackUnused();
  int64_t held_bytes() const { return bytes_.load(std::memory_order_relaxed); }
  int64_t peak_samples() const { return peak_samples_.load(std::memory_order_relaxed); }
  int64_t peak_bytes() const { return peak_bytes_.load(std::memory_order_relaxed); }

 private:
  // Bytes are taken from the shared memory in steps of this size and given back when the query ends.
  static constexpr int64_t kReserveStepBytes = 1 << 20;

  core::Status Reserve(int64_t bytes);

  const int64_t max_samples_;
  const int64_t max_bytes_;
  core::MemoryShare* const memory_;
  std::atomic<int64_t> samples_ = 0;
  std::atomic<int64_t> bytes_ = 0;
  std::atomic<int64_t> peak_samples_ = 0;
  std::atomic<int64_t> peak_bytes_ = 0;
  std::mutex reserve_mutex_;
  std::atomic<int64_t> reserved_bytes_ = 0;  // changes only with the lock held
};

class QueryContext {
 public:
  QueryContext(const QueryLimits& limits, const core::Clock& clock);
  // For a part of a query. `whole` must outlive it and not be used for anything but other parts until it is
  // absorbed.
  explicit QueryContext(const QueryContext& whole, std::in_place_t);
  ~QueryContext();
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
  // Check(), for a store that looks for series a while.
  const std::function<core::Status()>* checker() const { return &checker_; }
  // Looks now: kCancelled or kDeadlineExceeded when the query must stop. From then on each Tick fails.
  core::Status Check();

  // Accounts samples and bytes that are held from now on; kResourceExhausted over the limit.
  core::Status Hold(int64_t samples, int64_t bytes) { return holdings_->Hold(samples, bytes); }
  void Release(int64_t samples, int64_t bytes) { holdings_->Release(samples, bytes); }
  const std::shared_ptr<QueryHoldings>& holdings() const { return holdings_; }

  // Counts samples that were looked at for a step, as Prometheus' query statistics do.
  void CountSamples(size_t step, int64_t samples) {
    stats_.total_samples += samples;
    if (step < stats_.samples_per_step.size()) stats_.samples_per_step[step] += samples;
  }
  // The same for whoever adds up the samples of many steps itself, which is right unless steps are tracked.
  bool tracks_steps() const { return !stats_.samples_per_step.empty(); }
  void CountSamplesOfSteps(int64_t samples) { stats_.total_samples += samples; }
  void TrackSteps(size_t steps) { stats_.samples_per_step.assign(steps, 0); }

  // Where what each node takes is noted; null: nowhere.
  QueryProfile* profile() const { return profile_; }
  void set_profile(QueryProfile* profile) { profile_ = profile; }
  // The clock's time when there is a profile, else 0: what nobody asks for costs nothing.
  int64_t ProfiledNs() const { return profile_ ? clock_.MonotonicNs() : 0; }
  // Adds to the time of all parts of the query that run now what other threads did for them, or, negative,
  // what this thread only waited for.
  void NoteSharedTime(int64_t ns);

  Annotations& annotations() { return annotations_; }
  QueryStats& stats() { return stats_; }

  // Adds what a part counted and noted. Parts are absorbed in the order in which one thread would have
  // computed them, so that annotations keep theirs.
  void Absorb(QueryContext& part);
  core::Parallel* parallel() const { return limits_.parallel; }
  size_t least_shared_work() const { return limits_.least_shared_work; }
  // Writes the peaks into the statistics.
  void FinishStats() {
    stats_.peak_samples = holdings_->peak_samples();
    stats_.peak_bytes = holdings_->peak_bytes();
  }

  // What to count for a series that is read, besides its samples: its chunks may lie on a disk.
  static constexpr size_t kWorkOfSeries = 128;
  static constexpr int64_t kWorkBetweenChecks = 100'000;

 private:
  const QueryLimits limits_;
  const core::Clock& clock_;
  const int64_t deadline_ns_;
  int64_t work_left_ = kWorkBetweenChecks;
  const std::shared_ptr<QueryHoldings> holdings_;
  QueryProfile* profile_ = nullptr;
  std::unique_ptr<QueryProfile> own_profile_;  // of parts, when the whole has one
  const std::function<core::Status()> checker_ = [this] { return Check(); };
  Annotations annotations_;
  QueryStats stats_;
};

// Calls work(begin, end) for [0, count) in blocks, and looks between them whether the query must stop.
// `work_each` is what one item costs.
template <typename Work>
core::Status InBlocks(QueryContext& context, size_t count, size_t work_each, Work&& work) {
  constexpr size_t kBlock = 8'192;
  for (size_t begin = 0; begin < count; begin += kBlock) {
    size_t end = std::min(count, begin + kBlock);
    SEXTANT_TRY(context.Tick((end - begin) * work_each));
    work(begin, end);
  }
  return {};
}

// Replaces `out` by a copy of `from`. The memory of millions of values is not got at once, which takes long.
inline core::Status CopyInBlocks(QueryContext& context, std::span<const double> from,
                                 std::vector<double>& out) {
  out.clear();
  out.reserve(from.size());
  return InBlocks(context, from.size(), 1, [&](size_t begin, size_t end) {
    out.insert(out.end(), from.data() + begin, from.data() + end);
  });
}

// Samples and bytes held as long as this lives. Movable. May outlive the context, but not its holdings.
class Holding {
 public:
  explicit Holding(QueryContext& context) : holdings_(context.holdings().get()) {}
  Holding(Holding&& other) noexcept
      : holdings_(other.holdings_),
        samples_(std::exchange(other.samples_, 0)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Holding& operator=(Holding&& other) noexcept {
    std::swap(holdings_, other.holdings_);
    std::swap(samples_, other.samples_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Holding() { Reset(); }

  core::Status Add(int64_t samples, int64_t bytes) {
    samples_ += samples;
    bytes_ += bytes;
    return holdings_->Hold(samples, bytes);
  }
  void Reset() {
    holdings_->Release(samples_, bytes_);
    samples_ = bytes_ = 0;
  }
  int64_t bytes() const { return bytes_; }

 private:
  QueryHoldings* holdings_;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
};

// The values of a scalar expression at each step, with what they hold.
struct HeldScalar {
  std::vector<double> values;
  Holding holding;

  // `steps` times the same value; accounted for before it is made.
  static core::Result<HeldScalar> Make(size_t steps, double value, QueryContext& context);
};

}  // namespace sextant::promql
