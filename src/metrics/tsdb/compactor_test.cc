// Compaction of a store's blocks: what is merged and when, with everything served as before at every moment,
// also when the process or the machine ends in the middle.
#include "metrics/tsdb/compactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using core::Fault;
using model::Labels;
using ::testing::HasSubstr;

constexpr DurationMs kRange = 100'000;
constexpr TimestampMs kAligned = kTestStart - kTestStart % (27 * kRange);

// A block beside those of the store, which is closed: `times_ms` for each of three series; values tell who
// wrote it.
void AddBlock(Bench& bench, TimestampMs start_ms, TimestampMs end_ms,
              const std::vector<TimestampMs>& times_ms, double value, const BlockOrigin& origin,
              BlockForm form = BlockForm::kDense) {
  core::Registry registry;
  StoreMetrics metrics(registry);
  std::string dir = core::JoinPath(bench.dir.path(), "blocks");
  ASSERT_TRUE(bench.posix.MakeDirectories(dir).has_value());
  BlockSet set(bench.posix, bench.clock, dir, bench.dir.path(), core::Logger::Discard(), metrics);
  ASSERT_TRUE(set.Load().has_value());
  auto block = set.Start(form, start_ms, end_ms, origin, {});
  ASSERT_TRUE(block.has_value());
  for (const char* instance : {"1", "2", "3"}) {
    model::SampleColumns samples;
    for (TimestampMs time_ms : times_ms) samples.Add(time_ms, value);
    ASSERT_TRUE(block->writer->Add(MetricLabels("m", instance), samples).has_value());
  }
  ASSERT_TRUE(set.Finish(std::move(*block), {}).value());
}

void Expect(Contents& expected, const std::vector<TimestampMs>& times_ms, double value) {
  for (const char* instance : {"1", "2", "3"}) {
    for (TimestampMs time_ms : times_ms)
      expected[MetricLabels("m", instance).ToString()].try_emplace(time_ms, BitsOf(value));
  }
}

// Every 10 s from `start_ms` on, through an appender.
void Append(Db& db, TimestampMs start_ms, int count, Contents& expected) {
  for (int i = 0; i < count; ++i) {
    TimestampMs time_ms = start_ms + i * 10'000;
    auto appender = db.NewAppender();
    for (const char* instance : {"1", "2", "3"}) appender->Append(0, MetricLabels("m", instance), time_ms, i);
    ASSERT_TRUE(appender->Commit().has_value());
    Expect(expected, {time_ms}, i);
  }
}

Bench& Configure(Bench& bench) {
  bench.options.block_range_ms = kRange;
  bench.options.max_block_range_ms = 9 * kRange;
  return bench;
}

std::vector<std::string> BlockNames(Bench& bench) {
  std::vector<std::string> names;
  auto entries = bench.posix.List(core::JoinPath(bench.dir.path(), "blocks")).value();
  for (const core::FileInfo& entry : entries) names.push_back(entry.name);
  return names;
}

TEST(CompactorTest, NeighboursGrowIntoLargerBlocks) {
  Bench bench;
  Configure(bench);
  auto db = bench.Open();
  Contents expected;
  Append(*db, kAligned, 200, expected);  // 20 ranges
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  // 18 ranges are cut: nine and nine; of the second nine the newest may not take part yet.
  EXPECT_LT(db->GetStats()->blocks, 8u);
  EXPECT_EQ(BlockNames(bench).size(), db->GetStats()->blocks) << "what was merged is gone";
  EXPECT_THAT(BlockNames(bench).front(),
              HasSubstr(fmt::format("block-{}-{}-", kAligned, kAligned + 9 * kRange)));
  uint64_t blocks = db->GetStats()->blocks;
  db.reset();
  db = bench.Open();
  EXPECT_EQ(db->GetStats()->blocks, blocks);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  // The head goes on where it was.
  Append(*db, kAligned + 20 * kRange, 5, expected);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

TEST(CompactorTest, OverlappingBlocksAreServedAsOneAndMerged) {
  Bench bench;
  Configure(bench);
  Contents expected;
  {
    auto db = bench.Open();
    Append(*db, kAligned, 25, expected);
    ASSERT_TRUE(db->Maintain().has_value());
    EXPECT_EQ(db->GetStats()->blocks, 1u);
  }
  // Out of order: within the block (one time twice), and beside the head's samples.
  BlockOrigin out_of_order{.is_out_of_order = true, .parents = {}};
  std::vector<TimestampMs> late = {kAligned + 5'000, kAligned + 10'000, kAligned + 99'999};
  AddBlock(bench, kAligned, kAligned + kRange, late, 1000, out_of_order);
  Expect(expected, late, 1000);
  std::vector<TimestampMs> beside = {kAligned + kRange + 1, kAligned + 2 * kRange - 1,
                                     kAligned + 30 * kRange};
  AddBlock(bench, kAligned + kRange, kAligned + 31 * kRange, beside, 2000, out_of_order);
  Expect(expected, beside, 2000);

  auto db = bench.Open();
  EXPECT_EQ(db->GetStats()->blocks, 3u);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_EQ(ReadContents(*db, {}, kAligned + 99'999, kAligned + 99'999).begin()->second.size(), 1u);
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, 2u);
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("prometheus_tsdb_vertical_compactions_total 1\n"));
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  // A block from the future does not move the head.
  Append(*db, kAligned + 3 * kRange, 3, expected);
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

TEST(CompactorTest, WhatABlockHasReplacedIsNotServedAgain) {
  Bench bench;
  Configure(bench);
  Contents expected;
  AddBlock(bench, kAligned, kAligned + kRange, {kAligned, kAligned + 1}, 1, {});
  AddBlock(bench, kAligned + kRange, kAligned + 2 * kRange, {kAligned + kRange}, 2, {});
  std::vector<std::string> sources = BlockNames(bench);
  // As after kill -9: the merged block stands, and its sources still lie there. It lacks one sample, to tell.
  AddBlock(bench, kAligned, kAligned + 2 * kRange, {kAligned, kAligned + kRange}, 3,
           {.head_end_ms = kAligned + 2 * kRange, .level = 2, .parents = sources});
  Expect(expected, {kAligned, kAligned + kRange}, 3);
  auto db = bench.Open();
  EXPECT_EQ(db->GetStats()->blocks, 1u);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_EQ(BlockNames(bench).size(), 1u);
  auto refused = db->NewAppender();
  EXPECT_EQ(refused->Append(0, MetricLabels("m", "1"), kAligned + 2 * kRange - 1, 1).outcome,
            model::AppendOutcome::kOutOfBounds);
}

TEST(CompactorTest, ADamagedChunkKeepsItsBlockFromBeingMerged) {
  Bench bench;
  Configure(bench);
  Contents expected;
  bench.options.max_block_range_ms = kRange;
  {
    auto db = bench.Open();
    Append(*db, kAligned, 50, expected);
    ASSERT_TRUE(db->Maintain().has_value());
    ASSERT_EQ(db->GetStats()->blocks, 4u);
  }
  std::string path = core::JoinPath(bench.dir.path(), "blocks/" + BlockNames(bench)[1] + "/columns");
  std::string bytes = core::ReadFile(bench.posix, path, 1 << 20).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(core::WriteFileAtomically(bench.posix, path, bytes).has_value());
  Configure(bench);
  auto db = bench.Open();
  Contents before = ReadContents(*db);
  EXPECT_NE(Difference(before, expected), "") << "a chunk is gone";
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, 4u);
  EXPECT_EQ(Difference(ReadContents(*db), before), "");
  EXPECT_THAT(bench.log, HasSubstr("blocks are not merged"));
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("prometheus_tsdb_compactions_failed_total 1\n"));
}

// Fills a store so that the next Maintain merges three neighbours and two that overlap.
Contents FillForCompaction(Bench& bench) {
  Contents expected;
  Configure(bench);
  bench.options.max_block_range_ms = kRange;
  {
    auto db = bench.Open();
    Append(*db, kAligned, 60, expected);
    EXPECT_TRUE(db->Maintain().has_value());
    EXPECT_EQ(db->GetStats()->blocks, 5u);
  }
  Configure(bench);
  AddBlock(bench, kAligned + 3 * kRange, kAligned + 4 * kRange, {kAligned + 3 * kRange + 7}, 9,
           {.is_out_of_order = true, .parents = {}});
  Expect(expected, {kAligned + 3 * kRange + 7}, 9);
  return expected;
}

// As Prometheus with --storage.tsdb.delay-compact-file.path.
TEST(CompactorTest, BlocksThatWereNotUploadedAreNotMerged) {
  Bench bench;
  Configure(bench).options.block_form = BlockForm::kPrometheus;
  std::string list = core::JoinPath(bench.dir.path(), "shipper.json");
  bench.options.upload_list_path = list;
  for (int i = 0; i < 4; ++i) {
    TimestampMs start_ms = kAligned + i * kRange;
    AddBlock(bench, start_ms, start_ms + kRange, {start_ms}, i, CutInOrder(start_ms + kRange),
             BlockForm::kPrometheus);
  }
  auto write_list = [&](const std::vector<std::string>& names) {
    std::string text = R"({"version":1,"uploaded":[)";
    for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "\"" : ",\"") + names[i] + "\"";
    ASSERT_TRUE(core::WriteFileAtomically(bench.posix, list, text + "]}").has_value());
  };
  auto db = bench.Open();
  std::vector<std::string> names;
  for (const BlockInfo& block : db->Blocks()) {
    names.push_back(block.name);
    EXPECT_EQ(block.sources, std::vector<std::string>{block.name});
    EXPECT_TRUE(block.parents.empty());
  }
  ASSERT_EQ(names.size(), 4u);
  write_list({});
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->Blocks().size(), 4u);
  write_list({names[0], names[2], names[3]});  // not the second: what comes after it waits, too
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->Blocks().size(), 4u);
  write_list({names[0], names[1], names[2]});  // of these the newest range is left alone
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->Blocks().size(), 4u);
  write_list(names);
  ASSERT_TRUE(db->Maintain().has_value());
  std::vector<BlockInfo> blocks = db->Blocks();
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].level, 2u);
  EXPECT_THAT(blocks[0].sources, ::testing::UnorderedElementsAre(names[0], names[1], names[2]));
  ASSERT_EQ(blocks[0].parents.size(), 3u);
  EXPECT_EQ(blocks[0].parents[1].name, names[1]);
  EXPECT_EQ(blocks[0].parents[1].start_ms, kAligned + kRange);
  EXPECT_EQ(blocks[0].parents[1].end_ms, kAligned + 2 * kRange);
}

TEST(CompactorTest, AListOfUploadedBlocksThatCannotBeReadHoldsNothingUp) {
  Bench bench;
  Configure(bench).options.block_form = BlockForm::kPrometheus;
  bench.options.upload_list_path = core::JoinPath(bench.dir.path(), "shipper.json");
  for (int i = 0; i < 4; ++i) {
    TimestampMs start_ms = kAligned + i * kRange;
    AddBlock(bench, start_ms, start_ms + kRange, {start_ms}, i, CutInOrder(start_ms + kRange),
             BlockForm::kPrometheus);
  }
  auto db = bench.Open();
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->Blocks().size(), 2u);
}

TEST(CompactorTest, BlocksOfOurFormDoNotWaitForTheirUpload) {
  Bench bench;
  Configure(bench).options.block_form = BlockForm::kPrometheus;
  bench.options.upload_list_path = core::JoinPath(bench.dir.path(), "shipper.json");
  ASSERT_TRUE(
      core::WriteFileAtomically(bench.posix, bench.options.upload_list_path, R"({"version":1,"uploaded":[]})")
          .has_value());
  AddBlock(bench, kAligned, kAligned + kRange, {kAligned}, 1, CutInOrder(kAligned + kRange));
  auto db = bench.Open();
  ASSERT_TRUE(db->Maintain().has_value());
  ASSERT_EQ(db->Blocks().size(), 1u);
  EXPECT_EQ(db->Blocks()[0].form, BlockForm::kPrometheus);
}

TEST(CompactorTest, BlocksOfOurFormAreLeftToPrometheusAtTheEnd) {
  Bench bench;
  Configure(bench);
  Contents expected;
  for (int i = 0; i < 3; ++i) {
    TimestampMs start_ms = kAligned + i * kRange;
    AddBlock(bench, start_ms, start_ms + kRange, {start_ms}, i, CutInOrder(start_ms + kRange));
    Expect(expected, {start_ms}, i);
  }
  ASSERT_TRUE(bench.Open()->Close().has_value());
  EXPECT_EQ(BlockNames(bench).size(), 3u) << "of our form, which is wanted";
  bench.options.block_form = BlockForm::kPrometheus;
  // There was no time to do it before.
  ASSERT_TRUE(bench.Open()->Close().has_value());
  EXPECT_THAT(BlockNames(bench), ::testing::IsEmpty());
  auto db = bench.Open();
  EXPECT_EQ(db->Blocks().size(), 3u);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

class CompactorFaultTest : public ::testing::TestWithParam<std::tuple<Fault, bool, bool>> {};

TEST_P(CompactorFaultTest, NothingIsLostWhereverItEnds) {
  auto [fault, is_killed, loses_power] = GetParam();
  Bench filled;
  Contents expected = FillForCompaction(filled);
  uint64_t n = 1;
  for (bool is_reached = true; is_reached; ++n) {
    Bench bench;
    Configure(bench);
    std::filesystem::copy(filled.dir.path(), bench.dir.path(), std::filesystem::copy_options::recursive);
    auto db = bench.Open();
    bench.fs.FailOperation(n, fault, /*and_all_later=*/is_killed, core::Code::kResourceExhausted);
    static_cast<void>(db->Maintain());
    SCOPED_TRACE(fmt::format("{}: {}", n, bench.fs.failed_operation()));
    is_reached = bench.fs.operations() >= n;
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "while it runs";
    db.reset();
    bench.fs.Heal();
    if (loses_power) {
      ASSERT_TRUE(bench.fs.LosePower().has_value());
    }
    db = bench.Open();
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after a restart";
    ASSERT_TRUE(db->Maintain().has_value());
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "when all is merged";
    EXPECT_EQ(db->GetStats()->blocks, 3u);
    EXPECT_EQ(BlockNames(bench).size(), 3u);
    if (HasFailure()) {
      ADD_FAILURE() << bench.log;
      return;
    }
  }
  EXPECT_GT(n, 20u);
}

INSTANTIATE_TEST_SUITE_P(Faults, CompactorFaultTest,
                         ::testing::Values(std::tuple(Fault::kFail, false, false),
                                           std::tuple(Fault::kFailAfter, false, false),
                                           std::tuple(Fault::kTorn, true, false),
                                           std::tuple(Fault::kFailAfter, true, false),
                                           std::tuple(Fault::kFail, true, true)));

TEST(BlockOriginTest, ReadsWhatItWroteAndNothingElse) {
  BlockOrigin origin{.head_end_ms = -5,
                     .is_out_of_order = true,
                     .is_stale_series = true,
                     .level = 7,
                     .parents = {"block-0-1-2", "01ARZ3NDEKTSV4RRFFQ69G5FAV"}};
  std::string bytes = EncodeOrigin(origin);
  EXPECT_EQ(DecodeOrigin(bytes).value(), origin);
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(DecodeOrigin(std::string_view(bytes).substr(0, i)).has_value());
    std::string flipped = bytes;
    flipped[i] ^= 4;
    EXPECT_FALSE(DecodeOrigin(flipped).has_value());
  }
  origin.parents = {"../../etc"};
  EXPECT_FALSE(DecodeOrigin(EncodeOrigin(origin)).has_value());
}

}  // namespace
}  // namespace sextant::tsdb
