// The label index as a checkpoint's image holds it: the tables of symbols and pairs under the ids that they
// have in memory, so that a series is an array of pair ids there too and taking an image over interns
// nothing.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

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

// Fills an empty index from an image: first the tables, then the label lists of series (from several
// threads), then the sets and postings that make them findable (from two). Nothing that an image can hold
// does harm.
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
  void FinishTables();

  // What one thread keeps while it adds series.
  struct Worker {
    std::vector<uint32_t> counts;  // series of each pair
    uint32_t* slab = nullptr;
    uint32_t slab_number = 0;
    uint32_t slab_used = 0;
  };
  Worker MakeWorker() const;

  enum class Outcome {
    kTaken,
    kGone,       // it was dropped while the image was written: a label of it is no longer there
    kMalformed,  // not the labels of a series
  };
  // Gives a series its labels. Any thread, each with a worker and slots of its own.
  Outcome AddSeries(Worker& worker, uint32_t slot, const uint32_t* pairs, uint8_t count, uint32_t hash);

  // After all series: sums up, and forgets labels that no series has.
  void FinishSeries(std::vector<Worker>& workers, bool hashes_are_ours);
  // What makes series findable by some of their labels; and then by all of them, which changes nothing that
  // lookups by some look at.
  void BuildPostings();
  void BuildSeriesSet();

 private:
  void BuildLabelSets();
  template <typename Open, typename Close>
  void ForEachRun(const Open& open, const Close& close) const;

  using PairId = uint32_t;

  LabelIndex& index_;
  SeriesTable& series_;
  std::vector<uint32_t> name_ranks_;  // by pair: the place of its name in the order of names; kFreePair: none
  std::vector<uint32_t> counts_;      // by pair: its series
  std::mutex mutex_;                  // of the index's slabs
};

}  // namespace sextant::tsdb
