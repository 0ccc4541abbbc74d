// Samples of one series as bytes: what the out-of-order part of the journal, of checkpoints and of the head's
// memory is made of. docs/formats/journal.md describes them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "metrics/tsdb/bytes.h"
#include "model/histogram.h"
#include "model/storage.h"

namespace sextant::tsdb {

using core::TimestampMs;

// A sample that came behind its series' newest.
struct OutOfOrderSample {
  TimestampMs time_ms = 0;
  uint64_t bits = 0;  // of the value; 0 when there is a histogram
  TimestampMs start_ms = 0;
  std::shared_ptr<const model::FloatHistogram> histogram;
};

// Appends the samples of one series, in any order of time.
void PutOutOfOrderSamples(std::span<const OutOfOrderSample> samples, std::string& out);
// Adds what PutOutOfOrderSamples wrote to `out`; false when it is malformed.
bool ReadOutOfOrderSamples(ByteReader& reader, std::vector<OutOfOrderSample>& out);

// Memory of a histogram.
uint64_t HistogramBytes(const model::FloatHistogram& histogram);

// Puts samples, ascending in time, among those of the columns from the place `begin` on, which ascend too. Of
// two for the same time, the one that is in the columns stays. Histograms forget whether a counter was reset
// where another one comes before them.
void MergeOutOfOrder(const std::vector<OutOfOrderSample>& samples, size_t begin,
                     model::SampleColumns& columns);

}  // namespace sextant::tsdb
