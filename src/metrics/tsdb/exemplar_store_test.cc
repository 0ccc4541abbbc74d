#include "metrics/tsdb/exemplar_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/matcher.h"

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using model::Exemplar;
using model::Labels;
using model::Matcher;
using ::testing::HasSubstr;

Labels Series(std::string_view name) { return Labels::Of({{"__name__", name}}); }
Exemplar Of(TimestampMs time_ms, double value = 1, std::string_view trace = "t") {
  return {Labels::Of({{"trace_id", trace}}), value, time_ms};
}

struct ExemplarStoreTest : ::testing::Test {
  core::Registry registry;
  ExemplarStore store{registry, 4};

  AppendOutcome Check(const Exemplar& exemplar, bool& is_dropped) {
    return store.Check(Series("a"), exemplar, is_dropped);
  }
  std::string All(const ExemplarStore& from) {
    std::string text;
    for (const SeriesExemplars& series : from.Select(kNoTime, 1'000'000, {{}})) {
      text += series.series.metric_name();
      for (const Exemplar& exemplar : series.exemplars) {
        text += fmt::format(" {}:{}", exemplar.time_ms, exemplar.value);
      }
      text += ";";
    }
    return text;
  }
};

TEST_F(ExemplarStoreTest, ARoundOfTheRingDropsTheOldest) {
  store.Add(Series("b"), Of(1));
  store.Add(Series("a"), Of(2));
  store.Add(Series("a"), Of(3));
  store.Add(Series("b"), Of(4));
  EXPECT_EQ(All(store), "a 2:1 3:1;b 1:1 4:1;");
  store.Add(Series("c"), Of(5));
  EXPECT_EQ(All(store), "a 2:1 3:1;b 4:1;c 5:1;");
  store.Add(Series("c"), Of(6));
  store.Add(Series("c"), Of(7));
  EXPECT_EQ(All(store), "b 4:1;c 5:1 6:1 7:1;");
  store.Add(Series("a"), Of(1));
  EXPECT_EQ(All(store), "a 1:1;c 5:1 6:1 7:1;") << "a was forgotten, so nothing of it is newer";
  std::string metrics = registry.RenderText();
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_exemplar_exemplars_in_storage 4\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_exemplar_series_with_exemplars_in_storage 2\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_exemplar_exemplars_appended_total 8\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds 0.005\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_exemplar_max_exemplars 4\n"));
}

TEST_F(ExemplarStoreTest, OrderDuplicatesAndLabelLength) {
  store.Add(Series("a"), Of(10, 5, "m"));
  bool is_dropped = false;
  EXPECT_EQ(Check(Of(10, 5, "m"), is_dropped), AppendOutcome::kOk);
  EXPECT_TRUE(is_dropped) << "the same again";
  EXPECT_EQ(Check(Of(9, 5, "m"), is_dropped), AppendOutcome::kOutOfOrderExemplar);
  EXPECT_EQ(Check(Of(10, 4, "m"), is_dropped), AppendOutcome::kOutOfOrderExemplar);
  EXPECT_EQ(Check(Of(10, 5, "a"), is_dropped), AppendOutcome::kOutOfOrderExemplar);
  EXPECT_EQ(Check(Of(10, 6, "a"), is_dropped), AppendOutcome::kOk);
  EXPECT_FALSE(is_dropped);
  EXPECT_FALSE(store.Add(Series("a"), Of(9)));
  EXPECT_THAT(registry.RenderText(), HasSubstr("prometheus_tsdb_exemplar_out_of_order_exemplars_total 1\n"));

  std::string text(120, 'x');  // and 8 of "trace_id"
  EXPECT_EQ(Check(Of(11, 5, text), is_dropped), AppendOutcome::kOk);
  EXPECT_EQ(Check(Of(11, 5, text + "x"), is_dropped), AppendOutcome::kInvalidExemplar);
  std::string wide;
  for (int i = 0; i < 120; ++i) wide += "é";
  EXPECT_EQ(Check(Of(11, 5, wide), is_dropped), AppendOutcome::kOk) << "characters, not bytes";
  EXPECT_EQ(Check(Of(11, 5, "\xff"), is_dropped), AppendOutcome::kInvalidExemplar);
  EXPECT_EQ(Check({Labels(), 1, 11}, is_dropped), AppendOutcome::kOk) << "no labels";
}

TEST_F(ExemplarStoreTest, SelectsByTimeAndAnyOfTheSets) {
  store.Add(Series("a"), Of(1));
  store.Add(Series("a"), Of(5));
  store.Add(Series("b"), Of(3));
  auto a = Matcher::Equal("__name__", "a");
  auto b = Matcher::Equal("__name__", "b");
  EXPECT_EQ(store.Select(0, 10, {{a}, {b}}).size(), 2u);
  EXPECT_EQ(store.Select(0, 10, {{a, b}}).size(), 0u);
  auto found = store.Select(2, 5, {{a}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].exemplars, std::vector<Exemplar>{Of(5)});
  EXPECT_EQ(store.Select(6, 10, {{a}, {b}}).size(), 0u);
}

TEST_F(ExemplarStoreTest, ResizingKeepsTheNewest) {
  for (int i = 1; i <= 6; ++i) store.Add(Series(i % 2 == 0 ? "a" : "b"), Of(i));
  store.Resize(3);
  EXPECT_EQ(All(store), "a 4:1 6:1;b 5:1;");
  store.Resize(5);
  store.Add(Series("a"), Of(7));
  store.Add(Series("a"), Of(8));
  store.Add(Series("a"), Of(9));
  EXPECT_EQ(All(store), "a 6:1 7:1 8:1 9:1;b 5:1;");
  store.Resize(0);
  EXPECT_FALSE(store.is_enabled());
  EXPECT_FALSE(store.Add(Series("a"), Of(10)));
  EXPECT_EQ(All(store), "");
}

TEST_F(ExemplarStoreTest, SectionsCanBeRestoredTwice) {
  for (int i = 1; i <= 6; ++i) store.Add(Series(i % 2 == 0 ? "a" : "b"), Of(i));
  std::vector<Section> sections;
  store.Capture(sections);
  sections.push_back(ExemplarStore::MakeSection({{MakeRef(1, 1), Of(10, 2)}, {MakeRef(2, 1), Of(11, 2)}}));
  core::Registry other_registry;
  ExemplarStore other(other_registry, 100);
  auto labels_of = [](SeriesRef ref) {
    return SlotOf(ref) == 1 ? std::optional<Labels>(Series("c")) : std::nullopt;
  };
  for (int round = 0; round < 2; ++round) {
    for (const Section& section : sections) ASSERT_TRUE(other.Restore(section.bytes, labels_of));
    EXPECT_EQ(All(other), "a 4:1 6:1;b 3:1 5:1;c 10:2;");
  }
  EXPECT_FALSE(other.Restore("\x01", labels_of));
}

}  // namespace
}  // namespace sextant::tsdb
