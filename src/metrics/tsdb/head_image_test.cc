// An image that is used where it lies: what the head gives of it before it has been loaded, and what becomes
// of one whose parts do not fit together.
#include "metrics/tsdb/head_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/histogram_test_util.h"
#include "metrics/tsdb/journal.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int kSeries = 2'000;

Labels LabelsOf(int i) {
  return Labels::Of({{"__name__", "metric_" + std::to_string(i % 10)},
                     {"id", std::to_string(i)},
                     {"target", std::to_string(i / 100)}});
}

class HeadImageTest : public ::testing::Test {
 protected:
  // A store that was closed, with kSeries series of a sample each, a histogram, and a series with start
  // times.
  HeadImageTest() {
    auto db = bench_.Open();
    auto appender = db->NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      EXPECT_EQ(appender->Append(0, LabelsOf(i), kTestStart, i).outcome, model::AppendOutcome::kOk);
    }
    model::FloatHistogram histogram = CounterHistogram(3);
    model::Sample sample{.time_ms = kTestStart, .histogram = &histogram};
    EXPECT_EQ(appender->AppendSample(0, MetricLabels("histogram"), sample).outcome,
              model::AppendOutcome::kOk);
    sample = {.time_ms = kTestStart, .value = 5, .start_ms = kTestStart - 500};
    EXPECT_EQ(appender->AppendSample(0, MetricLabels("counter"), sample).outcome, model::AppendOutcome::kOk);
    EXPECT_TRUE(appender->Commit().has_value());
    contents_ = ReadContents(*db);
  }

  // A head with the newest checkpoint, and nothing of it loaded.
  std::unique_ptr<Store> Load() {
    registries_.push_back(std::make_unique<core::Registry>());
    core::LogOptions log_options;
    log_options.writer = [this](std::string_view line) { log_ += line; };
    auto store = std::make_unique<Store>(bench_.fs, bench_.clock, core::Logger(bench_.clock, log_options),
                                         *registries_.back(), bench_.options);
    auto loaded =
        LoadCheckpoint(store->fs, store->JournalDir(), store->logger, store->ChunkDir(), store->head);
    EXPECT_TRUE(loaded.has_value());
    store->head.FinishRestore();
    return store;
  }

  static std::vector<HeadSeries> Select(const Store& store, const std::vector<Matcher>& matchers) {
    return store.head.Select(matchers, 0, kFirst, kFirst).value();
  }
  static std::vector<double> ValuesOf(const Store& store, const HeadSeries& series) {
    model::SampleColumns samples;
    store.head.Read(series, kFirst, kLast, samples);
    return samples.values;
  }

  // Writes the newest checkpoint anew, with frames as `change` leaves them.
  void Change(const std::function<void(ImageFrame, std::string&)>& change) {
    const std::string dir = core::JoinPath(bench_.dir.path(), "journal");
    std::string name;
    std::vector<core::FileInfo> files = bench_.posix.List(dir).value();
    for (const core::FileInfo& file : files) {
      if (file.name.starts_with("checkpoint.")) name = std::max(name, file.name);
    }
    const std::string path = core::JoinPath(dir, name);
    const uint64_t number = NumberOfName(name.substr(name.find('.') + 1));
    const std::string bytes = core::ReadFile(bench_.posix, path, 1 << 30).value();
    std::string changed = MakeFrameFileHeader(FrameFileKind::kImage, number);
    bool reaches_end = false;
    for (const UnverifiedFrame& frame : ListFrames(FrameFileKind::kImage, number, bytes, reaches_end)) {
      std::string payload(frame.payload);
      ImageFrame kind;
      ASSERT_TRUE(KindOf(payload, kind));
      change(kind, payload);
      std::string sealed = std::string(kFrameHeaderBytes, '\0') + payload;
      SealFrame(number, changed.size(), sealed);
      changed += sealed;
    }
    ASSERT_TRUE(reaches_end);
    ASSERT_TRUE(core::WriteFileAtomically(bench_.posix, path, changed).has_value());
  }

  Bench bench_;
  Contents contents_;
  std::vector<std::unique_ptr<core::Registry>> registries_;
  std::string log_;
};

TEST_F(HeadImageTest, SeriesAreThereBeforeTheyAreLoaded) {
  auto store = Load();
  Head& head = store->head;
  ASSERT_TRUE(head.HasSeriesInImage());
  EXPECT_EQ(head.series_count(), kSeries + 2u);
  EXPECT_EQ(head.min_time_ms(), kTestStart);
  EXPECT_EQ(head.max_time_ms(), kTestStart);
  EXPECT_EQ(head.open_chunks(), kSeries + 1u) << "of what is loaded later, floats are counted";

  std::vector<HeadSeries> one = Select(*store, {Matcher::Equal("id", "1234")});
  ASSERT_THAT(one, SizeIs(1));
  EXPECT_EQ(one[0].labels, LabelsOf(1234));
  EXPECT_THAT(ValuesOf(*store, one[0]), ElementsAre(1234));
  EXPECT_THAT(Select(*store, {Matcher::Equal("target", "3")}), SizeIs(100));
  EXPECT_THAT(Select(*store, {Matcher::Equal("target", "3"), Matcher::Equal("__name__", "metric_7")}),
              SizeIs(10));
  std::vector<std::string> values;
  head.LabelValues("target", {Matcher::Equal("__name__", "metric_7"), Matcher::Equal("id", "17")}, nullptr,
                   values);
  EXPECT_THAT(values, ElementsAre("0"));
  std::vector<std::string> names;
  head.LabelNames({Matcher::Equal("id", "17")}, nullptr, names);
  EXPECT_THAT(names, UnorderedElementsAre("__name__", "id", "target"));
  EXPECT_TRUE(head.HasSeriesInImage());
}

TEST_F(HeadImageTest, SeriesAreFoundByAllTheirLabelsBeforeTheyAreLoaded) {
  auto store = Load();
  Head& head = store->head;
  SeriesRef ref = 0;
  // With no guess, the right one, and a wrong one.
  for (SeriesRef after : {SeriesRef{0}, MakeRef(699, 1), MakeRef(5, 1)}) {
    ASSERT_EQ(head.FindOrAdd(LabelsOf(700), 1, ref, after), model::AppendOutcome::kOk);
    EXPECT_EQ(ref, MakeRef(700, 1));
  }
  ASSERT_EQ(head.FindOrAdd(Labels::Of({{"__name__", "metric_0"}, {"id", "700"}}), 1, ref, 0),
            model::AppendOutcome::kOk);
  EXPECT_EQ(SlotOf(ref), kSeries + 2u) << "it has another's labels, but not all of them";
  ASSERT_EQ(head.FindOrAdd(Labels::Of({{"__name__", "metric_0"}, {"id", "never"}}), 1, ref, 0),
            model::AppendOutcome::kOk);
  EXPECT_EQ(SlotOf(ref), kSeries + 3u);
  EXPECT_THAT(Select(*store, {Matcher::Equal("id", "700")}), SizeIs(1)) << "the new one has no sample yet";
  head.LoadSeries();
  EXPECT_FALSE(head.HasSeriesInImage());
  EXPECT_EQ(head.series_count(), kSeries + 4u);
  for (int i = 0; i < kSeries; ++i) {
    ASSERT_EQ(head.FindOrAdd(LabelsOf(i), 1, ref, 0), model::AppendOutcome::kOk);
    ASSERT_EQ(ref, MakeRef(static_cast<uint32_t>(i), 1));
  }
  EXPECT_THAT(Select(*store, {Matcher::Equal("__name__", "metric_0")}), SizeIs(kSeries / 10));
  EXPECT_THAT(log_, Not(HasSubstr("is made anew")));
}

TEST_F(HeadImageTest, HistogramsAndStartTimesComeWithTheirSeries) {
  auto store = Load();
  std::vector<HeadSeries> found = Select(*store, {Matcher::Equal("__name__", "histogram")});
  ASSERT_THAT(found, SizeIs(1));
  model::SampleColumns samples;
  store->head.Read(found[0], kFirst, kLast, samples);
  ASSERT_EQ(samples.histograms.size(), 1u);
  EXPECT_EQ(HistogramBits(*samples.histograms[0]), HistogramBits(CounterHistogram(3)));
  found = Select(*store, {Matcher::Equal("__name__", "counter")});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(store->head.NewestStartTime(found[0].ref), kTestStart - 500);
}

// The labels of one are those of another as far as the postings say.
TEST_F(HeadImageTest, PostingsThatAreNotThoseOfTheSeriesAreMadeAnew) {
  int changed = 0;
  Change([&](ImageFrame kind, std::string& payload) {
    if (kind != ImageFrame::kPostings || changed++ > 0) return;
    PostingsRun run;
    ASSERT_TRUE(ReadPostings(payload, run).has_value());
    std::string_view rest = run.stored;
    std::string bytes;
    std::vector<SlotRun> runs;
    for (uint32_t i = 0; i < run.count; ++i) {
      const char* stored = nullptr;
      ASSERT_TRUE(TakeStoredPostings(rest, kSeries + 512, stored));
      ReadStoredPostings(stored, runs);
      std::vector<uint32_t> slots;
      for (SlotRun one : runs) {
        for (uint32_t slot = one.begin; slot < one.end; ++slot) slots.push_back(slot);
      }
      if (slots.size() == 1 && slots[0] % 2 == 0) ++slots[0];
      PutStoredPostings(slots, bytes);
    }
    run.stored = bytes;
    payload.clear();
    PutPostings(run, payload);
  });
  auto store = Load();
  ASSERT_TRUE(store->head.HasSeriesInImage());
  store->head.LoadSeries();
  EXPECT_THAT(log_, HasSubstr("is made anew"));
  for (int i = 0; i < kSeries; ++i) {
    std::vector<HeadSeries> one = Select(*store, {Matcher::Equal("id", std::to_string(i))});
    ASSERT_THAT(one, SizeIs(1));
    ASSERT_EQ(one[0].labels, LabelsOf(i));
  }
}

TEST_F(HeadImageTest, ARangeThatMakesNoSenseCostsItsSeriesOnly) {
  int ranges = 0;
  Change([&](ImageFrame kind, std::string& payload) {
    if (kind != ImageFrame::kSeries || ranges++ != 1) return;
    payload.pop_back();
  });
  auto store = Load();
  EXPECT_EQ(store->head.series_count(), kSeries + 2u) << "it is not known yet";
  EXPECT_THAT(Select(*store, {Matcher::Equal("target", "2")}), SizeIs(56)) << "256 to 511 are lost";
  SeriesRef ref = 0;
  ASSERT_EQ(store->head.FindOrAdd(LabelsOf(300), 1, ref, 0), model::AppendOutcome::kOk);
  EXPECT_EQ(SlotOf(ref), kSeries + 2u) << "it begins anew";
  store->head.LoadSeries();
  EXPECT_THAT(log_, HasSubstr("is made anew"));
  EXPECT_EQ(store->head.series_count(), kSeries + 2u - 256 + 1);
  EXPECT_THAT(Select(*store, {}), SizeIs(kSeries + 2u - 256));
  for (int i : {255, 512}) {
    ASSERT_EQ(store->head.FindOrAdd(LabelsOf(i), 1, ref, 0), model::AppendOutcome::kOk);
    EXPECT_EQ(SlotOf(ref), static_cast<uint32_t>(i));
  }
}

TEST_F(HeadImageTest, PostingsLeaveOutWhatCameAfterTheSeriesWereCaptured) {
  auto store = Load();
  Head& head = store->head;
  head.LoadSeries();
  Bitmap captured;
  captured.addRange(0, kSeries + 2);
  head.HoldLabelIds(true);
  SeriesRef ref = 0;
  Labels labels = Labels::Of({{"__name__", "metric_0"}, {"new", "yes"}});
  ASSERT_EQ(head.FindOrAdd(labels, 1, ref, 0), model::AppendOutcome::kOk);
  PostingsRun run;
  std::vector<SlotRun> runs;
  uint64_t slots = 0;
  for (uint32_t first = 0; head.CapturePostings(first, 100, captured, run); first += run.count) {
    std::string_view rest = run.stored;
    for (uint32_t i = 0; i < run.count; ++i) {
      const char* stored = nullptr;
      ASSERT_TRUE(TakeStoredPostings(rest, kSeries + 2, stored)) << "none is the new one's";
      slots += CountOfStored(stored);
    }
  }
  EXPECT_EQ(slots, kSeries * 3u + 4u);
  head.HoldLabelIds(false);
}

// More series than are allowed by now.
TEST_F(HeadImageTest, SeriesOverALowerLimitAreToldOf) {
  bench_.options.limits.max_series = 1024;
  auto store = Load();
  EXPECT_FALSE(store->head.HasSeriesInImage());
  EXPECT_EQ(store->head.series_count(), 1024u);
  EXPECT_THAT(log_, HasSubstr("more series than the limit on series allows"));
  EXPECT_THAT(Select(*store, {Matcher::Equal("id", "77")}), SizeIs(1));
}

}  // namespace
}  // namespace sextant::tsdb
