#include "core/overlay_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace sextant::core {
namespace {

using ::testing::ElementsAre;

class OverlayTest : public ::testing::Test {
 protected:
  OverlayTest() {
    EXPECT_TRUE(posix_.MakeDirectories(data_ + "/d").has_value());
    EXPECT_TRUE(posix_.MakeDirectories(root_ + "/scratch").has_value());
    EXPECT_TRUE(WriteFileAtomically(posix_, data_ + "/a", "base").has_value());
    EXPECT_TRUE(WriteFileAtomically(posix_, data_ + "/d/b", "below").has_value());
    before_ = Base();
  }
  ~OverlayTest() override {
    EXPECT_EQ(Base(), before_) << "the base has changed";
    EXPECT_TRUE(RemoveAll(posix_, root_).has_value());
  }

  static std::string MakeRoot() {
    std::string root = ::testing::TempDir() + "sextant-overlay-XXXXXX";
    EXPECT_NE(mkdtemp(root.data()), nullptr);
    return root;
  }
  std::map<std::string, std::string> Base() {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_)) {
      files[entry.path()] = entry.is_directory() ? "" : ReadFile(posix_, entry.path(), 1000).value();
    }
    return files;
  }
  std::string Read(const std::string& path) {
    auto text = ReadFile(overlay_, data_ + path, 1000);
    return text ? *text : std::string(CodeName(text.error().code()));
  }
  std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    auto entries = overlay_.List(data_ + path).value();
    for (const FileInfo& entry : entries) names.push_back(entry.name);
    return names;
  }
  void Append(const std::string& path, OpenMode mode, std::string_view text) {
    auto file = overlay_.Open(data_ + path, mode);
    ASSERT_TRUE(file.has_value()) << file.error().message();
    ASSERT_TRUE((*file)->Append(text).has_value());
  }

  PosixFileSystem posix_;
  const std::string root_ = MakeRoot();
  const std::string data_ = root_ + "/data";
  std::map<std::string, std::string> before_;
  OverlayFileSystem overlay_{posix_, root_ + "/scratch"};
};

TEST_F(OverlayTest, WritesAreSeenButNotInTheBase) {
  EXPECT_EQ(Read("/a"), "base");
  Append("/a", OpenMode::kAppend, "+more");
  EXPECT_EQ(Read("/a"), "base+more");
  {
    auto file = overlay_.Open(data_ + "/a", OpenMode::kAppend);
    ASSERT_TRUE((*file)->Truncate(2).has_value());
  }
  EXPECT_EQ(Read("/a"), "ba");
  Append("/a", OpenMode::kCreateOrEmpty, "new");
  EXPECT_EQ(Read("/a"), "new");
  EXPECT_EQ(overlay_.Open(data_ + "/a", OpenMode::kCreate).error().code(), Code::kAlreadyExists);
  Append("/c", OpenMode::kCreate, "c");
  EXPECT_THAT(Names(""), ElementsAre("a", "c", "d"));
  EXPECT_EQ(overlay_.Stat(data_ + "/c")->size_bytes, 1u);
  EXPECT_EQ(overlay_.Open(data_ + "/no/c", OpenMode::kCreate).error().code(), Code::kNotFound);
}

TEST_F(OverlayTest, RemovedThingsAreGoneAndCanComeBack) {
  EXPECT_FALSE(overlay_.Remove(data_ + "/d").has_value()) << "not empty";
  EXPECT_TRUE(RemoveAll(overlay_, data_ + "/d").has_value());
  EXPECT_EQ(Read("/d/b"), "not_found");
  EXPECT_THAT(Names(""), ElementsAre("a"));
  EXPECT_EQ(overlay_.Remove(data_ + "/d").error().code(), Code::kNotFound);
  EXPECT_TRUE(overlay_.MakeDirectories(data_ + "/d/e").has_value());
  EXPECT_THAT(Names("/d"), ElementsAre("e"));
  EXPECT_EQ(Read("/d/b"), "not_found");
  Append("/d/b", OpenMode::kCreate, "again");
  EXPECT_EQ(Read("/d/b"), "again");
  EXPECT_TRUE(overlay_.Remove(data_ + "/a").has_value());
  EXPECT_TRUE(WriteFileAtomically(overlay_, data_ + "/a", "2").has_value());
  EXPECT_EQ(Read("/a"), "2");
}

TEST_F(OverlayTest, RenamesMoveAllThatIsBelow) {
  Append("/d/c", OpenMode::kCreate, "c");
  EXPECT_TRUE(overlay_.Rename(data_ + "/d", data_ + "/e").has_value());
  EXPECT_THAT(Names(""), ElementsAre("a", "e"));
  EXPECT_THAT(Names("/e"), ElementsAre("b", "c"));
  EXPECT_EQ(Read("/e/b"), "below");
  EXPECT_EQ(Read("/e/c"), "c");
  EXPECT_EQ(Read("/d/b"), "not_found");
  EXPECT_TRUE(overlay_.Rename(data_ + "/e/c", data_ + "/a").has_value());
  EXPECT_EQ(Read("/a"), "c");
  EXPECT_THAT(Names("/e"), ElementsAre("b"));
  EXPECT_TRUE(overlay_.Rename(data_ + "/e", data_ + "/d").has_value());
  EXPECT_EQ(Read("/d/b"), "below");
  EXPECT_EQ(overlay_.Rename(data_ + "/e", data_ + "/x").error().code(), Code::kNotFound);
}

TEST_F(OverlayTest, LocksThatExistAreTakenInTheBase) {
  EXPECT_TRUE(overlay_.Lock(data_ + "/lock").has_value());
  auto held = posix_.Lock(data_ + "/a");
  EXPECT_EQ(overlay_.Lock(data_ + "/a").error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace sextant::core
