#include "metrics/tsdb/sample_merge.h"

#include <gtest/gtest.h>

namespace sextant::tsdb {
namespace {

using Times = std::vector<core::TimestampMs>;

// Values say which source a sample is of.
bool Merge(const std::vector<Times>& sources, model::SampleColumns& columns) {
  SampleMerger merger(columns);
  for (size_t i = 0; i < sources.size(); ++i) {
    merger.BeginSource();
    for (core::TimestampMs time_ms : sources[i]) columns.Add(time_ms, static_cast<double>(i));
  }
  return merger.Finish();
}

TEST(SampleMergeTest, SourcesOneAfterTheOtherStayAsTheyAre) {
  model::SampleColumns columns;
  EXPECT_FALSE(Merge({{1, 2}, {}, {3}, {}}, columns));
  EXPECT_EQ(columns.times_ms, (Times{1, 2, 3}));
  EXPECT_EQ(columns.values, (std::vector<double>{0, 0, 2}));
}

TEST(SampleMergeTest, OverlapsAreOrderedAndTheFirstOfEqualTimesStays) {
  model::SampleColumns columns;
  EXPECT_TRUE(Merge({{1, 4, 6}, {2, 4, 7}, {0, 6, 9}}, columns));
  EXPECT_EQ(columns.times_ms, (Times{0, 1, 2, 4, 6, 7, 9}));
  EXPECT_EQ(columns.values, (std::vector<double>{2, 0, 1, 0, 0, 1, 2}));
}

TEST(SampleMergeTest, AnEqualTimeAtTheBorderIsAnOverlap) {
  model::SampleColumns columns;
  EXPECT_TRUE(Merge({{1, 2}, {2, 3}}, columns));
  EXPECT_EQ(columns.times_ms, (Times{1, 2, 3}));
  EXPECT_EQ(columns.values, (std::vector<double>{0, 0, 1}));
}

TEST(SampleMergeTest, HistogramsAndStartTimesMoveAlong) {
  model::SampleColumns columns;
  SampleMerger merger(columns);
  auto histogram = std::make_shared<const model::FloatHistogram>();
  merger.BeginSource();
  columns.Add(5, 1);
  columns.AddHistogram(10, histogram, 3);
  merger.BeginSource();
  columns.Add(1, 2, 1);
  columns.Add(7, 3);
  EXPECT_TRUE(merger.Finish());
  EXPECT_EQ(columns.times_ms, (Times{1, 5, 7, 10}));
  ASSERT_EQ(columns.histograms.size(), 4u);
  EXPECT_EQ(columns.histograms[2], nullptr);
  EXPECT_EQ(columns.histograms[3], histogram);
  EXPECT_EQ(columns.start_times_ms, (Times{1, 0, 0, 3}));
}

}  // namespace
}  // namespace sextant::tsdb
