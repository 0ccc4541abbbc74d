#include "pipeline/exponential_histogram.h"

#include <gtest/gtest.h>

namespace sextant::pipeline {
namespace {

otlp::ExponentialPoint PointOf(const ExponentialHistogram& histogram) {
  otlp::ExponentialPoint point;
  histogram.WriteTo(point);
  return point;
}

TEST(ExponentialHistogram, BeginsAtTheFinestScale) {
  ExponentialHistogram histogram(160);
  histogram.Observe(1);
  otlp::ExponentialPoint point = PointOf(histogram);
  EXPECT_EQ(point.scale, 20);
  EXPECT_EQ(point.positive.offset, -1);  // bounds belong to the bucket below them
  EXPECT_EQ(point.positive.counts, std::vector<uint64_t>{1});
}

TEST(ExponentialHistogram, GetsCoarserWhenItsBucketsAreTooMany) {
  ExponentialHistogram histogram(4);
  for (double value : {1., 2., 4., 1., 8., 0.5}) histogram.Observe(value);
  otlp::ExponentialPoint point = PointOf(histogram);
  EXPECT_EQ(point.scale, -1);
  EXPECT_EQ(point.positive.offset, -1);
  // (1/4, 1], (1, 4], (4, 16]
  EXPECT_EQ(point.positive.counts, (std::vector<uint64_t>{3, 2, 1}));
  EXPECT_EQ(point.count, 6u);
  EXPECT_EQ(*point.sum, 16.5);
  EXPECT_EQ(*point.min, 0.5);
  EXPECT_EQ(*point.max, 8);
}

TEST(ExponentialHistogram, CountsZerosApartAndWeighs) {
  ExponentialHistogram histogram(160);
  histogram.Observe(0, 3);
  otlp::ExponentialPoint zeros = PointOf(histogram);
  EXPECT_EQ(zeros.scale, 0);
  EXPECT_EQ(zeros.zero_count, 3u);
  histogram.Observe(4, 2);
  otlp::ExponentialPoint point = PointOf(histogram);
  EXPECT_EQ(point.count, 5u);
  EXPECT_EQ(*point.sum, 8);
  EXPECT_EQ(point.positive.offset, (2 << 20) - 1);
}

TEST(ExponentialHistogram, TakesTheWholeRangeOfNumbers) {
  ExponentialHistogram histogram(160);
  histogram.Observe(5e-324);
  histogram.Observe(1.7e308);
  otlp::ExponentialPoint point = PointOf(histogram);
  EXPECT_EQ(point.count, 2u);
  EXPECT_LE(point.positive.counts.size(), 160u);
  EXPECT_EQ(point.positive.counts.front(), 1u);
  EXPECT_EQ(point.positive.counts.back(), 1u);
}

}  // namespace
}  // namespace sextant::pipeline
