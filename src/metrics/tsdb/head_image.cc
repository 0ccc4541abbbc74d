#include "metrics/tsdb/head_image.h"

#include <algorithm>
#include <cstring>
#include <limits>

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

void Head::CaptureRange(uint32_t begin, SeriesRange& out) const {
  uint32_t end = std::min(begin + SeriesRange::kMaxSlots, table_.slots());
  out.Reset(begin, end - begin);
  out.min_time_ms = min_time_ms();
  static_assert(SeriesTable::kPageSlots % kStripeRun == 0 && SeriesRange::kMaxSlots % kStripeRun == 0);
  // Run by run, so that appends and lookups wait for microseconds.
  for (uint32_t run = begin; run < end; run += kStripeRun) {
    std::shared_lock index_lock(index_mutex_);
    std::lock_guard lock(stripes_[StripeOf(run)].mutex);
    for (uint32_t slot = run; slot < run + kStripeRun; ++slot) {
      const SeriesRecord& record = table_.at(slot);
      uint32_t i = slot - begin;
      out.generations[i] = record.generation.load(std::memory_order_relaxed);
      if (!record.is_live.load(std::memory_order_relaxed)) continue;
      if (slot + kPrefetchDistance < run + kStripeRun) {
        __builtin_prefetch(table_.at(slot + static_cast<uint32_t>(kPrefetchDistance)).chunk);
      }
      out.label_counts[i] = record.label_count;
      out.hashes[i] = record.hash;
      const uint32_t* pairs = index_.PairListOf(slot);
      out.pairs.insert(out.pairs.end(), pairs, pairs + record.label_count);
      out.last_times_ms[i] = record.last_time_ms.load(std::memory_order_relaxed);
      out.last_bits[i] = record.last_bits.load(std::memory_order_relaxed);
      out.written_chunks[i] = record.written_chunk;
      out.last_deltas_ms[i] = record.last_delta_ms;
      // Histograms are in sections of their own, taken at another moment: here, as if they were still to
      // come.
      if (record.has_open_histograms) {
        out.last_times_ms[i] = stripes_[StripeOf(slot)].histograms.at(slot)->first_time_ms() - 1;
        out.last_bits[i] = 0;
        out.last_deltas_ms[i] = 0;
      }
      if (record.chunk == nullptr) continue;
      out.chunk_bytes[i] = record.chunk_bytes;
      out.chunk_samples[i] = record.chunk_samples;
      out.end_in_run[i] = record.chunk_ends_in_run ? 1 : 0;
      out.chunks.append(record.chunk, record.chunk_bytes);
    }
  }
}

void HeadLoader::BeginRanges(size_t workers) {
  labels_->FinishTables();
  workers_.resize(workers);
  for (Worker& worker : workers_) {
    worker.labels = labels_->MakeWorker();
    worker.min_ms = std::numeric_limits<TimestampMs>::max();
    worker.max_ms = kNoTime;
  }
}

void HeadLoader::AddSlot(Worker& worker, const SeriesRange& range, uint32_t i, Place place,
                         ChunkArena& arena) {
  const uint32_t chunk_bytes = range.chunk_bytes[i];
  const uint32_t chunk_samples = range.chunk_samples[i];
  // An open chunk has a time and a token at least, goes on growing, and none has no bytes.
  bool is_chunk_possible = chunk_samples == 0 ? chunk_bytes == 0
                                              : chunk_bytes > sizeof(TimestampMs) &&
                                                    chunk_bytes <= ChunkArena::kMaxBlockBytes &&
                                                    chunk_samples <= kMaxChunkSamples;
  const TimestampMs last_time_ms = range.last_times_ms[i];
  if (!is_chunk_possible || (chunk_samples > 0 && last_time_ms == kNoTime) || range.generations[i] == 0) {
    ++worker.lost_series;
    return;
  }
  uint32_t slot = range.begin + i;
  switch (labels_->AddSeries(worker.labels, slot, place.pairs, range.label_counts[i], range.hashes[i])) {
    case LabelLoader::Outcome::kTaken:
      break;
    case LabelLoader::Outcome::kGone:
      return;
    case LabelLoader::Outcome::kMalformed:
      ++worker.lost_series;
      return;
  }
  SeriesRecord& record = head_.table_.at(slot);
  record.is_journaled.store(true, std::memory_order_relaxed);
  record.written_chunk = range.written_chunks[i];
  if (chunk_samples > 0) {
    record.chunk_class = ChunkArena::ClassFor(chunk_bytes);
    record.chunk = arena.Allocate(record.chunk_class);
    std::memcpy(record.chunk, place.chunk, chunk_bytes);
    worker.min_ms = std::min(worker.min_ms, ChunkStart(record.chunk));
    ++worker.open_chunks;
  }
  Head::SetTail(record, {.last_time_ms = last_time_ms,
                         .last_bits = range.last_bits[i],
                         .last_delta_ms = range.last_deltas_ms[i],
                         .size_bytes = static_cast<uint16_t>(chunk_bytes),
                         .count = static_cast<uint16_t>(chunk_samples),
                         .ends_in_run = chunk_samples > 0 && range.end_in_run[i] != 0});
  if (last_time_ms != kNoTime) {
    worker.min_ms = std::min(worker.min_ms, last_time_ms);
    worker.max_ms = std::max(worker.max_ms, last_time_ms);
  }
  worker.newest_chunk = std::max(worker.newest_chunk, record.written_chunk);
  ++worker.series;
}

void HeadLoader::AddRange(size_t worker_number, const SeriesRange& range) {
  Worker& worker = workers_[worker_number];
  Place place{range.pairs.data(), range.chunks.data()};
  const uint32_t slots = range.slots();
  for (uint32_t i = 0; i < slots; i += Head::kStripeRun) {
    uint32_t run_end = std::min(i + Head::kStripeRun, slots);
    if (uint64_t{range.begin} + run_end > head_.table_.max_slots()) {
      worker.lost_series += static_cast<uint64_t>(std::count_if(
          range.label_counts.begin() + i, range.label_counts.end(), [](uint8_t n) { return n > 0; }));
      break;
    }
    head_.table_.MakePage((range.begin + i) / SeriesTable::kPageSlots);
    worker.end_slot = std::max(worker.end_slot, range.begin + run_end);
    Head::Stripe& stripe = head_.stripes_[Head::StripeOf(range.begin + i)];
    std::lock_guard lock(stripe.mutex);
    for (uint32_t j = i; j < run_end; ++j) {
      head_.table_.at(range.begin + j).generation.store(range.generations[j], std::memory_order_relaxed);
      if (range.label_counts[j] == 0) continue;
      AddSlot(worker, range, j, place, stripe.arena);
      place.pairs += range.label_counts[j];
      place.chunk += range.chunk_bytes[j];
    }
  }
  if (worker.series > 0) worker.min_ms = std::min(worker.min_ms, range.min_time_ms);
}

void HeadLoader::Finish(bool hashes_are_ours) {
  uint32_t end_slot = 0;
  for (const Worker& worker : workers_) end_slot = std::max(end_slot, worker.end_slot);
  // What damaged ranges have left out.
  if (end_slot > 0) SEXTANT_CHECK(head_.table_.GrowTo(end_slot - 1));
  std::vector<LabelLoader::Worker> label_workers;
  for (Worker& worker : workers_) {
    label_workers.push_back(std::move(worker.labels));
    series_ += worker.series;
    lost_series_ += worker.lost_series;
    newest_chunk_ = std::max(newest_chunk_, worker.newest_chunk);
    head_.NoteTimes(worker.min_ms, worker.max_ms);
    head_.open_chunks_.fetch_add(worker.open_chunks, std::memory_order_relaxed);
  }
  head_.series_count_.store(series_, std::memory_order_relaxed);
  labels_->FinishSeries(label_workers, hashes_are_ours);
  constexpr uint64_t kManySeries = 5'000;
  if (series_ < kManySeries) {
    labels_->BuildPostings();
    labels_->BuildSeriesSet();
    return;
  }
  head_.BuildIndexBehind([labels = labels_] { labels->BuildPostings(); },
                         [labels = labels_] { labels->BuildSeriesSet(); });
}

}  // namespace sextant::tsdb
