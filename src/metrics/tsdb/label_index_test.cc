#include "metrics/tsdb/label_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "metrics/tsdb/label_image.h"

namespace sextant::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchType;
using ::testing::UnorderedElementsAre;

class LabelIndexTest : public ::testing::Test {
 protected:
  std::vector<uint32_t> Select(const std::vector<Matcher>& matchers) const {
    std::vector<uint32_t> slots;
    for (uint32_t slot : index_.Select(matchers)) slots.push_back(slot);
    return slots;
  }

  SeriesTable table_{10'000};
  LabelIndex index_{table_};
};

TEST_F(LabelIndexTest, FindsWhatWasAdded) {
  Labels a = Labels::Of({{"__name__", "up"}, {"job", "x"}});
  Labels b = Labels::Of({{"__name__", "up"}, {"job", "y"}});
  EXPECT_EQ(index_.Find(a), LabelIndex::kNoSlot);
  uint32_t slot_a = index_.Add(a);
  uint32_t slot_b = index_.Add(b);
  EXPECT_NE(slot_a, slot_b);
  EXPECT_EQ(index_.Find(a), slot_a);
  EXPECT_EQ(index_.LabelsOf(slot_b), b);
  EXPECT_EQ(index_.series_count(), 2u);
  EXPECT_EQ(index_.pair_count(), 3u);
  EXPECT_EQ(index_.Find(Labels::Of({{"__name__", "up"}})), LabelIndex::kNoSlot);
}

TEST_F(LabelIndexTest, RemovedSeriesFreeTheirSlotLabelsAndRef) {
  uint32_t slot = index_.Add(Labels::Of({{"a", "1"}, {"only", "here"}}));
  index_.Add(Labels::Of({{"a", "1"}, {"b", "2"}}));
  uint32_t generation = table_.at(slot).generation;
  index_.Remove({slot});
  EXPECT_EQ(table_.Find(MakeRef(slot, generation)), nullptr);
  EXPECT_EQ(index_.pair_count(), 2u);
  std::vector<std::string> names;
  index_.LabelNames({}, names);
  EXPECT_THAT(names, UnorderedElementsAre("a", "b"));
  uint32_t again = index_.Add(Labels::Of({{"c", "3"}}));
  EXPECT_EQ(again, slot);
  EXPECT_NE(table_.at(again).generation, generation);
  EXPECT_EQ(table_.Find(MakeRef(slot, generation)), nullptr);
}

TEST_F(LabelIndexTest, TheTableHasALimit) {
  uint32_t added = 0;
  while (index_.Add(Labels::Of({{"n", std::to_string(added)}})) != LabelIndex::kNoSlot) ++added;
  EXPECT_GE(added, 10'000u);
  EXPECT_LE(added, 10'000u + SeriesTable::kPageSlots);
}

TEST_F(LabelIndexTest, RecoveryPutsSeriesWhereTheyWere) {
  ASSERT_TRUE(index_.AddAt(MakeRef(7, 3), Labels::Of({{"a", "7"}})));
  ASSERT_TRUE(index_.AddAt(MakeRef(2, 1), Labels::Of({{"a", "2"}})));
  EXPECT_FALSE(index_.AddAt(MakeRef(1'000'000, 1), Labels::Of({{"a", "far"}})));
  index_.FinishRecovery();
  EXPECT_NE(table_.Find(MakeRef(7, 3)), nullptr);
  EXPECT_EQ(table_.Find(MakeRef(7, 2)), nullptr);
  EXPECT_EQ(index_.Add(Labels::Of({{"a", "new"}})), 0u);
  for (uint32_t expected : {1u, 3u, 4u, 5u, 6u, 8u}) {
    EXPECT_EQ(index_.Add(Labels::Of({{"b", std::to_string(expected)}})), expected);
  }
}

TEST_F(LabelIndexTest, HeldIdsAreNotUsedAgain) {
  uint32_t slot = index_.Add(Labels::Of({{"a", "1"}}));
  index_.HoldIds(true);
  PairRun pairs;
  ASSERT_TRUE(index_.CapturePairs(0, 10, pairs));
  ASSERT_EQ(pairs.names.size(), 1u);
  EXPECT_NE(pairs.names[0], PairRun::kFreePair);
  index_.Remove({slot});
  index_.Add(Labels::Of({{"b", "2"}}));
  ASSERT_TRUE(index_.CapturePairs(0, 10, pairs));
  ASSERT_EQ(pairs.names.size(), 2u);
  EXPECT_EQ(pairs.names[0], PairRun::kFreePair);
  EXPECT_NE(pairs.names[1], PairRun::kFreePair);
  EXPECT_FALSE(index_.CapturePairs(2, 10, pairs));
  SymbolRun symbols;
  ASSERT_TRUE(index_.CaptureSymbols(0, 10, symbols));
  EXPECT_EQ(symbols.texts, "b2");
  index_.HoldIds(false);
  index_.Add(Labels::Of({{"c", "3"}}));
  ASSERT_TRUE(index_.CapturePairs(0, 10, pairs));
  EXPECT_EQ(pairs.names.size(), 2u);
}

TEST_F(LabelIndexTest, SelectAgreesWithTryingEverySeries) {
  std::mt19937 random(9);
  std::map<uint32_t, Labels> series;
  auto value = [&] {
    return std::string(1, static_cast<char>('a' + random() % 6)) + std::string(random() % 2, 'x');
  };
  auto matcher = [&]() -> Matcher {
    static const char* const kNames[] = {"p", "q", "r", "none"};
    static const char* const kRegexps[] = {"a|b", "a.*", ".+", ".*", "", "c|", "[a-c]x", "(a|b)x?"};
    MatchType type = static_cast<MatchType>(random() % 4);
    bool is_regexp = type == MatchType::kRegexp || type == MatchType::kNotRegexp;
    std::string text = is_regexp           ? kRegexps[random() % std::size(kRegexps)]
                       : random() % 4 == 0 ? ""
                                           : value();
    return Matcher::Make(type, kNames[random() % 4], text).value();
  };
  for (int round = 0; round < 3000; ++round) {
    if (series.size() < 120 || random() % 3 > 0) {
      model::LabelsBuilder builder;
      for (const char* name : {"p", "q", "r"}) {
        if (random() % 4 > 0) builder.Set(name, value());
      }
      builder.Set("id", std::to_string(random() % 200));
      Labels labels = builder.Build();
      if (index_.Find(labels) == LabelIndex::kNoSlot) series[index_.Add(labels)] = labels;
    } else {
      auto victim = std::next(series.begin(), static_cast<ptrdiff_t>(random() % series.size()));
      index_.Remove({victim->first});
      series.erase(victim);
    }
    std::vector<Matcher> matchers;
    for (size_t i = 0; i < random() % 4; ++i) matchers.push_back(matcher());
    std::vector<uint32_t> expected;
    std::string text;
    for (const Matcher& m : matchers) text += m.ToString() + " ";
    for (const auto& [slot, labels] : series) {
      if (MatchesAll(matchers, labels)) expected.push_back(slot);
    }
    ASSERT_EQ(Select(matchers), expected) << text;
  }
  std::vector<uint32_t> sorted = index_.SortedSlots();
  ASSERT_EQ(sorted.size(), series.size());
  for (size_t i = 1; i < sorted.size(); ++i) ASSERT_LT(series[sorted[i - 1]], series[sorted[i]]);
}

}  // namespace
}  // namespace sextant::tsdb
