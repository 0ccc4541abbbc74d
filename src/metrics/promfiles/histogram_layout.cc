#include "metrics/promfiles/histogram_layout.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "model/histogram_resolution.h"

namespace sextant::promfiles {
namespace {

using model::kMaxExponentialSchema;

constexpr int64_t kMaxReadableSchema = 52;
constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;

}  // namespace

bool CountBuckets(const std::vector<model::BucketSpan>& spans, uint64_t& buckets) {
  buckets = 0;
  int64_t next = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) return false;
    next += int64_t{spans[i].offset} + spans[i].length;
    if (next > std::numeric_limits<int32_t>::max()) return false;
    buckets += spans[i].length;
  }
  return true;
}

std::vector<int64_t> BucketIndices(const std::vector<model::BucketSpan>& spans) {
  std::vector<int64_t> indices;
  int64_t next = 0;
  for (const model::BucketSpan& span : spans) {
    next += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) indices.push_back(next++);
  }
  return indices;
}

std::vector<model::BucketSpan> SpansOf(const std::vector<int64_t>& indices) {
  std::vector<model::BucketSpan> spans;
  int64_t next = 0;
  for (int64_t index : indices) {
    if (spans.empty() || index != next) {
      spans.push_back({.offset = static_cast<int32_t>(index - next), .length = 0});
    }
    ++spans.back().length;
    next = index + 1;
  }
  return spans;
}

bool SameSpans(const std::vector<model::BucketSpan>& a, const std::vector<model::BucketSpan>& b) {
  return std::ranges::equal(a, b, [](const model::BucketSpan& x, const model::BucketSpan& y) {
    return x.offset == y.offset && x.length == y.length;
  });
}

bool IsKnownSchema(int64_t schema) {
  return (schema >= model::kMinExponentialSchema && schema <= kMaxExponentialSchema) ||
         schema == model::kCustomBucketsSchema;
}

bool IsReadableSchema(int64_t schema) {
  return IsKnownSchema(schema) || (schema > kMaxExponentialSchema && schema <= kMaxReadableSchema);
}

void WidenToKnownSchema(model::FloatHistogram& histogram) {
  // Some steps at a time.
  while (histogram.schema > kMaxExponentialSchema) model::ReduceResolution(histogram, kMaxExponentialSchema);
}

bool IsStaleSum(double sum) { return std::bit_cast<uint64_t>(sum) == kStaleNanBits; }

}  // namespace sextant::promfiles
