#include "metrics/tsdb/out_of_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>

namespace sextant::tsdb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr CommitTracker::Ticket kAll = std::numeric_limits<CommitTracker::Ticket>::max();
constexpr TimestampMs kMin = kNoTime + 1;
constexpr TimestampMs kMax = std::numeric_limits<TimestampMs>::max();

const SeriesRef kRef = MakeRef(7, 1);

OutOfOrderSample Float(TimestampMs time_ms, double value) {
  return {time_ms, std::bit_cast<uint64_t>(value), 0, nullptr};
}

std::map<TimestampMs, double> ReadAll(const OutOfOrderStore& store, SeriesRef ref,
                                      CommitTracker::Ticket seen_until = kAll, TimestampMs start_ms = kMin,
                                      TimestampMs end_ms = kMax) {
  std::vector<OutOfOrderSample> samples;
  store.Read(ref, start_ms, end_ms, seen_until, samples);
  std::map<TimestampMs, double> out;
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_TRUE(i == 0 || samples[i - 1].time_ms < samples[i].time_ms);
    out[samples[i].time_ms] = std::bit_cast<double>(samples[i].bits);
  }
  return out;
}

std::shared_ptr<model::FloatHistogram> SomeHistogram() {
  auto histogram = std::make_shared<model::FloatHistogram>();
  histogram->counter_reset_hint = model::CounterResetHint::kNotReset;
  histogram->is_integer = true;
  histogram->schema = 3;
  histogram->zero_threshold = 1e-128;
  histogram->zero_count = 2;
  histogram->count = 9;
  histogram->sum = -3.5;
  histogram->positive_spans = {{-2, 1}, {3, 2}};
  histogram->positive_buckets = {1, 2, 3};
  histogram->negative_spans = {{0, 1}};
  histogram->negative_buckets = {1};
  return histogram;
}

TEST(OutOfOrderCodec, SamplesOfAllKindsComeBack) {
  std::vector<OutOfOrderSample> samples = {Float(5, 1.5), Float(3, 1.5), Float(kMin, -7), Float(kMax, 1e300)};
  samples.push_back({9, 0, 4, SomeHistogram()});
  samples.push_back({8, std::bit_cast<uint64_t>(2.0), -100, nullptr});
  std::string bytes;
  PutOutOfOrderSamples(samples, bytes);
  ByteReader reader(bytes);
  std::vector<OutOfOrderSample> read;
  ASSERT_TRUE(ReadOutOfOrderSamples(reader, read));
  EXPECT_TRUE(reader.at_end());
  ASSERT_EQ(read.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(read[i].time_ms, samples[i].time_ms);
    EXPECT_EQ(read[i].bits, samples[i].bits);
    EXPECT_EQ(read[i].start_ms, samples[i].start_ms);
    EXPECT_EQ(read[i].histogram != nullptr, samples[i].histogram != nullptr);
  }
  std::string again;
  PutOutOfOrderSamples(read, again);
  EXPECT_EQ(again, bytes) << "the histogram, too";
  for (size_t size = 0; size < bytes.size(); ++size) {
    ByteReader cut(std::string_view(bytes).substr(0, size));
    read.clear();
    EXPECT_FALSE(ReadOutOfOrderSamples(cut, read)) << size;
  }
}

TEST(OutOfOrderCodec, MergingKeepsTheColumnsSamples) {
  model::SampleColumns columns;
  columns.Add(100, 1);  // before the place from which is merged
  columns.Add(10, 10);
  columns.AddHistogram(20, SomeHistogram());
  columns.Add(30, 30, 25);
  MergeOutOfOrder({Float(5, 5), Float(20, -1), Float(25, 25), {40, 0, 0, SomeHistogram()}}, 1, columns);
  EXPECT_THAT(columns.times_ms, ElementsAre(100, 5, 10, 20, 25, 30, 40));
  EXPECT_THAT(columns.values, ElementsAre(1, 5, 10, 0, 25, 30, 0));
  ASSERT_EQ(columns.histograms.size(), 7u);
  EXPECT_EQ(columns.histograms[3]->counter_reset_hint, model::CounterResetHint::kNotReset);
  EXPECT_EQ(columns.histograms[6]->counter_reset_hint, model::CounterResetHint::kUnknown);
  EXPECT_THAT(columns.start_times_ms, ElementsAre(0, 0, 0, 0, 0, 25, 0));
}

TEST(OutOfOrderStore, HoldsWhatCameInAnyOrderAndTheFirstStays) {
  OutOfOrderStore store(0);
  std::mt19937 random(1);
  std::map<TimestampMs, double> expected;
  for (int i = 0; i < 5000; ++i) {
    TimestampMs time_ms = std::uniform_int_distribution<TimestampMs>(-1000, 3000)(random);
    bool is_new = expected.emplace(time_ms, i).second;
    EXPECT_EQ(store.Insert(kRef, Float(time_ms, i), 1, 1), is_new);
  }
  EXPECT_EQ(ReadAll(store, kRef), expected);
  auto part = ReadAll(store, kRef, kAll, 100, 200);
  EXPECT_EQ(part.begin()->first >= 100 && part.rbegin()->first <= 200, true);
  EXPECT_EQ(part.size(),
            static_cast<size_t>(std::distance(expected.lower_bound(100), expected.upper_bound(200))));
  EXPECT_EQ(store.TimeRange(), std::pair(expected.begin()->first, expected.rbegin()->first));
  EXPECT_LT(store.SizeBytes(), 5000u * 20) << "sealed samples are encoded";
  EXPECT_THAT(ReadAll(store, MakeRef(7, 2)), IsEmpty()) << "another series in the slot";
}

TEST(OutOfOrderStore, AReaderSeesCommitsUpToItsWatermark) {
  OutOfOrderStore store(0);
  // Many more than a buffer holds before it is sealed: while somebody may not see them, they are not.
  for (int i = 0; i < 100; ++i) store.Insert(kRef, Float(i * 2, 1), 1, 0);
  for (int i = 0; i < 100; ++i) store.Insert(kRef, Float(i * 2 + 1, 2), 2, 0);
  EXPECT_EQ(ReadAll(store, kRef, 0).size(), 0u);
  EXPECT_EQ(ReadAll(store, kRef, 1).size(), 100u);
  EXPECT_EQ(ReadAll(store, kRef, 2).size(), 200u);
  EXPECT_FALSE(store.Holds(kRef, kMin, kMax, 0));
  EXPECT_TRUE(store.Holds(kRef, kMin, kMax, 1));
  for (int i = 0; i < 100; ++i) store.Insert(kRef, Float(1000 + i, 3), 3, 2);
  EXPECT_EQ(ReadAll(store, kRef, 2).size(), 200u);
}

TEST(OutOfOrderStore, WrittenSamplesAreDroppedAndLaterOnesStay) {
  OutOfOrderStore store(0);
  for (int i = 0; i < 100; ++i) store.Insert(kRef, Float(i, 1), 1, 1);
  store.Insert(kRef, Float(1000, 1), 2, 1);
  store.Insert(kRef, Float(50'000, 1), 1, 1);
  EXPECT_THAT(store.SeriesIn(0, 99), ElementsAre(kRef));
  EXPECT_EQ(store.OldestFrom(kMin), 0);
  EXPECT_EQ(store.OldestFrom(42), 42);
  EXPECT_EQ(store.OldestFrom(100), 1000);
  EXPECT_EQ(store.OldestFrom(1001), 50'000);
  EXPECT_EQ(store.OldestFrom(50'001), kMax);
  EXPECT_THAT(store.SeriesIn(2000, 3000), IsEmpty());
  store.DropWritten(0, 10'000, 1);
  EXPECT_EQ(ReadAll(store, kRef), (std::map<TimestampMs, double>{{1000, 1}, {50'000, 1}}));
  store.DropWritten(0, 50'001, 2);
  EXPECT_TRUE(store.empty());
  EXPECT_EQ(store.SizeBytes(), 0u);
}

TEST(OutOfOrderStore, ErasesARange) {
  OutOfOrderStore store(0);
  for (int i = 0; i < 300; ++i) store.Insert(kRef, Float(i, 1), 1, 1);
  EXPECT_EQ(store.Erase(kRef, 10, 289), 280u);
  EXPECT_EQ(ReadAll(store, kRef).size(), 20u);
  EXPECT_TRUE(store.Insert(kRef, Float(100, 2), 2, 1)) << "new ones may come";
  EXPECT_EQ(ReadAll(store, kRef).at(100), 2);
  store.DropSeries(kRef);
  EXPECT_TRUE(store.empty());
}

TEST(OutOfOrderStore, SaysWhenItIsFull) {
  OutOfOrderStore store(4096);
  EXPECT_FALSE(store.IsFull());
  auto histogram = SomeHistogram();
  for (int i = 0; i < 20; ++i) store.Insert(kRef, {i, 0, 0, histogram}, 1, 0);
  EXPECT_TRUE(store.IsFull());
  store.DropSeries(kRef);
  EXPECT_FALSE(store.IsFull());
}

TEST(OutOfOrderStore, SectionsCanBeRestoredTwice) {
  OutOfOrderStore store(0);
  for (int i = 0; i < 300; ++i) store.Insert(MakeRef(i % 3, 1), Float(i, i), 1, 1);
  std::vector<Section> sections;
  store.Capture(sections);
  OutOfOrderStore restored(0);
  for (int round = 0; round < 2; ++round) {
    for (const Section& section : sections) {
      ASSERT_TRUE(restored.Restore(section.bytes, [](SeriesRef ref) { return SlotOf(ref) != 2; }));
    }
    EXPECT_EQ(ReadAll(restored, MakeRef(0, 1)), ReadAll(store, MakeRef(0, 1)));
    EXPECT_EQ(ReadAll(restored, MakeRef(1, 1)).size(), 100u);
    EXPECT_EQ(restored.series_count(), 2u);
  }
  EXPECT_FALSE(restored.Restore("\x01\x02", [](SeriesRef) { return true; }));
}

}  // namespace
}  // namespace sextant::tsdb
