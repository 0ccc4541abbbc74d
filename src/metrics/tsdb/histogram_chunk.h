// Native histograms as bytes, each against the one before: what chunks of histogram series and journal
// sections are made of. docs/formats/histograms.md describes them:
//
//   1 byte   flags (hint, what follows)
//   varints  the time, if the distance to the sample before changes; the start time, if that changes
//   layout   schema, zero threshold, spans, custom bounds, if they change
//   tokens   of value_codec.h: zero count and buckets, each after the same bucket before; count and sum. None
//            of them when nothing has changed, so that a histogram at rest costs a byte.
//
// A chunk begins with the time of its first sample (8 bytes); the number of samples is kept outside. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/histogram_check.h"
#include "model/storage.h"

namespace sextant::tsdb {

using core::TimestampMs;

inline constexpr uint32_t kMaxHistogramChunkSamples = 1'000;

// What the next sample is written against. Encoder and decoder come to the same one.
struct HistogramContext {
  TimestampMs time_ms = 0;
  int64_t delta_ms = 0;
  TimestampMs start_ms = 0;
  model::FloatHistogram last = {};  // the last one that was not a stale marker
  bool is_stale = false;            // a stale marker came after it
  bool is_integer = false;          // of the last one, stale markers included
};

// Appends a sample to `out`. The histogram is a valid one (HistogramFault); of a stale marker, only what it
// is stays.
void EncodeHistogram(HistogramContext& context, TimestampMs time_ms, TimestampMs start_ms,
                     const model::FloatHistogram& histogram, std::string& out);

// Reads samples one after the other. Equal neighbours share a histogram.
class HistogramDecoder {
 public:
  // The first sample's time is written against `base_ms`.
  explicit HistogramDecoder(TimestampMs base_ms = 0) { context_.time_ms = base_ms; }

  // False when the bytes are not a sample; the decoder must then be dropped.
  bool Next(ByteReader& reader);

  TimestampMs time_ms() const { return context_.time_ms; }
  TimestampMs start_ms() const { return context_.start_ms; }
  std::shared_ptr<const model::FloatHistogram> histogram();
  const HistogramContext& context() const { return context_; }

 private:
  bool ReadLayout(ByteReader& reader);
  bool ReadValues(ByteReader& reader);

  HistogramContext context_;
  std::vector<uint64_t> bits_;
  std::shared_ptr<const model::FloatHistogram> shared_;  // the sample just read; null: not asked for yet
};

// An open chunk.
class HistogramChunk {
 public:
  explicit HistogramChunk(TimestampMs first_ms);
  // From what bytes() and samples() were; kCorruption when they are not just that.
  static core::Result<std::unique_ptr<HistogramChunk>> Restore(std::string_view bytes, uint32_t samples);

  // Whether the next sample should begin a new chunk.
  bool IsFull() const;
  // Appends a sample after the last one. Its hint becomes what is known here: kNotReset when it continues the
  // one before, kUnknown otherwise; kGauge and kReset stay.
  void Append(TimestampMs time_ms, TimestampMs start_ms, const model::FloatHistogram& histogram);

  std::string_view bytes() const { return bytes_; }
  uint32_t samples() const { return samples_; }
  TimestampMs first_time_ms() const { return LoadFixed<TimestampMs>(bytes_.data()); }
  TimestampMs last_time_ms() const { return context_.time_ms; }
  // HistogramBits of the last sample.
  uint64_t last_bits() const;
  bool is_integer() const { return context_.is_integer; }
  uint64_t size_bytes() const;

 private:
  HistogramChunk() = default;
  model::CounterResetHint HintOf(const model::FloatHistogram& histogram) const;

  std::string bytes_;
  uint32_t samples_ = 0;
  HistogramContext context_;
};

// Appends the samples with start_ms <= time <= end_ms to `out`. kCorruption when the bytes are not such a
// chunk
// (`out` may have got samples before that was found).
core::Status DecodeHistogramChunk(std::string_view bytes, uint32_t samples, TimestampMs start_ms,
                                  TimestampMs end_ms, model::SampleColumns& out);

}  // namespace sextant::tsdb
