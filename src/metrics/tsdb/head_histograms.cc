// What the head does with histograms and start times. Of a series, at most one chunk is open: one of floats
// in the arena or one of histograms in the stripe's table.
#include <algorithm>
#include <limits>

#include "metrics/tsdb/head.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();

void MarkExtra(SeriesRecord& record, uint8_t extra) {
  record.extras.fetch_or(extra, std::memory_order_relaxed);
}

}  // namespace

void Head::CloseHistograms(Stripe& stripe, SeriesRecord& record, SeriesRef ref) {
  auto held = stripe.histograms.find(SlotOf(ref));
  const HistogramChunk& chunk = *held->second;
  record.written_chunk = chunks_.Append(ref, record.written_chunk, chunk.last_time_ms(), chunk.samples(),
                                        chunk.bytes(), ChunkKind::kHistograms);
  stripe.histogram_bytes -= chunk.size_bytes();
  stripe.histograms.erase(held);
  record.has_open_histograms = false;
  open_chunks_.fetch_sub(1, std::memory_order_relaxed);
}

void Head::DropOpenChunks(Stripe& stripe, SeriesRecord& record, uint32_t slot) {
  if (record.chunk != nullptr) {
    stripe.arena.Free(record.chunk, record.chunk_class);
    record.chunk = nullptr;
    record.chunk_bytes = 0;
    record.chunk_samples = 0;
    record.chunk_ends_in_run = false;
    open_chunks_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (record.has_open_histograms) {
    auto held = stripe.histograms.find(slot);
    stripe.histogram_bytes -= held->second->size_bytes();
    stripe.histograms.erase(held);
    record.has_open_histograms = false;
    open_chunks_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Head::AppendHistogram(Stripe& stripe, SeriesRecord& record, const MixedSample& sample) {
  MarkExtra(record, kTakesHistograms);
  if (record.chunk != nullptr) CloseChunk(stripe, record, sample.ref);
  if (record.has_open_histograms) {
    const HistogramChunk& chunk = *stripe.histograms.at(SlotOf(sample.ref));
    if (chunk.IsFull() || chunk.last_time_ms() < WindowOf(sample.time_ms).begin_ms) {
      CloseHistograms(stripe, record, sample.ref);
    }
  }
  std::unique_ptr<HistogramChunk>& chunk = stripe.histograms[SlotOf(sample.ref)];
  if (chunk == nullptr) {
    chunk = std::make_unique<HistogramChunk>(sample.time_ms);
    record.has_open_histograms = true;
    open_chunks_.fetch_add(1, std::memory_order_relaxed);
  } else {
    stripe.histogram_bytes -= chunk->size_bytes();
  }
  chunk->Append(sample.time_ms, sample.start_ms, *sample.histogram);
  stripe.histogram_bytes += chunk->size_bytes();
  record.last_time_ms.store(sample.time_ms, std::memory_order_relaxed);
  record.last_bits.store(sample.bits, std::memory_order_relaxed);
}

// True when it was a histogram.
bool Head::AppendMixed(Stripe& stripe, SeriesRecord& record, const MixedSample& sample) {
  if (sample.histogram != nullptr) {
    AppendHistogram(stripe, record, sample);
    return true;
  }
  if (sample.bits == model::kStaleNanBits && record.has_open_histograms) {
    model::FloatHistogram marker;
    marker.is_integer = stripe.histograms.at(SlotOf(sample.ref))->is_integer();
    marker.sum = model::StaleNan();
    MixedSample stale = sample;
    stale.histogram = std::make_shared<const model::FloatHistogram>(std::move(marker));
    AppendHistogram(stripe, record, stale);
    return true;
  }
  AppendSample(stripe, record, sample.ref, WindowOf(sample.time_ms), sample.time_ms, sample.bits);
  return false;
}

void Head::ApplyMixed(CommitTracker::Ticket ticket, std::span<const MixedSample> samples,
                      std::vector<size_t>* behind) {
  uint64_t appended[2] = {};      // floats, histograms
  uint64_t out_of_order[2] = {};  // the same
  TimestampMs min_ms = kMaxTime;
  TimestampMs max_ms = kNoTime;
  size_t i = 0;
  while (i < samples.size()) {
    uint32_t stripe_number = StripeOf(SlotOf(samples[i].ref));
    Stripe& stripe = stripes_[stripe_number];
    std::lock_guard lock(stripe.mutex);
    PruneUndo(stripe);
    stripe.newest_undo = std::max(stripe.newest_undo, ticket);
    for (; i < samples.size() && StripeOf(SlotOf(samples[i].ref)) == stripe_number; ++i) {
      const MixedSample& sample = samples[i];
      SeriesRecord* record = table_.Find(sample.ref);
      if (record == nullptr) continue;
      TimestampMs former_ms = record->last_time_ms.load(std::memory_order_relaxed);
      if (sample.time_ms <= former_ms) {
        if (behind != nullptr && sample.time_ms < former_ms) {
          behind->push_back(i);
        } else {
          ++out_of_order[sample.histogram != nullptr ? 1 : 0];
        }
        continue;
      }
      stripe.undo.push_back({ticket, former_ms, SlotOf(sample.ref)});
      ++appended[AppendMixed(stripe, *record, sample) ? 1 : 0];
      min_ms = std::min(min_ms, sample.time_ms);
      max_ms = std::max(max_ms, sample.time_ms);
    }
  }
  if (min_ms <= max_ms) NoteTimes(min_ms, max_ms);
  for (bool is_histogram : {false, true}) {
    size_t kind = is_histogram ? 1 : 0;
    metrics_.samples_appended.Of(is_histogram).Increment(static_cast<double>(appended[kind]));
    metrics_.out_of_order_samples.Of(is_histogram).Increment(static_cast<double>(out_of_order[kind]));
  }
}

void Head::ApplyStartTimes(std::span<const StartChange> changes) {
  TimestampMs min_ms = min_time_ms();
  if (min_ms > max_time_ms()) min_ms = kNoTime;  // there are no samples yet
  for (const StartChange& change : changes) {
    Stripe& stripe = stripes_[StripeOf(SlotOf(change.ref))];
    std::lock_guard lock(stripe.mutex);
    SeriesRecord* record = table_.Find(change.ref);
    if (record == nullptr) continue;
    stripe.start_times.Add(SlotOf(change.ref), change, min_ms);
    MarkExtra(*record, kHasStartTimes);
  }
}

TimestampMs Head::NewestStartTime(SeriesRef ref) const {
  const Stripe& stripe = stripes_[StripeOf(SlotOf(ref))];
  std::lock_guard lock(stripe.mutex);
  return stripe.start_times.Newest(SlotOf(ref));
}

void Head::CopyExtras(const Stripe& stripe, const SeriesRecord& record, uint32_t slot, OpenExtras& out) {
  if (record.has_open_histograms) {
    const HistogramChunk& chunk = *stripe.histograms.at(slot);
    out.histograms = chunk.bytes();
    out.samples = chunk.samples();
  }
  if ((record.extras.load(std::memory_order_relaxed) & kHasStartTimes) != 0) {
    std::span<const StartChange> changes = stripe.start_times.Find(slot);
    out.start_changes.assign(changes.begin(), changes.end());
  }
}

void Head::RestoreMixedSamples(std::span<const MixedSample> samples) {
  for (const MixedSample& sample : samples) {
    SeriesRecord* record = Find(sample.ref);
    if (record == nullptr) {
      ++unknown_restored_;
    } else if (sample.time_ms > record->last_time_ms.load(std::memory_order_relaxed)) {
      AppendMixed(stripes_[StripeOf(SlotOf(sample.ref))], *record, sample);
      NoteTimes(sample.time_ms, sample.time_ms);
    }
  }
}

// Puts itself in the place of what the series' own state says. Of an image of version 2 it was taken later;
// the journal has what came after it.
void Head::RestoreMixedState(SeriesRecord& record, Stripe& stripe, MixedState& state) {
  uint32_t slot = SlotOf(state.ref);
  DropOpenChunks(stripe, record, slot);
  record.last_time_ms.store(kNoTime, std::memory_order_relaxed);
  record.written_chunk = state.written_chunk;
  RestoreState(record, stripe, {state.ref, state.written_chunk, state.tail, std::move(state.float_chunk)});
  MarkExtra(record, kTakesHistograms);
  if (state.histogram_chunk == nullptr) return;
  NoteTimes(state.histogram_chunk->first_time_ms(), state.tail.last_time_ms);
  stripe.histogram_bytes += state.histogram_chunk->size_bytes();
  stripe.histograms[slot] = std::move(state.histogram_chunk);
  record.has_open_histograms = true;
  open_chunks_.fetch_add(1, std::memory_order_relaxed);
}

core::Status Head::RestorePageSection(const Section& section, uint32_t begin, std::span<SeriesRecord> records,
                                      Stripe& stripe) {
  auto find = [&](SeriesRef ref) -> SeriesRecord* {
    const uint32_t place = SlotOf(ref) - begin;
    if (place >= records.size()) return nullptr;
    SeriesRecord& record = records[place];
    bool is_same = record.generation.load(std::memory_order_relaxed) == GenerationOf(ref);
    return is_same && record.is_live.load(std::memory_order_relaxed) ? &record : nullptr;
  };
  auto misplaced = [] { return core::Fail(core::Code::kCorruption, "a section of another range of series"); };
  if (section.tag == SectionTag::kHistograms) {
    SEXTANT_ASSIGN(MixedSection mixed, ReadMixedSection(section.bytes));
    for (MixedState& state : mixed.states) {
      SeriesRecord* record = find(state.ref);
      if (record == nullptr) return misplaced();
      RestoreMixedState(*record, stripe, state);
    }
    return {};
  }
  if (section.tag != SectionTag::kStartTimes) return misplaced();
  std::vector<StartChange> changes;
  SEXTANT_TRY(ReadStartChanges(section.bytes, changes));
  for (const StartChange& change : changes) {
    SeriesRecord* record = find(change.ref);
    if (record == nullptr) return misplaced();
    stripe.start_times.Add(SlotOf(change.ref), change, kNoTime);
    MarkExtra(*record, kHasStartTimes);
  }
  return {};
}

core::Status Head::RestoreMixedSection(std::string_view bytes) {
  SEXTANT_ASSIGN(MixedSection section, ReadMixedSection(bytes));
  for (MixedState& state : section.states) {
    SeriesRecord* record = Find(state.ref);
    // Without one it was made or dropped while the checkpoint was written: the journal says more.
    if (record != nullptr) RestoreMixedState(*record, stripes_[StripeOf(SlotOf(state.ref))], state);
  }
  RestoreMixedSamples(section.samples);
  return {};
}

void Head::CaptureMixedState(const Stripe& stripe, uint32_t slot, MixedStateWriter& writer) const {
  const SeriesRecord& record = table_.at(slot);
  SeriesRef ref = MakeRef(slot, record.generation.load(std::memory_order_relaxed));
  if (record.has_open_histograms) {
    writer.AddWithHistograms(ref, record.written_chunk, *stripe.histograms.at(slot));
    return;
  }
  ChunkTail tail{.last_time_ms = record.last_time_ms.load(std::memory_order_relaxed),
                 .last_bits = record.last_bits.load(std::memory_order_relaxed),
                 .count = record.chunk_samples};
  writer.AddWithFloats(ref, record.written_chunk, tail, {record.chunk, record.chunk_bytes});
}

core::Status Head::RestoreStartTimes(std::string_view bytes) {
  std::vector<StartChange> changes;
  SEXTANT_TRY(ReadStartChanges(bytes, changes));
  ApplyStartTimes(changes);
  return {};
}

}  // namespace sextant::tsdb
