#include "metrics/tsdb/journal_reader.h"

#include <gtest/gtest.h>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/histogram_test_util.h"

namespace sextant::tsdb {
namespace {

using model::CommitPosition;
using model::CommittedBatch;

// Reads what there is to read, a line for each batch: `up{instance="i"}=1@5 …`, times after the start.
std::string ReadAll(model::CommitLogReader& reader, CommitPosition* end = nullptr) {
  std::string text;
  CommittedBatch batch;
  while (true) {
    auto has_more = reader.Next(batch);
    EXPECT_TRUE(has_more.has_value());
    if (!has_more || !*has_more) return text;
    EXPECT_LT(batch.begin, batch.end);
    auto name = [&](SeriesRef ref) {
      std::optional<model::Labels> labels = reader.LabelsOf(ref);
      return labels ? labels->ToMetricString() : "?";
    };
    for (const model::CommittedSample& sample : batch.samples) {
      std::string value =
          sample.histogram ? fmt::format("h{}", sample.histogram->count) : fmt::format("{}", sample.value);
      text += fmt::format("{}={}@{}", name(sample.ref), value, sample.time_ms - kTestStart);
      if (sample.start_ms != 0) text += fmt::format("^{}", sample.start_ms - kTestStart);
      text += ' ';
    }
    for (const model::CommittedExemplar& exemplar : batch.exemplars) {
      text += fmt::format("{}#{} ", name(exemplar.ref), exemplar.exemplar.value);
    }
    text.back() = '\n';
    if (end != nullptr) *end = batch.end;
  }
}

class JournalReaderTest : public testing::Test {
 protected:
  void Append(Db& db, std::string_view name, TimestampMs offset_ms, double value) {
    ASSERT_TRUE(AppendOne(db, MetricLabels(name), kTestStart + offset_ms, value).has_value());
  }
  size_t JournalFiles() {
    size_t count = 0;
    auto files = bench_.posix.List(bench_.dir.path() + "/journal");
    for (const core::FileInfo& file : *files) count += NumberOfName(file.name) != 0;
    return count;
  }

  Bench bench_;
};

TEST_F(JournalReaderTest, FollowsWhatIsCommitted) {
  auto db = bench_.Open();
  auto reader = db->NewReader({});
  EXPECT_EQ(ReadAll(*reader), "");
  Append(*db, "a", 0, 1);
  EXPECT_EQ(ReadAll(*reader), "a{instance=\"i\"}=1@0\n");
  EXPECT_EQ(ReadAll(*reader), "");
  Append(*db, "a", 5, 2);
  Append(*db, "b", 5, 3);
  EXPECT_EQ(ReadAll(*reader), "a{instance=\"i\"}=2@5\nb{instance=\"i\"}=3@5\n");
}

TEST_F(JournalReaderTest, HandsOverEveryKind) {
  bench_.options.out_of_order_window_ms = 60'000;
  auto db = bench_.Open();
  auto reader = db->NewReader({});
  auto appender = db->NewAppender();
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.count = histogram.zero_count = 7;
  model::Labels a = MetricLabels("a");
  model::Labels h = MetricLabels("h");
  SeriesRef ref =
      appender
          ->AppendSample(
              0, a,
              {.time_ms = kTestStart + 10, .value = 1, .histogram = nullptr, .start_ms = kTestStart + 1})
          .ref;
  appender->AppendSample(
      0, h, {.time_ms = kTestStart + 10, .value = 0, .histogram = &histogram, .start_ms = kTestStart + 2});
  ASSERT_TRUE(appender->Commit().has_value());
  appender = db->NewAppender();
  appender->AppendExemplar(ref, a, {model::Labels::Of({{"id", "x"}}), 5, kTestStart + 11});
  ASSERT_EQ(appender->Append(ref, a, kTestStart + 4, 9).outcome, model::AppendOutcome::kOk);
  ASSERT_TRUE(appender->Commit().has_value());
  EXPECT_EQ(ReadAll(*reader),
            "a{instance=\"i\"}=1@10^1 h{instance=\"i\"}=h7@10^2\n"
            "a{instance=\"i\"}=9@4 a{instance=\"i\"}#5\n");
}

TEST_F(JournalReaderTest, EachSampleOfABatchHasItsOwnStartTime) {
  auto db = bench_.Open();
  auto reader = db->NewReader({});
  model::Labels a = MetricLabels("a");
  auto append = [&](model::Appender& appender, TimestampMs time_ms, TimestampMs start_ms) {
    model::Sample sample{.time_ms = kTestStart + time_ms,
                         .value = 1,
                         .histogram = nullptr,
                         .start_ms = start_ms == 0 ? 0 : kTestStart + start_ms};
    ASSERT_EQ(appender.AppendSample(0, a, sample).outcome, model::AppendOutcome::kOk);
  };
  auto first = db->NewAppender();
  append(*first, 10, 1);
  append(*first, 20, 1);
  append(*first, 30, 25);
  append(*first, 40, 35);
  append(*first, 50, 0);
  ASSERT_TRUE(first->Commit().has_value());
  auto second = db->NewAppender();
  append(*second, 60, 0);
  append(*second, 70, 65);
  ASSERT_TRUE(second->Commit().has_value());
  EXPECT_EQ(ReadAll(*reader),
            "a{instance=\"i\"}=1@10^1 a{instance=\"i\"}=1@20^1 a{instance=\"i\"}=1@30^25 "
            "a{instance=\"i\"}=1@40^35 a{instance=\"i\"}=1@50\n"
            "a{instance=\"i\"}=1@60 a{instance=\"i\"}=1@70^65\n");
}

TEST_F(JournalReaderTest, GoesOnFromAPositionOverFilesAndRestarts) {
  auto hold = std::make_shared<model::CommitLogHold>();
  bench_.options.journal_hold = hold;
  bench_.options.journal_segment_bytes = 200;
  auto db = bench_.Open();
  for (int i = 0; i < 20; ++i) Append(*db, "a", i, i);
  CommitPosition end;
  ReadAll(*db->NewReader({}), &end);
  EXPECT_EQ(end, db->End());
  EXPECT_GT(end.file, 2u);
  for (int i = 20; i < 40; ++i) Append(*db, "a", i, i);
  std::string expected;
  for (int i = 20; i < 40; ++i) expected += fmt::format("a{{instance=\"i\"}}={}@{}\n", i, i);
  EXPECT_EQ(ReadAll(*db->NewReader(end)), expected);
  hold->first_file = end.file;
  db = nullptr;
  db = bench_.Open();
  Append(*db, "a", 40, 40);
  EXPECT_EQ(ReadAll(*db->NewReader(end)), expected + "a{instance=\"i\"}=40@40\n");
}

TEST_F(JournalReaderTest, WhatIsHeldStaysOverCheckpointsAndGoesAfterwards) {
  auto hold = std::make_shared<model::CommitLogHold>();
  bench_.options.journal_hold = hold;
  bench_.options.journal_checkpoint_bytes = 1;
  auto db = bench_.Open();
  CommitPosition begin = db->End();
  hold->first_file = begin.file;
  std::string expected;
  int i = 0;
  auto append = [&] {
    Append(*db, "a", i, i);
    expected += fmt::format("a{{instance=\"i\"}}={}@{}\n", i, i);
    ++i;
    ASSERT_TRUE(db->Maintain().has_value());
  };
  while (JournalFiles() < 5 && i < 1'000) append();
  EXPECT_EQ(JournalFiles(), 5u);
  EXPECT_EQ(ReadAll(*db->NewReader(begin)), expected);
  hold->first_file = model::CommitLogHold::kNothing;
  while (JournalFiles() > 1 && i < 2'000) append();
  EXPECT_EQ(JournalFiles(), 1u);
  // A reader that comes too late begins with what there is.
  EXPECT_EQ(ReadAll(*db->NewReader(begin)), "");
  EXPECT_NE(bench_.log.find("part of the journal is gone"), std::string::npos);
}

TEST_F(JournalReaderTest, HeldFilesAreBounded) {
  auto journal = Journal::Start(bench_.fs, bench_.dir.path(), core::Logger::Discard(), 1, {});
  ASSERT_TRUE(journal.has_value());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*journal)->Rotate().has_value());
  // Each file is a header of 24 bytes.
  ASSERT_TRUE((*journal)->RemoveBefore(6, /*hold=*/2, /*max_held_bytes=*/3 * 24).has_value());
  auto names = [&] {
    std::string text;
    auto files = bench_.posix.List(bench_.dir.path());
    for (const core::FileInfo& file : *files) text += file.name + " ";
    return text;
  };
  EXPECT_EQ(names(), "00000003 00000004 00000005 00000006 ");
  ASSERT_TRUE((*journal)->RemoveBefore(6, /*hold=*/5, /*max_held_bytes=*/1 << 20).has_value());
  EXPECT_EQ(names(), "00000005 00000006 ");
}

TEST_F(JournalReaderTest, ADamagedFileIsReadUpToTheDamage) {
  bench_.options.journal_segment_bytes = 30;  // a file for each batch
  auto db = bench_.Open();
  CommitPosition begin = db->End();
  for (int i = 0; i < 3; ++i) Append(*db, "a", i, i);
  // Into the second file's only frame.
  std::string path = bench_.dir.path() + "/journal/" + NumberedName(begin.file + 1);
  auto bytes = core::ReadFile(bench_.posix, path, 1 << 20);
  ASSERT_TRUE(bytes.has_value());
  bytes->back() ^= 1;
  auto file = bench_.posix.Open(path, core::OpenMode::kCreateOrEmpty);
  ASSERT_TRUE((*file)->Append(*bytes).has_value());
  EXPECT_EQ(ReadAll(*db->NewReader(begin)), "a{instance=\"i\"}=0@0\na{instance=\"i\"}=2@2\n");
  EXPECT_NE(bench_.log.find("the end of a journal file cannot be read"), std::string::npos);
}

TEST_F(JournalReaderTest, APositionAheadOfTheJournalIsItsEnd) {
  auto db = bench_.Open();
  Append(*db, "a", 0, 1);
  auto reader = db->NewReader({1'000, 0});
  EXPECT_EQ(ReadAll(*reader), "");
  Append(*db, "a", 1, 2);
  EXPECT_EQ(ReadAll(*reader), "a{instance=\"i\"}=2@1\n");
}

}  // namespace
}  // namespace sextant::tsdb
