// The plan against tables of blocks: what upstream's planner does with them, and what is ours.
#include "metrics/tsdb/compaction_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sextant::tsdb {
namespace {

struct Case {
  const char* what;
  std::vector<PlannedBlock> blocks;
  std::vector<size_t> expected;
};

std::vector<size_t> Plan(const std::vector<PlannedBlock>& blocks, const std::vector<DurationMs>& ranges) {
  std::vector<size_t> found = PlanCompaction(blocks, ranges);
  std::sort(found.begin(), found.end());
  return found;
}

const std::vector<DurationMs> kRanges = {20, 60, 180, 540, 1620};

TEST(CompactionPlanTest, Table) {
  const Case cases[] = {
      {"nothing", {}, {}},
      {"one block", {{0, 20}}, {}},
      {"two blocks: the newest stays, one alone is nothing", {{0, 20}, {20, 40}}, {}},
      {"a range that is not full", {{0, 20}, {20, 40}, {40, 60}}, {}},
      {"a full range, and a newer block", {{0, 20}, {20, 40}, {40, 60}, {60, 80}}, {0, 1, 2}},
      {"in any order", {{60, 80}, {40, 60}, {0, 20}, {20, 40}}, {1, 2, 3}},
      {"not aligned to the range", {{20, 40}, {40, 60}, {60, 80}, {80, 100}}, {0, 1}},
      {"a range with a gap", {{0, 20}, {40, 60}, {60, 80}}, {0, 1}},
      {"the last part of a range is missing, and it is over",
       {{0, 20}, {20, 40}, {60, 80}, {80, 100}},
       {0, 1}},
      {"the oldest full range first",
       {{0, 20}, {20, 40}, {40, 60}, {60, 80}, {80, 100}, {100, 120}, {120, 140}},
       {0, 1, 2}},
      {"small ranges before large ones",
       {{0, 60}, {60, 120}, {120, 180}, {180, 200}, {200, 220}, {220, 240}, {240, 260}},
       {3, 4, 5}},
      {"a large range", {{0, 60}, {60, 120}, {120, 180}, {180, 200}}, {0, 1, 2}},
      {"blocks of several sizes in a range that is over",
       {{0, 60}, {60, 80}, {80, 100}, {100, 120}, {180, 200}, {200, 220}},
       {1, 2, 3}},
      {"a block that is larger than the range is in nobody's way",
       {{0, 60}, {60, 80}, {80, 100}, {100, 120}, {120, 140}},
       {1, 2, 3}},
      {"times before the epoch", {{-60, -40}, {-40, -20}, {-20, 0}, {0, 20}}, {0, 1, 2}},
      {"before the epoch, not aligned", {{-20, 0}, {0, 20}, {20, 40}, {40, 60}, {60, 80}}, {1, 2, 3}},
      {"one that failed keeps its range from being merged",
       {{0, 20}, {20, 40, 0, 0, true}, {40, 60}, {60, 80}, {80, 100}, {100, 120}, {120, 140}},
       {3, 4, 5}},
      {"the same block twice", {{0, 20}, {0, 20}}, {0, 1}},
      {"two overlap", {{0, 20}, {19, 40}, {40, 60}}, {0, 1}},
      {"one within another", {{0, 60}, {20, 40}, {60, 80}}, {0, 1}},
      {"a chain of overlaps", {{0, 20}, {10, 30}, {20, 40}, {40, 60}}, {0, 1, 2}},
      {"one that spans several", {{0, 100}, {20, 40}, {60, 80}, {90, 110}, {110, 130}}, {0, 1, 2, 3}},
      {"also the newest", {{0, 20}, {20, 40}, {30, 50}}, {1, 2}},
      {"the first group of overlaps only", {{0, 20}, {10, 20}, {40, 60}, {50, 60}}, {0, 1}},
      {"overlaps come before full ranges", {{0, 20}, {20, 40}, {40, 60}, {60, 80}, {60, 80}}, {3, 4}},
      {"overlaps that failed are left, others not",
       {{0, 20, 0, 0, true}, {10, 20}, {40, 60}, {50, 60}},
       {2, 3}},
      {"a tenth deleted of a large block", {{0, 540, 10, 1}, {540, 560, 10, 0}}, {0}},
      {"a twentieth is not enough", {{0, 540, 19, 1}, {540, 560, 10, 0}}, {}},
      {"never the newest", {{0, 540, 10, 10}}, {}},
      {"of a small block all must be deleted", {{0, 60, 10, 9}, {60, 80, 10, 0}}, {}},
      {"all is", {{0, 60, 10, 10}, {60, 80, 10, 0}}, {0}},
      {"a small block ends the search", {{0, 540, 10, 1}, {540, 560, 10, 0}, {560, 580, 10, 0}}, {}},
      {"what failed is not written anew either", {{0, 540, 10, 1, true}, {540, 560, 10, 0}}, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(Plan(c.blocks, kRanges), c.expected) << c.what;
}

// As many blocks of stale series come into the newest range as there are minutes in it.
TEST(CompactionPlanTest, WhatComesIntoTheNewestRangeWaitsUntilItIsWorthIt) {
  auto block = [](TimestampMs start_ms, uint64_t series) {
    return PlannedBlock{.start_ms = start_ms, .end_ms = start_ms + 20, .series = series};
  };
  EXPECT_EQ(Plan({block(40, 100), block(40, 30)}, kRanges), std::vector<size_t>());
  EXPECT_EQ(Plan({block(40, 100), block(40, 30), block(40, 20)}, kRanges), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(Plan({block(40, 100), block(40, 30), block(60, 0)}, kRanges), (std::vector<size_t>{0, 1}))
      << "no more will come";
  EXPECT_EQ(Plan({block(0, 9), block(20, 9), block(40, 100), block(40, 30)}, kRanges), std::vector<size_t>())
      << "nor do they go with others meanwhile";
  std::vector<PlannedBlock> many(17, block(40, 1));
  many[3].series = 1'000'000;
  EXPECT_EQ(Plan(many, kRanges).size(), 17u);
}

TEST(CompactionPlanTest, WithASingleRangeOnlyOverlapsAreMerged) {
  EXPECT_EQ(Plan({{0, 20}, {20, 40}, {40, 60}, {60, 80}}, {20}), std::vector<size_t>{});
  EXPECT_EQ(Plan({{0, 20}, {10, 30}}, {20}), (std::vector<size_t>{0, 1}));
}

TEST(CompactionPlanTest, RangesGrowThreefoldUpToTheLargest) {
  constexpr DurationMs kHour = 3'600'000;
  EXPECT_EQ(CompactionRanges(2 * kHour, 36 * kHour),
            (std::vector<DurationMs>{2 * kHour, 6 * kHour, 18 * kHour}));
  EXPECT_EQ(CompactionRanges(2 * kHour, 31 * 24 * kHour).back(), 486 * kHour);
  EXPECT_EQ(CompactionRanges(2 * kHour, kHour), std::vector<DurationMs>{2 * kHour});
  EXPECT_EQ(CompactionRanges(1, INT64_MAX).size(), 10u);
}

}  // namespace
}  // namespace sextant::tsdb
