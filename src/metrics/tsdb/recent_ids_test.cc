#include "metrics/tsdb/recent_ids.h"

#include <gtest/gtest.h>

namespace sextant::tsdb {
namespace {

constexpr core::DurationMs kMinuteMs = 60'000;

TEST(RecentIdsTest, ForgetsAfterAnHour) {
  RecentIds recent;
  core::TimestampMs start_ms = 1'700'000'000'000;
  recent.Turn(start_ms);
  recent.Add(1);
  recent.Turn(start_ms + 30 * kMinuteMs);
  recent.Add(2);
  recent.Add(3);
  recent.Remove(3);
  EXPECT_EQ(recent.All().cardinality(), 2u);
  EXPECT_EQ(recent.ReachMs(start_ms + 31 * kMinuteMs), 31 * kMinuteMs);
  recent.Turn(start_ms + 61 * kMinuteMs);
  EXPECT_FALSE(recent.All().contains(1));
  EXPECT_TRUE(recent.All().contains(2));
  EXPECT_LE(recent.ReachMs(start_ms + 61 * kMinuteMs), 60 * kMinuteMs);
  EXPECT_GE(recent.ReachMs(start_ms + 61 * kMinuteMs), 55 * kMinuteMs);
}

TEST(RecentIdsTest, ALongSleepOrAClockThatGoesBackDoNoHarm) {
  RecentIds recent;
  core::TimestampMs start_ms = 1'700'000'000'000;
  recent.Turn(start_ms);
  recent.Add(1);
  recent.Turn(start_ms - 30 * kMinuteMs);
  EXPECT_TRUE(recent.All().contains(1));
  recent.Turn(start_ms + 10'000 * kMinuteMs);
  EXPECT_TRUE(recent.All().isEmpty());
  recent.Add(2);
  recent.Turn(start_ms + 10'001 * kMinuteMs);
  EXPECT_TRUE(recent.All().contains(2));
}

}  // namespace
}  // namespace sextant::tsdb
