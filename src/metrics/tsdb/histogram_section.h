// Samples of series that take histograms, on their way between appender, journal and checkpoint.
// docs/formats/histograms.md describes the bytes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/histogram_chunk.h"
#include "metrics/tsdb/series.h"

namespace sextant::tsdb {

// A sample of a series that takes histograms: one of these, or a float among them.
struct MixedSample {
  SeriesRef ref = 0;
  TimestampMs time_ms = 0;
  TimestampMs start_ms = 0;                                // of a histogram
  uint64_t bits = 0;                                       // of the float; HistogramBits
  std::shared_ptr<const model::FloatHistogram> histogram;  // null: a float
};

// A series that takes histograms, as a checkpoint keeps it.
struct MixedState {
  SeriesRef ref = 0;
  ChunkRef written_chunk = 0;
  ChunkTail tail;  // of the open float chunk; with count 0, newest time and value without one
  std::string float_chunk;
  std::unique_ptr<HistogramChunk> histogram_chunk;  // null: none is open
};

// The section of a journal batch.
void PutMixedSamples(std::span<const MixedSample> samples, std::string& out);

// Builds the sections of a checkpoint.
class MixedStateWriter {
 public:
  void AddWithHistograms(SeriesRef ref, ChunkRef written_chunk, const HistogramChunk& chunk);
  // `float_chunk` is empty when no chunk is open.
  void AddWithFloats(SeriesRef ref, ChunkRef written_chunk, const ChunkTail& tail,
                     std::string_view float_chunk);
  // The sections; each is well below the limit of a frame.
  std::vector<std::string> Finish();

 private:
  void Begin(SeriesRef ref, ChunkRef written_chunk);

  std::vector<std::string> sections_;
};

// What a section holds: samples of a batch, or states of a checkpoint. kCorruption when it is malformed.
struct MixedSection {
  std::vector<MixedSample> samples;
  std::vector<MixedState> states;
};
core::Result<MixedSection> ReadMixedSection(std::string_view bytes);

}  // namespace sextant::tsdb
