#include "model/time_intervals.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>
#include <utility>

namespace sextant::model {
namespace {

constexpr core::TimestampMs kFirst = std::numeric_limits<core::TimestampMs>::min();
constexpr core::TimestampMs kLast = std::numeric_limits<core::TimestampMs>::max();

TEST(TimeIntervals, ReachFromTheFirstTimeToTheLast) {
  TimeIntervals intervals;
  AddInterval({5, kLast}, intervals);
  AddInterval({kFirst, 3}, intervals);
  EXPECT_EQ(intervals, (TimeIntervals{{kFirst, 3}, {5, kLast}}));
  AddInterval({4, 4}, intervals);
  EXPECT_EQ(intervals, (TimeIntervals{{kFirst, kLast}}));
  AddIntervals({{kLast, kLast}, {kFirst, kFirst}}, intervals);
  EXPECT_EQ(intervals, (TimeIntervals{{kFirst, kLast}}));
}

TEST(TimeIntervals, MatchASetOfTimes) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::set<core::TimestampMs> erased;
    TimeIntervals one_by_one;
    TimeIntervals all;
    std::vector<TimeInterval> added;
    for (uint64_t i = random() % 8; i > 0; --i) {
      auto start_ms = static_cast<core::TimestampMs>(random() % 60);
      TimeInterval interval{start_ms, start_ms + static_cast<core::TimestampMs>(random() % 12)};
      for (core::TimestampMs t = interval.start_ms; t <= interval.end_ms; ++t) erased.insert(t);
      AddInterval(interval, one_by_one);
      added.push_back(interval);
      if (random() % 3 == 0) AddIntervals(std::exchange(added, {}), all);
    }
    AddIntervals(added, all);
    ASSERT_EQ(one_by_one, all);
    SampleColumns columns;
    std::vector<core::TimestampMs> kept;
    for (core::TimestampMs t = 0; t < 75; ++t) {
      columns.Add(t, static_cast<double>(t), t + 1);
      if (t < 10 || !erased.contains(t)) kept.push_back(t);
    }
    EraseIntervals(all, 10, columns);
    ASSERT_EQ(columns.times_ms, kept);
    for (size_t i = 0; i < kept.size(); ++i) {
      ASSERT_EQ(columns.values[i], static_cast<double>(kept[i]));
      ASSERT_EQ(columns.start_times_ms[i], kept[i] + 1);
    }
  }
}

}  // namespace
}  // namespace sextant::model
