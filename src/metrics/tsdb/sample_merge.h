// Samples of one series out of several sources (blocks, the head), made one ascending sequence.
#pragma once

#include <cstddef>
#include <vector>

#include "model/storage.h"

namespace sextant::tsdb {

// Sources that follow each other in time, as almost all do, cost a comparison each. Owned by one thread.
//
//   SampleMerger merger(columns);  // empty
//   for (...) {
//     merger.BeginSource();
//     source.Read(..., columns);  // appends, ascending
//   }
//   merger.Finish();
class SampleMerger {
 public:
  // `columns` must outlive this.
  explicit SampleMerger(model::SampleColumns& columns) : columns_(columns) {}

  // What is appended to the columns from now on comes from another source.
  void BeginSource() { begins_.push_back(columns_.size()); }
  // Brings everything into the order of time. Of several samples for one time that of the first source stays.
  // Whether sources overlapped.
  bool Finish();

 private:
  model::SampleColumns& columns_;
  std::vector<size_t> begins_;
};

}  // namespace sextant::tsdb
