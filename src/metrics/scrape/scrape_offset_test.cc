#include "metrics/scrape/scrape_offset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

namespace sextant::scrape {
namespace {

ScrapeTarget TargetNumber(size_t number, core::DurationMs interval_ms) {
  ScrapeTarget target;
  target.url = fmt::format("http://10.0.{}.{}:9100/metrics", number / 250, number % 250);
  target.labels = model::Labels::Of({{"instance", target.url}, {"job", "node"}});
  target.interval_ms = interval_ms;
  return target;
}

// How many targets come at each offset.
std::map<core::DurationMs, size_t> Spread(size_t targets, core::DurationMs interval_ms) {
  std::map<core::DurationMs, size_t> spread;
  for (size_t i = 0; i < targets; ++i) ++spread[ScrapeOffset(TargetNumber(i, interval_ms), targets)];
  return spread;
}

TEST(ScrapeOffsetTest, StaysTheSameForATarget) {
  EXPECT_EQ(ScrapeOffset(TargetNumber(3, 15'000), 100), ScrapeOffset(TargetNumber(3, 15'000), 100));
}

TEST(ScrapeOffsetTest, LiesWithinTheInterval) {
  for (core::DurationMs interval_ms : {1, 7, 15, 100, 1'000, 15'000, 86'400'000}) {
    for (size_t i = 0; i < 50; ++i) {
      core::DurationMs offset_ms = ScrapeOffset(TargetNumber(i, interval_ms), 50);
      EXPECT_GE(offset_ms, 0);
      EXPECT_LT(offset_ms, interval_ms);
    }
  }
}

TEST(ScrapeOffsetTest, BringsAFewTargetsTogetherHoweverManyThereAre) {
  for (size_t targets : {100u, 1'000u, 10'000u}) {
    auto spread = Spread(targets, 15'000);
    size_t most = 0;
    for (const auto& [offset_ms, count] : spread) most = std::max(most, count);
    EXPECT_LE(most, 30u) << targets;
    EXPECT_LE(spread.size(), std::max<size_t>(60, targets / 3)) << targets;
  }
}

TEST(ScrapeOffsetTest, SpreadsTargetsOfShortIntervals) { EXPECT_GT(Spread(1'000, 100).size(), 16u); }

TEST(ScrapeOffsetTest, KeepsTheCompanyOfTargetsWhenAJobGrows) {
  for (size_t i = 0; i < 200; ++i) {
    ScrapeTarget target = TargetNumber(i, 15'000);
    core::DurationMs few_ms = ScrapeOffset(target, 10);
    core::DurationMs many_ms = ScrapeOffset(target, 10'000);
    EXPECT_LE(few_ms, many_ms);
    EXPECT_LT(many_ms - few_ms, 256);
    EXPECT_EQ(few_ms % 256, 0);
  }
}

TEST(ScrapeTimeTest, ScrapesThatAreNearlyPunctualGetTheMomentTheyWereDue) {
  constexpr core::TimestampMs kDue = 1'700'000'000'000;
  EXPECT_EQ(ScrapeTime(kDue, kDue, 15'000, 2), kDue);
  EXPECT_EQ(ScrapeTime(kDue + 2, kDue, 15'000, 2), kDue);
  EXPECT_EQ(ScrapeTime(kDue - 2, kDue, 15'000, 2), kDue);
  EXPECT_EQ(ScrapeTime(kDue + 3, kDue, 15'000, 2), kDue + 3) << "too late for that";
  EXPECT_EQ(ScrapeTime(kDue + 100, kDue, 15'000, 1'000), kDue);
  EXPECT_EQ(ScrapeTime(kDue + 151, kDue, 15'000, 1'000), kDue + 151)
      << "more than a hundredth of the interval";
  EXPECT_EQ(ScrapeTime(kDue + 1, kDue, 99, 1'000), kDue + 1) << "which is nothing here";
  EXPECT_EQ(ScrapeTime(kDue + 1, kDue, 15'000, 0), kDue + 1) << "switched off";
}

}  // namespace
}  // namespace sextant::scrape
