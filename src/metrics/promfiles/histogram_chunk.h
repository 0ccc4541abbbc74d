// Chunks of native histograms: encodings 2 and 3 (whole-number and float counts), 5 and 6 (the same with
// start timestamps). The first sample dictates the layout: schema, thresholds, spans and bounds are there
// once.
#pragma once

#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/promfiles/chunk_codec.h"
#include "model/storage.h"

namespace sextant::promfiles {

// Splits histograms of one series, all with whole-number or all with float counts, into chunks. Owned by one
// thread; the histograms must stay until Finish.
class HistogramChunkWriter {
 public:
  enum class StartTimes {
    kLeaveOut,    // encodings 2 and 3
    kWhereThere,  // 5 and 6 for chunks with a start time
    kAlways,      // 5 and 6
  };
  HistogramChunkWriter(uint32_t max_samples, StartTimes start_times, std::vector<EncodedChunk>& out);

  // kInvalidArgument when its buckets, spans or counts contradict each other.
  core::Status Append(TimestampMs time_ms, const model::FloatHistogram& histogram, TimestampMs start_ms);
  // Writes what is there. The next sample begins a chunk that knows nothing of those before.
  void Finish();

 private:
  // The two bits of a chunk's header that say how its first sample follows the one before.
  enum class ResetHeader : uint8_t { kUnknown = 0, kNotReset = 0x40, kReset = 0x80, kGauge = 0xc0 };
  struct Entry {
    TimestampMs time_ms;
    TimestampMs start_ms;
    const model::FloatHistogram* histogram;
  };
  // One sign's buckets, as the present chunk lays them out.
  struct Side {
    std::vector<model::BucketSpan> spans;
    std::vector<int64_t> indices;
    std::vector<double> last;  // counts of the newest sample that is not stale
  };
  // How the buckets of a sample relate to those of the chunk.
  struct Comparison {
    bool sample_has_more = false;
    bool chunk_has_more = false;
    bool reset = false;           // a bucket shrank, or one that counted is gone
    std::vector<int64_t> merged;  // the buckets of both; empty when they are the same
  };
  struct Verdict {
    bool fits = false;
    ResetHeader header = ResetHeader::kUnknown;  // of the chunk that begins if it does not fit
  };
  class IntegerSamples;
  class FloatSamples;

  core::Status Check(const model::FloatHistogram& histogram) const;
  Verdict JudgeCounter(const model::FloatHistogram& histogram);
  bool FitsGauge(const model::FloatHistogram& histogram);
  ResetHeader HeaderAfterFull(const model::FloatHistogram& histogram);
  bool SameLayout(const model::FloatHistogram& histogram) const;
  void Widen(const model::FloatHistogram& histogram);
  void BeginChunk(ResetHeader header, const model::FloatHistogram& histogram);
  void WriteChunk();
  template <typename Samples>
  void WriteSamples(std::string& bytes, bool with_start_times) const;

  static Comparison Compare(const Side& side, const std::vector<model::BucketSpan>& spans,
                            const std::vector<double>& buckets);
  static std::vector<double> Spread(const Side& side, const std::vector<model::BucketSpan>& spans,
                                    const std::vector<double>& buckets);

  uint32_t max_samples_;
  StartTimes start_times_;
  std::vector<EncodedChunk>& out_;

  // The present chunk.
  ResetHeader header_ = ResetHeader::kUnknown;
  std::vector<Entry> entries_;
  model::FloatHistogram layout_;  // without spans
  Side positive_;
  Side negative_;
  // Of the sample that is being appended; set by JudgeCounter and FitsGauge.
  Comparison positive_comparison_;
  Comparison negative_comparison_;
};

// As DecodeChunk, except that `out` may have grown after a failure.
core::Status DecodeHistogramChunk(Encoding encoding, std::string_view bytes, TimestampMs start_ms,
                                  TimestampMs end_ms, model::SampleColumns& out);

}  // namespace sextant::promfiles
