#include "metrics/promfiles/wal_segments.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "core/crc32c.h"
#include "core/fault_file.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/wal_pages.h"
#include "metrics/promfiles/wal_writer.h"

namespace sextant::promfiles {
namespace {

class WalSegmentsTest : public testing::Test {
 protected:
  WalSegmentsTest() {
    std::string pattern = testing::TempDir() + "sextant-wal-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~WalSegmentsTest() override { std::filesystem::remove_all(dir_); }

  void Write(const std::vector<std::string>& records, const WalWriter::Options& options) {
    auto writer = WalWriter::Create(fs_, dir_, 3, options);
    ASSERT_TRUE(writer) << writer.error().message();
    for (const std::string& record : records) ASSERT_TRUE((*writer)->Append(record));
    ASSERT_TRUE((*writer)->Finish());
  }

  std::vector<WalSegment> Segments() { return ListSegments(fs_, dir_).value(); }

  core::PosixFileSystem fs_;
  std::string dir_;
};

std::vector<std::string> ReadAll(std::string_view bytes, std::vector<WalDamage>* damages = nullptr) {
  SegmentReader reader(bytes);
  std::vector<std::string> records;
  std::string_view record;
  while (reader.Next(record)) records.emplace_back(record);
  if (damages != nullptr) *damages = reader.damages();
  return records;
}

// Records of every awkward size, compressible ones and others.
std::vector<std::string> SomeRecords() {
  std::mt19937 random(7);
  std::vector<std::string> records;
  for (size_t size : {1, 5, 100, 32753, 1, 32761, 32760, 7, 0, 70000, 200000, 3, 65522, 13}) {
    std::string record(size, 'a');
    if (size % 2 == 1) {
      for (char& byte : record) byte = static_cast<char>(random());
    }
    records.push_back(std::move(record));
  }
  return records;
}

TEST_F(WalSegmentsTest, WhatWasWrittenIsRead) {
  for (auto compression : {WalWriter::Compression::kNone, WalWriter::Compression::kSnappy}) {
    std::filesystem::remove_all(dir_);
    std::vector<std::string> records = SomeRecords();
    Write(records, {.compression = compression, .segment_bytes = 8 * kWalPageBytes});
    std::vector<WalSegment> segments = Segments();
    EXPECT_EQ(segments.size() > 1, compression == WalWriter::Compression::kNone);
    EXPECT_EQ(segments[0].index, 3u);
    std::vector<std::string> read;
    for (const WalSegment& segment : segments) {
      EXPECT_LE(segment.size_bytes, 8 * kWalPageBytes);
      EXPECT_EQ(segment.size_bytes % kWalPageBytes, 0u);
      std::vector<WalDamage> damages;
      for (std::string& record : ReadAll(core::ReadFile(fs_, segment.path, 1 << 30).value(), &damages)) {
        read.push_back(std::move(record));
      }
      EXPECT_TRUE(damages.empty());
    }
    EXPECT_EQ(read, records);
  }
}

TEST_F(WalSegmentsTest, ATornTailLosesOnlyItself) {
  std::vector<std::string> records = SomeRecords();
  Write(records, {.compression = WalWriter::Compression::kNone});
  std::string bytes = core::ReadFile(fs_, Segments().at(0).path, 1 << 30).value();
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 97) {
    std::vector<WalDamage> damages;
    std::vector<std::string> read = ReadAll(std::string_view(bytes).substr(0, size), &damages);
    ASSERT_LE(read.size(), records.size());
    for (size_t i = 0; i < read.size(); ++i) ASSERT_EQ(read[i], records[i]);
    ASSERT_LE(damages.size(), 1u);
    if (!damages.empty()) {
      EXPECT_TRUE(damages[0].at_end);
    }
  }
}

TEST_F(WalSegmentsTest, AfterDamageTheNextPageIsRead) {
  std::vector<std::string> records;
  for (int i = 0; i < 2000; ++i) records.push_back(fmt::format("record {:0>60}", i));
  Write(records, {.compression = WalWriter::Compression::kNone});
  std::string bytes = core::ReadFile(fs_, Segments().at(0).path, 1 << 30).value();
  bytes[kWalPageBytes + 20000] ^= 1;
  std::vector<WalDamage> damages;
  std::vector<std::string> read = ReadAll(bytes, &damages);
  ASSERT_EQ(damages.size(), 1u);
  EXPECT_FALSE(damages[0].at_end);
  EXPECT_EQ(damages[0].what, "a fragment's checksum does not match");
  EXPECT_EQ(damages[0].offset / kWalPageBytes, 1u);
  EXPECT_GT(read.size(), 1700u);
  EXPECT_EQ(read.back(), records.back());
  std::ranges::sort(records);
  for (const std::string& record : read) EXPECT_TRUE(std::ranges::binary_search(records, record));
}

TEST_F(WalSegmentsTest, ZerosBetweenRecordsAreDamage) {
  std::vector<std::string> records = {"before"};
  records.emplace_back(3 * kWalPageBytes, 'x');  // fills pages 1 and 2
  records.emplace_back("after");
  Write(records, {.compression = WalWriter::Compression::kNone});
  std::string bytes = core::ReadFile(fs_, Segments().at(0).path, 1 << 30).value();
  // A lost page within a record must not make another record of what is around it.
  std::string holed = bytes;
  std::fill_n(holed.begin() + kWalPageBytes, kWalPageBytes, '\0');
  std::vector<WalDamage> damages;
  EXPECT_EQ(ReadAll(holed, &damages), (std::vector<std::string>{"before", "after"}));
  ASSERT_EQ(damages.size(), 1u);
  EXPECT_EQ(damages[0].offset, kWalPageBytes);
  EXPECT_FALSE(damages[0].at_end);
  // And up to the end it is how a log ends.
  EXPECT_EQ(ReadAll(bytes + std::string(2 * kWalPageBytes, '\0'), &damages), records);
  EXPECT_TRUE(damages.empty());
}

std::string FragmentOf(uint8_t head, std::string_view bytes) {
  std::string out(1, static_cast<char>(head));
  PutBigEndian(out, static_cast<uint16_t>(bytes.size()));
  PutBigEndian(out, core::Crc32c(bytes));
  return out.append(bytes);
}

TEST_F(WalSegmentsTest, Zstd) {
  std::string record(100000, 'z');
  std::string compressed(ZSTD_compressBound(record.size()), '\0');
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), record.data(), record.size(), 1));
  std::string bytes = FragmentOf(kFullFragment | kZstdFlag, compressed);
  EXPECT_EQ(ReadAll(bytes), std::vector<std::string>{record});
  for (size_t size = 1; size < compressed.size(); ++size) {
    std::vector<WalDamage> damages;
    ReadAll(FragmentOf(kFullFragment | kZstdFlag, compressed.substr(0, size)), &damages);
    EXPECT_EQ(damages.size(), 1u) << size;
  }
}

TEST_F(WalSegmentsTest, BombsAreDamage) {
  std::string bomb(64 << 20, 'z');
  std::string compressed(ZSTD_compressBound(bomb.size()), '\0');
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), bomb.data(), bomb.size(), 1));
  ASSERT_LT(compressed.size(), 30000u);
  for (const std::string& bytes :
       {FragmentOf(kFullFragment | kZstdFlag, compressed),
        FragmentOf(kFullFragment | kSnappyFlag, std::string("\xff\xff\xff\xff\x0f", 5)),
        FragmentOf(kFullFragment | kZstdFlag | kSnappyFlag, "x"), FragmentOf(kMiddleFragment, "x"),
        FragmentOf(5, "x"), FragmentOf(kFirstFragment, "x") + FragmentOf(kFullFragment, "").substr(0, 6)}) {
    std::vector<WalDamage> damages;
    EXPECT_TRUE(ReadAll(bytes, &damages).empty());
    EXPECT_EQ(damages.size(), 1u);
  }
}

TEST_F(WalSegmentsTest, ListsSegmentsAndFindsGaps) {
  for (const char* name : {"00000001", "00000003", "00000004", "x", "checkpoint.00000002/00000000",
                           "checkpoint.00000010/00000000", "checkpoint.00000011.tmp/00000000"}) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    ASSERT_TRUE(fs_.Open(dir_ + "/" + name, core::OpenMode::kCreate));
  }
  std::vector<WalSegment> segments = Segments();
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].index, 1u);
  EXPECT_EQ(segments[1].index, 3u);
  EXPECT_EQ(FindGaps(segments), std::vector<size_t>{1});
  auto checkpoint = LastCheckpoint(fs_, dir_);
  ASSERT_TRUE(checkpoint && *checkpoint);
  EXPECT_EQ((*checkpoint)->index, 10u);
  EXPECT_TRUE(ListSegments(fs_, dir_ + "/none")->empty());
  EXPECT_FALSE(*LastCheckpoint(fs_, dir_ + "/none"));
}

TEST_F(WalSegmentsTest, FailingWritesAreReported) {
  core::FaultFileSystem faults(fs_);
  auto run = [&]() -> core::Status {
    std::filesystem::remove_all(dir_);
    SEXTANT_ASSIGN(auto writer, WalWriter::Create(faults, dir_, 0, {.segment_bytes = 4 * kWalPageBytes}));
    for (const std::string& record : SomeRecords()) SEXTANT_TRY(writer->Append(record));
    return writer->Finish();
  };
  for (uint64_t n = 1;; ++n) {
    faults.FailOperation(n, core::Fault::kFail);
    core::Status status = run();
    if (faults.operations() < n) break;
    EXPECT_FALSE(status) << faults.failed_operation();
  }
}

}  // namespace
}  // namespace sextant::promfiles
