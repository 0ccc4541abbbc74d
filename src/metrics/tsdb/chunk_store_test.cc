#include "metrics/tsdb/chunk_store.h"

#include <gtest/gtest.h>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

class ChunkStoreTest : public ::testing::Test {
 protected:
  ChunkStoreTest() { EXPECT_TRUE(store_.Adopt({}, 0).has_value()); }

  void ExpectChunk(const ChunkStore& store, ChunkRef ref, SeriesRef series, const std::string& bytes) {
    WrittenChunk chunk;
    auto read = store.Read(ref, chunk);
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_EQ(chunk.series, series);
    EXPECT_EQ(chunk.bytes, bytes);
  }

  TempDir dir_;
  core::PosixFileSystem posix_;
  core::FaultFileSystem fs_{posix_};
  ChunkStore store_{fs_, dir_.path(), core::Logger::Discard()};
};

TEST_F(ChunkStoreTest, ChunksAreReadFromTheBufferAndFromTheFile) {
  std::vector<ChunkRef> refs;
  for (SeriesRef i = 0; i < 100; ++i) {
    refs.push_back(store_.Append(i, i == 0 ? 0 : refs.back(), 1000, 10, std::string(i * 5, 'x')));
  }
  for (SeriesRef i = 0; i < 100; ++i) ExpectChunk(store_, refs[i], i, std::string(i * 5, 'x'));
  ASSERT_TRUE(store_.Flush(/*even_little=*/true).has_value());
  ChunkRef later = store_.Append(7, refs[7], 2000, 1, "later");
  for (SeriesRef i = 0; i < 100; ++i) ExpectChunk(store_, refs[i], i, std::string(i * 5, 'x'));
  ExpectChunk(store_, later, 7, "later");
  WrittenChunk chunk;
  EXPECT_EQ(store_.Read(later + 1, chunk).error().code(), core::Code::kCorruption);
  EXPECT_EQ(store_.Read(ChunkRef{99} << 40, chunk).error().code(), core::Code::kNotFound);
  EXPECT_EQ(store_.chunks(), 101u);
}

TEST_F(ChunkStoreTest, AFailedFlushKeepsChunksReadableAndIsRepeated) {
  ChunkRef first = store_.Append(1, 0, 1000, 1, "first");
  ASSERT_TRUE(store_.Flush(true).has_value());
  ChunkRef second = store_.Append(2, 0, 1000, 1, "second");
  fs_.FailOperation(1, core::Fault::kTorn);
  EXPECT_FALSE(store_.Flush(true).has_value());
  ChunkRef third = store_.Append(3, 0, 1000, 1, "third");
  for (int i = 0; i < 2; ++i) {
    ExpectChunk(store_, first, 1, "first");
    ExpectChunk(store_, second, 2, "second");
    ExpectChunk(store_, third, 3, "third");
    ASSERT_TRUE(store_.Sync().has_value());
  }
  ChunkStore again(fs_, dir_.path(), core::Logger::Discard());
  ASSERT_TRUE(again.Adopt(store_.Files(kNoTime), 0).has_value());
  ExpectChunk(again, second, 2, "second");
  ExpectChunk(again, third, 3, "third");
}

TEST_F(ChunkStoreTest, FilesGoWhenTheirSamplesAreOld) {
  ChunkRef old_chunk = store_.Append(1, 0, 1000, 1, "old");
  store_.StartNewFile();
  ChunkRef new_chunk = store_.Append(1, old_chunk, 2000, 1, "new");
  ASSERT_TRUE(store_.Flush(true).has_value());
  ASSERT_EQ(store_.Files(kNoTime).size(), 2u);
  ASSERT_EQ(store_.Files(1001).size(), 1u);
  ASSERT_TRUE(store_.RemoveBefore(1000).has_value());
  ExpectChunk(store_, old_chunk, 1, "old");
  ASSERT_TRUE(store_.RemoveBefore(1001).has_value());
  WrittenChunk chunk;
  EXPECT_EQ(store_.Read(old_chunk, chunk).error().code(), core::Code::kNotFound);
  ExpectChunk(store_, new_chunk, 1, "new");
  EXPECT_EQ(posix_.List(dir_.path())->size(), 1u);
}

TEST_F(ChunkStoreTest, FilesThatNobodyListsAreRemoved) {
  store_.Append(1, 0, 1000, 1, "x");
  ASSERT_TRUE(store_.Flush(true).has_value());
  ChunkStore again(fs_, dir_.path(), core::Logger::Discard());
  ASSERT_TRUE(again.Adopt({}, 0).has_value());
  EXPECT_TRUE(posix_.List(dir_.path())->empty());
  EXPECT_GT(again.Append(1, 0, 1000, 1, "y") >> 40, 1u) << "its number is not used again";
  ChunkStore later(fs_, dir_.path(), core::Logger::Discard());
  ASSERT_TRUE(later.Adopt({}, ChunkRef{70} << 40).has_value());
  EXPECT_EQ(later.Append(1, 0, 1000, 1, "y") >> 40, 71u);
}

}  // namespace
}  // namespace sextant::tsdb
