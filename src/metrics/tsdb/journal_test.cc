#include "metrics/tsdb/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <map>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/frames.h"

namespace sextant::tsdb {
namespace {

using ::testing::ElementsAre;

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> Start(uint64_t number, uint64_t segment_bytes = 1 << 20) {
    auto journal =
        Journal::Start(fs_, dir_.path(), core::Logger::Discard(), number, {.segment_bytes = segment_bytes});
    EXPECT_TRUE(journal.has_value());
    return std::move(*journal);
  }
  core::Status Append(Journal& journal, double value) {
    SeriesRef ref = MakeRef(1, 1);
    TimestampMs time_ms = 1000;
    uint64_t bits = std::bit_cast<uint64_t>(value);
    return journal.Append({}, {{&ref, 1}, {&time_ms, 1}, {&bits, 1}});
  }
  std::vector<double> Replay(uint64_t first = 0) {
    std::vector<double> values;
    std::map<uint64_t, BatchDecoder> decoders;  // by file
    auto apply = [&](uint64_t file, std::string_view payload) -> core::Status {
      DecodedBatch batch;
      SEXTANT_TRY(decoders[file].Decode(payload, batch));
      for (uint64_t bits : batch.samples.bits) values.push_back(std::bit_cast<double>(bits));
      return {};
    };
    auto result = ReplayJournal(fs_, dir_.path(), core::Logger::Discard(), first, apply);
    EXPECT_TRUE(result.has_value());
    result_ = std::move(*result);
    return values;
  }
  std::string PathOf(uint64_t number) const { return core::JoinPath(dir_.path(), NumberedName(number)); }

  TempDir dir_;
  core::PosixFileSystem posix_;
  core::FaultFileSystem fs_{posix_};
  ReplayResult result_;
};

TEST_F(JournalTest, ReplaysWhatWasAppendedOverSeveralFiles) {
  auto journal = Start(1, 100);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Append(*journal, i).has_value());
  auto values = Replay();
  ASSERT_EQ(values.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(values[i], i);
  EXPECT_GT(result_.files, 3u);
  EXPECT_EQ(result_.damaged_files, 0u);
  ASSERT_TRUE(journal->RemoveBefore(result_.next_number - 1).has_value());
  EXPECT_LT(Replay().size(), 20u);
  EXPECT_EQ(Replay(result_.next_number).size(), 0u);
}

TEST_F(JournalTest, ATornTailIsCutOff) {
  {
    auto journal = Start(1);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(*journal, i).has_value());
  }
  uint64_t size = posix_.Stat(PathOf(1))->size_bytes;
  ASSERT_TRUE(posix_.Open(PathOf(1), core::OpenMode::kAppend).value()->Truncate(size - 3).has_value());
  EXPECT_THAT(Replay(), ElementsAre(0, 1));
  EXPECT_EQ(result_.damaged_files, 1u);
  EXPECT_GT(result_.dropped_bytes, 0u);
  EXPECT_THAT(Replay(), ElementsAre(0, 1));
  EXPECT_EQ(result_.damaged_files, 0u) << "it was cut off the first time";
}

TEST_F(JournalTest, DamageInTheMiddleLosesTheRestOfItsFileOnly) {
  auto journal = Start(1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(*journal, i).has_value());
  ASSERT_EQ(journal->Rotate().value(), 2u);
  ASSERT_TRUE(Append(*journal, 10).has_value());
  std::string bytes = core::ReadFile(posix_, PathOf(1), 1 << 20).value();
  bytes[bytes.size() / 2 + 10] ^= 1;
  ASSERT_TRUE(core::WriteFileAtomically(posix_, PathOf(1), bytes).has_value());
  auto values = Replay();
  ASSERT_GE(values.size(), 2u);
  EXPECT_LT(values.size(), 4u);
  EXPECT_EQ(values.back(), 10);
  EXPECT_EQ(result_.damaged_files, 1u);
}

TEST_F(JournalTest, AFailedAppendLeavesNothingAndTheNextOneWorks) {
  for (core::Fault fault :
       {core::Fault::kFail, core::Fault::kTorn, core::Fault::kGarbled, core::Fault::kFailAfter}) {
    auto journal = Start(Replay().empty() ? 1 : result_.next_number);
    size_t before = Replay().size();
    ASSERT_TRUE(Append(*journal, 1).has_value());
    fs_.FailOperation(1, fault);
    EXPECT_FALSE(Append(*journal, 2).has_value());
    EXPECT_TRUE(Append(*journal, 3).has_value());
    auto values = Replay();
    ASSERT_EQ(values.size(), before + 2);
    EXPECT_EQ(values[before + 1], 3);
  }
}

TEST_F(JournalTest, WhenTheTornEndCannotBeTakenBackANewFileIsUsed) {
  auto journal = Start(1);
  ASSERT_TRUE(Append(*journal, 1).has_value());
  fs_.FailOperation(1, core::Fault::kTorn, /*and_all_later=*/true);
  EXPECT_FALSE(Append(*journal, 2).has_value());
  EXPECT_FALSE(Append(*journal, 2).has_value());
  fs_.Heal();
  EXPECT_TRUE(Append(*journal, 3).has_value());
  EXPECT_THAT(Replay(), ElementsAre(1, 3));
  EXPECT_EQ(result_.damaged_files, 1u);
}

TEST_F(JournalTest, NamesAreNumbers) {
  EXPECT_EQ(NumberedName(7), "00000007");
  EXPECT_EQ(NumberOfName("00000007"), 7u);
  EXPECT_EQ(NumberOfName(NumberedName(123456789012)), 123456789012u);
  for (const char* name : {"7", "0000000x", "", "00000000", "-0000001", "checkpoint.00000001", "000000007"}) {
    EXPECT_EQ(NumberOfName(name), 0u) << name;
  }
}

TEST(FramesTest, FramesOfAnotherPlaceOrFileAreNotTaken) {
  std::string frame(kFrameHeaderBytes, '\0');
  frame += "payload";
  std::string file = MakeFrameFileHeader(FrameFileKind::kJournal, 5);
  SealFrame(5, file.size(), frame);
  std::string_view payload;
  auto count = [&](FrameFileKind kind, uint64_t number, const std::string& bytes) {
    FrameReader reader(kind, number, bytes);
    int frames = 0;
    while (reader.Next(payload)) ++frames;
    return frames + (reader.is_intact() ? 100 : 0);
  };
  EXPECT_EQ(count(FrameFileKind::kJournal, 5, file + frame), 101);
  EXPECT_EQ(count(FrameFileKind::kJournal, 5, file + frame + frame), 1);
  EXPECT_EQ(count(FrameFileKind::kJournal, 6, file + frame), 0);
  EXPECT_EQ(count(FrameFileKind::kImage, 5, file + frame), 0);
  EXPECT_EQ(count(FrameFileKind::kJournal, 5, file + frame + std::string(50, '\0')), 1);
  EXPECT_EQ(count(FrameFileKind::kJournal, 5, ""), 0);
  EXPECT_EQ(count(FrameFileKind::kJournal, 5, file), 100);
}

}  // namespace
}  // namespace sextant::tsdb
