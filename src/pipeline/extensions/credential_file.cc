#include "pipeline/extensions/credential_file.h"

#include "core/file.h"

namespace sextant::pipeline {

namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = Trim(text.substr(0, end));
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

core::Result<std::vector<std::string>> CredentialFile::Lines() {
  std::lock_guard lock(mutex_);
  int64_t now_ns = clock_.MonotonicNs();
  if (has_lines_ && now_ns - read_ns_ < kFreshNs) return lines_;
  core::PosixFileSystem files;
  core::Result<std::string> text = core::ReadFile(files, path_, kMaxFileBytes);
  read_ns_ = now_ns;
  if (text) {
    lines_ = LinesOf(*text);
    has_lines_ = true;
    has_warned_ = false;
    return lines_;
  }
  if (!has_lines_) return tl::unexpected(text.error());
  if (!has_warned_) {
    logger_.Warn("a file of credentials cannot be read, what it said before is used",
                 {{"path", path_}, {"err", text.error()}});
    has_warned_ = true;
  }
  return lines_;
}

core::Result<std::string> CredentialFile::Value() {
  SEXTANT_ASSIGN(std::vector<std::string> lines, Lines());
  if (lines.empty()) return core::Fail(core::Code::kInvalidArgument, "{}: the file is empty", path_);
  return lines.front();
}

}  // namespace sextant::pipeline
