#include <algorithm>
#include <bit>
#include <cmath>

#include "metrics/promfiles/bits.h"
#include "metrics/promfiles/chunk_start_times.h"
#include "metrics/promfiles/histogram_chunk.h"
#include "metrics/promfiles/histogram_chunk_bits.h"
#include "metrics/promfiles/histogram_layout.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::BucketSpan;
using model::CounterResetHint;
using model::FloatHistogram;

// What the header of encodings 5 and 6 has room for.
constexpr uint32_t kMostSamples = 0x3fff;
constexpr double kTooManyCounts = 9223372036854775808.0;  // 2^63

bool IsWholeCount(double count) { return count >= 0 && count < kTooManyCounts && std::trunc(count) == count; }

bool IsGauge(const FloatHistogram& histogram) {
  return histogram.counter_reset_hint == CounterResetHint::kGauge;
}

bool SameBounds(const FloatHistogram& a, const FloatHistogram& b) {
  return a.custom_bounds == b.custom_bounds;
}

// A whole number as the change of its change.
struct DeltaWriter {
  int64_t value = 0;
  int64_t step = 0;

  void Write(BitWriter& writer, int64_t next) {
    int64_t new_step = WrapSub(next, value);
    writer.VarbitInt(WrapSub(new_step, step));
    step = new_step;
    value = next;
  }
};

struct XorFloatWriter {
  uint64_t bits = 0;
  XorWindow window;

  void WriteFirst(BitWriter& writer, double value) {
    bits = std::bit_cast<uint64_t>(value);
    writer.Write(bits, 64);
  }
  void Write(BitWriter& writer, double value) {
    auto next = std::bit_cast<uint64_t>(value);
    WriteXor(writer, next, bits, window);
    bits = next;
  }
};

}  // namespace

// Whole-number counts: buckets are differences to the bucket before.
class HistogramChunkWriter::IntegerSamples {
 public:
  void WriteFirst(BitWriter& writer, const FloatHistogram& histogram, const std::vector<double>& positive,
                  const std::vector<double>& negative) {
    count_.value = static_cast<int64_t>(histogram.count);
    zero_count_.value = static_cast<int64_t>(histogram.zero_count);
    writer.VarbitUint(static_cast<uint64_t>(count_.value));
    writer.VarbitUint(static_cast<uint64_t>(zero_count_.value));
    sum_.WriteFirst(writer, histogram.sum);
    WriteFirstBuckets(writer, positive, positive_);
    WriteFirstBuckets(writer, negative, negative_);
  }

  void WriteNext(BitWriter& writer, const FloatHistogram& histogram, const std::vector<double>& positive,
                 const std::vector<double>& negative) {
    count_.Write(writer, static_cast<int64_t>(histogram.count));
    zero_count_.Write(writer, static_cast<int64_t>(histogram.zero_count));
    sum_.Write(writer, histogram.sum);
    WriteBuckets(writer, positive, positive_);
    WriteBuckets(writer, negative, negative_);
  }

  void WriteStale(BitWriter& writer, double sum) {
    writer.VarbitInt(0);
    writer.VarbitInt(0);
    sum_.Write(writer, sum);
  }

 private:
  static void WriteFirstBuckets(BitWriter& writer, const std::vector<double>& counts,
                                std::vector<DeltaWriter>& deltas) {
    deltas.resize(counts.size());
    int64_t before = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      auto count = static_cast<int64_t>(counts[i]);
      deltas[i].value = count - before;
      writer.VarbitInt(deltas[i].value);
      before = count;
    }
  }
  static void WriteBuckets(BitWriter& writer, const std::vector<double>& counts,
                           std::vector<DeltaWriter>& deltas) {
    int64_t before = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      auto count = static_cast<int64_t>(counts[i]);
      deltas[i].Write(writer, count - before);
      before = count;
    }
  }

  DeltaWriter count_;
  DeltaWriter zero_count_;
  XorFloatWriter sum_;
  std::vector<DeltaWriter> positive_;
  std::vector<DeltaWriter> negative_;
};

class HistogramChunkWriter::FloatSamples {
 public:
  void WriteFirst(BitWriter& writer, const FloatHistogram& histogram, const std::vector<double>& positive,
                  const std::vector<double>& negative) {
    count_.WriteFirst(writer, histogram.count);
    zero_count_.WriteFirst(writer, histogram.zero_count);
    sum_.WriteFirst(writer, histogram.sum);
    positive_.resize(positive.size());
    negative_.resize(negative.size());
    for (size_t i = 0; i < positive.size(); ++i) positive_[i].WriteFirst(writer, positive[i]);
    for (size_t i = 0; i < negative.size(); ++i) negative_[i].WriteFirst(writer, negative[i]);
  }

  void WriteNext(BitWriter& writer, const FloatHistogram& histogram, const std::vector<double>& positive,
                 const std::vector<double>& negative) {
    count_.Write(writer, histogram.count);
    zero_count_.Write(writer, histogram.zero_count);
    sum_.Write(writer, histogram.sum);
    for (size_t i = 0; i < positive.size(); ++i) positive_[i].Write(writer, positive[i]);
    for (size_t i = 0; i < negative.size(); ++i) negative_[i].Write(writer, negative[i]);
  }

  void WriteStale(BitWriter& writer, double sum) {
    count_.Write(writer, 0);
    zero_count_.Write(writer, 0);
    sum_.Write(writer, sum);
  }

 private:
  XorFloatWriter count_;
  XorFloatWriter zero_count_;
  XorFloatWriter sum_;
  std::vector<XorFloatWriter> positive_;
  std::vector<XorFloatWriter> negative_;
};

HistogramChunkWriter::HistogramChunkWriter(uint32_t max_samples, StartTimes start_times,
                                           std::vector<EncodedChunk>& out)
    : max_samples_(std::clamp<uint32_t>(max_samples, 1, kMostSamples)),
      start_times_(start_times),
      out_(out) {}

core::Status HistogramChunkWriter::Append(TimestampMs time_ms, const FloatHistogram& histogram,
                                          TimestampMs start_ms) {
  SEXTANT_TRY(Check(histogram));
  if (entries_.empty()) {
    ResetHeader header = ResetHeader::kUnknown;
    if (IsGauge(histogram)) header = ResetHeader::kGauge;
    if (histogram.counter_reset_hint == CounterResetHint::kReset) header = ResetHeader::kReset;
    BeginChunk(header, histogram);
  } else if (entries_.size() >= max_samples_) {
    ResetHeader header = HeaderAfterFull(histogram);
    WriteChunk();
    BeginChunk(header, histogram);
  } else if (IsGauge(histogram)) {
    if (FitsGauge(histogram)) {
      Widen(histogram);
    } else {
      WriteChunk();
      BeginChunk(ResetHeader::kGauge, histogram);
    }
  } else {
    Verdict verdict = JudgeCounter(histogram);
    if (verdict.fits) {
      Widen(histogram);
    } else {
      // The float appender knows only whether there was a reset.
      if (!histogram.is_integer && verdict.header == ResetHeader::kNotReset) {
        verdict.header = ResetHeader::kUnknown;
      }
      WriteChunk();
      BeginChunk(verdict.header, histogram);
    }
  }
  entries_.push_back({.time_ms = time_ms, .start_ms = start_ms, .histogram = &histogram});
  if (!IsStaleSum(histogram.sum)) {
    positive_.last = Spread(positive_, histogram.positive_spans, histogram.positive_buckets);
    negative_.last = Spread(negative_, histogram.negative_spans, histogram.negative_buckets);
  }
  return {};
}

void HistogramChunkWriter::Finish() {
  if (!entries_.empty()) WriteChunk();
}

core::Status HistogramChunkWriter::Check(const FloatHistogram& histogram) const {
  if (IsStaleSum(histogram.sum)) return {};
  if (!IsKnownSchema(histogram.schema)) {
    return Fail(Code::kInvalidArgument, "a histogram of schema {}", histogram.schema);
  }
  uint64_t positive;
  uint64_t negative;
  if (!CountBuckets(histogram.positive_spans, positive) ||
      !CountBuckets(histogram.negative_spans, negative) || positive != histogram.positive_buckets.size() ||
      negative != histogram.negative_buckets.size()) {
    return Fail(Code::kInvalidArgument, "a histogram whose spans and buckets contradict each other");
  }
  if (histogram.is_integer && !(IsWholeCount(histogram.count) && IsWholeCount(histogram.zero_count) &&
                                std::ranges::all_of(histogram.positive_buckets, IsWholeCount) &&
                                std::ranges::all_of(histogram.negative_buckets, IsWholeCount))) {
    return Fail(Code::kInvalidArgument, "a whole-number histogram with other counts");
  }
  return {};
}

HistogramChunkWriter::Verdict HistogramChunkWriter::JudgeCounter(const FloatHistogram& histogram) {
  const FloatHistogram& last = *entries_.back().histogram;
  if (header_ == ResetHeader::kGauge) return {.header = ResetHeader::kNotReset};
  if (histogram.counter_reset_hint == CounterResetHint::kReset) return {.header = ResetHeader::kReset};
  if (IsStaleSum(histogram.sum)) return {.fits = true, .header = ResetHeader::kNotReset};
  if (IsStaleSum(last.sum)) return {.header = ResetHeader::kUnknown};
  if (histogram.count < last.count) return {.header = ResetHeader::kReset};
  if (!SameLayout(histogram)) return {.header = ResetHeader::kUnknown};
  if (!SameBounds(histogram, layout_)) return {.header = ResetHeader::kReset};
  if (histogram.zero_count < last.zero_count) return {.header = ResetHeader::kReset};
  positive_comparison_ = Compare(positive_, histogram.positive_spans, histogram.positive_buckets);
  negative_comparison_ = Compare(negative_, histogram.negative_spans, histogram.negative_buckets);
  if (positive_comparison_.reset || negative_comparison_.reset) return {.header = ResetHeader::kReset};
  return {.fits = true, .header = ResetHeader::kNotReset};
}

bool HistogramChunkWriter::FitsGauge(const FloatHistogram& histogram) {
  if (header_ != ResetHeader::kGauge) return false;
  if (IsStaleSum(histogram.sum)) return true;
  if (IsStaleSum(entries_.back().histogram->sum)) return false;
  if (!SameLayout(histogram) || !SameBounds(histogram, layout_)) return false;
  positive_comparison_ = Compare(positive_, histogram.positive_spans, histogram.positive_buckets);
  negative_comparison_ = Compare(negative_, histogram.negative_spans, histogram.negative_buckets);
  return true;
}

HistogramChunkWriter::ResetHeader HistogramChunkWriter::HeaderAfterFull(const FloatHistogram& histogram) {
  if (IsGauge(histogram)) return ResetHeader::kGauge;
  ResetHeader header = JudgeCounter(histogram).header;
  if (!histogram.is_integer && header == ResetHeader::kUnknown) return ResetHeader::kNotReset;
  return header;
}

bool HistogramChunkWriter::SameLayout(const FloatHistogram& histogram) const {
  return histogram.schema == layout_.schema && histogram.zero_threshold == layout_.zero_threshold;
}

// Extends the chunk's layout for a sample that fits and may have buckets which the chunk has not. Spans are
// written as Prometheus would: the sample's own, or those of the merged buckets.
void HistogramChunkWriter::Widen(const FloatHistogram& histogram) {
  if (IsStaleSum(histogram.sum)) return;
  if (!positive_comparison_.sample_has_more && !negative_comparison_.sample_has_more) return;
  bool any_missing = positive_comparison_.chunk_has_more || negative_comparison_.chunk_has_more;
  auto widen = [&](Side& side, Comparison& comparison, const std::vector<BucketSpan>& spans) {
    if (!comparison.merged.empty()) side.indices = std::move(comparison.merged);
    bool merged_spans = IsGauge(histogram) ? any_missing : comparison.chunk_has_more;
    side.spans = merged_spans ? SpansOf(side.indices) : spans;
  };
  widen(positive_, positive_comparison_, histogram.positive_spans);
  widen(negative_, negative_comparison_, histogram.negative_spans);
}

void HistogramChunkWriter::BeginChunk(ResetHeader header, const FloatHistogram& histogram) {
  header_ = header;
  layout_ = {};
  positive_ = {};
  negative_ = {};
  if (IsStaleSum(histogram.sum)) return;
  layout_.schema = histogram.schema;
  layout_.zero_threshold = histogram.zero_threshold;
  layout_.custom_bounds = histogram.custom_bounds;
  positive_ = {
      .spans = histogram.positive_spans, .indices = BucketIndices(histogram.positive_spans), .last = {}};
  negative_ = {
      .spans = histogram.negative_spans, .indices = BucketIndices(histogram.negative_spans), .last = {}};
}

HistogramChunkWriter::Comparison HistogramChunkWriter::Compare(const Side& side,
                                                               const std::vector<BucketSpan>& spans,
                                                               const std::vector<double>& buckets) {
  Comparison result;
  if (SameSpans(side.spans, spans)) {
    for (size_t i = 0; i < buckets.size(); ++i) result.reset |= side.last[i] > buckets[i];
    return result;
  }
  std::vector<int64_t> indices = BucketIndices(spans);
  size_t mine = 0;
  size_t theirs = 0;
  while (mine < side.indices.size() || theirs < indices.size()) {
    bool in_mine =
        theirs == indices.size() || (mine < side.indices.size() && side.indices[mine] <= indices[theirs]);
    bool in_theirs =
        mine == side.indices.size() || (theirs < indices.size() && indices[theirs] <= side.indices[mine]);
    result.merged.push_back(in_mine ? side.indices[mine] : indices[theirs]);
    if (in_mine && in_theirs) {
      result.reset |= side.last[mine] > buckets[theirs];
    } else if (in_mine) {
      result.chunk_has_more = true;
      result.reset |= side.last[mine] != 0;
    } else {
      result.sample_has_more = true;
    }
    mine += in_mine ? 1 : 0;
    theirs += in_theirs ? 1 : 0;
  }
  return result;
}

// The counts of a sample in the order of the chunk's buckets, 0 where it has none.
std::vector<double> HistogramChunkWriter::Spread(const Side& side, const std::vector<BucketSpan>& spans,
                                                 const std::vector<double>& buckets) {
  if (SameSpans(side.spans, spans)) return buckets;
  std::vector<double> counts(side.indices.size());
  std::vector<int64_t> indices = BucketIndices(spans);
  size_t at = 0;
  for (size_t i = 0; i < indices.size(); ++i) {
    while (side.indices[at] != indices[i]) ++at;
    counts[at] = buckets[i];
  }
  return counts;
}

template <typename Samples>
void HistogramChunkWriter::WriteSamples(std::string& bytes, bool with_start_times) const {
  BitWriter writer(bytes);
  FloatHistogram layout = layout_;
  layout.positive_spans = positive_.spans;
  layout.negative_spans = negative_.spans;
  WriteLayout(writer, layout);
  Samples samples;
  StartTimeEncoder start_times;
  DeltaWriter time;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const FloatHistogram& histogram = *entries_[i].histogram;
    TimestampMs previous_ms = time.value;
    bool stale = IsStaleSum(histogram.sum);
    if (i == 0) {
      time.value = entries_[i].time_ms;
      writer.VarbitInt(time.value);
    } else {
      time.Write(writer, entries_[i].time_ms);
    }
    if (i > 0 && stale) {
      samples.WriteStale(writer, histogram.sum);
    } else if (stale) {
      FloatHistogram empty;
      empty.sum = histogram.sum;
      samples.WriteFirst(writer, empty, {}, {});
    } else {
      std::vector<double> positive = Spread(positive_, histogram.positive_spans, histogram.positive_buckets);
      std::vector<double> negative = Spread(negative_, histogram.negative_spans, histogram.negative_buckets);
      if (i == 0) {
        samples.WriteFirst(writer, histogram, positive, negative);
      } else {
        samples.WriteNext(writer, histogram, positive, negative);
      }
    }
    if (with_start_times) {
      start_times.Write(writer, static_cast<unsigned>(i), time.value, previous_ms, entries_[i].start_ms);
    }
  }
  writer.Finish();
  if (with_start_times) bytes[kHistogramHeaderBytes - 1] = static_cast<char>(start_times.header());
}

void HistogramChunkWriter::WriteChunk() {
  bool is_integer = entries_.front().histogram->is_integer;
  bool with_start_times =
      start_times_ == StartTimes::kAlways ||
      (start_times_ == StartTimes::kWhereThere &&
       std::ranges::any_of(entries_, [](const Entry& entry) { return entry.start_ms != 0; }));
  auto header = static_cast<uint8_t>(header_);
  size_t count = entries_.size();

  EncodedChunk chunk;
  chunk.min_time_ms = entries_.front().time_ms;
  chunk.max_time_ms = entries_.back().time_ms;
  chunk.samples = static_cast<uint32_t>(count);
  if (with_start_times) {
    chunk.encoding = is_integer ? Encoding::kHistogramWithStart : Encoding::kFloatHistogramWithStart;
    chunk.bytes = {static_cast<char>(count >> 8 | header), static_cast<char>(count), 0};
  } else {
    chunk.encoding = is_integer ? Encoding::kHistogram : Encoding::kFloatHistogram;
    chunk.bytes = {static_cast<char>(count >> 8), static_cast<char>(count), static_cast<char>(header)};
  }
  if (is_integer) {
    WriteSamples<IntegerSamples>(chunk.bytes, with_start_times);
  } else {
    WriteSamples<FloatSamples>(chunk.bytes, with_start_times);
  }
  out_.push_back(std::move(chunk));
  entries_.clear();
}

}  // namespace sextant::promfiles
