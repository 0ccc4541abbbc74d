// Where a histogram's buckets are: spans as lists of bucket indices, and back.
#pragma once

#include <cstdint>
#include <vector>

#include "model/histogram.h"

namespace sextant::promfiles {

// Whether spans describe ascending buckets whose indices fit 32 bits; `buckets` is their number.
bool CountBuckets(const std::vector<model::BucketSpan>& spans, uint64_t& buckets);

// The indices of the buckets of spans that CountBuckets accepted, ascending.
std::vector<int64_t> BucketIndices(const std::vector<model::BucketSpan>& spans);

// The spans of ascending indices, as few as possible.
std::vector<model::BucketSpan> SpansOf(const std::vector<int64_t>& indices);

// Whether both have the same spans, written the same way.
bool SameSpans(const std::vector<model::BucketSpan>& a, const std::vector<model::BucketSpan>& b);

// Whether a schema is one whose buckets are known: -4 to 8, or custom bounds.
bool IsKnownSchema(int64_t schema);

// Whether it is known, or one of those up to 52 that a later Prometheus may write.
bool IsReadableSchema(int64_t schema);

// Widens the buckets of a histogram with a readable schema until it is known, as Prometheus does.
void WidenToKnownSchema(model::FloatHistogram& histogram);

// Whether this sum of a histogram says that its series went stale.
bool IsStaleSum(double sum);

}  // namespace sextant::promfiles
