// The parts of the head beside in-order samples that are small: deletions and metadata.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/tsdb/head_deletions.h"
#include "metrics/tsdb/metadata_store.h"

namespace sextant::tsdb {
namespace {

using model::MetricMetadata;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TimestampMs kMax = std::numeric_limits<TimestampMs>::max();

TEST(HeadDeletions, IntervalsThatTouchBecomeOne) {
  HeadDeletions deletions;
  EXPECT_TRUE(deletions.empty());
  deletions.Add(1, {10, 20});
  deletions.Add(1, {40, 50});
  deletions.Add(1, {22, 30});
  EXPECT_THAT(deletions.Of(1), ElementsAre(TimeInterval{10, 20}, TimeInterval{22, 30}, TimeInterval{40, 50}));
  deletions.Add(1, {21, 21});
  EXPECT_THAT(deletions.Of(1), ElementsAre(TimeInterval{10, 30}, TimeInterval{40, 50}));
  deletions.Add(1, {35, kMax});
  EXPECT_THAT(deletions.Of(1), ElementsAre(TimeInterval{10, 30}, TimeInterval{35, kMax}));
  deletions.Add(1, {60, 70});
  EXPECT_THAT(deletions.Of(1), ElementsAre(TimeInterval{10, 30}, TimeInterval{35, kMax}));
  deletions.Add(1, {kNoTime, kMax});
  EXPECT_THAT(deletions.Of(1), ElementsAre(TimeInterval{kNoTime + 1, kMax}));
  deletions.Add(2, {5, 4});
  EXPECT_THAT(deletions.Of(2), IsEmpty());
}

TEST(HeadDeletions, SubtractsFromAPlaceOn) {
  HeadDeletions deletions;
  deletions.Add(1, {2, 3});
  deletions.Add(1, {5, 5});
  model::SampleColumns columns;
  for (int i = 0; i < 8; ++i) columns.Add(i, i, i == 7 ? 6 : 0);
  deletions.Subtract(2, 0, columns);
  EXPECT_EQ(columns.size(), 8u);
  deletions.Subtract(1, 3, columns);
  EXPECT_THAT(columns.times_ms, ElementsAre(0, 1, 2, 4, 6, 7));
  EXPECT_THAT(columns.values, ElementsAre(0, 1, 2, 4, 6, 7));
  EXPECT_THAT(columns.start_times_ms, ElementsAre(0, 0, 0, 0, 0, 6));
}

TEST(HeadDeletions, ForgetsWhatIsGone) {
  HeadDeletions deletions;
  deletions.Add(1, {2, 3});
  deletions.Add(1, {5, 6});
  deletions.Add(2, {1, 2});
  deletions.DropBefore(4);
  EXPECT_THAT(deletions.Of(1), ElementsAre(TimeInterval{5, 6}));
  EXPECT_THAT(deletions.Of(2), IsEmpty());
  std::vector<Section> sections;
  deletions.Capture(sections);
  ASSERT_EQ(sections.size(), 1u);
  int read = 0;
  EXPECT_TRUE(HeadDeletions::ReadSection(sections[0].bytes, [&](const SeriesDeletion& deletion) {
    ++read;
    EXPECT_EQ(deletion.ref, 1u);
    EXPECT_EQ(deletion.range, (TimeInterval{5, 6}));
    EXPECT_EQ(deletion.newest_ms, 6);
  }));
  EXPECT_EQ(read, 1);
  EXPECT_FALSE(HeadDeletions::ReadSection("short", [](const SeriesDeletion&) {}));
  deletions.DropSeries(1);
  EXPECT_TRUE(deletions.empty());
}

TEST(MetadataStore, EqualOnesAreKeptOnce) {
  MetadataStore store;
  MetricMetadata counter{"counter", "Requests.", ""};
  MetricMetadata gauge{"gauge", "Depth.", "items"};
  SeriesRef a = MakeRef(0, 1);
  SeriesRef b = MakeRef(1000, 3);
  store.Set(a, counter);
  store.Set(b, counter);
  EXPECT_EQ(store.distinct(), 1u);
  EXPECT_TRUE(store.Has(a, counter));
  EXPECT_FALSE(store.Has(a, gauge));
  EXPECT_EQ(store.Get(MakeRef(2, 1)), nullptr);
  store.Set(b, gauge);
  store.Set(b, gauge);
  EXPECT_EQ(store.distinct(), 2u);
  EXPECT_EQ(*store.Get(b), gauge);
  store.DropSeries(b);
  EXPECT_EQ(store.distinct(), 1u);
  EXPECT_EQ(store.Get(b), nullptr);
  store.Set(b, gauge);
  EXPECT_EQ(store.distinct(), 2u);
}

TEST(MetadataStore, SectionsCanBeRestoredTwice) {
  MetadataStore store;
  for (uint32_t slot = 0; slot < 10; ++slot) {
    store.Set(MakeRef(slot, 1), {slot % 2 == 0 ? "gauge" : "counter", "h", ""});
  }
  std::vector<Section> sections;
  store.Capture([](uint32_t slot) { return slot == 9 ? 0 : MakeRef(slot, 1); }, sections);
  sections.push_back(MetadataStore::MakeSection({{MakeRef(3, 1), {"info", "x", "y"}}}));
  MetadataStore restored;
  for (int round = 0; round < 2; ++round) {
    for (const Section& section : sections) {
      ASSERT_TRUE(restored.Restore(section.bytes, [](SeriesRef ref) { return SlotOf(ref) != 5; }));
    }
    EXPECT_EQ(restored.Get(MakeRef(2, 1))->type, "gauge");
    EXPECT_EQ(restored.Get(MakeRef(3, 1))->type, "info");
    EXPECT_EQ(restored.Get(MakeRef(5, 1)), nullptr);
    EXPECT_EQ(restored.Get(MakeRef(9, 1)), nullptr);
    EXPECT_EQ(restored.distinct(), 3u);
  }
  EXPECT_FALSE(restored.Restore("\x05", [](SeriesRef) { return true; }));
}

}  // namespace
}  // namespace sextant::tsdb
