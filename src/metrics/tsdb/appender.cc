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
      window_ms_(store_->out_of_order_window_ms.load(std::memory_order_relaxed)),
      window_newest_ms_(store_->head.max_time_ms()),
      batch_(store_->buffers.Take()),
      min_batch_time_ms_(kMaxTime) {}

DbAppender::~DbAppender() {
  store_->buffers.GiveBack(std::move(batch_));
  store_->epochs.Release(epoch_);
}

bool DbAppender::IsTooOld(TimestampMs time_ms) const {
  return time_ms<window_newest_ms_&& static_cast<uint64_t>(
      WrappingSub(window_newest_ms_, time_ms))> static_cast<uint64_t>(window_ms_);
}

AppendOutcome DbAppender::CheckTime(TimestampMs time_ms) {
  bool is_before_floor = time_ms < store_->append_floor_ms.load(std::memory_order_relaxed);
  if ((is_before_floor && window_ms_ == 0) || time_ms == kNoTime) {
    store_->metrics.out_of_bound_samples.Increment();
    return AppendOutcome::kOutOfBounds;
  }
  if (time_ms > max_time_ms_) {
    store_->metrics.too_far_in_future_samples.Increment();
    return AppendOutcome::kTooFarInFuture;
  }
  if (is_before_floor && IsTooOld(time_ms)) {
    store_->metrics.too_old_samples.Increment();
    return AppendOutcome::kTooOld;
  }
  return AppendOutcome::kOk;
}

void DbAppender::NoteUse(SeriesRef ref, const SeriesRecord& record) {
  if (!record.is_journaled.load(std::memory_order_relaxed)) batch_->undefined.push_back(ref);
}

AppendOutcome DbAppender::AppendOutOfOrder(SeriesRef ref, const SeriesRecord& record,
                                           const OutOfOrderSample& sample) {
  StoreMetrics& metrics = store_->metrics;
  if (window_ms_ == 0 || refuses_out_of_order_) {
    metrics.out_of_order_samples.Increment();
    return AppendOutcome::kOutOfOrder;
  }
  if (IsTooOld(sample.time_ms)) {
    metrics.too_old_samples.Increment();
    return AppendOutcome::kTooOld;
  }
  if (store_->head.out_of_order().IsFull()) {
    metrics.out_of_order_over_limit.Increment();
    return AppendOutcome::kOutOfOrder;
  }
  metrics.out_of_order_delta.Observe(static_cast<double>(WrappingSub(window_newest_ms_, sample.time_ms)) /
                                     1000);
  NoteUse(ref, record);
  batch_->extras.late_refs.push_back(ref);
  batch_->extras.late.push_back(sample);
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
  if (time_ms <= last_time_ms || time_ms < store_->append_floor_ms.load(std::memory_order_relaxed)) {
    if (time_ms != last_time_ms)
      return {ref, AppendOutOfOrder(ref, *record,
                                    {.time_ms = time_ms, .bits = bits, .start_ms = 0, .histogram = nullptr})};
    if (bits == record->last_bits.load(std::memory_order_relaxed)) return {ref, AppendOutcome::kOk};
    store_->metrics.duplicate_samples.Increment();
    return {ref, AppendOutcome::kDuplicateTimestamp};
  }
  NoteUse(ref, *record);
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

AppendResult DbAppender::AppendExemplar(SeriesRef ref, const model::Labels& labels,
                                        const model::Exemplar& exemplar) {
  Head& head = store_->head;
  if (!head.exemplars().is_enabled()) return {ref, AppendOutcome::kOk};
  SeriesRecord* record = head.FindForUse(ref, labels, epoch_);
  if (record == nullptr) return {0, AppendOutcome::kUnknownRef};
  bool is_dropped = false;
  std::optional<model::Labels> series = head.LabelsOf(ref);
  if (!series) return {0, AppendOutcome::kUnknownRef};
  AppendOutcome outcome = head.exemplars().Check(*series, exemplar, is_dropped);
  if (is_dropped) return {ref, outcome};
  NoteUse(ref, *record);
  batch_->extras.exemplars.push_back({ref, exemplar});
  return {ref, AppendOutcome::kOk};
}

AppendResult DbAppender::UpdateMetadata(SeriesRef ref, const model::Labels& labels,
                                        const model::MetricMetadata& metadata) {
  SeriesRecord* record = store_->head.FindForUse(ref, labels, epoch_);
  if (record == nullptr) return {0, AppendOutcome::kUnknownRef};
  if (store_->head.metadata().Has(ref, metadata)) return {ref, AppendOutcome::kOk};
  for (const std::string* text : {&metadata.type, &metadata.help, &metadata.unit}) {
    if (text->size() <= MetadataStore::kMaxTextBytes) continue;
    store_->metrics.invalid_labels.Increment();
    return {ref, AppendOutcome::kInvalidLabels};
  }
  NoteUse(ref, *record);
  batch_->extras.metadata.push_back({ref, metadata});
  return {ref, AppendOutcome::kOk};
}

void DbAppender::DropSamplesBefore(TimestampMs floor_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < batch_->refs.size(); ++i) {
    if (batch_->times_ms[i] < floor_ms) {
      if (window_ms_ == 0) continue;
      batch_->extras.late_refs.push_back(batch_->refs[i]);
      batch_->extras.late.push_back({batch_->times_ms[i], batch_->bits[i], 0, nullptr});
      continue;
    }
    batch_->refs[kept] = batch_->refs[i];
    batch_->times_ms[kept] = batch_->times_ms[i];
    batch_->bits[kept] = batch_->bits[i];
    ++kept;
  }
  if (window_ms_ == 0) {
    store_->metrics.out_of_bound_samples.Increment(static_cast<double>(batch_->refs.size() - kept));
  }
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
  if (batch_->refs.empty() && batch_->extras.empty()) return {};

  std::vector<SeriesDefinition> definitions = store_->head.Definitions(batch_->undefined);
  if (!definitions.empty()) store_->SizeJournalStreams();
  Status written = store_->journal->Append(definitions, batch_->samples(), batch_->extras.Sections());
  if (!written) {
    store_->metrics.journal_failures.Increment();
    return written;
  }
  store_->head.MarkJournaled(definitions);
  ApplyCounts counts = store_->head.Apply(ticket, batch_->samples());
  store_->head.Apply(ticket, batch_->extras);
  store_->metrics.samples_appended.Increment(static_cast<double>(counts.appended));
  if (window_ms_ > 0 && !counts.behind.empty()) {
    SEXTANT_TRY(TakeBehind(ticket, counts));
    counts.out_of_order -= counts.behind.size();
  }
  if (counts.out_of_order > 0) {
    store_->metrics.out_of_order_samples.Increment(static_cast<double>(counts.out_of_order));
  }
  return {};
}

// Samples that were newer than their series' newest when they came are not any more: one later in the batch,
// or in another appender's, is. They are out of order, and the journal is told after all.
Status DbAppender::TakeBehind(CommitTracker::Ticket ticket, const ApplyCounts& counts) {
  BatchExtras behind;
  for (size_t place : counts.behind) {
    behind.late_refs.push_back(batch_->refs[place]);
    behind.late.push_back({batch_->times_ms[place], batch_->bits[place], 0, nullptr});
  }
  Status written = store_->journal->Append({}, {}, behind.Sections());
  if (!written) {
    store_->metrics.journal_failures.Increment();
    return written;
  }
  store_->head.Apply(ticket, behind);
  return {};
}

Status DbAppender::Commit() {
  if (batch_->refs.empty() && batch_->extras.empty()) return {};
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
