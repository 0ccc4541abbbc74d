// Samples of one series out of several sources (blocks, the head), made one ascending sequence.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "model/storage.h"

namespace sextant::tsdb {

// Makes a histogram say nothing of whether its counter was reset since the sample before, which is another
// one now.
void ForgetReset(std::shared_ptr<const model::FloatHistogram>& histogram);

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
  // Histograms that get another one before them forget whether that was reset. Whether sources overlapped.
  bool Finish();

 private:
  model::SampleColumns& columns_;
  absl::InlinedVector<size_t, 4> begins_;
};

}  // namespace sextant::tsdb
