#include "metrics/tsdb/dense_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using ::testing::ElementsAre;

class BlockTest : public ::testing::Test {
 protected:
  std::string Path() const { return core::JoinPath(dir_.path(), "block"); }

  // 50 series of 2000 samples.
  core::Result<bool> WriteBlock() {
    SEXTANT_ASSIGN(std::unique_ptr<BlockWriter> writer, DenseBlockWriter::Start(fs_, Path(), 0, 2'000'000));
    std::map<Labels, int> ordered;
    for (int i = 0; i < 50; ++i) ordered[LabelsOf(i)] = i;
    for (const auto& [labels, i] : ordered) SEXTANT_TRY(writer->Add(labels, SamplesOf(i)));
    return writer->Finish();
  }
  static Labels LabelsOf(int i) { return MetricLabels("m" + std::to_string(i % 3), std::to_string(i)); }
  static model::SampleColumns SamplesOf(int i) {
    model::SampleColumns samples;
    for (int j = 0; j < 2000; ++j) {
      samples.times_ms.push_back(j * 1000 + i);
      samples.values.push_back(i % 2 == 0 ? i : i * 1.37 * j);
    }
    return samples;
  }

  TempDir dir_;
  core::PosixFileSystem posix_;
  core::FaultFileSystem fs_{posix_};
};

TEST_F(BlockTest, ServesWhatWasWritten) {
  ASSERT_TRUE(WriteBlock().value());
  auto block = DenseBlock::Open(fs_, Path());
  ASSERT_TRUE(block.has_value()) << block.error().message();
  EXPECT_EQ((*block)->facts().series, 50u);
  EXPECT_EQ((*block)->facts().samples, 100'000u);
  std::vector<FoundInBlock> found;
  ASSERT_TRUE((*block)->Select({}, found).has_value());
  ASSERT_EQ(found.size(), 50u);
  model::SampleColumns samples;
  for (const FoundInBlock& series : found) {
    int i = std::stoi(std::string(series.labels.Get("instance")));
    EXPECT_EQ(series.labels, LabelsOf(i));
    samples.clear();
    ASSERT_TRUE((*block)->Read(series.series, 0, kLast, samples).has_value());
    EXPECT_EQ(samples.times_ms, SamplesOf(i).times_ms);
    EXPECT_EQ(samples.values, SamplesOf(i).values);
    samples.clear();
    ASSERT_TRUE((*block)->Read(series.series, 1'000'000 + i, 1'002'000 + i, samples).has_value());
    EXPECT_THAT(samples.times_ms, ElementsAre(1'000'000 + i, 1'001'000 + i, 1'002'000 + i));
  }
  found.clear();
  ASSERT_TRUE((*block)->Select({Matcher::Equal("__name__", "m1"), Matcher::Equal("instance", "4")}, found));
  ASSERT_EQ(found.size(), 1u);
  std::vector<std::string> values;
  ASSERT_TRUE((*block)->LabelValues("__name__", {Matcher::Equal("instance", "5")}, values).has_value());
  EXPECT_THAT(values, ElementsAre("m2"));
}

TEST_F(BlockTest, ABlockWithoutSeriesIsNone) {
  auto writer = DenseBlockWriter::Start(fs_, Path(), 0, 1000).value();
  EXPECT_FALSE(writer->Finish().value());
  EXPECT_TRUE(posix_.List(dir_.path())->empty());
}

TEST_F(BlockTest, ItIsThereWholeOrNotAtAllWhateverFails) {
  for (uint64_t n = 1;; ++n) {
    fs_.FailOperation(n, core::Fault::kTorn);
    auto written = WriteBlock();
    bool is_reached = fs_.operations() >= n;
    fs_.Heal();
    if (posix_.Stat(Path())) {
      auto block = DenseBlock::Open(fs_, Path());
      ASSERT_TRUE(block.has_value());
      std::vector<FoundInBlock> found;
      ASSERT_TRUE((*block)->Select({}, found).has_value());
      EXPECT_EQ(found.size(), 50u);
    }
    EXPECT_EQ(written.has_value(), !is_reached);
    ASSERT_TRUE(core::RemoveAll(posix_, Path()).has_value());
    if (!is_reached) break;
  }
}

TEST_F(BlockTest, EveryChangedByteIsFound) {
  ASSERT_TRUE(WriteBlock().value());
  std::string index_path = core::JoinPath(Path(), "index");
  std::string bytes = core::ReadFile(posix_, index_path, 1 << 26).value();
  auto is_refused = [&] {
    auto block = DenseBlock::Open(fs_, Path());
    std::vector<FoundInBlock> found;
    return !block || !(*block)->Select({}, found);
  };
  for (size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 400) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    ASSERT_TRUE(core::WriteFileAtomically(posix_, index_path, changed).has_value());
    EXPECT_TRUE(is_refused()) << at;
  }
  ASSERT_TRUE(core::WriteFileAtomically(posix_, index_path, bytes.substr(0, bytes.size() / 2)).has_value());
  EXPECT_TRUE(is_refused());
  ASSERT_TRUE(core::WriteFileAtomically(posix_, index_path, bytes).has_value());
  EXPECT_FALSE(is_refused());

  // A changed chunk costs its samples, not the block.
  std::string chunk_path = core::JoinPath(Path(), "chunks");
  std::string chunks = core::ReadFile(posix_, chunk_path, 1 << 26).value();
  std::string changed = chunks;
  changed[changed.size() / 2] ^= 1;
  ASSERT_TRUE(core::WriteFileAtomically(posix_, chunk_path, changed).has_value());
  auto block = DenseBlock::Open(fs_, Path()).value();
  size_t samples_left = 0;
  int damaged = 0;
  for (uint32_t series = 0; series < 50; ++series) {
    model::SampleColumns samples;
    auto read = block->Read(series, 0, kLast, samples);
    if (!read) {
      ++damaged;
      EXPECT_EQ(read.error().code(), core::Code::kCorruption);
    }
    samples_left += samples.size();
  }
  EXPECT_EQ(damaged, 1);
  EXPECT_GT(samples_left, 98'000u);
  EXPECT_LT(samples_left, 100'000u);
}

}  // namespace
}  // namespace sextant::tsdb
