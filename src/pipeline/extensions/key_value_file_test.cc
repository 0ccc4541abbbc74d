#include "pipeline/extensions/key_value_file.h"

#include <gtest/gtest.h>

#include "pipeline/component_harness.h"

namespace sextant::pipeline {

namespace {

using core::Code;

class KeyValueFileTest : public testing::Test {
 protected:
  std::unique_ptr<KeyValueFile> Open(KeyValueOptions options = {}) {
    auto file = KeyValueFile::Open(fs_, path_, options);
    EXPECT_TRUE(file) << file.error().message();
    return file ? std::move(*file) : nullptr;
  }
  static std::string Get(StorageClient& file, const std::string& key) {
    auto value = file.Get(key);
    EXPECT_TRUE(value) << value.error().message();
    return value && *value ? **value : "nothing";
  }
  void Damage(uint64_t from_end) {
    std::string bytes = ReadTestFile(path_);
    bytes[bytes.size() - from_end] ^= 1;
    std::ofstream(path_) << bytes;
  }

  core::PosixFileSystem fs_;
  TestDirectory directory_;
  const std::string path_ = directory_ / "keys.kv";
};

TEST_F(KeyValueFileTest, KeepsKeysOverARestart) {
  {
    auto file = Open();
    ASSERT_TRUE(file->Set("a", "1"));
    ASSERT_TRUE(file->Set("b", std::string("\0two", 4)));
    ASSERT_TRUE(file->Set("a", "one"));
    ASSERT_TRUE(file->Delete("b"));
    ASSERT_TRUE(file->Delete("absent"));
    EXPECT_EQ(Get(*file, "a"), "one");
  }
  auto file = Open();
  EXPECT_EQ(Get(*file, "a"), "one");
  EXPECT_EQ(Get(*file, "b"), "nothing");
  EXPECT_EQ(file->keys(), 1u);
  EXPECT_EQ(file->torn_bytes(), 0u);
}

TEST_F(KeyValueFileTest, DoesABatchInItsOrder) {
  auto file = Open();
  ASSERT_TRUE(file->Set("a", "old"));
  std::vector<StorageOperation> batch = {StorageOperation::Get("a"), StorageOperation::Set("a", "new"),
                                         StorageOperation::Get("a"), StorageOperation::Delete("a"),
                                         StorageOperation::Get("a"), StorageOperation::Set("b", "")};
  ASSERT_TRUE(file->Batch(batch));
  EXPECT_EQ(batch[0].value, "old");
  EXPECT_EQ(batch[2].value, "new");
  EXPECT_EQ(batch[4].value, std::nullopt);
  EXPECT_EQ(Get(*file, "a"), "nothing");
  EXPECT_EQ(Get(*file, "b"), "");
}

TEST_F(KeyValueFileTest, CutsOffWhatWasBeingWritten) {
  {
    auto file = Open();
    ASSERT_TRUE(file->Set("a", "1"));
  }
  std::string whole = ReadTestFile(path_);
  {
    auto file = Open();
    std::vector<StorageOperation> batch = {StorageOperation::Set("a", "2"), StorageOperation::Set("b", "3")};
    ASSERT_TRUE(file->Batch(batch));
  }
  std::string longer = ReadTestFile(path_);
  // Killed at any byte of the batch: it is there whole or not at all.
  for (size_t size = whole.size(); size < longer.size(); ++size) {
    std::ofstream(path_) << longer.substr(0, size);
    auto file = Open();
    EXPECT_EQ(Get(*file, "a"), "1") << size;
    EXPECT_EQ(Get(*file, "b"), "nothing") << size;
    EXPECT_EQ(file->torn_bytes(), size - whole.size());
    EXPECT_TRUE(file->Set("c", "after"));
    EXPECT_EQ(Get(*file, "c"), "after");
  }
}

TEST_F(KeyValueFileTest, StartsAnewWhenKilledBeforeTheFirstRecord) {
  std::ofstream(path_) << "SXK";
  auto file = Open();
  EXPECT_EQ(file->keys(), 0u);
  EXPECT_TRUE(file->Set("a", "1"));
}

TEST_F(KeyValueFileTest, RefusesDamage) {
  {
    auto file = Open();
    ASSERT_TRUE(file->Set("a", "1"));
    ASSERT_TRUE(file->Set("b", "2"));
  }
  uint64_t record_bytes = 8 + 9 + 2;
  Damage(record_bytes + 1);
  auto file = KeyValueFile::Open(fs_, path_, {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), Code::kCorruption);
  EXPECT_EQ(file.error().message(), path_ + ": wrong checksum of the record at byte 8");
  std::ofstream(path_) << "something else";
  auto other = KeyValueFile::Open(fs_, path_, {});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message(), path_ + ": not a file of keys and values");
}

TEST_F(KeyValueFileTest, IsOpenOnce) {
  auto file = Open();
  auto second = KeyValueFile::Open(fs_, path_, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
}

TEST_F(KeyValueFileTest, RefusesWhatExceedsItsSize) {
  auto file = Open({.max_bytes = 10});
  ASSERT_TRUE(file->Set("a", "123456789"));
  auto set = file->Set("b", "1");
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(set.error().message(), path_ + ": full: 10 bytes are kept, 2 more would exceed max_size 10");
  ASSERT_TRUE(file->Delete("a"));
  EXPECT_TRUE(file->Set("b", "1"));
}

TEST_F(KeyValueFileTest, CompactsItselfAndKeepsWhatIsNeeded) {
  auto file = Open({.min_garbage_bytes = 1'000});
  ASSERT_TRUE(file->Set("stays", "here"));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(file->Set("k", std::string(100, static_cast<char>('a' + i % 26))));
    EXPECT_LE(file->file_bytes(), 1'500u);
  }
  EXPECT_EQ(Get(*file, "k"), std::string(100, static_cast<char>('a' + 99 % 26)));
  file.reset();
  file = Open();
  EXPECT_EQ(Get(*file, "stays"), "here");
  EXPECT_EQ(file->keys(), 2u);
}

TEST_F(KeyValueFileTest, CompactsWhenAFileThatWasLargeHoldsLittle) {
  auto file = Open({.rebound_needed_bytes = 1'000, .rebound_trigger_bytes = 100});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(file->Set(fmt::format("k{}", i), std::string(100, 'x')));
  uint64_t full = file->file_bytes();
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(file->Delete(fmt::format("k{}", i)));
  EXPECT_GT(file->file_bytes(), full);
  ASSERT_TRUE(file->Delete("k9"));
  EXPECT_EQ(file->file_bytes(), 8u);
}

TEST_F(KeyValueFileTest, CompactsInPartsOfABoundedSize) {
  auto file = Open({.compaction_batch_items = 2});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(file->Set(fmt::format("k{}", i), fmt::format("v{}", i)));
  ASSERT_TRUE(file->Compact());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Get(*file, fmt::format("k{}", i)), fmt::format("v{}", i));
  file.reset();
  file = Open();
  EXPECT_EQ(file->keys(), 5u);
}

}  // namespace

}  // namespace sextant::pipeline
