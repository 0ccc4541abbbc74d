// Which series there are in the head: every label name and value once (symbols), every label once (pairs of
// symbols, each with the postings of its series), and a series as an array of pair ids, found by the hash of
// its labels.
//
// Not thread-safe: the head's index lock covers it (shared for const methods, exclusive for others). Lookups
// can take long; they work in slices and let go of the lock between two of them (Pause). It owns the slots
// and the label fields of the records in the SeriesTable.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/tsdb/db.h"
#include "metrics/tsdb/match_cache.h"
#include "metrics/tsdb/postings.h"
#include "metrics/tsdb/recent_ids.h"
#include "metrics/tsdb/series.h"
#include "metrics/tsdb/sliced_lookup.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace sextant::tsdb {

struct SymbolRun;
struct PairRun;
struct PostingsRun;

// An id with the hash of what it stands for.
struct HashedId {
  uint32_t id;
  size_t hash;
};

// Sets of ids by what they stand for, in parts, so that growing never moves more than one part at a time.
template <typename Hash, typename Equal>
class IdSet {
 public:
  IdSet(const Hash& hash, const Equal& equal) : hash_(hash) {
    for (Part& part : parts_) part = Part(0, hash, equal);
  }

  // The id that is equal to `key` (an id, or what it stands for), or null.
  template <typename Key>
  const uint32_t* find(const Key& key) const {
    const Part& part = parts_[PartOf(key)];
    auto found = part.find(key);
    return found == part.end() ? nullptr : &*found;
  }
  const uint32_t* end() const { return nullptr; }
  void insert(uint32_t id) { parts_[PartOf(id)].insert(id); }
  void erase(uint32_t id) { parts_[PartOf(id)].erase(id); }
  // Inserts ids that are not there yet, all of one part, so that what is written stays in the processor's
  // cache. A key has its id and its hash with it.
  template <typename Key>
  void insert_in_part(size_t part, std::span<const Key> keys) {
    for (const Key& key : keys) {
      parts_[part].lazy_emplace(key, [&](const auto& construct) { construct(key.id); });
    }
  }
  // The same for ids of all parts: `for_each` calls what it is given with each of them.
  template <typename ForEach>
  void insert_all(size_t size, const ForEach& for_each) {
    std::array<std::vector<HashedId>, kParts> keys;
    for (std::vector<HashedId>& of_part : keys) of_part.reserve(size / kParts + size / kParts / 16);
    for_each([&](uint32_t id) {
      HashedId key{id, hash_(id)};
      keys[PartOf(key)].push_back(key);
    });
    for (size_t part = 0; part < kParts; ++part) {
      parts_[part].reserve(parts_[part].size() + keys[part].size());
      insert_in_part<HashedId>(part, keys[part]);
      keys[part] = {};
    }
  }
  // The highest bits; the parts themselves use the lowest.
  static constexpr size_t kParts = 64;
  template <typename Key>
  size_t PartOf(const Key& key) const {
    return hash_(key) >> 58;
  }
  void reserve(size_t size) {
    for (Part& part : parts_) part.reserve(size / kParts + size / kParts / 16);
  }
  size_t capacity() const {
    size_t sum = 0;
    for (const Part& part : parts_) sum += part.capacity();
    return sum;
  }

 private:
  using Part = absl::flat_hash_set<uint32_t, Hash, Equal>;

  Hash hash_;
  std::array<Part, kParts> parts_;
};

class LabelIndex {
 public:
  // `series` must outlive this.
  explicit LabelIndex(SeriesTable& series);
  LabelIndex(const LabelIndex&) = delete;
  LabelIndex& operator=(const LabelIndex&) = delete;

  static constexpr uint32_t kNoSlot = UINT32_MAX;

  // The slot of the series with these labels, or kNoSlot. `guess` is a slot where it may well be, for when
  // there is not yet a better way to find it.
  uint32_t Find(const model::Labels& labels, uint32_t guess = kNoSlot) const;
  // Adds a series that is not there, in a free slot; kNoSlot when there is none. Labels: at most 255.
  uint32_t Add(const model::Labels& labels);
  // Recovery: adds a series under a given ref, in any order. Its slot is free and its labels are not there;
  // false when the slot is beyond the limit. Before the first Add, FinishRecovery takes note of the slots
  // left free.
  bool AddAt(SeriesRef ref, const model::Labels& labels);
  void FinishRecovery();
  // Drops series, and the labels that no other has.
  void Remove(const std::vector<uint32_t>& slots);

  uint64_t series_count() const { return series_count_; }
  uint64_t pair_count() const { return pair_count_; }
  model::Labels LabelsOf(uint32_t slot) const;
  // The same for many in a row, which share the memory of `scratch`.
  model::Labels LabelsOf(uint32_t slot, std::vector<model::LabelView>& scratch) const;

  // The slots of the series that all matchers accept (all, without matchers). When `check` fails, these three
  // return early with anything.
  Bitmap Select(const std::vector<model::Matcher>& matchers, const Pause& pause = {},
                const model::StopCheck* check = nullptr) const;
  // Adds the values of a label among the series that match to `out` (unsorted, each once).
  void LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                   std::vector<std::string>& out, const Pause& pause = {},
                   const model::StopCheck* check = nullptr) const;
  void LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out,
                  const Pause& pause = {}, const model::StopCheck* check = nullptr) const;
  // Whether the labels of one series come before those of another.
  bool IsBefore(uint32_t slot, uint32_t other) const;

  // Live slots in the order of their labels.
  std::vector<uint32_t> SortedSlots() const;

  // For an image (label_image.h): the pair ids of a series; up to `count` entries of the tables from the id
  // `first` on, false when there are none; of postings, the slots in `captured`.
  const uint32_t* PairListOf(uint32_t slot) const { return pair_lists_.at(series_.at(slot).labels); }
  bool CaptureSymbols(uint32_t first, uint32_t count, SymbolRun& out) const;
  bool CapturePairs(uint32_t first, uint32_t count, PairRun& out) const;
  bool CapturePostings(uint32_t first, uint32_t count, const Bitmap& captured, PostingsRun& out) const;
  // While ids are held, those that become free are not used again: an id in what was captured before means
  // the same label, or none, in what is captured later.
  void HoldIds(bool hold) {
    are_ids_held_ = hold;
    added_while_held_ = false;
  }

  bool Holds(uint32_t slot) const { return all_.contains(slot); }
  // How often series were removed so far: what a slot meant before it may not mean after.
  uint64_t removals() const { return removals_; }

  // Forgets which series and labels were new more than an hour ago.
  void TurnRecent(TimestampMs now_ms);
  void FillStats(size_t top, Stats& stats, const Pause& pause = {}) const;
  // Counts and lists; bytes are those of label values only.
  void FillCardinality(size_t top, CardinalityOrder order, TimestampMs now_ms, Cardinality& out,
                       const Pause& pause = {}) const;
  uint64_t SizeBytes() const;

 private:
  friend class LabelSelection;
  friend class LabelCosts;
  friend class LabelLoader;

  struct Symbol {
    std::unique_ptr<char[]> text;
    uint32_t size = 0;
    uint32_t uses = 0;
    std::string_view view() const { return {text.get(), size}; }
  };
  struct Pair {
    uint32_t name = 0;
    uint32_t value = 0;
    Postings series;
    uint32_t place = 0;  // among the pairs of its name; a hint, which Remove sets right
  };
  using PairKey = uint64_t;  // name and value symbol

  // Hash sets of ids that look into the tables, so that a key costs 4 bytes.
  struct SymbolHash {
    using is_transparent = void;
    const std::vector<Symbol>* symbols;
    size_t operator()(uint32_t id) const { return (*this)((*symbols)[id].view()); }
    size_t operator()(std::string_view text) const { return absl::Hash<std::string_view>()(text); }
    size_t operator()(const HashedId& id) const { return id.hash; }
  };
  struct SymbolEqual {
    using is_transparent = void;
    const std::vector<Symbol>* symbols;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const HashedId& b) const { return a == b.id; }
    bool operator()(uint32_t a, std::string_view b) const { return (*symbols)[a].view() == b; }
    bool operator()(std::string_view a, uint32_t b) const { return (*this)(b, a); }
  };
  struct PairHash {
    using is_transparent = void;
    const std::vector<Pair>* pairs;
    size_t operator()(uint32_t id) const { return (*this)(KeyOf((*pairs)[id])); }
    size_t operator()(PairKey key) const { return absl::Hash<PairKey>()(key); }
    size_t operator()(const HashedId& id) const { return id.hash; }
  };
  struct PairEqual {
    using is_transparent = void;
    const std::vector<Pair>* pairs;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const HashedId& b) const { return a == b.id; }
    bool operator()(uint32_t a, PairKey b) const { return KeyOf((*pairs)[a]) == b; }
    bool operator()(PairKey a, uint32_t b) const { return (*this)(b, a); }
  };
  struct HashedSlot {
    uint32_t id;
    uint32_t hash;  // of its record
  };
  struct SeriesHash {
    using is_transparent = void;
    const LabelIndex* index;
    size_t operator()(uint32_t slot) const { return Mix(index->series_.at(slot).hash); }
    size_t operator()(const model::Labels& labels) const { return Mix(static_cast<uint32_t>(labels.Hash())); }
    size_t operator()(const HashedSlot& slot) const { return Mix(slot.hash); }
    static size_t Mix(uint32_t hash) { return absl::Hash<uint32_t>()(hash); }
  };
  struct SeriesEqual {
    using is_transparent = void;
    const LabelIndex* index;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const model::Labels& b) const { return index->HasLabels(a, b); }
    bool operator()(uint32_t a, const HashedSlot& b) const { return a == b.id; }
    bool operator()(const model::Labels& a, uint32_t b) const { return (*this)(b, a); }
  };

  // The pair ids of series, in slabs, reused by length.
  class PairLists {
   public:
    static constexpr uint32_t kSlabIds = 512;

    // `memory` must outlive this.
    PairLists(SlabMemory& memory, uint32_t max_slots);

    uint32_t Allocate(uint8_t length);
    void Free(uint32_t at, uint8_t length) { free_[length].push_back(at); }
    // A slab for whoever fills it alone: lists in it begin at the number that is returned times kSlabIds. Any
    // thread, also while others allocate.
    uint32_t AddSlab();
    uint32_t* at(uint32_t list) { return slabs_[list / kSlabIds] + list % kSlabIds; }
    const uint32_t* at(uint32_t list) const { return slabs_[list / kSlabIds] + list % kSlabIds; }
    uint64_t SizeBytes() const {
      return uint64_t{slab_count_.load(std::memory_order_relaxed)} * kSlabIds * sizeof(uint32_t);
    }

   private:
    struct Release {
      void operator()(uint32_t** slabs) const { std::free(slabs); }
    };

    SlabMemory& memory_;
    const uint32_t max_slabs_;
    std::unique_ptr<uint32_t*[], Release> slabs_;  // never moves; zeros take no memory
    std::atomic<uint32_t> slab_count_ = 0;
    uint32_t current_ = 0;  // the slab of Allocate
    uint32_t current_used_ = kSlabIds;
    std::vector<uint32_t> free_[256];
  };

  static PairKey KeyOf(const Pair& pair) { return static_cast<uint64_t>(pair.name) << 32 | pair.value; }
  bool HasLabels(uint32_t slot, const model::Labels& labels) const;
  uint32_t FindSymbol(std::string_view text) const;
  uint32_t UseSymbol(std::string_view text);
  void ReleaseSymbol(uint32_t id);
  uint32_t UsePair(std::string_view name, std::string_view value);
  void Put(uint32_t slot, const model::Labels& labels);
  const std::vector<uint32_t>* PairsOf(std::string_view name) const;
  uint32_t FindPair(std::string_view name, std::string_view value) const;
  // Forgets pairs that no series has any more.
  void ForgetPairs(const std::vector<uint32_t>& ids);
  void ForgetPairsWithoutSeries();
  void ForgetPairOfName(uint32_t id);
  uint32_t FindByPostings(const model::Labels& labels, uint32_t guess) const;

  static constexpr uint32_t kNone = UINT32_MAX;

  SeriesTable& series_;
  std::vector<Symbol> symbols_;
  std::vector<uint32_t> free_symbols_;
  std::vector<Pair> pairs_;
  std::vector<uint32_t> free_pairs_;
  std::vector<uint32_t> free_slots_;  // descending, so that the lowest is taken first
  uint32_t next_slot_ = 0;
  uint64_t series_count_ = 0;
  uint64_t pair_count_ = 0;
  uint64_t symbol_bytes_ = 0;
  bool are_ids_held_ = false;
  bool added_while_held_ = false;  // a series
  PairLists pair_lists_;
  IdSet<SymbolHash, SymbolEqual> symbol_ids_;
  IdSet<PairHash, PairEqual> pair_ids_;
  IdSet<SeriesHash, SeriesEqual> slots_;
  // An image is still needed: series of it are to come into the set, and postings are where it has them.
  bool is_in_place_ = false;
  bool has_pairs_without_series_ = false;                               // which is only so in place
  absl::flat_hash_map<uint32_t, std::vector<uint32_t>> pairs_by_name_;  // name symbol to pair ids
  Bitmap all_;
  uint64_t removals_ = 0;  // calls of Remove so far: whether what a paused lookup holds may be outdated
  mutable MatchCache match_cache_;
  RecentIds recent_slots_;
  RecentIds recent_pairs_;
};

}  // namespace sextant::tsdb
