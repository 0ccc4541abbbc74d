#include "metrics/tsdb/label_index.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace sextant::tsdb {
namespace {

using model::Labels;
using model::LabelView;

}  // namespace

LabelIndex::LabelIndex(SeriesTable& series)
    : series_(series),
      pair_lists_(series.memory(), series.max_slots()),
      symbol_ids_(SymbolHash{&symbols_}, SymbolEqual{&symbols_}),
      pair_ids_(PairHash{&pairs_}, PairEqual{&pairs_}),
      slots_(SeriesHash{this}, SeriesEqual{this}) {}

// Ids of lists have 32 bits; a list of a series has at most 255 of the 512 in a slab.
LabelIndex::PairLists::PairLists(SlabMemory& memory, uint32_t max_slots)
    : memory_(memory),
      max_slabs_(static_cast<uint32_t>(
          std::min<uint64_t>(uint64_t{max_slots} + 1024, (uint64_t{1} << 32) / kSlabIds))),
      slabs_(static_cast<uint32_t**>(std::calloc(max_slabs_, sizeof(uint32_t*)))) {
  if (slabs_ == nullptr) throw std::bad_alloc();
}

uint32_t LabelIndex::PairLists::Allocate(uint8_t length) {
  if (!free_[length].empty()) {
    uint32_t list = free_[length].back();
    free_[length].pop_back();
    return list;
  }
  if (current_used_ + length > kSlabIds) {
    current_ = AddSlab();
    current_used_ = 0;
  }
  uint32_t list = current_ * kSlabIds + current_used_;
  current_used_ += length;
  return list;
}

uint32_t LabelIndex::PairLists::AddSlab() {
  uint32_t number = slab_count_.fetch_add(1, std::memory_order_relaxed);
  SEXTANT_CHECK(number < max_slabs_);
  slabs_[number] = reinterpret_cast<uint32_t*>(memory_.Take(kSlabIds * sizeof(uint32_t)));
  return number;
}

bool LabelIndex::HasLabels(uint32_t slot, const Labels& labels) const {
  const SeriesRecord& record = series_.at(slot);
  if (record.hash != static_cast<uint32_t>(labels.Hash()) || record.label_count != labels.size())
    return false;
  const uint32_t* pair = pair_lists_.at(record.labels);
  for (LabelView label : labels) {
    const Pair& held = pairs_[*pair++];
    if (symbols_[held.value].view() != label.value || symbols_[held.name].view() != label.name) return false;
  }
  return true;
}

uint32_t LabelIndex::Find(const Labels& labels, uint32_t guess) const {
  auto found = slots_.find(labels);
  if (found != slots_.end()) return *found;
  return is_in_place_ ? FindByPostings(labels, guess) : kNoSlot;
}

// The series that all of the labels have, the rarest of them first. A target's series follow each other, so
// that the guess is right nearly always.
uint32_t LabelIndex::FindByPostings(const Labels& labels, uint32_t guess) const {
  if (guess < next_slot_ && HasLabels(guess, labels)) return guess;
  std::vector<const Postings*> postings;
  for (LabelView label : labels) {
    uint32_t pair = FindPair(label.name, label.value);
    if (pair == kNone) return kNoSlot;
    postings.push_back(&pairs_[pair].series);
  }
  if (postings.empty()) return kNoSlot;
  std::ranges::sort(postings, {}, [](const Postings* one) { return one->size(); });
  // Trying a series costs as much as reading so many slots.
  constexpr uint64_t kTrialCost = 16;
  Bitmap candidates = postings.front()->ToBitmap();
  for (size_t i = 1; i < postings.size(); ++i) {
    if (candidates.cardinality() * kTrialCost < postings[i]->size()) break;
    postings[i]->IntersectWith(candidates);
  }
  for (uint32_t slot : candidates) {
    if (HasLabels(slot, labels)) return slot;
  }
  return kNoSlot;
}

uint32_t LabelIndex::FindSymbol(std::string_view text) const {
  auto found = symbol_ids_.find(text);
  return found == symbol_ids_.end() ? kNone : *found;
}

uint32_t LabelIndex::UseSymbol(std::string_view text) {
  uint32_t id = FindSymbol(text);
  if (id == kNone) {
    if (free_symbols_.empty() || are_ids_held_) {
      id = static_cast<uint32_t>(symbols_.size());
      symbols_.emplace_back();
    } else {
      id = free_symbols_.back();
      free_symbols_.pop_back();
    }
    Symbol& symbol = symbols_[id];
    symbol.text = std::make_unique_for_overwrite<char[]>(text.size());
    std::memcpy(symbol.text.get(), text.data(), text.size());
    symbol.size = static_cast<uint32_t>(text.size());
    symbol_bytes_ += text.size() + 16;  // with what the allocator adds
    symbol_ids_.insert(id);
  }
  ++symbols_[id].uses;
  return id;
}

void LabelIndex::ReleaseSymbol(uint32_t id) {
  Symbol& symbol = symbols_[id];
  if (--symbol.uses > 0) return;
  symbol_ids_.erase(id);
  symbol_bytes_ -= symbol.size + 16;
  symbol = {};
  free_symbols_.push_back(id);
}

uint32_t LabelIndex::UsePair(std::string_view name, std::string_view value) {
  uint32_t name_id = FindSymbol(name);
  uint32_t value_id = FindSymbol(value);
  if (name_id != kNone && value_id != kNone) {
    auto found = pair_ids_.find(static_cast<PairKey>(name_id) << 32 | value_id);
    if (found != pair_ids_.end()) return *found;
  }
  name_id = UseSymbol(name);
  value_id = UseSymbol(value);
  uint32_t id;
  if (free_pairs_.empty() || are_ids_held_) {
    id = static_cast<uint32_t>(pairs_.size());
    pairs_.emplace_back();
  } else {
    id = free_pairs_.back();
    free_pairs_.pop_back();
  }
  pairs_[id].name = name_id;
  pairs_[id].value = value_id;
  pair_ids_.insert(id);
  std::vector<uint32_t>& of_name = pairs_by_name_[name_id];
  pairs_[id].place = static_cast<uint32_t>(of_name.size());
  of_name.push_back(id);
  ++pair_count_;
  recent_pairs_.Add(id);
  return id;
}

void LabelIndex::Put(uint32_t slot, const Labels& labels) {
  SeriesRecord& record = series_.at(slot);
  record.label_count = static_cast<uint8_t>(labels.size());
  record.labels = pair_lists_.Allocate(record.label_count);
  record.hash = static_cast<uint32_t>(labels.Hash());
  uint32_t* list = pair_lists_.at(record.labels);
  for (LabelView label : labels) {
    uint32_t pair = UsePair(label.name, label.value);
    pairs_[pair].series.Add(slot);
    *list++ = pair;
  }
  all_.add(slot);
  slots_.insert(slot);
  ++series_count_;
  added_while_held_ = are_ids_held_;
  record.is_live.store(true, std::memory_order_relaxed);
}

uint32_t LabelIndex::Add(const Labels& labels) {
  uint32_t slot;
  if (!free_slots_.empty()) {
    slot = free_slots_.back();
    free_slots_.pop_back();
  } else {
    slot = next_slot_;
    if (!series_.GrowTo(slot)) return kNoSlot;
    ++next_slot_;
  }
  SeriesRecord& record = series_.at(slot);
  record.generation.store(record.generation.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  Put(slot, labels);
  recent_slots_.Add(slot);
  return slot;
}

bool LabelIndex::AddAt(SeriesRef ref, const Labels& labels) {
  uint32_t slot = SlotOf(ref);
  if (!series_.GrowTo(slot)) return false;
  next_slot_ = std::max(next_slot_, slot + 1);
  series_.at(slot).generation.store(GenerationOf(ref), std::memory_order_relaxed);
  Put(slot, labels);
  return true;
}

void LabelIndex::FinishRecovery() {
  Bitmap free = all_;
  free.flip(0, next_slot_);
  free_slots_.resize(free.cardinality());
  free.toUint32Array(free_slots_.data());
  std::ranges::reverse(free_slots_);
  // What is restored is not new.
  recent_slots_ = {};
  recent_pairs_ = {};
}

void LabelIndex::Remove(const std::vector<uint32_t>& slots) {
  ++removals_;
  std::vector<uint32_t> empty_pairs;
  for (uint32_t slot : slots) {
    SeriesRecord& record = series_.at(slot);
    slots_.erase(slot);
    all_.remove(slot);
    recent_slots_.Remove(slot);
    const uint32_t* list = pair_lists_.at(record.labels);
    for (uint8_t i = 0; i < record.label_count; ++i) {
      Pair& pair = pairs_[list[i]];
      pair.series.Remove(slot);
      if (pair.series.empty()) empty_pairs.push_back(list[i]);
    }
    pair_lists_.Free(record.labels, record.label_count);
    record.label_count = 0;
    record.is_live.store(false, std::memory_order_relaxed);
    --series_count_;
  }
  ptrdiff_t held = static_cast<ptrdiff_t>(free_slots_.size());
  free_slots_.insert(free_slots_.end(), slots.begin(), slots.end());
  std::sort(free_slots_.begin() + held, free_slots_.end(), std::greater<>());
  std::inplace_merge(free_slots_.begin(), free_slots_.begin() + held, free_slots_.end(), std::greater<>());

  if (is_in_place_) {
    // Series that are still in the image may have them, if it is not what it says.
    has_pairs_without_series_ = has_pairs_without_series_ || !empty_pairs.empty();
  } else {
    ForgetPairs(empty_pairs);
  }
}

void LabelIndex::ForgetPairsWithoutSeries() {
  std::vector<uint32_t> without_series;
  for (const auto& [name, pairs] : pairs_by_name_) {
    for (uint32_t id : pairs) {
      if (pairs_[id].series.empty()) without_series.push_back(id);
    }
  }
  ForgetPairs(without_series);
}

void LabelIndex::ForgetPairs(const std::vector<uint32_t>& ids) {
  for (uint32_t id : ids) {
    ForgetPairOfName(id);
    pair_ids_.erase(id);
    recent_pairs_.Remove(id);
    ReleaseSymbol(pairs_[id].name);
    ReleaseSymbol(pairs_[id].value);
    pairs_[id] = {};
    free_pairs_.push_back(id);
    --pair_count_;
  }
}

void LabelIndex::ForgetPairOfName(uint32_t id) {
  auto of_name = pairs_by_name_.find(pairs_[id].name);
  std::vector<uint32_t>& ids = of_name->second;
  uint32_t place = pairs_[id].place;
  if (place >= ids.size() || ids[place] != id) {
    for (uint32_t i = 0; i < ids.size(); ++i) pairs_[ids[i]].place = i;
    place = pairs_[id].place;
  }
  ids[place] = ids.back();
  pairs_[ids[place]].place = place;
  ids.pop_back();
  if (ids.empty()) pairs_by_name_.erase(of_name);
}

Labels LabelIndex::LabelsOf(uint32_t slot) const {
  std::vector<LabelView> scratch;
  return LabelsOf(slot, scratch);
}

Labels LabelIndex::LabelsOf(uint32_t slot, std::vector<LabelView>& scratch) const {
  const SeriesRecord& record = series_.at(slot);
  const uint32_t* list = pair_lists_.at(record.labels);
  scratch.clear();
  for (uint8_t i = 0; i < record.label_count; ++i) {
    const Pair& pair = pairs_[list[i]];
    scratch.push_back({symbols_[pair.name].view(), symbols_[pair.value].view()});
  }
  return Labels::FromSorted(scratch);
}

const std::vector<uint32_t>* LabelIndex::PairsOf(std::string_view name) const {
  auto found = pairs_by_name_.find(FindSymbol(name));
  return found == pairs_by_name_.end() ? nullptr : &found->second;
}

uint32_t LabelIndex::FindPair(std::string_view name, std::string_view value) const {
  uint32_t name_id = FindSymbol(name);
  uint32_t value_id = FindSymbol(value);
  if (name_id == kNone || value_id == kNone) return kNone;
  auto found = pair_ids_.find(static_cast<PairKey>(name_id) << 32 | value_id);
  return found == pair_ids_.end() ? kNone : *found;
}

bool LabelIndex::IsBefore(uint32_t slot, uint32_t other) const {
  const SeriesRecord& left = series_.at(slot);
  const SeriesRecord& right = series_.at(other);
  const uint32_t* left_list = pair_lists_.at(left.labels);
  const uint32_t* right_list = pair_lists_.at(right.labels);
  size_t common = std::min(left.label_count, right.label_count);
  for (size_t i = 0; i < common; ++i) {
    if (left_list[i] == right_list[i]) continue;
    const Pair& x = pairs_[left_list[i]];
    const Pair& y = pairs_[right_list[i]];
    return x.name != y.name ? symbols_[x.name].view() < symbols_[y.name].view()
                            : symbols_[x.value].view() < symbols_[y.value].view();
  }
  return left.label_count < right.label_count;
}

std::vector<uint32_t> LabelIndex::SortedSlots() const {
  // Symbols are ranked once, so that comparing label sets compares numbers.
  std::vector<uint32_t> order(symbols_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [this](uint32_t a, uint32_t b) { return symbols_[a].view() < symbols_[b].view(); });
  std::vector<uint32_t> rank(symbols_.size());
  for (uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;

  std::vector<uint32_t> slots(all_.cardinality());
  all_.toUint32Array(slots.data());
  std::sort(slots.begin(), slots.end(), [&](uint32_t a, uint32_t b) {
    const SeriesRecord& left = series_.at(a);
    const SeriesRecord& right = series_.at(b);
    const uint32_t* left_list = pair_lists_.at(left.labels);
    const uint32_t* right_list = pair_lists_.at(right.labels);
    size_t common = std::min(left.label_count, right.label_count);
    for (size_t i = 0; i < common; ++i) {
      if (left_list[i] == right_list[i]) continue;
      const Pair& x = pairs_[left_list[i]];
      const Pair& y = pairs_[right_list[i]];
      return x.name != y.name ? rank[x.name] < rank[y.name] : rank[x.value] < rank[y.value];
    }
    return left.label_count < right.label_count;
  });
  return slots;
}

void LabelIndex::TurnRecent(TimestampMs now_ms) {
  recent_slots_.Turn(now_ms);
  recent_pairs_.Turn(now_ms);
}

uint64_t LabelIndex::SizeBytes() const {
  // Postings are estimated by the pair lists: each entry there has one in the postings.
  return symbol_bytes_ + symbols_.capacity() * sizeof(Symbol) +
         pairs_.capacity() * (sizeof(Pair) + sizeof(uint32_t)) + match_cache_.SizeBytes() +
         2 * pair_lists_.SizeBytes() +
         (symbol_ids_.capacity() + pair_ids_.capacity() + slots_.capacity()) * 5;
}

}  // namespace sextant::tsdb
