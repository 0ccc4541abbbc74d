#include "metrics/tsdb/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/chunk.h"
#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/histogram_test_util.h"
#include "metrics/tsdb/image_frames.h"
#include "metrics/tsdb/journal.h"
#include "metrics/tsdb/journal_batch.h"

namespace sextant::tsdb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CheckpointTest : public ::testing::Test {
 protected:
  void Append(Db& db, int first, int series, int batches) {
    for (int batch = 0; batch < batches; ++batch, ++batch_) {
      auto appender = db.NewAppender();
      for (int i = first; i < first + series; ++i) {
        TimestampMs time_ms = kTestStart + batch_ * 1000;
        double value = i % 3 == 0 ? i : batch_ * 0.7 + i;
        model::Labels labels = LabelsOf(i);
        ASSERT_EQ(appender->Append(0, labels, time_ms, value).outcome, model::AppendOutcome::kOk);
        expected_[labels.ToString()][time_ms] = BitsOf(value);
      }
      ASSERT_TRUE(appender->Commit().has_value());
    }
  }

  static model::Labels LabelsOf(int i) {
    std::string name = "metric_" + std::to_string(i % 100);
    std::string id = std::to_string(i);
    if (i % 2 == 0) return model::Labels::Of({{"__name__", name}, {"id", id}});
    return model::Labels::Of({{"__name__", name}, {"id", id}, {"job", "x"}, {"zone", id.substr(0, 1)}});
  }

  std::string JournalDir() const { return core::JoinPath(bench_.dir.path(), "journal"); }
  std::string NewestCheckpoint() const {
    std::string newest;
    std::vector<core::FileInfo> files = bench_.posix.List(JournalDir()).value();
    for (const core::FileInfo& file : files) {
      if (file.name.starts_with("checkpoint.")) newest = std::max(newest, file.name);
    }
    return newest;
  }
  std::string Read(const std::string& name) {
    return core::ReadFile(bench_.posix, core::JoinPath(JournalDir(), name), 1 << 30).value();
  }
  void Write(const std::string& name, std::string_view bytes) {
    ASSERT_TRUE(
        core::WriteFileAtomically(bench_.posix, core::JoinPath(JournalDir(), name), bytes).has_value());
  }
  // Ends the store as a crash does.
  void Crash(std::unique_ptr<Db>& db) {
    bench_.fs.FailOperation(1, core::Fault::kFail, /*and_all_later=*/true);
    db.reset();
    bench_.fs.Heal();
  }
  // Nothing that is served differs from what was appended.
  void ExpectNothingWrong(const Contents& served) {
    for (const auto& [labels, samples] : served) {
      auto found = expected_.find(labels);
      ASSERT_NE(found, expected_.end()) << labels;
      for (const auto& [time_ms, bits] : samples) {
        auto sample = found->second.find(time_ms);
        ASSERT_NE(sample, found->second.end()) << labels;
        ASSERT_EQ(sample->second, bits) << labels;
      }
    }
  }

  Bench bench_;
  Contents expected_;
  int batch_ = 0;
};

TEST_F(CheckpointTest, RestoresSeriesLabelsAndOpenChunks) {
  auto db = bench_.Open();
  Append(*db, 0, 9'000, 2);
  Append(*db, 1'000, 3'000, 40);  // some chunks are full by now
  for (int i = 0; i < 2; ++i) {
    db.reset();
    db = bench_.Open();
    EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
  }
  EXPECT_EQ(db->GetStats()->series, 9'000u);
  std::string text = bench_.log;
  EXPECT_THAT(text, Not(HasSubstr("damaged")));
  // Every way to find a series knows them.
  Append(*db, 0, 9'100, 1);
  EXPECT_EQ(db->GetStats()->series, 9'100u);
  size_t of_job = 0;
  for (const auto& [labels, samples] : expected_) of_job += labels.find("job=\"x\"") != std::string::npos;
  EXPECT_EQ(ReadContents(*db, {model::Matcher::Equal("job", "x")}).size(), of_job);
  EXPECT_EQ(ReadContents(*db, {model::Matcher::Equal("id", "77")}).size(), 1u);
  Crash(db);
  db = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
}

// The index of so many is built while the journal is read; what comes in between has to wait for it.
TEST_F(CheckpointTest, SeriesThatCameAfterTheCheckpointFindThoseBefore) {
  auto db = bench_.Open();
  Append(*db, 0, 6'000, 2);
  ASSERT_TRUE(db->Close().has_value());
  db = bench_.Open();
  Append(*db, 5'900, 200, 1);
  Append(*db, 0, 6'100, 2);
  Crash(db);
  for (int i = 0; i < 2; ++i) {
    db = bench_.Open();
    ASSERT_TRUE(AppendOne(*db, LabelsOf(5'999), kTestStart + 1'000'000 + i, i).has_value());
    expected_[LabelsOf(5'999).ToString()][kTestStart + 1'000'000 + i] = BitsOf(i);
    EXPECT_EQ(db->GetStats()->series, 6'100u);
    EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
    Crash(db);
  }
}

// Labels of what a query has selected are made when they are asked for, also when a block was cut meanwhile.
TEST_F(CheckpointTest, ASeriesIsNotDroppedWhileAQueryMayAskForItsLabels) {
  bench_.options.block_range_ms = 10'000;
  auto db = bench_.Open();
  Append(*db, 0, 600, 3);
  auto querier = db->NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  ASSERT_EQ(set->size(), 600u);
  Append(*db, 300, 300, 40);
  ASSERT_TRUE(db->Maintain().has_value());
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->series, 600u);
  std::set<std::string> names;
  for (size_t i = 0; i < set->size(); ++i) names.insert(set->labels(i).ToString());
  EXPECT_EQ(names.size(), 600u);
  for (const std::string& name : names) EXPECT_TRUE(expected_.contains(name)) << name;
  set.reset();
  querier.reset();
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->series, 300u);
}

TEST_F(CheckpointTest, LabelsAndSlotsOfDroppedSeriesAreFreeAgain) {
  bench_.options.block_range_ms = 10'000;
  auto db = bench_.Open();
  Append(*db, 0, 600, 3);
  Append(*db, 300, 300, 40);  // cuts push the others out
  ASSERT_TRUE(db->Maintain().has_value());
  ASSERT_TRUE(db->Maintain().has_value());
  Stats before = db->GetStats().value();
  EXPECT_EQ(before.series, 300u);
  db.reset();
  db = bench_.Open();
  Stats after = db->GetStats().value();
  EXPECT_EQ(after.series, before.series);
  EXPECT_EQ(after.label_pairs, before.label_pairs);
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
  Append(*db, 0, 900, 3);
  EXPECT_EQ(db->GetStats()->series, 900u);
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
  db.reset();
  db = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
}

TEST_F(CheckpointTest, DamageAnywhereCostsSeriesButServesNothingWrong) {
  auto db = bench_.Open();
  Append(*db, 0, 9'000, 2);
  db.reset();
  std::string name = NewestCheckpoint();
  const std::string bytes = Read(name);
  std::mt19937_64 random(5);
  size_t most = 0;
  size_t least = expected_.size();
  for (int round = 0; round < 40; ++round) {
    std::string damaged = bytes;
    if (round % 4 == 3) {
      damaged.resize(random() % bytes.size());
    } else {
      damaged[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    }
    Write(name, damaged);
    bench_.log.clear();
    db = bench_.Open();
    ASSERT_NE(db, nullptr);
    Contents served = ReadContents(*db);
    ASSERT_NO_FATAL_FAILURE(ExpectNothingWrong(served));
    EXPECT_LE(served.size(), expected_.size());
    most = std::max(most, served.size());
    least = std::min(least, served.size());
    EXPECT_THAT(bench_.log, HasSubstr("no checkpoint is whole"));
    // It takes what it lost anew.
    expected_[LabelsOf(5).ToString()][kTestStart + 1'000'000] = BitsOf(1);
    ASSERT_TRUE(AppendOne(*db, LabelsOf(5), kTestStart + 1'000'000, 1).has_value());
    Crash(db);
  }
  EXPECT_GT(most, 8'000u) << "damage in one range leaves the others";
  EXPECT_LT(least, 9'000u);
  Write(name, bytes);
}

TEST_F(CheckpointTest, ADamagedOneIsReplacedByTheOneBeforeAndTheJournal) {
  auto db = bench_.Open();
  Append(*db, 0, 500, 3);
  db.reset();
  db = bench_.Open();
  Append(*db, 100, 500, 3);
  // What there is before the next checkpoint replaces it.
  std::map<std::string, std::string> kept;
  std::vector<core::FileInfo> files = bench_.posix.List(JournalDir()).value();
  for (const core::FileInfo& file : files) kept[file.name] = Read(file.name);
  db.reset();
  std::string name = NewestCheckpoint();
  EXPECT_FALSE(kept.contains(name));
  for (const auto& [former, bytes] : kept) {
    if (!former.ends_with(".tmp")) Write(former, bytes);
  }
  std::string bytes = Read(name);
  bytes[bytes.size() / 2] ^= 1;
  Write(name, bytes);
  bench_.log.clear();
  db = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
  EXPECT_THAT(bench_.log, HasSubstr("a checkpoint is damaged"));
  Append(*db, 0, 700, 2);
  Crash(db);
  db = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
}

TEST_F(CheckpointTest, HashesOfAnotherMakeAreMadeAnew) {
  auto db = bench_.Open();
  Append(*db, 0, 300, 2);
  db.reset();
  std::string name = NewestCheckpoint();
  uint64_t number = NumberOfName(name.substr(name.find('.') + 1));
  std::string bytes = Read(name);
  bool reaches_end = false;
  std::string changed = MakeFrameFileHeader(FrameFileKind::kImage, number);
  for (const UnverifiedFrame& frame : ListFrames(FrameFileKind::kImage, number, bytes, reaches_end)) {
    std::string payload(frame.payload);
    ImageFrame kind;
    ASSERT_TRUE(KindOf(payload, kind));
    if (kind == ImageFrame::kSeries) {
      SeriesRange range;
      ASSERT_TRUE(ReadSeriesRange(ImageVersion::k3, payload, range).has_value());
      for (uint32_t& hash : range.hashes) hash = ~hash;
      payload.clear();
      PutSeriesRange(range, payload);
    } else if (kind == ImageFrame::kEnd) {
      ImageEnd end;
      ASSERT_TRUE(ReadImageEnd(ImageVersion::k3, payload, end).has_value());
      ++end.hash_probe;
      payload.clear();
      PutImageEnd(end, payload);
    }
    std::string sealed = std::string(kFrameHeaderBytes, '\0') + payload;
    SealFrame(number, changed.size(), sealed);
    changed += sealed;
  }
  EXPECT_TRUE(reaches_end);
  Write(name, changed);
  db = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
  Append(*db, 0, 300, 1);
  EXPECT_EQ(db->GetStats()->series, 300u) << "they are found by their labels";
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
}

TEST_F(CheckpointTest, ManyLargeHistogramsAreRestored) {
  constexpr int kSeries = 300;
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.schema = model::kCustomBucketsSchema;
  for (int i = 0; i < 5'000; ++i) {
    histogram.custom_bounds.push_back(i * 1.37);
    histogram.positive_buckets.push_back(i % 7);
  }
  histogram.positive_spans = {{0, 5'000}};
  SetCount(histogram);
  auto db = bench_.Open();
  auto appender = db->NewAppender();
  for (int i = 0; i < kSeries; ++i) {
    model::Sample sample{.time_ms = kTestStart, .histogram = &histogram};
    ASSERT_EQ(appender->AppendSample(0, LabelsOf(i), sample).outcome, model::AppendOutcome::kOk);
  }
  ASSERT_TRUE(appender->Commit().has_value());
  const Contents before = ReadContents(*db);
  ASSERT_EQ(before.size(), static_cast<size_t>(kSeries));
  for (int i = 0; i < 2; ++i) {
    db.reset();
    db = bench_.Open();
    EXPECT_EQ(Difference(ReadContents(*db), before), "");
  }
  EXPECT_GT(Read(NewestCheckpoint()).size(), 8u << 20) << "they do not fit into the frame of a range";
}

// Version 2 had wider ranges, no postings, and histograms and start times beside the ranges.
TEST_F(CheckpointTest, Version2IsRead) {
  auto db = bench_.Open();
  Append(*db, 0, 5'000, 3);
  Append(*db, 100, 50, 70);
  model::FloatHistogram histogram;
  histogram.schema = 1;
  histogram.count = 3;
  histogram.sum = 4;
  histogram.positive_spans = {{0, 1}};
  histogram.positive_buckets = {3};
  {
    auto appender = db->NewAppender();
    for (int i = 0; i < 3; ++i) {
      model::Sample sample{.time_ms = kTestStart + i * 1000, .histogram = &histogram};
      ASSERT_EQ(appender->AppendSample(0, MetricLabels("h"), sample).outcome, model::AppendOutcome::kOk);
    }
    ASSERT_TRUE(appender->Commit().has_value());
  }
  const Contents before = ReadContents(*db);
  db.reset();
  std::string name = NewestCheckpoint();
  uint64_t number = NumberOfName(name.substr(name.find('.') + 1));
  const std::string bytes = Read(name);
  std::string file = MakeFrameFileHeader(FrameFileKind::kImage2, number);
  auto add = [&](const std::string& payload) {
    std::string sealed = std::string(kFrameHeaderBytes, '\0') + payload;
    SealFrame(number, file.size(), sealed);
    file += sealed;
  };
  SeriesRange wide;
  wide.Reset(0, 0);
  std::vector<Section> sections;
  auto flush = [&] {
    std::string payload;
    PutSeriesRange(wide, payload);
    add(payload);
    wide.Reset(wide.begin + wide.slots(), 0);
  };
  bool reaches_end = false;
  for (const UnverifiedFrame& frame : ListFrames(FrameFileKind::kImage, number, bytes, reaches_end)) {
    std::string payload(frame.payload);
    ImageFrame kind;
    ASSERT_TRUE(KindOf(payload, kind));
    if (kind == ImageFrame::kSeries) {
      SeriesRange range;
      ASSERT_TRUE(ReadSeriesRange(ImageVersion::k3, payload, range).has_value());
      auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
      wide.min_time_ms = range.min_time_ms;
      append(wide.last_times_ms, range.last_times_ms);
      append(wide.last_bits, range.last_bits);
      append(wide.written_chunks, range.written_chunks);
      append(wide.generations, range.generations);
      append(wide.hashes, range.hashes);
      append(wide.last_deltas_ms, range.last_deltas_ms);
      append(wide.chunk_bytes, range.chunk_bytes);
      append(wide.chunk_samples, range.chunk_samples);
      append(wide.label_counts, range.label_counts);
      append(wide.end_in_run, range.end_in_run);
      append(wide.pairs, range.pairs);
      append(wide.chunks, range.chunks);
      append(sections, range.sections);
      if (wide.slots() == SeriesRange::kMaxSlotsInVersion2) flush();
      continue;
    }
    if (wide.slots() > 0) flush();
    if (kind == ImageFrame::kPostings || kind == ImageFrame::kSlots) continue;
    if (kind == ImageFrame::kEnd) {
      for (const Section& section : sections) {
        std::string of_section;
        PutImageSection(section, of_section);
        add(of_section);
      }
      payload.erase(1 + 5 * sizeof(uint64_t), 5 * sizeof(uint64_t));
    }
    add(payload);
  }
  EXPECT_TRUE(reaches_end);
  EXPECT_FALSE(sections.empty());
  Write(name, file);
  bench_.log.clear();
  for (int i = 0; i < 2; ++i) {  // and what is written of it in turn
    db = bench_.Open();
    EXPECT_EQ(Difference(ReadContents(*db), before), "");
    EXPECT_EQ(db->GetStats()->series, 5'001u);
    EXPECT_THAT(bench_.log, Not(HasSubstr("whole")));
    db.reset();
  }
}

TEST_F(CheckpointTest, Version1IsRead) {
  {
    auto db = bench_.Open();
  }
  std::string name = NewestCheckpoint();
  uint64_t number = NumberOfName(name.substr(name.find('.') + 1));
  std::string file = MakeFrameFileHeader(FrameFileKind::kCheckpoint1, number);
  auto add = [&](const std::string& payload) {
    std::string sealed = std::string(kFrameHeaderBytes, '\0') + payload;
    SealFrame(number, file.size(), sealed);
    file += sealed;
  };
  std::string chunk;
  ChunkTail tail;
  for (int i = 0; i < 3; ++i) {
    char added[kMaxSampleBytes];
    TimestampMs time_ms = kTestStart + i * 1000;
    size_t size = EncodeSample(tail, time_ms, BitsOf(i), added);
    chunk.append(added, size);
    if (size == 0) ++chunk.back();
    CommitSample(tail, time_ms, BitsOf(i), size, chunk.data());
    expected_[MetricLabels("up").ToString()][time_ms] = BitsOf(i);
  }
  std::string series(1, '\1');
  PutSignedVarint(series, kTestStart);
  PutDefinitions({{MakeRef(3, 2), MetricLabels("up")}, {MakeRef(4, 1), MetricLabels("down")}}, series);
  PutVarint(series, 0);
  PutVarint(series, tail.count);
  PutText(series, chunk);
  PutVarint(series, 0);
  PutVarint(series, 0);
  PutSignedVarint(series, kNoTime);
  PutFixed(series, uint64_t{0});
  add(series);
  std::string end(1, '\2');
  PutVarint(end, 2);
  PutVarint(end, 0);
  add(end);
  Write(name, file);
  auto db = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected_), "");
  EXPECT_EQ(db->GetStats()->series, 2u);
  EXPECT_THAT(bench_.log, Not(HasSubstr("whole")));
}

}  // namespace
}  // namespace sextant::tsdb
