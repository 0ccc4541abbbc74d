// The seams between those who produce samples, the store, and those who ask: Appender and Querier. Scrapes
// and rules write through an Appender, PromQL and the API read through a Querier, and neither knows the store
// behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace sextant::model {

using core::DurationMs;
using core::TimestampMs;

// Names a series inside one store while the process runs; never reused for another series. 0 is no series.
using SeriesRef = uint64_t;

// What became of one appended sample.
enum class AppendOutcome : uint8_t {
  kOk,                  // taken; durable and visible after Commit
  kUnknownRef,          // the ref's series is gone, and no labels were given: append again with labels
  kOutOfOrder,          // older than the series' newest sample, and the store takes no such
  kTooOld,              // older than the store's out-of-order window
  kDuplicateTimestamp,  // the newest sample has this time and another value (an equal value is kOk and
                        // dropped)
  kOutOfBounds,         // too old for the store's window
  kTooFarInFuture,      // too far ahead of the clock
  kSeriesLimit,         // a new series, and there are as many as the store takes
  kMemoryLimit,         // a new series, and the store's memory for series is used up
  kInvalidLabels,       // no labels, invalid UTF-8, or a name or value over the store's size limit
  kInvalidHistogram,    // its counts, spans or bounds contradict each other
  kInvalidExemplar,     // its labels are longer than 128 characters together
  kOutOfOrderExemplar,  // older than the series' newest exemplar, or equal to it
};

// Why a sample was not taken, in Prometheus' words where it has them; empty for kOk.
std::string_view OutcomeText(AppendOutcome outcome);

struct AppendResult {
  SeriesRef ref = 0;
  AppendOutcome outcome = AppendOutcome::kOk;
};

// A sample with everything that may come with it.
struct Sample {
  TimestampMs time_ms = 0;
  double value = 0;
  const FloatHistogram* histogram = nullptr;  // replaces `value`; read during the call only
  // Since when the counter or histogram counts; 0: not known.
  TimestampMs start_ms = 0;
};

// A traced observation behind a series' sample.
struct Exemplar {
  Labels labels;  // such as trace_id; may be empty
  double value = 0;
  TimestampMs time_ms = 0;

  friend bool operator==(const Exemplar&, const Exemplar&) = default;
};

// What a target says of a metric family.
struct MetricMetadata {
  std::string type;  // "counter", "gauge", "histogram", "summary", "info", "stateset", "unknown"
  std::string help;
  std::string unit;

  friend bool operator==(const MetricMetadata&, const MetricMetadata&) = default;
};

// One batch of samples: a scrape, an evaluated rule. The batch becomes visible to queries as a whole, and is
// durable (survives kill -9) when Commit returns success. Owned by one thread; many appenders may work at
// once. A destroyed appender that was not committed is rolled back.
class Appender {
 public:
  virtual ~Appender() = default;

  // Adds a sample. With a ref of an earlier append, `labels` may be empty and nothing is hashed: the fast
  // path. With ref 0 the series is found or made by its labels. The result carries the ref to use next time.
  virtual AppendResult Append(SeriesRef ref, const Labels& labels, TimestampMs time_ms, double value) = 0;

  // The same for a sample that is a native histogram or has a start time.
  virtual AppendResult AppendSample(SeriesRef ref, const Labels& labels, const Sample& sample) = 0;
  // Adds an exemplar to a series that has samples. kOk also when the store keeps none.
  virtual AppendResult AppendExemplar(SeriesRef ref, const Labels& labels, const Exemplar& exemplar) = 0;
  // Says what a series' metric family is; replaces what was said before.
  virtual AppendResult UpdateMetadata(SeriesRef ref, const Labels& labels,
                                      const MetricMetadata& metadata) = 0;

  // Whether samples older than their series' newest are refused from now on even within the store's
  // out-of-order window: for stale markers, which mean nothing when something newer is there.
  virtual void RefuseOutOfOrder(bool /*is_refused*/) {}

  // Writes the batch to the journal and publishes it. After a failure nothing of it is visible. Call once.
  virtual core::Status Commit() = 0;
  virtual void Rollback() = 0;
};

class Appendable {
 public:
  virtual ~Appendable() = default;
  virtual std::unique_ptr<Appender> NewAppender() = 0;
};

// Decoded samples of one series, ascending in time. When `histograms` is not empty it has the same length,
// and a non-null entry replaces the value at that place. When `start_times_ms` is not empty it has the same
// length; 0 is not known.
struct SampleColumns {
  std::vector<TimestampMs> times_ms;
  std::vector<double> values;
  std::vector<std::shared_ptr<const FloatHistogram>> histograms;
  std::vector<TimestampMs> start_times_ms;

  size_t size() const { return times_ms.size(); }
  void clear() {
    times_ms.clear();
    values.clear();
    histograms.clear();
    start_times_ms.clear();
  }

  void Add(TimestampMs time_ms, double value, TimestampMs start_ms = 0) {
    times_ms.push_back(time_ms);
    values.push_back(value);
    if (!histograms.empty()) histograms.resize(size());
    AddStart(start_ms);
  }
  void AddHistogram(TimestampMs time_ms, std::shared_ptr<const FloatHistogram> histogram,
                    TimestampMs start_ms = 0) {
    times_ms.push_back(time_ms);
    values.push_back(0);
    histograms.resize(size());
    histograms.back() = std::move(histogram);
    AddStart(start_ms);
  }
  // Cuts off what is after the first `count` samples, or, after samples were put into `times_ms` and `values`
  // alone, completes the other columns.
  void Resize(size_t count) {
    times_ms.resize(count);
    values.resize(count);
    if (!histograms.empty()) histograms.resize(count);
    if (!start_times_ms.empty()) start_times_ms.resize(count);
  }

 private:
  void AddStart(TimestampMs start_ms) {
    if (start_ms == 0 && start_times_ms.empty()) return;
    start_times_ms.resize(size());
    start_times_ms.back() = start_ms;
  }
};

// The series that a selector found, by index, so that shards on several threads can share one set. Const
// methods may be called from any thread; the set keeps what it needs alive.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;

  virtual size_t size() const = 0;
  virtual const Labels& labels(size_t index) const = 0;
  // What is missing in the set without making it wrong, such as what another server did not answer; for the
  // user.
  virtual std::vector<std::string> Warnings() const { return {}; }
  // Replaces `out` with the samples of a series with start_ms <= time <= end_ms (stale markers included).
  virtual core::Status Read(size_t index, TimestampMs start_ms, TimestampMs end_ms,
                            SampleColumns& out) const = 0;
  // The same for whoever looks at the newest of them only: those before it may be missing.
  virtual core::Status ReadNewest(size_t index, TimestampMs start_ms, TimestampMs end_ms,
                                  SampleColumns& out) const {
    return Read(index, start_ms, end_ms, out);
  }
};

// Asked every few milliseconds by what may take long; a failure ends the work and is what it returns. Once it
// has failed it fails at each further question.
using StopCheck = std::function<core::Status()>;

// Asks a check once per so much work.
class PacedCheck {
 public:
  // Null: nobody minds. `check` must outlive this.
  explicit PacedCheck(const StopCheck* check) : check_(check) {}

  // Notes work in units of some 100 ns.
  core::Status Worked(size_t units = 1) {
    worked_ += units;
    if (worked_ < kUnitsBetweenChecks) return {};
    worked_ = 0;
    return check_ == nullptr ? core::Status() : (*check_)();
  }

  static constexpr size_t kUnitsBetweenChecks = 4096;

 private:
  const StopCheck* const check_;
  size_t worked_ = 0;
};

// What a lookup is for; lets a store skip what is not needed. All of it is advice except `sorted`.
struct SelectHints {
  TimestampMs start_ms = 0;
  TimestampMs end_ms = 0;
  DurationMs step_ms = 0;
  DurationMs range_ms = 0;
  bool sorted = false;       // series in label order
  bool series_only = false;  // only labels will be read
  size_t limit = 0;          // at most this many series; 0 is no limit
  // Asked on the calling thread while the store looks. Null: nobody minds. Need not outlive the call.
  const StopCheck* check = nullptr;

  core::Status Check() const { return check == nullptr ? core::Status() : (*check)(); }
};

// Reads a time range of a store. Any thread may call; results do not change once returned.
class Querier {
 public:
  virtual ~Querier() = default;

  // Series that match all matchers and may have samples in the range.
  virtual core::Result<std::unique_ptr<SeriesSet>> Select(const std::vector<Matcher>& matchers,
                                                          const SelectHints& hints) const = 0;
  // Sorted values of a label, or sorted label names, of the series that match (all, without matchers). Of
  // the hints, `limit` and `check` count.
  virtual core::Result<std::vector<std::string>> LabelValues(std::string_view name,
                                                             const std::vector<Matcher>& matchers,
                                                             const SelectHints& hints) const = 0;
  virtual core::Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                                            const SelectHints& hints) const = 0;
};

class Queryable {
 public:
  virtual ~Queryable() = default;
  // A view of the samples with start_ms <= time <= end_ms.
  virtual core::Result<std::unique_ptr<Querier>> NewQuerier(TimestampMs start_ms,
                                                            TimestampMs end_ms) const = 0;
};

}  // namespace sextant::model
