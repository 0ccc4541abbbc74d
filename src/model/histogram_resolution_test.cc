#include "model/histogram_resolution.h"

#include <gtest/gtest.h>

namespace sextant::model {
namespace {

std::string Text(const std::vector<BucketSpan>& spans) {
  std::string text;
  for (const BucketSpan& span : spans)
    text += std::to_string(span.offset) + "+" + std::to_string(span.length) + " ";
  return text;
}

TEST(HistogramResolution, NeighboursJoin) {
  FloatHistogram h;
  h.schema = 1;
  h.positive_spans = {{-2, 3}, {2, 2}, {1000, 1}};  // -2 -1 0, 3 4, 1005
  h.positive_buckets = {1, 2, 3, 4, 5, 6};
  h.negative_spans = {{1, 1}};
  h.negative_buckets = {7};
  EXPECT_EQ(BucketCount(h), 7u);
  FloatHistogram wide = h;
  ReduceResolution(wide, 0);
  EXPECT_EQ(wide.schema, 0);
  // -2 → -1; -1 and 0 → 0; 3 and 4 → 2; 1005 → 503
  EXPECT_EQ(Text(wide.positive_spans), "-1+2 1+1 500+1 ");
  EXPECT_EQ(wide.positive_buckets, (std::vector<double>{1, 5, 9, 6}));
  EXPECT_EQ(Text(wide.negative_spans), "1+1 ");
  // Two steps at once are two steps.
  FloatHistogram twice = wide;
  ReduceResolution(twice, -1);
  ReduceResolution(h, -1);
  EXPECT_EQ(Text(h.positive_spans), Text(twice.positive_spans));
  EXPECT_EQ(h.positive_buckets, twice.positive_buckets);
}

TEST(HistogramResolution, ReservedSchemasBecomeTheFinestThatThereIs) {
  FloatHistogram h;
  h.schema = kMaxReservedSchema;
  h.positive_spans = {{-5, 1}, {INT32_MAX - 3, 1}};  // -5, 2147483640
  h.positive_buckets = {1, 2};
  ReduceResolution(h, kMaxExponentialSchema);
  EXPECT_EQ(h.schema, kMaxExponentialSchema);
  EXPECT_EQ(Text(h.positive_spans), "0+2 ");
  EXPECT_EQ(h.positive_buckets, (std::vector<double>{1, 2}));
  h.schema = kMaxReservedSchema + 1;
  ReduceResolution(h, kMaxExponentialSchema);
  EXPECT_EQ(h.schema, kMaxReservedSchema + 1);
}

TEST(HistogramResolution, WhatIsWideEnoughStays) {
  FloatHistogram h;
  h.schema = 2;
  h.positive_spans = {{0, 1}};
  h.positive_buckets = {1};
  ReduceResolution(h, 3);
  EXPECT_EQ(h.schema, 2);
  h.schema = kCustomBucketsSchema;
  ReduceResolution(h, -60);
  EXPECT_EQ(h.schema, kCustomBucketsSchema);
}

}  // namespace
}  // namespace sextant::model
