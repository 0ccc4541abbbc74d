// The label index as a checkpoint's image holds it: the tables of symbols and pairs under the ids that they
// have in memory, so that a series is an array of pair ids there too and taking an image over interns
// nothing; and the postings of each pair, so that series can be found before they have been taken over.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/tsdb/index_mutex.h"
#include "metrics/tsdb/label_index.h"

namespace sextant::tsdb {

// A run of the symbol table, from the id `first` on.
struct SymbolRun {
  uint32_t first = 0;
  std::vector<uint32_t> sizes;  // of the text plus 1; 0: the id is free
  std::string texts;
};

// A run of the pair table, from the id `first` on. A free id has kFreePair in both.
struct PairRun {
  static constexpr uint32_t kFreePair = UINT32_MAX;
  uint32_t first = 0;
  std::vector<uint32_t> names;
  std::vector<uint32_t> values;
};

// Stored postings (postings_codec.h) of a run of pairs, from the id `first` on.
struct PostingsRun {
  uint32_t first = 0;
  uint32_t count = 0;
  std::string_view stored;  // one after the other
  std::string bytes;        // where they are, when they were captured
};

// Fills an empty index from an image: first the tables, then the label lists of series (from several
// threads), and what makes the series findable. Where the image has intact postings, the index is in use from
// the start, and lists come when they are asked for; else all lists come first (AddSeries, Adopt), and then
// FinishTables. Nothing that an image can hold does harm.
class LabelLoader {
 public:
  static constexpr uint32_t kMaxSymbolBytes = 16 << 20;

  // Both must outlive this; the index is empty and nobody else uses it.
  LabelLoader(LabelIndex& index, SeriesTable& series) : index_(index), series_(series) {}
  LabelLoader(const LabelLoader&) = delete;
  LabelLoader& operator=(const LabelLoader&) = delete;

  // The tables, in the order of their ids, symbols first. False when a run does not follow the one before or
  // makes no sense: no series can be understood then.
  bool AddSymbols(const SymbolRun& run);
  bool AddPairs(const PairRun& run);
  // After the tables, before any series.
  void RankNames();

  // Postings, in the order of the ids, of slots before `end_slot`; they must stay where they are until Thaw.
  // False when they make no sense.
  bool AddPostings(const PostingsRun& run, uint32_t end_slot);
  // Makes the series of `slots` (stored postings) findable by labels. False when
  // it cannot; then, or when postings made no sense, ForgetPostings goes back to the tables alone.
  bool BeginInPlace(std::string_view slots, uint32_t end_slot);
  void ForgetPostings();

  // What one thread keeps while it adds series.
  struct Worker {
    uint32_t slab = 0;
    uint32_t slab_used = LabelIndex::PairLists::kSlabIds;
    // Of each label of the series added last, the first of the series in a row that have it in this place.
    const uint32_t* pairs = nullptr;
    uint8_t count = 0;
    uint32_t next_slot = 0;
    uint64_t sum = 0;  // over the slots
    std::array<uint32_t, 255> since = {};
  };

  enum class Outcome {
    kTaken,
    kGone,       // it was dropped while the image was written: a label of it is no longer there
    kMalformed,  // not the labels of a series
  };
  // Gives a series its labels. Any thread, each with a worker and slots of its own, in their order. EndSeries
  // comes after those of a page.
  Outcome AddSeries(Worker& worker, uint32_t slot, SeriesRecord& record, const uint32_t* pairs, uint8_t count,
                    uint32_t hash);
  void EndSeries(Worker& worker);

  // When the image has no postings: makes a series findable by its labels. Slots in their order.
  void Adopt(uint32_t slot, bool is_hash_ours);
  // After all Adopt: forgets labels that no series has.
  void FinishTables();

  // After all series have come to an index in place, which is in use (`mutex`): what finds a series by all of
  // its labels. Nothing takes the lock for long.
  void BuildSeriesSet(IndexMutex& mutex);
  // And at last: compares the postings with the series and makes them independent of the image.
  void Thaw(IndexMutex& mutex);
  // Whether any were not those of the series; then all are to be made anew from them.
  bool are_postings_wrong() const {
    return are_postings_wrong_ || slots_sum_.load(std::memory_order_relaxed) != 0;
  }
  // What follows needs the index for itself.
  void Rebuild();
  void EndInPlace();

 private:
  bool ReadStored(uint32_t first, std::vector<Postings>& thawed);
  void CloseRun(uint32_t pair, uint32_t begin, uint32_t end);

  LabelIndex& index_;
  SeriesTable& series_;
  std::vector<uint32_t> name_ranks_;  // by pair: the place of its name in the order of names; kFreePair: none
  std::vector<const char*> stored_;   // by pair: its postings in the image; null: none
  std::unique_ptr<std::atomic<uint64_t>[]>
      sums_;                             // by pair: over its series, to be compared with its postings
  uint32_t end_slot_ = 0;                // of the image in place
  std::atomic<uint64_t> slots_sum_ = 0;  // over the slots that are still to come
  bool are_postings_wrong_ = false;
};

}  // namespace sextant::tsdb
