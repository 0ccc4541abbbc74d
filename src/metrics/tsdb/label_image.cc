#include "metrics/tsdb/label_image.h"

#include <algorithm>
#include <cstring>

namespace sextant::tsdb {

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

void LabelLoader::FinishTables() {
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

LabelLoader::Worker LabelLoader::MakeWorker() const {
  Worker worker;
  worker.counts.resize(index_.pairs_.size());
  worker.slab_used = LabelIndex::PairLists::kSlabIds;
  return worker;
}

LabelLoader::Outcome LabelLoader::AddSeries(Worker& worker, uint32_t slot, const uint32_t* pairs,
                                            uint8_t count, uint32_t hash) {
  if (count == 0) return Outcome::kMalformed;
  uint32_t former_rank = 0;
  for (uint8_t i = 0; i < count; ++i) {
    if (pairs[i] >= name_ranks_.size()) return Outcome::kMalformed;
    uint32_t rank = name_ranks_[pairs[i]];
    if (rank == PairRun::kFreePair) return Outcome::kGone;
    if (i > 0 && rank <= former_rank) return Outcome::kMalformed;
    former_rank = rank;
  }
  if (worker.slab_used + count > LabelIndex::PairLists::kSlabIds) {
    std::lock_guard lock(mutex_);
    worker.slab = index_.pair_lists_.AddSlab(worker.slab_number);
    worker.slab_used = 0;
  }
  SeriesRecord& record = series_.at(slot);
  record.labels = worker.slab_number * LabelIndex::PairLists::kSlabIds + worker.slab_used;
  record.label_count = count;
  record.hash = hash;
  std::memcpy(worker.slab + worker.slab_used, pairs, count * sizeof(uint32_t));
  worker.slab_used += count;
  for (uint8_t i = 0; i < count; ++i) ++worker.counts[pairs[i]];
  record.is_live.store(true, std::memory_order_relaxed);
  return Outcome::kTaken;
}

void LabelLoader::FinishSeries(std::vector<Worker>& workers, bool hashes_are_ours) {
  counts_.assign(index_.pairs_.size(), 0);
  for (const Worker& worker : workers) {
    for (size_t id = 0; id < counts_.size(); ++id) counts_[id] += worker.counts[id];
  }
  for (uint32_t id = 0; id < counts_.size(); ++id) {
    LabelIndex::Pair& pair = index_.pairs_[id];
    if (counts_[id] == 0) {
      pair = {};
      index_.free_pairs_.push_back(id);
      continue;
    }
    ++index_.pair_count_;
    ++index_.symbols_[pair.name].uses;
    ++index_.symbols_[pair.value].uses;
  }
  for (uint32_t id = 0; id < index_.symbols_.size(); ++id) {
    LabelIndex::Symbol& symbol = index_.symbols_[id];
    if (symbol.uses == 0) {
      symbol = {};
      index_.free_symbols_.push_back(id);
    } else {
      index_.symbol_bytes_ += symbol.size + 16;
    }
  }
  uint32_t run_begin = 0;
  for (uint32_t slot = 0; slot < series_.slots(); ++slot) {
    SeriesRecord& record = series_.at(slot);
    if (!record.is_live.load(std::memory_order_relaxed)) {
      if (run_begin < slot) index_.all_.addRange(run_begin, slot);
      run_begin = slot + 1;
      continue;
    }
    ++index_.series_count_;
    index_.next_slot_ = slot + 1;
    if (!hashes_are_ours) record.hash = static_cast<uint32_t>(index_.LabelsOf(slot).Hash());
  }
  if (run_begin < series_.slots()) index_.all_.addRange(run_begin, series_.slots());
}

namespace {

// Entries of a hash set that is filled lie anywhere: asking for one ahead hides most of the wait for it.
constexpr uint32_t kPrefetchDistance = 12;

}  // namespace

void LabelLoader::BuildSeriesSet() {
  index_.slots_.insert_all<LabelIndex::HashedSlot>(index_.series_count_, [this](const auto& insert) {
    for (uint32_t slot = 0; slot < index_.next_slot_; ++slot) {
      const SeriesRecord& record = series_.at(slot);
      if (record.is_live.load(std::memory_order_relaxed)) insert({slot, record.hash});
    }
  });
}

void LabelLoader::BuildLabelSets() {
  index_.symbol_ids_.reserve(index_.symbols_.size() - index_.free_symbols_.size());
  for (uint32_t id = 0; id < index_.symbols_.size(); ++id) {
    if (index_.symbols_[id].uses > 0) index_.symbol_ids_.insert(id);
  }
  index_.pair_ids_.reserve(index_.pair_count_);
  for (uint32_t id = 0; id < index_.pairs_.size(); ++id) {
    if (id + kPrefetchDistance < index_.pairs_.size()) index_.pair_ids_.prefetch(id + kPrefetchDistance);
    if (counts_[id] == 0) continue;
    index_.pair_ids_.insert(id);
    std::vector<uint32_t>& of_name = index_.pairs_by_name_[index_.pairs_[id].name];
    index_.pairs_[id].place = static_cast<uint32_t>(of_name.size());
    of_name.push_back(id);
  }
}

void LabelLoader::BuildPostings() {
  BuildLabelSets();
  // The runs of all pairs in one array, pair after pair, each ascending: the series of a target are
  // neighbours, and have most of their labels in common.
  std::vector<uint64_t> ends(counts_.size() + 1);
  ForEachRun([&](uint32_t pair, uint32_t) { ++ends[pair + 1]; }, [](uint32_t, uint32_t) {});
  for (size_t id = 0; id < counts_.size(); ++id) ends[id + 1] += ends[id];
  auto runs = std::make_unique_for_overwrite<SlotRun[]>(ends.back());
  // From here on, where the next run of a pair goes; at last, where those of the next pair begin.
  ForEachRun([&](uint32_t pair, uint32_t slot) { runs[ends[pair]++].begin = slot; },
             [&](uint32_t pair, uint32_t slot) { runs[ends[pair] - 1].end = slot; });
  std::vector<uint32_t> scratch;
  uint64_t begin = 0;
  for (size_t id = 0; id < counts_.size(); ++id) {
    std::span<const SlotRun> of_pair(runs.get() + begin, ends[id] - begin);
    begin = ends[id];
    if (counts_[id] > 0) index_.pairs_[id].series = Postings::FromRuns(of_pair, scratch);
  }
}

// Calls `open` with each pair and slot where a run of slots that have the pair begins, and `close` with the
// slot behind its end. A run may end where another one of the same pair begins.
template <typename Open, typename Close>
void LabelLoader::ForEachRun(const Open& open, const Close& close) const {
  const uint32_t* former = nullptr;
  uint8_t former_count = 0;
  for (uint32_t slot = 0; slot <= index_.next_slot_; ++slot) {
    const uint32_t* list = nullptr;
    uint8_t count = 0;
    if (slot < index_.next_slot_) {
      const SeriesRecord& record = series_.at(slot);
      if (record.is_live.load(std::memory_order_relaxed)) {
        list = index_.pair_lists_.at(record.labels);
        count = record.label_count;
      }
    }
    const uint8_t common = std::min(count, former_count);
    // All ends first: a label may have moved to another place of the list.
    for (uint8_t i = 0; i < former_count; ++i) {
      if (i >= common || former[i] != list[i]) close(former[i], slot);
    }
    for (uint8_t i = 0; i < count; ++i) {
      if (i >= common || former[i] != list[i]) open(list[i], slot);
    }
    former = list;
    former_count = count;
  }
}

}  // namespace sextant::tsdb
