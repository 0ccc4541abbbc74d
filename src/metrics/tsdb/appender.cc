#include "metrics/tsdb/appender.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "model/value.h"

namespace sextant::tsdb {

using core::Code;
using core::Status;
using model::AppendOutcome;
using model::AppendResult;

namespace {

constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();

// A histogram as the store keeps it: of a stale marker, nothing but what makes it one.
std::shared_ptr<const model::FloatHistogram> Kept(const model::FloatHistogram& histogram) {
  if (!IsStaleMarker(histogram)) return std::make_shared<const model::FloatHistogram>(histogram);
  model::FloatHistogram marker;
  marker.is_integer = histogram.is_integer;
  marker.sum = histogram.sum;
  return std::make_shared<const model::FloatHistogram>(std::move(marker));
}

// Half a block before the head's newest sample, as in Prometheus: what comes so late is mostly a clock that
// is wrong, or a time in seconds. One sample of 1970 would have the head cut all blocks since then. An agent,
// which has no blocks, passes it on.
TimestampMs OldestTaken(TimestampMs newest_ms, const DbOptions& options) {
  const DurationMs reach_ms = options.block_range_ms / 2;
  return options.journal_only || newest_ms < kNoTime + reach_ms ? kNoTime : newest_ms - reach_ms;
}

}  // namespace

DbAppender::DbAppender(std::shared_ptr<Store> store)
    : store_(std::move(store)),
      epoch_(store_->epochs.Acquire()),
      max_time_ms_(store_->options.max_future_ms == 0
                       ? kMaxTime
                       : store_->clock.NowMs() + store_->options.max_future_ms),
      window_ms_(store_->out_of_order_window_ms.load(std::memory_order_relaxed)),
      window_newest_ms_(store_->head.max_time_ms()),
      min_time_ms_(OldestTaken(window_newest_ms_, store_->options)),
      batch_(store_->buffers.Take()),
      min_batch_time_ms_(kMaxTime) {
  store_->metrics.active_appenders.Add(1);
}

DbAppender::~DbAppender() {
  store_->metrics.active_appenders.Add(-1);
  store_->buffers.GiveBack(std::move(batch_));
  store_->epochs.Release(epoch_);
}

bool DbAppender::IsTooOld(TimestampMs time_ms) const {
  auto window_ms = static_cast<uint64_t>(window_ms_);
  return time_ms<window_newest_ms_&& static_cast<uint64_t>(WrappingSub(window_newest_ms_, time_ms))>
      window_ms;
}

// As in Prometheus, of samples that are refused, too.
void DbAppender::NoteDelta(TimestampMs time_ms) {
  if (time_ms >= window_newest_ms_) return;
  store_->metrics.out_of_order_delta.Observe(static_cast<double>(WrappingSub(window_newest_ms_, time_ms)) /
                                             1000);
}

AppendOutcome DbAppender::CheckTime(TimestampMs time_ms, bool is_histogram) {
  const TimestampMs floor_ms =
      std::max(min_time_ms_, store_->append_floor_ms.load(std::memory_order_relaxed));
  const bool is_before_floor = time_ms < floor_ms;
  if ((is_before_floor && window_ms_ == 0) || time_ms == kNoTime) {
    store_->metrics.out_of_bound_samples.Of(is_histogram).Increment();
    return AppendOutcome::kOutOfBounds;
  }
  if (time_ms > max_time_ms_) {
    store_->metrics.too_far_in_future_samples.Increment();
    return AppendOutcome::kTooFarInFuture;
  }
  if (is_before_floor && IsTooOld(time_ms)) {
    NoteDelta(time_ms);
    store_->metrics.too_old_samples.Of(is_histogram).Increment();
    return AppendOutcome::kTooOld;
  }
  return AppendOutcome::kOk;
}

void DbAppender::NoteUse(SeriesRef ref, const SeriesRecord& record) {
  if (!record.is_journaled.load(std::memory_order_relaxed)) batch_->undefined.push_back(ref);
}

AppendOutcome DbAppender::TakeOutOfOrder(SeriesRef ref, const SeriesRecord& record,
                                         const model::Sample& sample, uint64_t bits) {
  StoreMetrics& metrics = store_->metrics;
  const bool is_histogram = sample.histogram != nullptr;
  NoteDelta(sample.time_ms);
  if (window_ms_ == 0 || refuses_out_of_order_) {
    metrics.out_of_order_samples.Of(is_histogram).Increment();
    return AppendOutcome::kOutOfOrder;
  }
  if (IsTooOld(sample.time_ms)) {
    metrics.too_old_samples.Of(is_histogram).Increment();
    return AppendOutcome::kTooOld;
  }
  if (store_->head.out_of_order().IsFull()) {
    metrics.out_of_order_over_limit.Increment();
    return AppendOutcome::kOutOfOrder;
  }
  NoteUse(ref, record);
  std::shared_ptr<const model::FloatHistogram> histogram = is_histogram ? Kept(*sample.histogram) : nullptr;
  batch_->extras.AddLate(ref,
                         {sample.time_ms, is_histogram ? 0 : bits, sample.start_ms, std::move(histogram)});
  return AppendOutcome::kOk;
}

AppendResult DbAppender::Append(SeriesRef ref, const model::Labels& labels, TimestampMs time_ms,
                                double value) {
  return Take(ref, labels, {.time_ms = time_ms, .value = value}, std::bit_cast<uint64_t>(value));
}

AppendResult DbAppender::Take(SeriesRef ref, const model::Labels& labels, const model::Sample& sample,
                              uint64_t bits) {
  const TimestampMs time_ms = sample.time_ms;
  const bool is_histogram = sample.histogram != nullptr;
  SeriesRecord* record = ref == 0 ? nullptr : store_->head.FindForUse(ref, epoch_);
  if (record == nullptr) {
    if (labels.empty()) return {0, ref == 0 ? AppendOutcome::kInvalidLabels : AppendOutcome::kUnknownRef};
    if (AppendOutcome outcome = CheckTime(time_ms, is_histogram); outcome != AppendOutcome::kOk)
      return {0, outcome};
    AppendOutcome outcome = store_->head.FindOrAdd(labels, epoch_, ref, found_ref_);
    if (outcome != AppendOutcome::kOk) return {0, outcome};
    found_ref_ = ref;
    record = store_->head.Find(ref);
  } else if (AppendOutcome outcome = CheckTime(time_ms, is_histogram); outcome != AppendOutcome::kOk) {
    return {ref, outcome};
  }

  if (sample.start_ms != 0 && store_->options.adds_zeros_at_start) AddZeroAtStart(ref, *record, sample);
  TimestampMs last_time_ms = record->last_time_ms.load(std::memory_order_relaxed);
  if (time_ms <= last_time_ms || time_ms < store_->append_floor_ms.load(std::memory_order_relaxed)) {
    if (time_ms != last_time_ms) return {ref, TakeOutOfOrder(ref, *record, sample, bits)};
    if (bits == record->last_bits.load(std::memory_order_relaxed)) return {ref, AppendOutcome::kOk};
    store_->metrics.duplicate_samples.Increment();
    return {ref, AppendOutcome::kDuplicateTimestamp};
  }
  NoteUse(ref, *record);
  min_batch_time_ms_ = std::min(min_batch_time_ms_, time_ms);
  // The record's extras say nothing yet of start times in this very batch.
  bool has_pending_start = !batch_->new_start_times.empty() && batch_->new_start_times.contains(ref);
  if (is_histogram || sample.start_ms != 0 || has_pending_start ||
      record->extras.load(std::memory_order_relaxed) != 0) {
    AddUnusual(ref, *record, sample, bits);
    return {ref, AppendOutcome::kOk};
  }
  batch_->refs.push_back(ref);
  batch_->times_ms.push_back(time_ms);
  batch_->bits.push_back(bits);
  return {ref, AppendOutcome::kOk};
}

// As Prometheus has it: what such a zero cannot be is passed over.
void DbAppender::AddZeroAtStart(SeriesRef ref, const SeriesRecord& record, const model::Sample& sample) {
  if (sample.start_ms >= sample.time_ms ||
      sample.start_ms <= record.last_time_ms.load(std::memory_order_relaxed) ||
      sample.start_ms < store_->append_floor_ms.load(std::memory_order_relaxed)) {
    return;
  }
  const TimestampMs newest_ms = std::max(window_newest_ms_, sample.time_ms);
  const auto age_ms = static_cast<uint64_t>(WrappingSub(newest_ms, sample.start_ms));
  if (age_ms > static_cast<uint64_t>(store_->options.block_range_ms / 2)) return;
  if (sample.histogram == nullptr) {
    Take(ref, {}, {.time_ms = sample.start_ms}, std::bit_cast<uint64_t>(0.0));
    return;
  }
  model::FloatHistogram zero;
  zero.is_integer = sample.histogram->is_integer;
  zero.counter_reset_hint = model::CounterResetHint::kReset;
  zero.schema = sample.histogram->schema;
  zero.zero_threshold = sample.histogram->zero_threshold;
  zero.custom_bounds = sample.histogram->custom_bounds;
  Take(ref, {}, {.time_ms = sample.start_ms, .histogram = &zero}, HistogramBits(zero));
}

void DbAppender::AddUnusual(SeriesRef ref, SeriesRecord& record, const model::Sample& sample, uint64_t bits) {
  if (sample.histogram == nullptr) NoteStartTime(ref, sample);
  if (sample.histogram != nullptr) record.extras.fetch_or(kTakesHistograms, std::memory_order_relaxed);
  if ((record.extras.load(std::memory_order_relaxed) & kTakesHistograms) == 0) {
    batch_->refs.push_back(ref);
    batch_->times_ms.push_back(sample.time_ms);
    batch_->bits.push_back(bits);
    return;
  }
  MixedSample& mixed = batch_->mixed.emplace_back(MixedSample{ref, sample.time_ms, 0, bits, nullptr});
  if (sample.histogram == nullptr) return;
  mixed.start_ms = sample.start_ms;
  mixed.histogram = Kept(*sample.histogram);
}

void DbAppender::NoteStartTime(SeriesRef ref, const model::Sample& sample) {
  auto pending = batch_->new_start_times.find(ref);
  TimestampMs known_ms =
      pending != batch_->new_start_times.end() ? pending->second : store_->head.NewestStartTime(ref);
  if (sample.start_ms == known_ms) return;
  batch_->start_changes.push_back({ref, sample.time_ms, sample.start_ms});
  batch_->new_start_times[ref] = sample.start_ms;
}

AppendResult DbAppender::AppendSample(SeriesRef ref, const model::Labels& labels,
                                      const model::Sample& sample) {
  if (sample.histogram == nullptr) return Take(ref, labels, sample, std::bit_cast<uint64_t>(sample.value));
  if (!HistogramFault(*sample.histogram).empty()) {
    store_->metrics.invalid_histograms.Increment();
    return {ref, AppendOutcome::kInvalidHistogram};
  }
  return Take(ref, labels, sample, HistogramBits(*sample.histogram));
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
      batch_->extras.AddLate(batch_->refs[i], {batch_->times_ms[i], batch_->bits[i], 0, nullptr});
      continue;
    }
    batch_->refs[kept] = batch_->refs[i];
    batch_->times_ms[kept] = batch_->times_ms[i];
    batch_->bits[kept] = batch_->bits[i];
    ++kept;
  }
  for (const MixedSample& sample : batch_->mixed) {
    if (sample.time_ms >= floor_ms) continue;
    if (window_ms_ == 0) {
      store_->metrics.out_of_bound_samples.Of(sample.histogram != nullptr).Increment();
    } else {
      batch_->extras.AddLate(sample);
    }
  }
  std::erase_if(batch_->mixed, [&](const MixedSample& sample) { return sample.time_ms < floor_ms; });
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
  if (batch_->empty()) return {};

  std::vector<Section> sections;
  if (!batch_->mixed.empty()) {
    PutMixedSamples(batch_->mixed, sections.emplace_back(SectionTag::kHistograms).bytes);
  }
  if (!batch_->start_changes.empty()) {
    PutStartChanges(batch_->start_changes, sections.emplace_back(SectionTag::kStartTimes).bytes);
  }
  for (Section& section : batch_->extras.Sections()) sections.push_back(std::move(section));
  std::vector<SeriesDefinition> definitions = store_->head.Definitions(batch_->undefined);
  if (!definitions.empty()) store_->SizeJournalStreams();
  Status written = store_->journal->Append(definitions, batch_->samples(), sections);
  if (!written) {
    store_->metrics.journal_failures.Increment();
    return written;
  }
  store_->head.MarkJournaled(definitions);
  store_->head.ApplyStartTimes(batch_->start_changes);
  ApplyCounts counts = store_->head.Apply(ticket, batch_->samples());
  store_->head.Apply(ticket, batch_->extras);
  store_->metrics.samples_appended.Increment(static_cast<double>(counts.appended));
  bool has_window = window_ms_ > 0 && !refuses_out_of_order_;
  std::vector<size_t> mixed_behind;
  store_->head.ApplyMixed(ticket, batch_->mixed, has_window ? &mixed_behind : nullptr);
  if (!has_window) counts.behind.clear();
  counts.out_of_order -= counts.behind.size();
  if (counts.out_of_order > 0) {
    store_->metrics.out_of_order_samples.Increment(static_cast<double>(counts.out_of_order));
  }
  return counts.behind.empty() && mixed_behind.empty() ? Status()
                                                       : TakeBehind(ticket, counts.behind, mixed_behind);
}

// Samples that were newer than their series' newest when they came are not any more: one later in the batch,
// or in another appender's, is. They are out of order, and the journal is told after all.
Status DbAppender::TakeBehind(CommitTracker::Ticket ticket, const std::vector<size_t>& floats,
                              const std::vector<size_t>& mixed) {
  BatchExtras behind;
  for (size_t place : floats) {
    behind.AddLate(batch_->refs[place], {batch_->times_ms[place], batch_->bits[place], 0, nullptr});
  }
  for (size_t place : mixed) behind.AddLate(batch_->mixed[place]);
  Status written = store_->journal->Append({}, {}, behind.Sections());
  if (!written) {
    store_->metrics.journal_failures.Increment();
    return written;
  }
  store_->head.Apply(ticket, behind);
  return {};
}

Status DbAppender::Commit() {
  if (batch_->empty()) return {};
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
