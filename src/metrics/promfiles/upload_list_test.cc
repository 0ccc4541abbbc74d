#include "metrics/promfiles/upload_list.h"

#include <gtest/gtest.h>

namespace sextant::promfiles {
namespace {

TEST(UploadList, NamesOfBlocks) {
  auto names = ParseUploadList(R"({"version":1,"uploaded":["B","A","B"]})");
  ASSERT_TRUE(names) << names.error().message();
  EXPECT_EQ(*names, (std::set<std::string>{"A", "B"}));
  EXPECT_TRUE(ParseUploadList(R"({"version":1,"uploaded":null})")->empty());
  EXPECT_TRUE(ParseUploadList("{}")->empty());
}

TEST(UploadList, AnythingElseIsAnError) {
  for (const char* bad : {"", "[", "[]", R"({"uploaded":{}})", R"({"uploaded":[1]})"}) {
    EXPECT_FALSE(ParseUploadList(bad)) << bad;
  }
  core::PosixFileSystem files;
  EXPECT_FALSE(ReadUploadList(files, "/no/such/file"));
}

}  // namespace
}  // namespace sextant::promfiles
