#include "metrics/promfiles/histogram_chunk_bits.h"

#include <bit>
#include <cmath>

#include "metrics/promfiles/histogram_layout.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::BucketSpan;

// Zero thresholds that are powers of two, from 2^-243 to 2^10, are one byte: the exponent plus this.
constexpr int kThresholdBias = 243;
constexpr int kMinThresholdExponent = -242;
constexpr int kMaxThresholdExponent = 11;
constexpr uint64_t kOtherThreshold = 255;

// Custom bounds are multiples of a thousandth where they can be.
constexpr double kBoundUnits = 1000;
constexpr double kMaxBoundUnits = 33554430;

void WriteThreshold(BitWriter& writer, double threshold) {
  if (threshold == 0) return writer.Write(0, 8);
  int exponent;
  double fraction = std::frexp(threshold, &exponent);
  if (fraction != 0.5 || exponent < kMinThresholdExponent || exponent > kMaxThresholdExponent) {
    writer.Write(kOtherThreshold, 8);
    writer.Write(std::bit_cast<uint64_t>(threshold), 64);
    return;
  }
  writer.Write(static_cast<uint64_t>(exponent + kThresholdBias), 8);
}

double ReadThreshold(BitReader& reader) {
  uint64_t byte = reader.Read(8);
  if (byte == 0) return 0;
  if (byte == kOtherThreshold) return std::bit_cast<double>(reader.Read(64));
  return std::ldexp(0.5, static_cast<int>(byte) - kThresholdBias);
}

void WriteSpans(BitWriter& writer, const std::vector<BucketSpan>& spans) {
  writer.VarbitUint(spans.size());
  for (const BucketSpan& span : spans) {
    writer.VarbitUint(span.length);
    writer.VarbitInt(span.offset);
  }
}

core::Status ReadSpans(BitReader& reader, std::vector<BucketSpan>& spans) {
  uint64_t count = reader.VarbitUint();
  if (count > reader.remaining() / 2) return Fail(Code::kCorruption, "{} spans", count);
  spans.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t length = reader.VarbitUint();
    int64_t offset = reader.VarbitInt();
    spans.push_back({.offset = static_cast<int32_t>(offset), .length = static_cast<uint32_t>(length)});
    if (!reader.ok() || length > UINT32_MAX || offset != spans.back().offset) {
      return Fail(Code::kCorruption, "span {} of {} cannot be read", i, count);
    }
  }
  return {};
}

void WriteBound(BitWriter& writer, double bound) {
  double units = bound * kBoundUnits;
  if (!(units >= 0) || units > kMaxBoundUnits || std::round(units) / kBoundUnits != bound) {
    writer.Bit(false);
    writer.Write(std::bit_cast<uint64_t>(bound), 64);
    return;
  }
  writer.VarbitUint(static_cast<uint64_t>(std::round(units)) + 1);
}

core::Status ReadBounds(BitReader& reader, std::vector<double>& bounds) {
  uint64_t count = reader.VarbitUint();
  if (count > reader.remaining() / 5) return Fail(Code::kCorruption, "{} custom bounds", count);
  bounds.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t units = reader.VarbitUint();
    bounds.push_back(units == 0 ? std::bit_cast<double>(reader.Read(64))
                                : static_cast<double>(units - 1) / kBoundUnits);
  }
  return {};
}

}  // namespace

void WriteLayout(BitWriter& writer, const model::FloatHistogram& layout) {
  WriteThreshold(writer, layout.zero_threshold);
  writer.VarbitInt(layout.schema);
  WriteSpans(writer, layout.positive_spans);
  WriteSpans(writer, layout.negative_spans);
  if (layout.schema != model::kCustomBucketsSchema) return;
  writer.VarbitUint(layout.custom_bounds.size());
  for (double bound : layout.custom_bounds) WriteBound(writer, bound);
}

core::Status ReadLayout(BitReader& reader, model::FloatHistogram& layout) {
  layout.zero_threshold = ReadThreshold(reader);
  int64_t schema = reader.VarbitInt();
  if (!reader.ok() || !IsReadableSchema(schema))
    return Fail(Code::kCorruption, "histogram schema {}", schema);
  layout.schema = static_cast<int32_t>(schema);
  SEXTANT_TRY(ReadSpans(reader, layout.positive_spans));
  SEXTANT_TRY(ReadSpans(reader, layout.negative_spans));
  if (schema == model::kCustomBucketsSchema) SEXTANT_TRY(ReadBounds(reader, layout.custom_bounds));
  if (!reader.ok()) return Fail(Code::kCorruption, "the layout is cut off");
  uint64_t positive;
  uint64_t negative;
  if (!CountBuckets(layout.positive_spans, positive) || !CountBuckets(layout.negative_spans, negative) ||
      positive + negative > reader.remaining()) {
    return Fail(Code::kCorruption, "spans that cannot be");
  }
  return {};
}

}  // namespace sextant::promfiles
