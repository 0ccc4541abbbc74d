#include "metrics/promfiles/tombstones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

#include "metrics/promfiles/index_test_util.h"

namespace sextant::promfiles {
namespace {

using model::TimeInterval;
using model::TimeIntervals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TimestampMs kFirst = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kLast = std::numeric_limits<TimestampMs>::max();

TimeIntervals Merged(const TimeIntervals& added) {
  Tombstones tombstones;
  for (const TimeInterval& interval : added) tombstones.Add(1, {interval});
  return *tombstones.Of(1);
}

TEST(Tombstones, MergeWhatOverlapsOrTouches) {
  EXPECT_EQ(Merged({{1, 2}, {3, 4}}), (TimeIntervals{{1, 4}}));
  EXPECT_EQ(Merged({{1, 2}, {4, 5}}), (TimeIntervals{{1, 2}, {4, 5}}));
  EXPECT_EQ(Merged({{4, 5}, {1, 2}, {3, 3}}), (TimeIntervals{{1, 5}}));
  EXPECT_EQ(Merged({{1, 10}, {2, 3}}), (TimeIntervals{{1, 10}}));
  EXPECT_EQ(Merged({{1, 2}, {5, 6}, {9, 12}, {0, 9}}), (TimeIntervals{{0, 12}}));
  EXPECT_EQ(Merged({{kFirst, 1}, {5, kLast}, {2, 3}}), (TimeIntervals{{kFirst, 3}, {5, kLast}}));
  EXPECT_EQ(Merged({{kFirst, kLast}, {2, 3}}), (TimeIntervals{{kFirst, kLast}}));
}

TEST(Tombstones, AreTheSetsTheyStandFor) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Tombstones tombstones;
    std::set<TimestampMs> deleted;
    for (int i = 0; i < 8; ++i) {
      auto min = static_cast<TimestampMs>(random() % 60);
      auto max = min + static_cast<TimestampMs>(random() % 6);
      tombstones.Add(7, {{min, max}});
      for (TimestampMs time = min; time <= max; ++time) deleted.insert(time);
    }
    model::SampleColumns samples;
    std::vector<TimestampMs> expected = {0, 1};
    for (TimestampMs time = 0; time < 2; ++time) samples.Add(time, 0);  // before `begin`: stay
    for (TimestampMs time = 2; time < 70; ++time) {
      samples.AddHistogram(time, std::make_shared<model::FloatHistogram>(), time + 1);
      if (!deleted.contains(time)) expected.push_back(time);
    }
    EraseIntervals(*tombstones.Of(7), 2, samples);
    EXPECT_EQ(samples.times_ms, expected);
    EXPECT_EQ(samples.histograms.size(), expected.size());
    EXPECT_EQ(samples.start_times_ms.back(), expected.back() + 1);
    auto parsed = ParseTombstones(FormatTombstones(tombstones));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, tombstones);
  }
}

TEST(Tombstones, FileIsPrometheus) {
  // As Prometheus writes it.
  EXPECT_EQ(FormatTombstones({}), std::string("\x01\x30\xba\x30\x01\0\0\0\0", 9));
  TestDirectory dir;
  core::PosixFileSystem fs;
  EXPECT_TRUE(ReadTombstones(fs, dir.File("")).value().empty());
  Tombstones tombstones;
  tombstones.Add(300, {{-5, 5}, {100, 200}});
  tombstones.Add(1, {{kFirst, kLast}});
  ASSERT_TRUE(WriteTombstones(fs, dir.File(""), tombstones).has_value());
  EXPECT_EQ(ReadTombstones(fs, dir.File("")).value(), tombstones);
  EXPECT_EQ(tombstones.count(), 3u);
}

TEST(Tombstones, EveryChangedOrMissingByteIsFound) {
  Tombstones tombstones;
  tombstones.Add(300, {{-5, 5}, {100, 200}});
  std::string bytes = FormatTombstones(tombstones);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 1;
    EXPECT_FALSE(ParseTombstones(changed).has_value()) << at;
    EXPECT_FALSE(ParseTombstones(bytes.substr(0, at)).has_value()) << at;
  }
  TestDirectory dir;
  core::PosixFileSystem fs;
  ASSERT_TRUE(core::WriteFileAtomically(fs, dir.File("tombstones"), bytes + "x").has_value());
  auto read = ReadTombstones(fs, dir.File(""));
  ASSERT_FALSE(read.has_value());
  EXPECT_THAT(read.error().message(), HasSubstr("tombstones: at 5: wrong checksum"));
}

}  // namespace
}  // namespace sextant::promfiles
