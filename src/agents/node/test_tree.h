// For tests: a temporary folder with files in it, and the unpacking of ttar archives.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace sextant::node {

// A folder under the system's temporary folder, removed at the end.
class TestTree {
 public:
  TestTree();
  ~TestTree();
  TestTree(const TestTree&) = delete;
  TestTree& operator=(const TestTree&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes a file and the folders above it.
  void Write(std::string_view relative, std::string_view content) const;
  // Unpacks a ttar archive (the README of the conformance folder describes the format). False when it is
  // malformed.
  bool UnpackTtar(const std::filesystem::path& archive) const;

 private:
  std::filesystem::path path_;
};

}  // namespace sextant::node
