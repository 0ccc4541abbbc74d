#include "metrics/tsdb/start_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sextant::tsdb {
namespace {

using ::testing::ElementsAre;

std::vector<TimestampMs> StartsOf(const StartTimes& times, uint32_t slot,
                                  const std::vector<TimestampMs>& sample_times_ms) {
  model::SampleColumns columns;
  for (TimestampMs time_ms : sample_times_ms) columns.Add(time_ms, 1);
  FillStartTimes(times.Find(slot), 0, columns);
  return columns.start_times_ms;
}

TEST(StartTimesTest, SamplesHaveTheOneBeforeThem) {
  StartTimes times;
  EXPECT_EQ(times.Newest(1), 0);
  times.Add(1, {1, 100, 0}, kNoTime);
  EXPECT_TRUE(times.Find(1).empty()) << "not known is not noted";
  times.Add(1, {1, 100, 50}, kNoTime);
  times.Add(1, {1, 200, 50}, kNoTime);
  times.Add(1, {1, 300, 250}, kNoTime);
  times.Add(1, {1, 300, 260}, kNoTime);
  times.Add(1, {1, 400, 0}, kNoTime);
  times.Add(2, {2, 100, 70}, kNoTime);
  EXPECT_EQ(times.Find(1).size(), 3u);
  EXPECT_EQ(times.Newest(1), 0);
  EXPECT_EQ(times.Newest(2), 70);
  EXPECT_THAT(StartsOf(times, 1, {99, 100, 299, 300, 400, 500}), ElementsAre(0, 50, 50, 250, 0, 0));
  EXPECT_THAT(StartsOf(times, 2, {100, 5000}), ElementsAre(70, 70));
  EXPECT_THAT(StartsOf(times, 2, {98, 99}), ElementsAre());
  EXPECT_THAT(StartsOf(times, 3, {98, 99}), ElementsAre());
  times.Erase(1);
  EXPECT_TRUE(times.Find(1).empty());
}

TEST(StartTimesTest, OnlyFloatsGetThem) {
  StartTimes times;
  times.Add(1, {1, 100, 50}, kNoTime);
  model::SampleColumns columns;
  columns.Add(100, 1);
  columns.AddHistogram(200, std::make_shared<model::FloatHistogram>(), 150);
  columns.Add(300, 1);
  FillStartTimes(times.Find(1), 1, columns);
  EXPECT_THAT(columns.start_times_ms, ElementsAre(0, 150, 50));
}

TEST(StartTimesTest, OldChangesAreForgotten) {
  StartTimes times;
  for (TimestampMs t = 1; t <= 10; ++t) times.Add(1, {1, t * 100, t}, 0);
  EXPECT_EQ(times.Find(1).size(), 10u);
  times.Add(1, {1, 2000, 11}, 550);
  EXPECT_EQ(times.Find(1).front().from_ms, 500) << "what is at 550 needs it";
  for (TimestampMs t = 3; t < 3 + TimestampMs{StartTimes::kMaxChanges}; ++t)
    times.Add(1, {1, t * 1000, t}, 0);
  EXPECT_EQ(times.Find(1).size(), StartTimes::kMaxChanges);
  EXPECT_GT(times.size_bytes(), StartTimes::kMaxChanges * sizeof(StartChange));
  times.Erase(1);
  EXPECT_LT(times.size_bytes(), 1000u);
}

TEST(StartTimesTest, ChangesComeBackFromBytes) {
  std::vector<StartChange> changes = {{MakeRef(7, 1), 1'700'000'000'000, 1'600'000'000'000},
                                      {MakeRef(8, 1), 1'700'000'000'000, 1'600'000'000'001},
                                      {MakeRef(2, 3), -5, 0}};
  std::string bytes;
  PutStartChanges(changes, bytes);
  std::vector<StartChange> read;
  ASSERT_TRUE(ReadStartChanges(bytes, read).has_value());
  ASSERT_EQ(read.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read[i].ref, changes[i].ref);
    EXPECT_EQ(read[i].from_ms, changes[i].from_ms);
    EXPECT_EQ(read[i].start_ms, changes[i].start_ms);
  }
  EXPECT_FALSE(ReadStartChanges(bytes.substr(1), read).has_value());
  EXPECT_FALSE(ReadStartChanges(bytes + "x", read).has_value());
  EXPECT_FALSE(ReadStartChanges("", read).has_value());
}

}  // namespace
}  // namespace sextant::tsdb
