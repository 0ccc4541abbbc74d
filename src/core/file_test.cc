#include "core/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault_file.h"

namespace sextant::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "sextant-file-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { ASSERT_TRUE(RemoveAll(fs_, dir_).has_value()); }

  std::string Path(std::string_view name) const { return JoinPath(dir_, name); }

  void Write(FileSystem& fs, const std::string& path, std::string_view text) {
    auto file = fs.Open(path, OpenMode::kCreateOrEmpty);
    ASSERT_TRUE(file.has_value()) << file.error().message();
    ASSERT_TRUE((*file)->Append(text).has_value());
  }
  std::string Read(const std::string& path) { return ReadFile(fs_, path, 1 << 20).value_or("<unreadable>"); }

  PosixFileSystem fs_;
  std::string dir_;
};

TEST_F(FileTest, AppendsReadsAndTruncates) {
  auto file = fs_.Open(Path("a"), OpenMode::kAppend);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->Append("hello ").has_value());
  ASSERT_TRUE((*file)->Append("world").has_value());
  EXPECT_EQ((*file)->Size().value(), 11u);
  char buffer[16];
  EXPECT_EQ((*file)->ReadAt(6, buffer, sizeof buffer).value(), 5u);
  EXPECT_EQ(std::string_view(buffer, 5), "world");
  ASSERT_TRUE((*file)->Truncate(5).has_value());
  ASSERT_TRUE((*file)->Append("!").has_value());
  ASSERT_TRUE((*file)->SyncData().has_value());
  ASSERT_TRUE((*file)->Sync().has_value());
  EXPECT_EQ(Read(Path("a")), "hello!");
}

TEST_F(FileTest, OpenModes) {
  auto missing = fs_.Open(Path("a"), OpenMode::kRead);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr(Path("a")));
  ASSERT_TRUE(fs_.Open(Path("a"), OpenMode::kCreate).has_value());
  EXPECT_EQ(fs_.Open(Path("a"), OpenMode::kCreate).error().code(), Code::kAlreadyExists);
  Write(fs_, Path("a"), "text");
  ASSERT_TRUE(fs_.Open(Path("a"), OpenMode::kAppend).has_value());
  EXPECT_EQ(Read(Path("a")), "text");
  ASSERT_TRUE(fs_.Open(Path("a"), OpenMode::kCreateOrEmpty).has_value());
  EXPECT_EQ(Read(Path("a")), "");
}

TEST_F(FileTest, ListsInOrderAndRemovesAll) {
  ASSERT_TRUE(fs_.MakeDirectories(Path("x/y/z")).has_value());
  ASSERT_TRUE(fs_.MakeDirectories(Path("x/y/z")).has_value());
  Write(fs_, Path("x/b"), "12");
  Write(fs_, Path("x/a"), "1");
  auto entries = fs_.List(Path("x"));
  ASSERT_TRUE(entries.has_value());
  std::vector<std::string> names;
  for (const FileInfo& entry : *entries) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "y"));
  EXPECT_EQ((*entries)[1].size_bytes, 2u);
  EXPECT_TRUE((*entries)[2].is_directory);
  ASSERT_TRUE(RemoveAll(fs_, Path("x")).has_value());
  EXPECT_FALSE(fs_.Stat(Path("x")).has_value());
  EXPECT_TRUE(RemoveAll(fs_, Path("x")).has_value());
}

TEST_F(FileTest, MakingADirectoryOverAFileIsRefused) {
  Write(fs_, Path("a"), "");
  EXPECT_FALSE(fs_.MakeDirectories(Path("a")).has_value());
  EXPECT_FALSE(fs_.MakeDirectories(Path("a/b")).has_value());
}

TEST_F(FileTest, Maps) {
  Write(fs_, Path("a"), "mapped");
  auto mapped = fs_.MapReadOnly(Path("a"));
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ((*mapped)->bytes(), "mapped");
  Write(fs_, Path("empty"), "");
  EXPECT_EQ(fs_.MapReadOnly(Path("empty")).value()->bytes(), "");
  EXPECT_EQ(fs_.MapReadOnly(Path("none")).error().code(), Code::kNotFound);
}

TEST_F(FileTest, ALockIsExclusiveUntilItIsDropped) {
  auto lock = fs_.Lock(Path("lock"));
  ASSERT_TRUE(lock.has_value());
  auto second = fs_.Lock(Path("lock"));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
  lock->reset();
  EXPECT_TRUE(fs_.Lock(Path("lock")).has_value());
}

TEST_F(FileTest, AReadOnlyDirectoryIsPermissionDenied) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  ASSERT_EQ(chmod(dir_.c_str(), 0555), 0);
  auto file = fs_.Open(Path("a"), OpenMode::kAppend);
  EXPECT_EQ(chmod(dir_.c_str(), 0755), 0);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code(), Code::kPermissionDenied);
}

TEST_F(FileTest, AFullDeviceIsResourceExhausted) {
  auto file = fs_.Open("/dev/full", OpenMode::kAppend);
  if (!file) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ((*file)->Append("x").error().code(), Code::kResourceExhausted);
}

TEST_F(FileTest, ReadFileHasALimitAndReadsFilesWithoutASize) {
  Write(fs_, Path("a"), "12345");
  EXPECT_EQ(ReadFile(fs_, Path("a"), 5).value(), "12345");
  EXPECT_EQ(ReadFile(fs_, Path("a"), 4).error().code(), Code::kResourceExhausted);
  EXPECT_THAT(ReadFile(fs_, "/proc/self/stat", 1 << 20).value(), HasSubstr("("));
}

TEST_F(FileTest, WriteFileAtomicallyKeepsTheOldContentWhenAnythingFails) {
  FaultFileSystem faulty(fs_);
  Write(fs_, Path("a"), "old");
  for (uint64_t n = 1;; ++n) {
    faulty.FailOperation(n, Fault::kTorn);
    bool is_written = WriteFileAtomically(faulty, Path("a"), "new content").has_value();
    if (faulty.operations() < n) {
      EXPECT_TRUE(is_written);
      EXPECT_EQ(Read(Path("a")), "new content");
      EXPECT_EQ(n, 6u);  // open, append, sync, rename, sync directory
      break;
    }
    EXPECT_FALSE(is_written) << faulty.failed_operation();
    std::string content = Read(Path("a"));
    EXPECT_TRUE(content == "old" || content == "new content") << faulty.failed_operation();
    Write(fs_, Path("a"), "old");
  }
}

TEST_F(FileTest, FaultsFailTearAndGarbleTheirOperation) {
  FaultFileSystem faulty(fs_);
  auto file = faulty.Open(Path("a"), OpenMode::kAppend).value();
  faulty.FailOperation(2, Fault::kTorn);
  EXPECT_TRUE(file->Append("1234").has_value());
  EXPECT_FALSE(file->Append("5678").has_value());
  EXPECT_EQ(Read(Path("a")), "123456");
  EXPECT_EQ(faulty.failed_operation(), "append " + Path("a"));
  EXPECT_TRUE(file->Append("x").has_value());
  faulty.FailOperation(1, Fault::kGarbled);
  EXPECT_FALSE(file->Append("yz").has_value());
  EXPECT_EQ(Read(Path("a")), std::string("123456xy") + '\0');
  faulty.FailOperation(1, Fault::kFail, /*and_all_later=*/true, Code::kResourceExhausted);
  EXPECT_EQ(file->Append("!").error().code(), Code::kResourceExhausted);
  EXPECT_FALSE(file->Truncate(0).has_value());
  EXPECT_FALSE(faulty.Rename(Path("a"), Path("b")).has_value());
  faulty.FailOperation(1, Fault::kFailAfter);
  EXPECT_FALSE(faulty.Rename(Path("a"), Path("b")).has_value());
  EXPECT_TRUE(fs_.Stat(Path("b")).has_value());
}

TEST_F(FileTest, LosingPowerTakesBackWhatWasNotSynced) {
  FaultFileSystem faulty(fs_);
  {
    auto file = faulty.Open(Path("kept"), OpenMode::kAppend).value();
    ASSERT_TRUE(file->Append("synced").has_value());
    ASSERT_TRUE(file->SyncData().has_value());
    ASSERT_TRUE(faulty.SyncDirectory(dir_).has_value());
    ASSERT_TRUE(file->Append("lost").has_value());
    ASSERT_TRUE(faulty.Open(Path("unnamed"), OpenMode::kAppend).has_value());
    Write(faulty, Path("x.tmp"), "x");
    ASSERT_TRUE(faulty.Rename(Path("x.tmp"), Path("x")).has_value());
  }
  ASSERT_TRUE(faulty.LosePower().has_value());
  EXPECT_EQ(Read(Path("kept")), "synced");
  EXPECT_FALSE(fs_.Stat(Path("unnamed")).has_value());
  EXPECT_FALSE(fs_.Stat(Path("x")).has_value());
}

TEST(PathTest, JoinsAndSplits) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(ParentPath("a/b"), "a");
  EXPECT_EQ(ParentPath("b"), ".");
  EXPECT_EQ(ParentPath("/b"), "/");
}

}  // namespace
}  // namespace sextant::core
