#include "metrics/tsdb/head_image.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "metrics/tsdb/parallel.h"

namespace sextant::tsdb {

void Head::HoldLabelIds(bool hold) {
  std::unique_lock lock(index_mutex_);
  index_.HoldIds(hold);
}

bool Head::CaptureSymbols(uint32_t first, uint32_t count, SymbolRun& out) const {
  std::shared_lock lock(index_mutex_);
  return index_.CaptureSymbols(first, count, out);
}

bool Head::CapturePairs(uint32_t first, uint32_t count, PairRun& out) const {
  std::shared_lock lock(index_mutex_);
  return index_.CapturePairs(first, count, out);
}

bool Head::CapturePostings(uint32_t first, uint32_t count, const Bitmap& captured, PostingsRun& out) const {
  std::shared_lock lock(index_mutex_);
  return index_.CapturePostings(first, count, captured, out);
}

void Head::CaptureRange(uint32_t begin, SeriesRange& out) const {
  static_assert(SeriesRange::kSlots == kStripeRun && SeriesTable::kPageSlots == kStripeRun);
  const uint32_t end = std::min(begin + SeriesRange::kSlots, table_.slots());
  out.Reset(begin, end - begin);
  out.min_time_ms = min_time_ms();
  MixedStateWriter histograms;
  std::vector<StartChange> start_changes;
  std::shared_lock index_lock(index_mutex_);
  const Stripe& stripe = stripes_[StripeOf(begin)];
  std::lock_guard lock(stripe.mutex);
  for (uint32_t slot = begin; slot < end; ++slot) {
    const SeriesRecord& record = table_.at(slot);
    uint32_t i = slot - begin;
    out.generations[i] = record.generation.load(std::memory_order_relaxed);
    if (!record.is_live.load(std::memory_order_relaxed)) continue;
    if (slot + kPrefetchDistance < end) {
      __builtin_prefetch(table_.at(slot + static_cast<uint32_t>(kPrefetchDistance)).chunk);
    }
    out.label_counts[i] = record.label_count;
    out.hashes[i] = record.hash;
    const uint32_t* pairs = index_.PairListOf(slot);
    out.pairs.insert(out.pairs.end(), pairs, pairs + record.label_count);
    out.written_chunks[i] = record.written_chunk;
    out.max_time_ms = std::max(out.max_time_ms, record.last_time_ms.load(std::memory_order_relaxed));
    const uint8_t extras = record.extras.load(std::memory_order_relaxed);
    if ((extras & kHasStartTimes) != 0) {
      std::span<const StartChange> changes = stripe.start_times.Find(slot);
      start_changes.insert(start_changes.end(), changes.begin(), changes.end());
    }
    if ((extras & kTakesHistograms) != 0) {
      CaptureMixedState(stripe, slot, histograms);
      continue;
    }
    out.last_times_ms[i] = record.last_time_ms.load(std::memory_order_relaxed);
    out.last_bits[i] = record.last_bits.load(std::memory_order_relaxed);
    out.last_deltas_ms[i] = record.last_delta_ms;
    if (record.chunk == nullptr) continue;
    out.chunk_bytes[i] = record.chunk_bytes;
    out.chunk_samples[i] = record.chunk_samples;
    out.end_in_run[i] = record.chunk_ends_in_run ? 1 : 0;
    out.chunks.append(record.chunk, record.chunk_bytes);
  }
  for (std::string& bytes : histograms.Finish()) {
    out.sections.push_back({SectionTag::kHistograms, std::move(bytes)});
  }
  if (!start_changes.empty()) {
    PutStartChanges(start_changes, out.sections.emplace_back(SectionTag::kStartTimes).bytes);
  }
}

bool HeadLoader::AddRange(std::string_view payload) {
  uint32_t begin = 0;
  uint32_t slots = 0;
  if (!ReadRangePlace(version_, payload, begin, slots)) return false;
  if (version_ == ImageVersion::k2) {
    if (begin < next_slot_) return false;
    ranges_.push_back(payload);
  } else {
    const uint32_t page = begin / SeriesTable::kPageSlots;
    if (page < ranges_.size()) return false;
    if (begin >= head_.table_.max_slots()) {
      is_over_limit_ = true;
      return true;
    }
    ranges_.resize(page + 1);
    ranges_[page] = payload;
  }
  next_slot_ = begin + slots;
  return true;
}

bool HeadLoader::BeginInPlace(std::unique_ptr<HeadLoader>& loader, std::unique_ptr<core::MappedFile>& mapped,
                              std::string_view slots, const ImageEnd& end) {
  HeadLoader& self = *loader;
  Head& head = self.head_;
  const auto pages = static_cast<uint32_t>(self.ranges_.size());
  if (!self.labels_.BeginInPlace(slots, self.end_slot())) return false;
  self.mapped_ = std::move(mapped);
  self.states_ = std::vector<std::atomic<State>>(pages);
  head.NoteTimes(end.min_time_ms, end.max_time_ms);
  head.open_chunks_.fetch_add(end.open_chunks, std::memory_order_relaxed);
  head.series_count_.store(head.index_.series_count(), std::memory_order_relaxed);
  head.size_bytes_in_image_ = end.head_bytes;
  head.table_.Adopt(pages, std::move(loader));
  return true;
}

void HeadLoader::LoadAtOnce(bool hashes_are_ours) {
  labels_.ForgetPostings();
  Scratch scratch;
  Totals totals;
  SeriesTable& table = head_.table_;
  for (std::string_view payload : ranges_) {
    if (payload.empty()) continue;
    SeriesRange& range = scratch.range;
    if (!ReadSeriesRange(version_, payload, range)) {
      malformed_ranges_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    Place place{range.pairs.data(), range.chunks.data()};
    for (uint32_t i = 0; i < range.slots(); i += SeriesTable::kPageSlots) {
      const uint32_t begin = range.begin + i;
      const uint32_t end = std::min(i + SeriesTable::kPageSlots, range.slots());
      if (!table.GrowTo(begin)) {
        is_over_limit_ = true;
        break;
      }
      TakePage(scratch, i, end, place, &table.at(begin), totals);
      for (uint32_t slot = begin; slot < range.begin + end; ++slot) {
        if (table.at(slot).is_live.load(std::memory_order_relaxed)) labels_.Adopt(slot, hashes_are_ours);
      }
    }
  }
  labels_.FinishTables();
  head_.series_count_.store(head_.index_.series_count(), std::memory_order_relaxed);
  head_.open_chunks_.fetch_add(totals.open_chunks, std::memory_order_relaxed);
  head_.NoteTimes(totals.min_ms, totals.max_ms);
  newest_chunk_ = totals.newest_chunk;
}

std::unique_ptr<HeadLoader::Scratch> HeadLoader::TakeScratch() {
  std::lock_guard lock(mutex_);
  if (scratches_.empty()) return std::make_unique<Scratch>();
  std::unique_ptr<Scratch> scratch = std::move(scratches_.back());
  scratches_.pop_back();
  return scratch;
}

void HeadLoader::GiveBack(std::unique_ptr<Scratch> scratch) {
  std::lock_guard lock(mutex_);
  scratches_.push_back(std::move(scratch));
}

void HeadLoader::Load(uint32_t page) {
  std::atomic<State>& state = states_[page];
  State expected = State::kPending;
  if (!state.compare_exchange_strong(expected, State::kRunning, std::memory_order_acquire)) {
    state.wait(State::kRunning, std::memory_order_acquire);
    return;
  }
  std::unique_ptr<Scratch> scratch = TakeScratch();
  MakePage(page, *scratch);
  GiveBack(std::move(scratch));
  state.store(State::kDone, std::memory_order_release);
  state.notify_all();
}

void HeadLoader::MakePage(uint32_t page, Scratch& scratch) {
  SeriesRecord* records = head_.table_.NewPage();
  if (!ranges_[page].empty()) {
    SeriesRange& range = scratch.range;
    Totals totals;  // of which the image's end has told already
    if (ReadSeriesRange(version_, ranges_[page], range)) {
      Place place{range.pairs.data(), range.chunks.data()};
      TakePage(scratch, 0, range.slots(), place, records, totals);
    } else {
      malformed_ranges_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  head_.table_.Publish(page, records);
}

// The slots from `begin` to before `end` of the range that the scratch has, which are those of a page.
void HeadLoader::TakePage(Scratch& scratch, uint32_t begin, uint32_t end, Place& place, SeriesRecord* records,
                          Totals& totals) {
  const SeriesRange& range = scratch.range;
  Head::Stripe& stripe = head_.stripes_[Head::StripeOf(range.begin + begin)];
  std::lock_guard lock(stripe.mutex);
  for (uint32_t i = begin; i < end; ++i) {
    SeriesRecord& record = records[i - begin];
    record.generation.store(range.generations[i], std::memory_order_relaxed);
    if (range.label_counts[i] == 0) continue;
    TakeSlot(scratch, i, place, record, stripe.arena, totals);
    place.pairs += range.label_counts[i];
    place.chunk += range.chunk_bytes[i];
  }
  labels_.EndSeries(scratch.labels);
  if (totals.series > 0) totals.min_ms = std::min(totals.min_ms, range.min_time_ms);
  series_.fetch_add(std::exchange(totals.series, 0), std::memory_order_relaxed);
  lost_series_.fetch_add(std::exchange(totals.lost_series, 0), std::memory_order_relaxed);
  if (range.sections.empty()) return;
  bool are_taken = std::ranges::all_of(range.sections, [&](const Section& section) {
    return head_.RestorePageSection(section, range.begin, {records, end - begin}, stripe).has_value();
  });
  if (!are_taken) malformed_ranges_.fetch_add(1, std::memory_order_relaxed);
}

void HeadLoader::TakeSlot(Scratch& scratch, uint32_t i, const Place& place, SeriesRecord& record,
                          ChunkArena& arena, Totals& totals) {
  const SeriesRange& range = scratch.range;
  const uint32_t chunk_bytes = range.chunk_bytes[i];
  const uint32_t chunk_samples = range.chunk_samples[i];
  // An open chunk has a time and a token at least, goes on growing, and none has no bytes.
  bool is_chunk_possible = chunk_samples == 0 ? chunk_bytes == 0
                                              : chunk_bytes > sizeof(TimestampMs) &&
                                                    chunk_bytes <= ChunkArena::kMaxBlockBytes &&
                                                    chunk_samples <= kMaxChunkSamples;
  const TimestampMs last_time_ms = range.last_times_ms[i];
  if (!is_chunk_possible || (chunk_samples > 0 && last_time_ms == kNoTime) || range.generations[i] == 0) {
    ++totals.lost_series;
    return;
  }
  switch (labels_.AddSeries(scratch.labels, range.begin + i, record, place.pairs, range.label_counts[i],
                            range.hashes[i])) {
    case LabelLoader::Outcome::kTaken:
      break;
    case LabelLoader::Outcome::kGone:
      return;
    case LabelLoader::Outcome::kMalformed:
      ++totals.lost_series;
      return;
  }
  record.is_journaled.store(true, std::memory_order_relaxed);
  record.written_chunk = range.written_chunks[i];
  if (chunk_samples > 0) {
    record.chunk_class = ChunkArena::ClassFor(chunk_bytes);
    record.chunk = arena.Allocate(record.chunk_class);
    std::memcpy(record.chunk, place.chunk, chunk_bytes);
    totals.min_ms = std::min(totals.min_ms, ChunkStart(record.chunk));
    ++totals.open_chunks;
  }
  Head::SetTail(record, {.last_time_ms = last_time_ms,
                         .last_bits = range.last_bits[i],
                         .last_delta_ms = range.last_deltas_ms[i],
                         .size_bytes = static_cast<uint16_t>(chunk_bytes),
                         .count = static_cast<uint16_t>(chunk_samples),
                         .ends_in_run = chunk_samples > 0 && range.end_in_run[i] != 0});
  if (last_time_ms != kNoTime) {
    totals.min_ms = std::min(totals.min_ms, last_time_ms);
    totals.max_ms = std::max(totals.max_ms, last_time_ms);
  }
  totals.newest_chunk = std::max(totals.newest_chunk, record.written_chunk);
  ++totals.series;
}

void HeadLoader::LoadAll() {
  const auto pages = static_cast<uint32_t>(ranges_.size());
  std::atomic<uint32_t> next = 0;
  RunInParallel(ThreadsFor(pages / 16), [&](size_t) {
    for (uint32_t page = next++; page < pages; page = next++) Load(page);
  });
}

void HeadLoader::Finish() {
  labels_.BuildSeriesSet(head_.index_mutex_);
  labels_.Thaw(head_.index_mutex_);
  std::unique_lock lock(head_.index_mutex_);
  if (labels_.are_postings_wrong() || malformed_ranges() > 0) {
    head_.logger_.Error("the checkpoint is not what was written; its index is made anew from its series",
                        {{"series", series()},
                         {"series_known_to_be_lost", lost_series()},
                         {"malformed_ranges", malformed_ranges()}});
    labels_.Rebuild();
    head_.series_count_.store(head_.index_.series_count(), std::memory_order_relaxed);
  }
  labels_.EndInPlace();
}

}  // namespace sextant::tsdb
