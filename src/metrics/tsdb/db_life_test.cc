// The life of a store's data: blocks of both forms, deletion, snapshots, exports, retention.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "metrics/promfiles/ulid.h"
#include "metrics/tsdb/block_chunks_test_util.h"
#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using core::Fault;
using model::Matcher;
using ::testing::HasSubstr;

constexpr DurationMs kRange = 100'000;
constexpr TimestampMs kAligned = kTestStart - kTestStart % (27 * kRange);

Matcher Name(std::string_view name) { return Matcher::Equal("__name__", name); }

void Configure(Bench& bench, BlockForm form) {
  bench.options.block_range_ms = kRange;
  bench.options.max_block_range_ms = 9 * kRange;
  bench.options.block_form = form;
}

// Series a, b and c every 10 s for `ranges` block ranges.
Contents Fill(Db& db, int ranges, int from_range = 0) {
  Contents expected;
  for (int i = from_range * 10; i < ranges * 10; ++i) {
    auto appender = db.NewAppender();
    for (const char* name : {"a", "b", "c"}) {
      TimestampMs time_ms = kAligned + i * 10'000;
      EXPECT_EQ(appender->Append(0, MetricLabels(name), time_ms, i * 0.5).outcome, model::AppendOutcome::kOk);
      expected[MetricLabels(name).ToString()][time_ms] = BitsOf(i * 0.5);
    }
    EXPECT_TRUE(appender->Commit().has_value());
  }
  EXPECT_TRUE(db.Maintain().has_value());
  return expected;
}

void Erase(Contents& contents, std::string_view name, TimestampMs start_ms, TimestampMs end_ms) {
  std::erase_if(contents[MetricLabels(name).ToString()],
                [&](const auto& sample) { return sample.first >= start_ms && sample.first <= end_ms; });
}

size_t CountBlocks(Bench& bench, BlockForm form) {
  std::string dir = form == BlockForm::kDense ? bench.dir.path() + "/blocks" : bench.dir.path();
  auto entries = bench.posix.List(dir).value();
  size_t count = 0;
  for (const core::FileInfo& entry : entries) {
    count += form == BlockForm::kDense            ? entry.name.starts_with("block-") ? 1 : 0
             : promfiles::Ulid::Parse(entry.name) ? 1
                                                  : 0;
  }
  return count;
}

class FormTest : public ::testing::TestWithParam<BlockForm> {};

TEST_P(FormTest, BlocksAreCutMergedAndServed) {
  Bench bench;
  Configure(bench, GetParam());
  auto db = bench.Open();
  Contents expected = Fill(*db, 20);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_LT(db->GetStats()->blocks, 8u);
  EXPECT_EQ(CountBlocks(bench, GetParam()), db->GetStats()->blocks);
  for (const BlockInfo& block : db->Blocks()) EXPECT_EQ(block.form, GetParam());
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

// A sample from long ago, and a store that goes on after a long time.
TEST_P(FormTest, RangesWithoutSamplesAreNotLookedAtOneByOne) {
  Bench bench;
  Configure(bench, GetParam());
  bench.options.retention_ms = 0;
  auto db = bench.Open();
  Contents expected;
  auto append = [&](const char* name, TimestampMs time_ms) {
    ASSERT_TRUE(AppendOne(*db, MetricLabels(name), time_ms, 1).has_value()) << time_ms;
    expected[MetricLabels(name).ToString()][time_ms] = BitsOf(1);
  };
  append("a", 1'700'000);
  for (int i = 0; i < 5; ++i) append("b", kAligned + i * 1000);
  append("c", kAligned + 3 * kRange);
  ASSERT_TRUE(db->Maintain().has_value());
  append("c", kAligned + 1'000'000 * kRange + 5);
  append("b", kAligned + 1'000'000 * kRange + 7);
  ASSERT_TRUE(db->Maintain().has_value());
  append("b", kAligned + 1'000'002 * kRange);
  ASSERT_TRUE(db->Maintain().has_value());
  std::string metrics = bench.registry->RenderText();
  const std::string name = "\nprometheus_tsdb_compactions_total ";
  EXPECT_LT(std::stoi(metrics.substr(metrics.find(name) + name.size())), 30);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

TEST_P(FormTest, WhatWasDeletedStaysDeleted) {
  Bench bench;
  Configure(bench, GetParam());
  bench.options.max_block_range_ms = kRange;
  auto db = bench.Open();
  Contents expected = Fill(*db, 6);
  // In blocks and head; and one series whole.
  TimestampMs from_ms = kAligned + 150'000;
  ASSERT_TRUE(db->DeleteSeries({{Name("a")}}, from_ms, kLast).has_value());
  ASSERT_TRUE(db->DeleteSeries({{Name("b")}, {Name("nobody")}}, kFirst, kLast).has_value());
  Erase(expected, "a", from_ms, kLast);
  expected.erase(MetricLabels("b").ToString());
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after a restart";
  ASSERT_TRUE(db->CleanTombstones().has_value());
  EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after cleaning";
  for (const BlockInfo& block : db->Blocks()) {
    EXPECT_EQ(block.deletions, 0u);
    EXPECT_EQ(block.form, GetParam());
  }
  db.reset();
  Configure(bench, GetParam());
  db = bench.Open();
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after merging";
}

TEST_P(FormTest, AnEmptiedBlockGoesWithoutASuccessor) {
  Bench bench;
  Configure(bench, GetParam());
  bench.options.max_block_range_ms = kRange;
  auto db = bench.Open();
  Contents expected = Fill(*db, 6);
  uint64_t blocks = db->GetStats()->blocks;
  ASSERT_TRUE(db->DeleteSeries({{}}, kAligned + kRange, kAligned + 2 * kRange - 1).has_value());
  for (const char* name : {"a", "b", "c"})
    Erase(expected, name, kAligned + kRange, kAligned + 2 * kRange - 1);
  ASSERT_TRUE(db->CleanTombstones().has_value());
  EXPECT_EQ(db->GetStats()->blocks, blocks - 1);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

TEST_P(FormTest, ASnapshotIsAStoreOfItsOwn) {
  Bench bench;
  Configure(bench, GetParam());
  auto db = bench.Open();
  Contents expected = Fill(*db, 8);
  TimestampMs head_ms = db->GetStats()->min_time_ms;
  std::string dir = bench.dir.path() + "/snapshots/one";
  ASSERT_TRUE(db->Snapshot(dir, /*with_head=*/true).has_value());
  ASSERT_TRUE(db->Snapshot(bench.dir.path() + "/snapshots/two", /*with_head=*/false).has_value());
  // What happens to the store later does not reach the snapshot.
  ASSERT_TRUE(db->DeleteSeries({{}}, kFirst, kLast).has_value());
  ASSERT_TRUE(db->CleanTombstones().has_value());
  EXPECT_EQ(Difference(ReadContents(*db), {}), "");
  Bench copy;
  copy.options.dir = dir;
  EXPECT_EQ(Difference(ReadContents(*copy.Open()), expected), "");
  copy.options.dir = bench.dir.path() + "/snapshots/two";
  for (auto& [labels, samples] : expected) {
    std::erase_if(samples, [&](const auto& sample) { return sample.first >= head_ms; });
  }
  EXPECT_EQ(Difference(ReadContents(*copy.Open()), expected), "");
}

TEST_P(FormTest, AnExportHasWhatWasAskedFor) {
  Bench bench;
  Configure(bench, GetParam());
  auto db = bench.Open();
  Contents all = Fill(*db, 8);
  ExportOptions wanted{.matcher_sets = {{Name("a")}, {Name("c")}},
                       .start_ms = kAligned + 55'000,
                       .end_ms = kAligned + 745'000};
  Bench copy;
  auto counts = db->Export(copy.posix, copy.dir.path(), wanted);
  ASSERT_TRUE(counts.has_value()) << counts.error().message();
  Contents expected;
  for (const char* name : {"a", "c"}) {
    std::string labels = MetricLabels(name).ToString();
    expected[labels] = all[labels];
    Erase(expected, name, kFirst, wanted.start_ms - 1);
    Erase(expected, name, wanted.end_ms + 1, kLast);
  }
  EXPECT_EQ(counts->samples, expected.begin()->second.size() * 2);
  EXPECT_EQ(Difference(ReadContents(*copy.Open()), expected), "");
}

TEST_P(FormTest, AnExportLeavesOutWhatIsDamaged) {
  Bench bench;
  Configure(bench, GetParam());
  bench.options.max_block_range_ms = kRange;
  auto db = bench.Open();
  Contents expected = Fill(*db, 6);
  BlockInfo block = db->Blocks()[1];
  db.reset();
  // In a table that is read when it is needed.
  std::string path = fmt::format("{}/{}{}/index", bench.dir.path(),
                                 GetParam() == BlockForm::kDense ? "blocks/" : "", block.name);
  std::string bytes = core::ReadFile(bench.posix, path, 1 << 24).value();
  bytes[GetParam() == BlockForm::kDense ? bytes.size() - 270 : 12] ^= 1;
  ASSERT_TRUE(core::WriteFileAtomically(bench.posix, path, bytes).has_value());
  for (const char* name : {"a", "b", "c"}) Erase(expected, name, block.start_ms, block.end_ms - 1);
  for (bool links : {true, false}) {
    SCOPED_TRACE(links);
    Bench from;
    std::filesystem::copy(bench.dir.path(), from.dir.path(), std::filesystem::copy_options::recursive);
    Configure(from, GetParam());
    from.options.max_block_range_ms = kRange;
    db = from.Open();
    Bench copy;
    ExportOptions wanted;
    if (!links) wanted.start_ms = 0;
    auto counts = db->Export(copy.posix, copy.dir.path(), wanted);
    ASSERT_TRUE(counts.has_value()) << counts.error().message();
    EXPECT_EQ(counts->damages, 1u);
    EXPECT_EQ(Difference(ReadContents(*copy.Open()), expected), "");
    EXPECT_EQ(copy.log.find("set aside"), std::string::npos) << copy.log;
    EXPECT_THAT(from.log, HasSubstr("set aside"));
    db.reset();
  }
}

TEST_P(FormTest, VerifyNamesWhatIsDamaged) {
  Bench bench;
  Configure(bench, GetParam());
  auto db = bench.Open();
  Fill(*db, 8);
  auto report = db->Verify();
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->damages.empty());
  EXPECT_EQ(report->blocks, db->GetStats()->blocks);
  std::string name = db->Blocks()[0].name;
  std::string path = GetParam() == BlockForm::kDense
                         ? fmt::format("{}/blocks/{}/columns", bench.dir.path(), name)
                         : fmt::format("{}/{}/chunks/000001", bench.dir.path(), name);
  db.reset();
  std::string bytes = core::ReadFile(bench.posix, path, 1 << 24).value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(core::WriteFileAtomically(bench.posix, path, bytes).has_value());
  db = bench.Open();
  report = db->Verify();
  ASSERT_TRUE(report.has_value());
  ASSERT_FALSE(report->damages.empty());
  EXPECT_THAT(report->damages[0], HasSubstr(name));
}

INSTANTIATE_TEST_SUITE_P(Forms, FormTest, ::testing::Values(BlockForm::kDense, BlockForm::kPrometheus));

TEST(DbFormTest, PrometheusBlocksStayWhatTheyAre) {
  Bench bench;
  Configure(bench, BlockForm::kPrometheus);
  bench.options.max_block_range_ms = kRange;
  auto db = bench.Open();
  Contents expected = Fill(*db, 8);
  db.reset();
  Configure(bench, BlockForm::kDense);
  db = bench.Open();
  Contents more = Fill(*db, 16, 8);
  for (auto& [labels, samples] : more) expected[labels].insert(samples.begin(), samples.end());
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_GE(CountBlocks(bench, BlockForm::kPrometheus), 1u);
  EXPECT_GE(CountBlocks(bench, BlockForm::kDense), 1u);
  EXPECT_LT(CountBlocks(bench, BlockForm::kPrometheus), 6u) << "merged with each other";
}

// Blocks of our form become Prometheus', wherever the process ends meanwhile.
TEST(DbFormTest, OurBlocksBecomePrometheusBlocksWhenThatIsWanted) {
  Bench filled;
  Configure(filled, BlockForm::kDense);
  filled.options.max_block_range_ms = kRange;
  Contents expected = Fill(*filled.Open(), 4);
  uint64_t n = 1;
  for (bool is_reached = true; is_reached; n += 3) {
    Bench bench;
    Configure(bench, BlockForm::kPrometheus);
    std::filesystem::copy(filled.dir.path(), bench.dir.path(), std::filesystem::copy_options::recursive);
    auto db = bench.Open();
    bench.fs.FailOperation(n, Fault::kFail, /*and_all_later=*/true);
    static_cast<void>(db->Maintain());
    SCOPED_TRACE(fmt::format("{}: {}", n, bench.fs.failed_operation()));
    is_reached = bench.fs.operations() >= n;
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "while it runs";
    db.reset();
    bench.fs.Heal();
    db = bench.Open();
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after a restart";
    ASSERT_TRUE(db->Maintain().has_value());
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "when all is converted";
    EXPECT_EQ(CountBlocks(bench, BlockForm::kDense), 0u);
    EXPECT_EQ(CountBlocks(bench, BlockForm::kPrometheus), db->GetStats()->blocks);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << bench.log;
      return;
    }
  }
  EXPECT_GT(n, 20u);
}

// The start times of the only series.
std::vector<TimestampMs> StartTimesIn(const Db& db) {
  auto querier = db.NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  model::SampleColumns columns;
  EXPECT_EQ(set->size(), 1u);
  if (set->size() == 1) {
    EXPECT_TRUE(set->Read(0, kFirst, kLast, columns).has_value());
  }
  return columns.start_times_ms;
}

TEST(DbFormTest, PrometheusBlocksHaveTheChunkEncodingsThatAreWanted) {
  Bench bench;
  Configure(bench, BlockForm::kPrometheus);
  bench.options.max_block_range_ms = kRange;
  bench.options.chunk_encodings.xor2_floats = true;
  auto db = bench.Open();
  auto append = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      auto appender = db->NewAppender();
      model::Sample sample{
          .time_ms = kAligned + i * 10'000, .value = i * 0.5, .start_ms = kAligned - 1'000 * i};
      ASSERT_EQ(appender->AppendSample(0, MetricLabels("a"), sample).outcome, model::AppendOutcome::kOk);
      ASSERT_TRUE(appender->Commit().has_value());
    }
    ASSERT_TRUE(db->Maintain().has_value());
  };
  append(0, 20);
  const std::vector<TimestampMs> start_times = StartTimesIn(*db);
  ASSERT_EQ(start_times.size(), 20u);
  auto encodings_of = [&](const std::string& dir) {
    std::string all;
    std::vector<core::FileInfo> entries = bench.posix.List(dir).value();
    for (const core::FileInfo& entry : entries) {
      if (!promfiles::Ulid::Parse(entry.name)) continue;
      all += (all.empty() ? "" : "; ") + ChunkEncodingsIn(bench.posix, core::JoinPath(dir, entry.name));
    }
    return all;
  };
  EXPECT_EQ(encodings_of(bench.dir.path()), "4");
  // A snapshot links that block and writes the head likewise; an export may want something else.
  std::string snapshot = bench.dir.path() + "/snapshots/one";
  ASSERT_TRUE(db->Snapshot(snapshot, /*with_head=*/true).has_value());
  EXPECT_EQ(encodings_of(snapshot), "4; 4");
  ExportOptions wanted;
  wanted.encodings = ChunkEncodings{};
  Bench plain;
  ASSERT_TRUE(db->Export(plain.posix, plain.dir.path(), wanted).has_value());
  EXPECT_EQ(encodings_of(plain.dir.path()), "1; 1");
  // From the next block on; one that is written anew keeps its start times.
  db->SetChunkEncodings({});
  append(20, 30);
  EXPECT_EQ(encodings_of(bench.dir.path()), "4; 1");
  ASSERT_TRUE(db->DeleteSeries({{Name("a")}}, kAligned, kAligned + 25'000).has_value());
  ASSERT_TRUE(db->CleanTombstones().has_value());
  EXPECT_EQ(StartTimesIn(*db).at(0), start_times[3]);
  // The snapshot is as it was.
  bench.options.dir = snapshot;
  EXPECT_EQ(StartTimesIn(*bench.Open()), start_times);
}

TEST(DbFormTest, AnUnreadablePrometheusBlockIsLeftWhereItLies) {
  Bench bench;
  Configure(bench, BlockForm::kPrometheus);
  bench.options.max_block_range_ms = kRange;
  auto db = bench.Open();
  Contents expected = Fill(*db, 5);
  std::vector<BlockInfo> blocks = db->Blocks();
  db.reset();
  std::string index = fmt::format("{}/{}/index", bench.dir.path(), blocks[1].name);
  ASSERT_TRUE(core::WriteFileAtomically(bench.posix, index, "no index").has_value());
  db = bench.Open();
  EXPECT_EQ(db->GetStats()->blocks, blocks.size() - 1);
  EXPECT_TRUE(bench.posix.Stat(index).has_value());
  EXPECT_THAT(bench.log, HasSubstr("set aside"));
  for (const char* name : {"a", "b", "c"}) Erase(expected, name, blocks[1].start_ms, blocks[1].end_ms - 1);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

TEST(DbRetentionTest, LimitsMayChangeWhileItRuns) {
  Bench bench;
  Configure(bench, BlockForm::kDense);
  bench.options.max_block_range_ms = kRange;
  bench.clock.Set(kAligned + 20 * kRange);
  auto db = bench.Open();
  Fill(*db, 20);
  uint64_t blocks = db->GetStats()->blocks;
  uint64_t size_bytes = db->GetStats()->blocks_bytes;
  db->SetRetention(0, 0, 0);
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, blocks);
  db->SetRetention(0, 0, 100);
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, blocks);
  db->SetRetention(0, size_bytes - 1, 0);
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_LT(db->GetStats()->blocks, blocks);
  db->SetRetention(4 * kRange, 0, 0);
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_LE(db->GetStats()->blocks, 4u);
  EXPECT_GE(db->GetStats()->blocks, 2u);
  db->SetRetention(0, 0, 1e-9);
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, 0u);
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("prometheus_tsdb_retention_limit_percentage 1e-09"));
  // Times, not blocks.
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("prometheus_tsdb_size_retentions_total 2\n"));
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("prometheus_tsdb_time_retentions_total 1\n"));
}

}  // namespace
}  // namespace sextant::tsdb
