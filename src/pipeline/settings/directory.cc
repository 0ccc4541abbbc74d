#include "pipeline/settings/directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>

namespace sextant::pipeline {

using core::Code;
using core::Fail;

core::Result<unsigned> ParsePermissions(const std::string& text) {
  unsigned bits = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 8);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Fail(Code::kInvalidArgument, "directory_permissions value must be a valid octal representation");
  }
  if ((bits & 0777) != bits) {
    return Fail(Code::kInvalidArgument, "directory_permissions contain invalid bits for file access");
  }
  return bits;
}

core::Status MakeDirectory(core::FileSystem& fs, const std::string& path, unsigned permissions) {
  bool is_new = !fs.Stat(path);
  SEXTANT_TRY(fs.MakeDirectories(path));
  if (is_new && ::chmod(path.c_str(), permissions) != 0) {
    return core::FailErrno(errno, fmt::format("chmod {}", path));
  }
  return {};
}

}  // namespace sextant::pipeline
