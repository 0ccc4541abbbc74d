// Histograms within WAL records and chunk snapshots.
#include <algorithm>

#include "metrics/promfiles/histogram_layout.h"
#include "metrics/promfiles/wal_record.h"

namespace sextant::promfiles {
namespace {

using model::BucketSpan;
using model::FloatHistogram;

constexpr double kTooManyCounts = 9223372036854775808.0;  // 2^63

void ReadSpans(BigEndianReader& reader, std::vector<BucketSpan>& spans) {
  uint64_t count = reader.Count(2);
  spans.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    auto offset = static_cast<int32_t>(reader.Varint());
    spans.push_back({.offset = offset, .length = static_cast<uint32_t>(reader.Uvarint())});
  }
}

void ReadBuckets(BigEndianReader& reader, bool is_integer, std::vector<double>& buckets) {
  uint64_t count = reader.Count(is_integer ? 1 : sizeof(double));
  buckets.reserve(count);
  int64_t absolute = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (is_integer) {
      absolute =
          static_cast<int64_t>(static_cast<uint64_t>(absolute) + static_cast<uint64_t>(reader.Varint()));
    }
    buckets.push_back(is_integer ? static_cast<double>(absolute) : reader.Double());
  }
}

void ReadBounds(BigEndianReader& reader, std::vector<double>& bounds) {
  uint64_t count = reader.Count(sizeof(double));
  bounds.reserve(count);
  for (uint64_t i = 0; i < count; ++i) bounds.push_back(reader.Double());
}

void WriteSpans(std::string& out, const std::vector<BucketSpan>& spans) {
  PutUvarint(out, spans.size());
  for (const BucketSpan& span : spans) {
    PutVarint(out, span.offset);
    PutUvarint(out, span.length);
  }
}

void WriteBuckets(std::string& out, bool is_integer, const std::vector<double>& buckets) {
  PutUvarint(out, buckets.size());
  int64_t before = 0;
  for (double bucket : buckets) {
    if (!is_integer) {
      PutDouble(out, bucket);
      continue;
    }
    auto count = static_cast<int64_t>(bucket);
    PutVarint(out, count - before);
    before = count;
  }
}

bool IsSound(const FloatHistogram& histogram) {
  if (IsStaleSum(histogram.sum)) return true;
  uint64_t positive;
  uint64_t negative;
  if (!IsReadableSchema(histogram.schema) || !CountBuckets(histogram.positive_spans, positive) ||
      !CountBuckets(histogram.negative_spans, negative) || positive != histogram.positive_buckets.size() ||
      negative != histogram.negative_buckets.size()) {
    return false;
  }
  if (!histogram.is_integer) return true;
  auto exact = [](double count) { return count >= 0 && count < kTooManyCounts; };
  return exact(histogram.count) && exact(histogram.zero_count) &&
         std::ranges::all_of(histogram.positive_buckets, exact) &&
         std::ranges::all_of(histogram.negative_buckets, exact);
}

}  // namespace

std::shared_ptr<const FloatHistogram> ReadHistogram(BigEndianReader& reader, bool is_integer) {
  auto histogram = std::make_shared<FloatHistogram>();
  uint8_t hint = reader.Byte();
  histogram->counter_reset_hint = static_cast<model::CounterResetHint>(hint & 3);
  histogram->is_integer = is_integer;
  int64_t schema = reader.Varint();
  histogram->schema = static_cast<int32_t>(schema);
  histogram->zero_threshold = reader.Double();
  histogram->zero_count = is_integer ? static_cast<double>(reader.Uvarint()) : reader.Double();
  histogram->count = is_integer ? static_cast<double>(reader.Uvarint()) : reader.Double();
  histogram->sum = reader.Double();
  ReadSpans(reader, histogram->positive_spans);
  ReadSpans(reader, histogram->negative_spans);
  ReadBuckets(reader, is_integer, histogram->positive_buckets);
  ReadBuckets(reader, is_integer, histogram->negative_buckets);
  if (schema == model::kCustomBucketsSchema) ReadBounds(reader, histogram->custom_bounds);
  if (!reader.ok() || hint > 3 || schema != histogram->schema || !IsSound(*histogram)) return nullptr;
  WidenToKnownSchema(*histogram);
  return histogram;
}

void WriteHistogram(std::string& out, const FloatHistogram& histogram, bool is_integer) {
  out.push_back(static_cast<char>(histogram.counter_reset_hint));
  PutVarint(out, histogram.schema);
  PutDouble(out, histogram.zero_threshold);
  if (is_integer) {
    PutUvarint(out, static_cast<uint64_t>(histogram.zero_count));
    PutUvarint(out, static_cast<uint64_t>(histogram.count));
  } else {
    PutDouble(out, histogram.zero_count);
    PutDouble(out, histogram.count);
  }
  PutDouble(out, histogram.sum);
  WriteSpans(out, histogram.positive_spans);
  WriteSpans(out, histogram.negative_spans);
  WriteBuckets(out, is_integer, histogram.positive_buckets);
  WriteBuckets(out, is_integer, histogram.negative_buckets);
  if (histogram.schema != model::kCustomBucketsSchema) return;
  PutUvarint(out, histogram.custom_bounds.size());
  for (double bound : histogram.custom_bounds) PutDouble(out, bound);
}

}  // namespace sextant::promfiles
