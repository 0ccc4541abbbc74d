#include "metrics/tsdb/appender.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace sextant::tsdb {

using core::Code;
using core::Status;
using model::AppendOutcome;
using model::AppendResult;

namespace {

constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();

}  // namespace

DbAppender::DbAppender(std::shared_ptr<Store> store)
    : store_(std::move(store)),
      epoch_(store_->epochs.Acquire()),
      max_time_ms_(store_->options.max_future_ms == 0
                       ? kMaxTime
                       : store_->clock.NowMs() + store_->options.max_future_ms),
      batch_(store_->buffers.Take()),
      min_batch_time_ms_(kMaxTime) {}

DbAppender::~DbAppender() {
  store_->buffers.GiveBack(std::move(batch_));
  store_->epochs.Release(epoch_);
}

AppendOutcome DbAppender::CheckTime(TimestampMs time_ms) {
  if (time_ms < store_->append_floor_ms.load(std::memory_order_relaxed) || time_ms == kNoTime) {
    store_->metrics.out_of_bound_samples.Increment();
    return AppendOutcome::kOutOfBounds;
  }
  if (time_ms > max_time_ms_) {
    store_->metrics.too_far_in_future_samples.Increment();
    return AppendOutcome::kTooFarInFuture;
  }
  return AppendOutcome::kOk;
}

AppendResult DbAppender::Append(SeriesRef ref, const model::Labels& labels, TimestampMs time_ms,
                                double value) {
  SeriesRecord* record = ref == 0 ? nullptr : store_->head.FindForUse(ref, epoch_);
  if (record == nullptr) {
    if (labels.empty()) return {0, ref == 0 ? AppendOutcome::kInvalidLabels : AppendOutcome::kUnknownRef};
    if (AppendOutcome outcome = CheckTime(time_ms); outcome != AppendOutcome::kOk) return {0, outcome};
    AppendOutcome outcome = store_->head.FindOrAdd(labels, epoch_, ref);
    if (outcome != AppendOutcome::kOk) return {0, outcome};
    record = store_->head.Find(ref);
  } else if (AppendOutcome outcome = CheckTime(time_ms); outcome != AppendOutcome::kOk) {
    return {ref, outcome};
  }

  uint64_t bits = std::bit_cast<uint64_t>(value);
  TimestampMs last_time_ms = record->last_time_ms.load(std::memory_order_relaxed);
  if (time_ms <= last_time_ms) {
    if (time_ms < last_time_ms) {
      store_->metrics.out_of_order_samples.Increment();
      return {ref, AppendOutcome::kOutOfOrder};
    }
    if (bits == record->last_bits.load(std::memory_order_relaxed)) return {ref, AppendOutcome::kOk};
    store_->metrics.duplicate_samples.Increment();
    return {ref, AppendOutcome::kDuplicateTimestamp};
  }
  if (!record->is_journaled.load(std::memory_order_relaxed)) batch_->undefined.push_back(ref);
  batch_->refs.push_back(ref);
  batch_->times_ms.push_back(time_ms);
  batch_->bits.push_back(bits);
  min_batch_time_ms_ = std::min(min_batch_time_ms_, time_ms);
  return {ref, AppendOutcome::kOk};
}

AppendResult DbAppender::AppendSample(SeriesRef ref, const model::Labels& labels,
                                      const model::Sample& sample) {
  if (sample.histogram != nullptr) return {ref, AppendOutcome::kInvalidHistogram};
  return Append(ref, labels, sample.time_ms, sample.value);
}

AppendResult DbAppender::AppendExemplar(SeriesRef ref, const model::Labels&, const model::Exemplar&) {
  return {ref, AppendOutcome::kOk};
}

AppendResult DbAppender::UpdateMetadata(SeriesRef ref, const model::Labels&, const model::MetricMetadata&) {
  return {ref, AppendOutcome::kOk};
}

void DbAppender::DropSamplesBefore(TimestampMs floor_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < batch_->refs.size(); ++i) {
    if (batch_->times_ms[i] < floor_ms) continue;
    batch_->refs[kept] = batch_->refs[i];
    batch_->times_ms[kept] = batch_->times_ms[i];
    batch_->bits[kept] = batch_->bits[i];
    ++kept;
  }
  store_->metrics.out_of_bound_samples.Increment(static_cast<double>(batch_->refs.size() - kept));
  batch_->refs.resize(kept);
  batch_->times_ms.resize(kept);
  batch_->bits.resize(kept);
}

Status DbAppender::Write(CommitTracker::Ticket ticket) {
  if (store_->is_closed.load(std::memory_order_acquire)) {
    return core::Fail(Code::kUnavailable, "the metrics store is closed");
  }
  // A block was cut since the samples were taken. The cut waits for this commit's end only if it began
  // before.
  TimestampMs floor_ms = store_->append_floor_ms.load(std::memory_order_acquire);
  if (min_batch_time_ms_ < floor_ms) DropSamplesBefore(floor_ms);
  if (batch_->refs.empty()) return {};

  std::vector<SeriesDefinition> definitions = store_->head.Definitions(batch_->undefined);
  if (!definitions.empty()) store_->SizeJournalStreams();
  Status written = store_->journal->Append(definitions, batch_->samples());
  if (!written) {
    store_->metrics.journal_failures.Increment();
    return written;
  }
  store_->head.MarkJournaled(definitions);
  ApplyCounts counts = store_->head.Apply(ticket, batch_->samples());
  store_->metrics.samples_appended.Increment(static_cast<double>(counts.appended));
  if (counts.out_of_order > 0) {
    store_->metrics.out_of_order_samples.Increment(static_cast<double>(counts.out_of_order));
  }
  return {};
}

Status DbAppender::Commit() {
  if (batch_->refs.empty()) return {};
  CommitTracker::Ticket ticket = store_->commits.Begin();
  Status written = Write(ticket);
  store_->commits.Finish(ticket);
  batch_->Clear();
  // Full chunks are in memory and in the journal: a failure to write them now costs nothing but memory.
  if (Status flushed = store_->chunks.Flush(/*even_little=*/false); !flushed) {
    store_->logger.Warn("full chunks stay in memory since they cannot be written",
                        {{"error", flushed.error()}});
  }
  return written;
}

void DbAppender::Rollback() { batch_->Clear(); }

}  // namespace sextant::tsdb
