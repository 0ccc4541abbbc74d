#include "metrics/tsdb/label_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

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

// A population that comes and goes at random, and what lookups must find in it.
class LabelIndexRandomTest : public LabelIndexTest {
 protected:
  std::string Value() {
    return std::string(1, static_cast<char>('a' + random_() % 6)) + std::string(random_() % 2, 'x');
  }

  Matcher RandomMatcher() {
    static const char* const kNames[] = {"p", "q", "r", "none", "id"};
    static const char* const kRegexps[] = {"a|b",    "a.*",     ".+",  ".*",       "",    "c|",
                                           "[a-c]x", "(a|b)x?", "\\w", "\\d+|a.+", ".*x", "1.*|2.*"};
    MatchType type = static_cast<MatchType>(random_() % 4);
    bool is_regexp = type == MatchType::kRegexp || type == MatchType::kNotRegexp;
    std::string text = is_regexp            ? kRegexps[random_() % std::size(kRegexps)]
                       : random_() % 4 == 0 ? ""
                                            : Value();
    return Matcher::Make(type, kNames[random_() % std::size(kNames)], text).value();
  }

  void AddSeries() {
    model::LabelsBuilder builder;
    for (const char* name : {"p", "q", "r"}) {
      if (random_() % 4 > 0) builder.Set(name, Value());
    }
    builder.Set("id", std::to_string(random_() % 300));
    Labels labels = builder.Build();
    if (index_.Find(labels) == LabelIndex::kNoSlot) series_[index_.Add(labels)] = labels;
  }

  void RemoveSeries() {
    auto victim = std::next(series_.begin(), static_cast<ptrdiff_t>(random_() % series_.size()));
    index_.Remove({victim->first});
    series_.erase(victim);
  }

  void Change() { series_.size() < 120 || random_() % 3 > 0 ? AddSeries() : RemoveSeries(); }

  std::vector<uint32_t> Expected(const std::vector<Matcher>& matchers) const {
    std::vector<uint32_t> slots;
    for (const auto& [slot, labels] : series_) {
      if (MatchesAll(matchers, labels)) slots.push_back(slot);
    }
    return slots;
  }

  std::mt19937 random_{9};
  std::map<uint32_t, Labels> series_;
};

TEST_F(LabelIndexRandomTest, LookupsAgreeWithTryingEverySeries) {
  for (int round = 0; round < 3000; ++round) {
    Change();
    std::vector<Matcher> matchers;
    for (size_t i = 0; i < random_() % 4; ++i) matchers.push_back(RandomMatcher());
    std::string text;
    for (const Matcher& m : matchers) text += m.ToString() + " ";
    std::vector<uint32_t> expected = Expected(matchers);
    ASSERT_EQ(Select(matchers), expected) << text;

    std::set<std::string> names;
    std::set<std::string> values;
    for (uint32_t slot : expected) {
      for (model::LabelView label : series_[slot]) {
        names.emplace(label.name);
        if (label.name == "id") values.emplace(label.value);
      }
    }
    std::vector<std::string> found;
    index_.LabelNames(matchers, found);
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, std::vector<std::string>(names.begin(), names.end())) << text;
    found.clear();
    index_.LabelValues("id", matchers, found);
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, std::vector<std::string>(values.begin(), values.end())) << text;
  }
  std::vector<uint32_t> sorted = index_.SortedSlots();
  ASSERT_EQ(sorted.size(), series_.size());
  for (size_t i = 1; i < sorted.size(); ++i) {
    ASSERT_LT(series_[sorted[i - 1]], series_[sorted[i]]);
    ASSERT_TRUE(index_.IsBefore(sorted[i - 1], sorted[i]));
    ASSERT_FALSE(index_.IsBefore(sorted[i], sorted[i - 1]));
  }
}

// In the pauses of a lookup series come and go. Those that were there all the time must be found, or left
// out, as they are; of the others nothing is said.
TEST_F(LabelIndexRandomTest, PausedLookupsAreRightAboutWhatStays) {
  SeriesTable table(200'000);
  LabelIndex index(table);
  auto labels_of = [](uint32_t i) {
    return Labels::Of({{"id", std::to_string(i)}, {"kind", i % 3 == 0 ? "a" : "b"}});
  };
  constexpr uint32_t kSeries = 40'000;
  std::vector<uint32_t> slots;
  for (uint32_t i = 0; i < kSeries; ++i) slots.push_back(index.Add(labels_of(i)));
  uint32_t next = kSeries;
  int pauses = 0;
  for (bool with_removals : {false, true}) {
    Pause change = [&] {
      ++pauses;
      for (int i = 0; i < 50; ++i) index.Add(labels_of(next++));
      if (with_removals) index.Remove({index.Find(labels_of(next - 1)), index.Find(labels_of(next - 2))});
    };
    for (std::string_view expression : {"\\d*7\\d", ".*5", "1.*|2.*"}) {
      for (MatchType type : {MatchType::kRegexp, MatchType::kNotRegexp}) {
        Matcher matcher = Matcher::Make(type, "id", expression).value();
        Bitmap found = index.Select({Matcher::Equal("kind", "b"), matcher}, change);
        for (uint32_t i = 0; i < kSeries; ++i) {
          bool want = i % 3 != 0 && matcher.Matches(std::to_string(i));
          ASSERT_EQ(found.contains(slots[i]), want) << matcher.ToString() << " on " << i;
        }
      }
    }
    std::vector<std::string> values;
    index.LabelValues("id", {Matcher::Equal("kind", "a")}, values, change);
    std::set<std::string> unique(values.begin(), values.end());
    EXPECT_EQ(unique.size(), values.size());
    for (uint32_t i = 0; i < kSeries; i += 3) ASSERT_TRUE(unique.contains(std::to_string(i)));
  }
  EXPECT_GT(pauses, 20);
}

TEST_F(LabelIndexTest, StatsAndCostsListTheHeaviest) {
  index_.TurnRecent(1'000'000);
  auto add = [&](std::string_view metric, std::string_view job, std::string_view instance, int count) {
    for (int i = 0; i < count; ++i) {
      index_.Add(
          Labels::Of({{"__name__", metric}, {"job", job}, {"instance", instance}, {"n", std::to_string(i)}}));
    }
  };
  add("old", "j", "i", 30);
  add("old", "k", "i", 5);
  index_.Add(Labels::Of({{"__name__", "lonely"}, {"instance", "i"}}));
  index_.TurnRecent(1'000'000 + 2 * RecentIds::kWindowMs);
  add("new", "j", "h", 10);

  Stats stats;
  index_.FillStats(2, stats);
  EXPECT_EQ(stats.series, 46u);
  ASSERT_EQ(stats.series_by_metric.size(), 2u);
  EXPECT_EQ(stats.series_by_metric[0].name, "old");
  EXPECT_EQ(stats.series_by_metric[0].count, 35u);
  EXPECT_EQ(stats.series_by_pair[0].name, "job=j");
  EXPECT_EQ(stats.series_by_pair[0].count, 40u);
  EXPECT_EQ(stats.values_by_label[0].name, "n");
  EXPECT_EQ(stats.values_by_label[0].count, 30u);
  EXPECT_EQ(stats.bytes_by_label[0].count, 50u);

  Cardinality costs;
  TimestampMs now_ms = 1'000'000 + 2 * RecentIds::kWindowMs + 60'000;
  index_.FillCardinality(3, CardinalityOrder::kSeries, now_ms, costs);
  EXPECT_EQ(costs.created, 10u);
  EXPECT_LE(costs.window_ms, RecentIds::kWindowMs);
  EXPECT_GE(costs.window_ms, 60'000);
  ASSERT_EQ(costs.targets.size(), 3u);
  EXPECT_EQ(costs.targets[0].name + "/" + costs.targets[0].value, "j/i");
  EXPECT_EQ(costs.targets[0].series, 30u);
  EXPECT_EQ(costs.targets[1].name + "/" + costs.targets[1].value, "j/h");
  EXPECT_EQ(costs.targets[1].created, 10u);
  EXPECT_EQ(costs.targets[2].name + "/" + costs.targets[2].value, "k/i");
  EXPECT_EQ(costs.metrics[0].name, "old");
  EXPECT_EQ(costs.metrics[0].created, 0u);
  EXPECT_EQ(costs.labels[0].name, "n");
  EXPECT_EQ(costs.labels[0].values, 30u);
  EXPECT_EQ(costs.labels[0].created, 0u);

  index_.FillCardinality(1, CardinalityOrder::kCreated, now_ms, costs);
  ASSERT_EQ(costs.metrics.size(), 1u);
  EXPECT_EQ(costs.metrics[0].name, "new");
  EXPECT_EQ(costs.metrics[0].created, 10u);
  EXPECT_EQ(costs.pairs[0].created, 10u);
  ASSERT_EQ(costs.targets.size(), 1u);
  EXPECT_EQ(costs.targets[0].value, "h");
  EXPECT_EQ(costs.labels[0].created, 1u);
}

}  // namespace
}  // namespace sextant::tsdb
