#include "metrics/tsdb/label_image.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "metrics/tsdb/parallel.h"

namespace sextant::tsdb {
namespace {

// Over the slots of a run: of each, a number times the slot, and another. Two sets of slots of the same size
// and sum that are not the same set are taken for equal; what went wrong will hardly make them.
uint64_t SumOf(uint64_t begin, uint64_t end) {
  constexpr uint64_t kOfSlot = 0x9e3779b97f4a7c15;
  constexpr uint64_t kOfCount = 0xc2b2ae3d27d4eb4f;
  const uint64_t count = end - begin;
  return count * (begin + end - 1) / 2 * kOfSlot + count * kOfCount;
}

}  // namespace

bool LabelIndex::CaptureSymbols(uint32_t first, uint32_t count, SymbolRun& out) const {
  out.first = first;
  out.sizes.clear();
  out.texts.clear();
  if (first >= symbols_.size()) return false;
  size_t end = std::min<size_t>(symbols_.size(), size_t{first} + count);
  constexpr size_t kEnoughBytes = 1 << 20;
  for (size_t id = first; id < end && out.texts.size() < kEnoughBytes; ++id) {
    const Symbol& symbol = symbols_[id];
    out.sizes.push_back(symbol.uses == 0 ? 0 : symbol.size + 1);
    out.texts.append(symbol.view());
  }
  return true;
}

bool LabelIndex::CapturePairs(uint32_t first, uint32_t count, PairRun& out) const {
  out.first = first;
  out.names.clear();
  out.values.clear();
  if (first >= pairs_.size()) return false;
  size_t end = std::min<size_t>(pairs_.size(), size_t{first} + count);
  for (size_t id = first; id < end; ++id) {
    bool is_free = pairs_[id].series.empty();
    out.names.push_back(is_free ? PairRun::kFreePair : pairs_[id].name);
    out.values.push_back(is_free ? PairRun::kFreePair : pairs_[id].value);
  }
  return true;
}

bool LabelIndex::CapturePostings(uint32_t first, uint32_t count, const Bitmap& captured,
                                 PostingsRun& out) const {
  out.first = first;
  out.count = 0;
  out.bytes.clear();
  if (first >= pairs_.size()) return false;
  const size_t end = std::min<size_t>(pairs_.size(), size_t{first} + count);
  constexpr size_t kEnoughSlots = 64 << 10;
  size_t slots = 0;
  std::vector<uint32_t> all;
  for (size_t id = first; id < end && slots < kEnoughSlots; ++id, ++out.count) {
    const Postings& series = pairs_[id].series;
    std::span<const uint32_t> held = series.few();
    if (held.empty() || added_while_held_) {
      Bitmap bitmap = series.ToBitmap();
      if (added_while_held_) bitmap &= captured;
      all.resize(bitmap.cardinality());
      bitmap.toUint32Array(all.data());
      held = all;
    }
    PutStoredPostings(held, out.bytes);
    slots += held.size();
  }
  out.stored = out.bytes;
  return true;
}

bool LabelLoader::AddSymbols(const SymbolRun& run) {
  std::vector<LabelIndex::Symbol>& symbols = index_.symbols_;
  if (run.first != symbols.size() || !index_.pairs_.empty()) return false;
  size_t offset = 0;
  for (uint32_t size_plus_1 : run.sizes) {
    LabelIndex::Symbol& symbol = symbols.emplace_back();
    if (size_plus_1 == 0) continue;
    uint32_t size = size_plus_1 - 1;
    if (size > kMaxSymbolBytes || size > run.texts.size() - offset) return false;
    symbol.text = std::make_unique_for_overwrite<char[]>(size);
    symbol.size = size;
    std::memcpy(symbol.text.get(), run.texts.data() + offset, size);
    offset += size;
  }
  return offset == run.texts.size();
}

bool LabelLoader::AddPairs(const PairRun& run) {
  if (run.first != index_.pairs_.size() || run.names.size() != run.values.size()) return false;
  const std::vector<LabelIndex::Symbol>& symbols = index_.symbols_;
  for (size_t i = 0; i < run.names.size(); ++i) {
    uint32_t name = run.names[i];
    uint32_t value = run.values[i];
    bool is_free = name == PairRun::kFreePair && value == PairRun::kFreePair;
    if (!is_free && (name >= symbols.size() || value >= symbols.size())) return false;
    // A label whose texts are gone went with its last series while the image was written. An empty value
    // means that there is no such label.
    if (!is_free && (symbols[name].text == nullptr || symbols[value].size == 0)) {
      name = value = PairRun::kFreePair;
    }
    LabelIndex::Pair& pair = index_.pairs_.emplace_back();
    pair.name = name;
    pair.value = value;
  }
  return true;
}

void LabelLoader::RankNames() {
  // Labels of a series are in the order of their names: ranks say so without looking at texts.
  const std::vector<LabelIndex::Symbol>& symbols = index_.symbols_;
  std::vector<uint32_t> ranks(symbols.size(), PairRun::kFreePair);
  std::vector<uint32_t> names;
  for (const LabelIndex::Pair& pair : index_.pairs_) {
    if (pair.name == PairRun::kFreePair || ranks[pair.name] == 0) continue;
    ranks[pair.name] = 0;
    names.push_back(pair.name);
  }
  std::sort(names.begin(), names.end(),
            [&](uint32_t a, uint32_t b) { return symbols[a].view() < symbols[b].view(); });
  uint32_t rank = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && symbols[names[i]].view() != symbols[names[i - 1]].view()) ++rank;
    ranks[names[i]] = rank;
  }
  name_ranks_.reserve(index_.pairs_.size());
  for (const LabelIndex::Pair& pair : index_.pairs_) {
    name_ranks_.push_back(pair.name == PairRun::kFreePair ? PairRun::kFreePair : ranks[pair.name]);
  }
}

bool LabelLoader::AddPostings(const PostingsRun& run, uint32_t end_slot) {
  if (run.first != stored_.size() || run.count > index_.pairs_.size() - stored_.size()) return false;
  std::string_view bytes = run.stored;
  for (uint32_t i = 0; i < run.count; ++i) {
    const char* stored = nullptr;
    if (!TakeStoredPostings(bytes, end_slot, stored)) return false;
    LabelIndex::Pair& pair = index_.pairs_[run.first + i];
    pair.series = Postings::Stored(stored);
    stored_.push_back(pair.series.empty() ? nullptr : stored);
    // A series has labels that are there.
    if (stored_.back() != nullptr && pair.name == PairRun::kFreePair) return false;
  }
  return bytes.empty();
}

bool LabelLoader::BeginInPlace(std::string_view slots, uint32_t end_slot) {
  const char* stored = nullptr;
  if (!TakeStoredPostings(slots, end_slot, stored) || !slots.empty()) return false;
  index_.all_ = Postings::Stored(stored).ToBitmap();
  index_.series_count_ = index_.all_.cardinality();
  if (index_.series_count_ != CountOfStored(stored)) return false;
  std::vector<SlotRun> runs;
  ReadStoredPostings(stored, runs);
  for (SlotRun run : runs) slots_sum_ += SumOf(run.begin, run.end);
  stored_.resize(index_.pairs_.size());
  sums_ = std::make_unique<std::atomic<uint64_t>[]>(stored_.size());
  index_.next_slot_ = index_.all_.isEmpty() ? 0 : index_.all_.maximum() + 1;
  index_.is_in_place_ = true;
  end_slot_ = end_slot;
  index_.slots_.reserve(index_.series_count_);
  FinishTables();
  return true;
}

void LabelLoader::ForgetPostings() {
  stored_.clear();
  for (LabelIndex::Pair& pair : index_.pairs_) pair.series = {};
  index_.all_ = {};
  index_.series_count_ = 0;
  index_.next_slot_ = 0;
}

LabelLoader::Outcome LabelLoader::AddSeries(Worker& worker, uint32_t slot, SeriesRecord& record,
                                            const uint32_t* pairs, uint8_t count, uint32_t hash) {
  if (count == 0) return Outcome::kMalformed;
  uint32_t former_rank = 0;
  for (uint8_t i = 0; i < count; ++i) {
    if (pairs[i] >= name_ranks_.size()) return Outcome::kMalformed;
    uint32_t rank = name_ranks_[pairs[i]];
    if (rank == PairRun::kFreePair) return Outcome::kGone;
    if (sums_ != nullptr && stored_[pairs[i]] == nullptr) return Outcome::kMalformed;
    if (i > 0 && rank <= former_rank) return Outcome::kMalformed;
    former_rank = rank;
  }
  if (worker.slab_used + count > LabelIndex::PairLists::kSlabIds) {
    worker.slab = index_.pair_lists_.AddSlab();
    worker.slab_used = 0;
  }
  record.labels = worker.slab * LabelIndex::PairLists::kSlabIds + worker.slab_used;
  record.label_count = count;
  record.hash = hash;
  uint32_t* list = index_.pair_lists_.at(record.labels);
  std::memcpy(list, pairs, count * sizeof(uint32_t));
  worker.slab_used += count;
  record.is_live.store(true, std::memory_order_relaxed);
  if (sums_ == nullptr) return Outcome::kTaken;
  worker.sum += SumOf(slot, uint64_t{slot} + 1);
  if (worker.next_slot != slot) EndSeries(worker);
  for (uint8_t i = 0; i < std::max(count, worker.count); ++i) {
    if (i < count && i < worker.count && list[i] == worker.pairs[i]) continue;
    if (i < worker.count) CloseRun(worker.pairs[i], worker.since[i], slot);
    if (i < count) worker.since[i] = slot;
  }
  worker.pairs = list;
  worker.count = count;
  worker.next_slot = slot + 1;
  return Outcome::kTaken;
}

void LabelLoader::EndSeries(Worker& worker) {
  for (uint8_t i = 0; i < worker.count; ++i) CloseRun(worker.pairs[i], worker.since[i], worker.next_slot);
  worker.count = 0;
  slots_sum_.fetch_sub(std::exchange(worker.sum, 0), std::memory_order_relaxed);
}

void LabelLoader::CloseRun(uint32_t pair, uint32_t begin, uint32_t end) {
  sums_[pair].fetch_add(SumOf(begin, end), std::memory_order_relaxed);
}

// Part after part of the set: all over its memory it takes more than twice as long.
void LabelLoader::BuildSeriesSet(IndexMutex& mutex) {
  using HashedSlot = LabelIndex::HashedSlot;
  constexpr uint32_t kSlotsAtOnce = 4096;
  constexpr size_t kKeysAtOnce = 16 << 10;
  auto& set = index_.slots_;
  std::vector<std::vector<HashedSlot>> keys(set.kParts);
  for (uint32_t begin = 0; begin < end_slot_; begin += kSlotsAtOnce) {
    std::shared_lock lock(mutex);
    for (uint32_t slot = begin; slot < std::min(begin + kSlotsAtOnce, end_slot_); ++slot) {
      const SeriesRecord& record = series_.at(slot);
      HashedSlot key{slot, record.hash};
      if (record.is_live.load(std::memory_order_relaxed)) keys[set.PartOf(key)].push_back(key);
    }
  }
  for (size_t part = 0; part < set.kParts; ++part) {
    for (std::span<const HashedSlot> rest = keys[part]; !rest.empty();) {
      std::unique_lock lock(mutex);
      const size_t some = std::min(rest.size(), kKeysAtOnce);
      set.insert_in_part(part, rest.first(some));
      rest = rest.subspan(some);
    }
    keys[part] = {};
  }
}

void LabelLoader::Adopt(uint32_t slot, bool is_hash_ours) {
  SeriesRecord& record = series_.at(slot);
  const uint32_t* list = index_.pair_lists_.at(record.labels);
  for (uint8_t i = 0; i < record.label_count; ++i) index_.pairs_[list[i]].series.Add(slot);
  if (!is_hash_ours) record.hash = static_cast<uint32_t>(index_.LabelsOf(slot).Hash());
  index_.all_.add(slot);
  index_.slots_.insert(slot);
  ++index_.series_count_;
  index_.next_slot_ = slot + 1;
}

void LabelLoader::FinishTables() {
  std::vector<LabelIndex::Symbol>& symbols = index_.symbols_;
  for (uint32_t id = 0; id < index_.pairs_.size(); ++id) {
    LabelIndex::Pair& pair = index_.pairs_[id];
    if (pair.series.empty()) {
      pair = {};
      index_.free_pairs_.push_back(id);
      continue;
    }
    ++index_.pair_count_;
    ++symbols[pair.name].uses;
    ++symbols[pair.value].uses;
    std::vector<uint32_t>& of_name = index_.pairs_by_name_[pair.name];
    pair.place = static_cast<uint32_t>(of_name.size());
    of_name.push_back(id);
  }
  for (uint32_t id = 0; id < symbols.size(); ++id) {
    if (symbols[id].uses > 0) {
      index_.symbol_bytes_ += symbols[id].size + 16;
    } else {
      symbols[id] = {};
      index_.free_symbols_.push_back(id);
    }
  }
  auto insert_pairs = [this](const auto& insert) {
    for (uint32_t id = 0; id < index_.pairs_.size(); ++id) {
      if (!index_.pairs_[id].series.empty()) insert(id);
    }
  };
  auto insert_symbols = [&](const auto& insert) {
    for (uint32_t id = 0; id < symbols.size(); ++id) {
      if (symbols[id].uses > 0) insert(id);
    }
  };
  constexpr size_t kWorthAThread = 16 << 10;
  const size_t threads = index_.pairs_.size() < kWorthAThread ? 1 : 2;
  RunInParallel(threads, [&](size_t worker) {
    if (worker == 0) index_.pair_ids_.insert_all(index_.pair_count_, insert_pairs);
    if (worker + 1 == threads) {
      index_.symbol_ids_.insert_all(symbols.size() - index_.free_symbols_.size(), insert_symbols);
    }
  });
}

// Some pairs' postings from `first` on; false when there are no more pairs.
bool LabelLoader::ReadStored(uint32_t first, std::vector<Postings>& thawed) {
  constexpr uint64_t kAtOnce = 64 << 10;  // slots
  thawed.clear();
  std::vector<SlotRun> runs;
  std::vector<uint32_t> scratch;
  uint64_t slots = 0;
  for (size_t id = first; id < stored_.size() && slots < kAtOnce; ++id) {
    Postings& postings = thawed.emplace_back();
    uint64_t sum = 0;
    if (stored_[id] != nullptr) {
      ReadStoredPostings(stored_[id], runs);
      for (SlotRun run : runs) sum += SumOf(run.begin, run.end);
      if (!runs.empty()) postings = Postings::FromRuns(runs, scratch);
      slots += CountOfStored(stored_[id]);
    }
    if (sum != sums_[id].load(std::memory_order_relaxed)) are_postings_wrong_ = true;
  }
  return !thawed.empty();
}

void LabelLoader::Thaw(IndexMutex& mutex) {
  std::vector<Postings> thawed;
  for (uint32_t first = 0; ReadStored(first, thawed); first += static_cast<uint32_t>(thawed.size())) {
    std::unique_lock lock(mutex);
    for (size_t i = 0; i < thawed.size(); ++i) {
      LabelIndex::Pair& pair = index_.pairs_[first + i];
      // Unless a new series has done it before.
      if (pair.series.stored() != nullptr) pair.series = std::move(thawed[i]);
    }
  }
}

void LabelLoader::EndInPlace() {
  index_.is_in_place_ = false;
  if (std::exchange(index_.has_pairs_without_series_, false)) index_.ForgetPairsWithoutSeries();
}

void LabelLoader::Rebuild() {
  ++index_.removals_;
  const uint32_t next_slot = index_.next_slot_;
  ForgetPostings();
  for (uint32_t slot = 0; slot < series_.slots(); ++slot) {
    if (series_.at(slot).is_live.load(std::memory_order_relaxed)) Adopt(slot, /*is_hash_ours=*/true);
  }
  index_.has_pairs_without_series_ = true;
  index_.next_slot_ = std::max(index_.next_slot_, next_slot);
  index_.FinishRecovery();
}

}  // namespace sextant::tsdb
