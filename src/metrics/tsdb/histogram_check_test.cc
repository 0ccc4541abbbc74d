#include "metrics/tsdb/histogram_check.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "metrics/tsdb/histogram_test_util.h"

namespace sextant::tsdb {
namespace {

using model::FloatHistogram;

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(HistogramCheckTest, GoodOnesPass) {
  EXPECT_EQ(HistogramFault(CounterHistogram(5)), "");
  EXPECT_EQ(HistogramFault(CustomHistogram(5)), "");
  EXPECT_EQ(HistogramFault(FloatHistogram()), "");
  EXPECT_EQ(HistogramFault(StaleHistogram(true)), "");
  EXPECT_EQ(HistogramFault(StaleHistogram(false)), "");
  FloatHistogram nans_observed = CounterHistogram(5);
  nans_observed.sum = model::NormalNan();
  nans_observed.count += 3;
  EXPECT_EQ(HistogramFault(nans_observed), "");
  FloatHistogram imprecise = CounterHistogram(0.1);
  imprecise.is_integer = false;
  imprecise.count *= 1.5;
  EXPECT_EQ(HistogramFault(imprecise), "") << "counts of floats need not add up";
  FloatHistogram large = CounterHistogram(1e16);
  large.count += 4;
  EXPECT_EQ(HistogramFault(large), "") << "counts above 2^53 have been rounded";
}

TEST(HistogramCheckTest, EveryContradictionIsFound) {
  using Change = std::function<void(FloatHistogram&)>;
  constexpr std::string_view kSchema =
      "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for "
      "custom "
      "buckets";
  constexpr std::string_view kCount =
      "histogram's observation count should equal the number of observations found in the buckets (in "
      "absence of "
      "NaN)";
  const std::pair<Change, std::string_view> kExponential[] = {
      {[](auto& h) { h.schema = 9; }, kSchema},
      {[](auto& h) { h.schema = -5; }, kSchema},
      {[](auto& h) { h.positive_spans[1].offset = -1; }, "histogram has a span whose offset is negative"},
      {[](auto& h) { h.positive_spans[1].offset = INT32_MAX; }, "a bucket's index is too large"},
      {[](auto& h) { h.positive_spans[1].length = 3; },
       "histogram spans specify different number of buckets than provided"},
      {[](auto& h) { h.negative_buckets.clear(); },
       "histogram spans specify different number of buckets than provided"},
      {[](auto& h) { h.negative_spans[0].length = UINT32_MAX; }, "there are too many buckets"},
      {[](auto& h) { h.custom_bounds = {1}; },
       "histogram with exponential schema must not have custom bounds"},
      {[](auto& h) { h.negative_buckets[0] = -1; },
       "histogram has a bucket whose observation count is negative"},
      {[](auto& h) { h.positive_buckets[0] = 1.5; }, "a count of an integer histogram is not whole"},
      {[](auto& h) { h.positive_buckets[0] = kInf; }, "a count of an integer histogram is not whole"},
      {[](auto& h) { h.zero_count = -2; }, "a count of an integer histogram is not whole"},
      {[](auto& h) { h.count = std::numeric_limits<double>::quiet_NaN(); },
       "a count of an integer histogram is not whole"},
      {[](auto& h) { h.count += 1; }, kCount},
      {[](auto& h) { h.count -= 1; }, kCount},
      {[](auto& h) {
         h.count -= 1;
         h.sum = model::NormalNan();
       },
       "histogram's observation count should be at least the number of observations found in the buckets"},
  };
  for (const auto& [change, fault] : kExponential) {
    FloatHistogram histogram = CounterHistogram(5);
    change(histogram);
    EXPECT_EQ(HistogramFault(histogram), fault);
  }
  const std::pair<Change, std::string_view> kCustom[] = {
      {[](auto& h) { h.custom_bounds[1] = 0.1; },
       "histogram custom bounds must be in strictly increasing order"},
      {[](auto& h) { h.custom_bounds[1] = std::numeric_limits<double>::quiet_NaN(); },
       "histogram custom bounds must be in strictly increasing order"},
      {[](auto& h) { h.custom_bounds[0] = -kInf; },
       "histogram custom bounds must be in strictly increasing order"},
      {[](auto& h) { h.custom_bounds[3] = kInf; }, "histogram custom bounds must be finite"},
      {[](auto& h) { h.custom_bounds.pop_back(); }, "histogram custom bounds are too few"},
      {[](auto& h) { h.positive_spans[0].offset = -1; }, "histogram has a span whose offset is negative"},
      {[](auto& h) { h.zero_threshold = 0.1; }, "custom buckets: must have zero threshold of 0"},
      {[](auto& h) { h.zero_count = 1; }, "custom buckets: must have zero count of 0"},
      {[](auto& h) { h.negative_spans = {{0, 1}}; }, "custom buckets: must not have negative spans"},
      {[](auto& h) { h.negative_buckets = {1}; },
       "histogram spans specify different number of buckets than provided"},
  };
  for (const auto& [change, fault] : kCustom) {
    FloatHistogram histogram = CustomHistogram(5);
    change(histogram);
    EXPECT_EQ(HistogramFault(histogram), fault);
  }
}

TEST(HistogramCheckTest, BitsTellHistogramsApart) {
  FloatHistogram histogram = CounterHistogram(5);
  uint64_t bits = HistogramBits(histogram);
  FloatHistogram hinted = histogram;
  hinted.counter_reset_hint = model::CounterResetHint::kGauge;
  EXPECT_EQ(HistogramBits(hinted), bits);
  const std::function<void(FloatHistogram&)> kChanges[] = {
      [](auto& h) { h.is_integer = false; },         [](auto& h) { h.schema = 2; },
      [](auto& h) { h.zero_threshold = 0.002; },     [](auto& h) { h.sum += 1; },
      [](auto& h) { h.positive_buckets[3] += 1; },   [](auto& h) { h.negative_spans[0].offset = -3; },
      [](auto& h) { h.positive_spans[1].offset++; }, [](auto& h) { h.count += 1; },
  };
  for (const auto& change : kChanges) {
    FloatHistogram changed = histogram;
    change(changed);
    EXPECT_NE(HistogramBits(changed), bits);
  }
  EXPECT_EQ(HistogramBits(StaleHistogram(true)), model::kStaleNanBits);
}

TEST(HistogramCheckTest, ResetsOfCountersAreFound) {
  FloatHistogram before = CounterHistogram(5);
  EXPECT_TRUE(ContinuesCounter(before, before));
  EXPECT_TRUE(ContinuesCounter(before, CounterHistogram(6)));
  EXPECT_FALSE(ContinuesCounter(before, CounterHistogram(4)));
  FloatHistogram after = CounterHistogram(6);
  after.positive_spans = {{-1, 3}, {1, 2}};
  after.positive_buckets = {1, 6, 12, 18, 6};
  EXPECT_TRUE(ContinuesCounter(before, after)) << "a new bucket";
  EXPECT_FALSE(ContinuesCounter(after, before)) << "a used bucket is gone";
  after.positive_buckets[0] = 0;
  EXPECT_TRUE(ContinuesCounter(after, CounterHistogram(7))) << "an empty bucket is gone";
  after = CounterHistogram(6);
  after.positive_buckets[2] = 14;
  after.positive_buckets[1] = 13;
  EXPECT_FALSE(ContinuesCounter(before, after)) << "one bucket fell";
  after = CounterHistogram(6);
  after.schema = 2;
  EXPECT_FALSE(ContinuesCounter(before, after));
  after = CounterHistogram(6);
  after.is_integer = false;
  EXPECT_FALSE(ContinuesCounter(before, after));
  after = CustomHistogram(6);
  after.custom_bounds[0] = 0.2;
  EXPECT_FALSE(ContinuesCounter(CustomHistogram(5), after));
  EXPECT_TRUE(ContinuesCounter(CustomHistogram(5), CustomHistogram(6)));
}

}  // namespace
}  // namespace sextant::tsdb
