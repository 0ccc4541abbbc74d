// Writes the index of a dense block (index_file.h). Series come in the order of their labels and go to a
// temporary file; what stays in memory is each label once, and at the end the postings of some labels at a
// time. Owned by one thread.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/dense_columns.h"
#include "metrics/tsdb/dense_spool.h"
#include "metrics/tsdb/index_file.h"
#include "model/labels.h"

namespace sextant::tsdb {

class IndexWriter {
 public:
  // Temporary files are made in `dir`, where the index will be.
  static core::Result<std::unique_ptr<IndexWriter>> Start(core::FileSystem& fs, std::string dir);

  // Adds the next series, with labels.
  core::Status AddSeries(const model::Labels& labels);
  // The series added last has a further row, from this time on.
  void AddSplit(core::TimestampMs first_ms);
  uint64_t series() const { return series_; }

  // Writes the file and waits until it is on the device; removes the temporary files. Call once.
  core::Status Finish(const IndexFacts& facts, const std::vector<GroupPlace>& row_groups,
                      const std::vector<GroupPlace>& time_groups);

 private:
  // A label of some series, numbered in the order of appearance.
  struct Pair {
    const char* value = nullptr;
    uint32_t value_size = 0;
    uint32_t name = 0;
    uint32_t postings = 0;

    std::string_view text() const { return {value, value_size}; }
  };
  struct PairKey {
    uint32_t name;
    std::string_view value;
  };
  struct PairHash {
    using is_transparent = void;
    const std::vector<Pair>* pairs;
    size_t operator()(const PairKey& key) const;
    size_t operator()(uint32_t pair) const { return (*this)({(*pairs)[pair].name, (*pairs)[pair].text()}); }
  };
  struct PairEqual {
    using is_transparent = void;
    const std::vector<Pair>* pairs;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t pair, const PairKey& key) const {
      return (*pairs)[pair].name == key.name && (*pairs)[pair].text() == key.value;
    }
    bool operator()(const PairKey& key, uint32_t pair) const { return (*this)(pair, key); }
  };
  class FileWriter;
  class ValueBlocks;

  IndexWriter(core::FileSystem& fs, std::string dir, Spool spool)
      : fs_(fs), dir_(std::move(dir)), spool_(std::move(spool)) {}

  uint32_t PairOf(model::LabelView label);
  const char* Keep(std::string_view text);
  void RankPairs();
  core::Status WritePairs(FileWriter& file);
  core::Status WritePostings(FileWriter& file, uint32_t begin, uint32_t end, ValueBlocks& values);
  core::Status WriteSeries(FileWriter& file);
  // Calls `take` with the pairs of each series in turn.
  template <typename Take>
  core::Status VisitSeries(Take take) const;

  core::FileSystem& fs_;
  const std::string dir_;
  Spool spool_;
  uint64_t series_ = 0;
  std::vector<IndexSplit> splits_;

  std::vector<std::string> names_;
  std::map<std::string, uint32_t, std::less<>> name_ids_;
  std::vector<Pair> pairs_;
  absl::flat_hash_set<uint32_t, PairHash, PairEqual> pair_ids_{0, PairHash{&pairs_}, PairEqual{&pairs_}};
  std::vector<std::string> texts_;  // pieces that never grow beyond what they reserved

  model::Labels former_labels_;
  std::vector<uint32_t> former_pairs_;
  std::vector<uint32_t> added_pairs_;
  std::string record_;

  std::vector<uint32_t> order_;  // pairs in the order of the index
  std::vector<uint32_t> rank_;   // of each pair there
};

}  // namespace sextant::tsdb
