#include "model/histogram_resolution.h"

#include <algorithm>

namespace sextant::model {

namespace {

// Bucket i covers (base^(i-1), base^i]; with base squared, two such make one.
int64_t WiderIndex(int64_t index, int32_t steps) { return ((index - 1) >> steps) + 1; }

void Widen(std::vector<BucketSpan>& spans, std::vector<double>& buckets, int32_t steps) {
  std::vector<BucketSpan> wide_spans;
  std::vector<double> wide;
  int64_t index = 0;       // of the bucket that is read
  int64_t last_index = 0;  // of the last that was written
  size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && at < buckets.size(); ++i, ++index, ++at) {
      int64_t wide_index = WiderIndex(index, steps);
      if (!wide.empty() && wide_index == last_index) {
        wide.back() += buckets[at];
        continue;
      }
      // The first span counts from 0, later ones from the end of the one before.
      int64_t gap = wide.empty() ? wide_index : wide_index - last_index - 1;
      if (wide.empty() || gap > 0) {
        wide_spans.push_back({static_cast<int32_t>(gap), 1});
      } else {
        ++wide_spans.back().length;
      }
      wide.push_back(buckets[at]);
      last_index = wide_index;
    }
  }
  spans = std::move(wide_spans);
  buckets = std::move(wide);
}

}  // namespace

void ReduceResolution(FloatHistogram& histogram, int32_t schema) {
  schema = std::max(schema, kMinExponentialSchema);
  if (histogram.schema == kCustomBucketsSchema || histogram.schema <= schema ||
      histogram.schema > kMaxReservedSchema) {
    return;
  }
  const int32_t steps = histogram.schema - schema;
  Widen(histogram.positive_spans, histogram.positive_buckets, steps);
  Widen(histogram.negative_spans, histogram.negative_buckets, steps);
  histogram.schema -= steps;
}

}  // namespace sextant::model
