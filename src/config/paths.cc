#include "config/paths.h"

#include <glob.h>

#include <filesystem>

namespace sextant::config {

std::string DirectoryOf(std::string_view file) {
  std::string parent = std::filesystem::path(file).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string JoinDirectory(std::string_view directory, std::string_view path) {
  if (path.empty() || path.front() == '/') return std::string(path);
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

core::Result<std::vector<std::string>> ExpandGlob(const std::string& pattern) {
  struct GlobResult {
    glob_t value{};
    ~GlobResult() { ::globfree(&value); }
  } result;
  int status = ::glob(pattern.c_str(), 0, nullptr, &result.value);
  if (status == GLOB_NOMATCH) return std::vector<std::string>();
  if (status == GLOB_NOSPACE)
    return core::Fail(core::Code::kResourceExhausted, "{}: too many files", pattern);
  if (status != 0) return core::Fail(core::Code::kIo, "{}: cannot read a folder of this pattern", pattern);
  std::vector<std::string> files;
  for (size_t i = 0; i < result.value.gl_pathc; ++i) files.emplace_back(result.value.gl_pathv[i]);
  return files;
}

}  // namespace sextant::config
