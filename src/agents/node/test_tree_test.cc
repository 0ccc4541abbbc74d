#include "agents/node/test_tree.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "agents/node/host_files.h"

namespace sextant::node {
namespace {

namespace fs = std::filesystem;

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// A content line: NULLBYTE is a zero byte, \NULLBYTE the word itself; EOF at the end means no newline.
std::string DecodeLine(std::string line) {
  ReplaceAll(line, "\\NULLBYTE", std::string_view("\1", 1));
  ReplaceAll(line, "NULLBYTE", std::string_view("\0", 1));
  ReplaceAll(line, std::string_view("\1", 1), "NULLBYTE");
  const bool has_no_newline = line.ends_with("EOF") && !line.ends_with("\\EOF");
  if (has_no_newline) line.resize(line.size() - 3);
  ReplaceAll(line, "\\EOF", "EOF");
  return has_no_newline ? line : line + "\n";
}

}  // namespace

TestTree::TestTree() {
  std::string name = (fs::temp_directory_path() / "sextant-node-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TestTree::~TestTree() {
  std::error_code error;
  fs::remove_all(path_, error);
}

void TestTree::Write(std::string_view relative, std::string_view content) const {
  const fs::path file = path_ / relative;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

bool TestTree::UnpackTtar(const fs::path& archive) const {
  std::ifstream in(archive, std::ios::binary);
  std::string line;
  std::string path;
  while (std::getline(in, line)) {
    const size_t colon = line.find(": ");
    if (line.starts_with('#') || colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    const std::string value = line.substr(colon + 2);
    if (key == "Directory") {
      fs::create_directories(path_ / value);
    } else if (key == "Path") {
      path = value;
    } else if (key == "SymlinkTo") {
      fs::create_directories((path_ / path).parent_path());
      fs::create_symlink(value, path_ / path);
    } else if (key == "Lines") {
      std::string content;
      for (size_t lines = *ParseUnsigned(value); lines > 0; --lines) {
        if (!std::getline(in, line)) return false;
        content += DecodeLine(line);
      }
      Write(path, content);
    } else if (key != "Mode") {
      return false;
    }
  }
  return !path.empty();
}

namespace {

TEST(TestTree, UnpacksTtar) {
  const TestTree tree;
  tree.Write("a.ttar",
             "# comment\nDirectory: d\nMode: 755\n# ttar - -\nPath: d/f\nLines: 2\none NULLBYTE "
             "\\NULLBYTE\ntwoEOF\nMode: "
             "644\n# ttar - -\nPath: d/l\nSymlinkTo: f\n");
  ASSERT_TRUE(tree.UnpackTtar(tree.path() / "a.ttar"));
  const std::string expected("one \0 NULLBYTE\ntwo", 18);
  EXPECT_EQ(*ReadHostFile((tree.path() / "d/f").string()), expected);
  EXPECT_EQ(*ReadHostFile((tree.path() / "d/l").string()), expected);
}

TEST(HostFiles, SaysWhatIsWrongWithAFile) {
  const TestTree tree;
  const auto missing = ReadHostFile((tree.path() / "none").string());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), core::Code::kNotFound);
  EXPECT_FALSE(ReadHostFile(tree.path().string()));  // a folder
  tree.Write("long", std::string(kFileLimitBytes + 1, 'x'));
  const auto too_long = ReadHostFile((tree.path() / "long").string());
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), core::Code::kResourceExhausted);
}

TEST(HostFiles, NumbersAreWholeTexts) {
  EXPECT_EQ(*ParseFloat("12.5"), 12.5);
  EXPECT_FALSE(ParseFloat(""));
  EXPECT_FALSE(ParseFloat("12x"));
  EXPECT_EQ(*ParseUnsigned("ff", 16), 255u);
  EXPECT_FALSE(ParseUnsigned("-1"));
  EXPECT_FALSE(ParseUnsigned("99999999999999999999999"));
}

}  // namespace
}  // namespace sextant::node
