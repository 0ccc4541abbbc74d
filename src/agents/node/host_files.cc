#include "agents/node/host_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "model/labels.h"

namespace sextant::node {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct FdCloser {
  int fd;
  ~FdCloser() { ::close(fd); }
};

tl::unexpected<core::Error> ReadError(const std::string& path) {
  const int error_number = errno;
  if (error_number == ENOENT || error_number == ENOTDIR) {
    return core::Fail(core::Code::kNotFound, "{}: no such file", path);
  }
  return core::FailErrno(error_number, path);
}

template <typename T>
core::Result<T> ParseWith(std::string_view text, std::from_chars_result result, T value) {
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    return core::Fail(core::Code::kInvalidArgument, "{} is not a number", model::QuoteGo(text.substr(0, 64)));
  }
  return value;
}

std::optional<int64_t> ParseAttributeNumber(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

std::string HostPaths::Root(std::string_view absolute) const {
  if (rootfs == "/" || rootfs.empty()) return std::string(absolute);
  return absolute == "/" ? rootfs : rootfs + std::string(absolute);
}

core::Result<std::string> ReadHostFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return ReadError(path);
  const FdCloser closer{fd};
  // Files in /proc and /sys say nothing of their size; most fit into the first read.
  std::string text(4'096, '\0');
  size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ReadError(path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (size < text.size()) continue;
    if (size >= kFileLimitBytes) {
      return core::Fail(core::Code::kResourceExhausted, "{}: longer than {} bytes", path, kFileLimitBytes);
    }
    text.resize(std::min(text.size() * 4, kFileLimitBytes));
  }
  text.resize(size);
  return text;
}

std::optional<std::string> ReadAttribute(const std::string& path) {
  auto text = ReadHostFile(path);
  if (!text) return std::nullopt;
  return std::string(TrimSpace(*text));
}

std::optional<int64_t> ReadNumber(const std::string& path) {
  const auto attribute = ReadAttribute(path);
  return attribute ? ParseAttributeNumber(*attribute) : std::nullopt;
}

AttributeFolder::AttributeFolder(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY)) {}

AttributeFolder::~AttributeFolder() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::string> AttributeFolder::Text(const char* name) const {
  if (fd_ < 0) return std::nullopt;
  const int fd = ::openat(fd_, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  const FdCloser closer{fd};
  char buffer[4'096];  // the kernel's own limit for an attribute
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got < 0) return std::nullopt;
  return std::string(TrimSpace({buffer, static_cast<size_t>(got)}));
}

std::optional<int64_t> AttributeFolder::Number(const char* name) const {
  const auto attribute = Text(name);
  return attribute ? ParseAttributeNumber(*attribute) : std::nullopt;
}

core::Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  const auto close = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(::opendir(path.c_str()), close);
  if (!directory) return ReadError(path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() >= kDirectoryLimit) {
      return core::Fail(core::Code::kResourceExhausted, "{}: more than {} entries", path, kDirectoryLimit);
    }
    names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsDirectory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> Numbered(std::vector<std::string> names, std::string_view prefix) {
  std::erase_if(names, [&](const std::string& name) {
    return !name.starts_with(prefix) || name.size() == prefix.size() || name[prefix.size()] < '0' ||
           name[prefix.size()] > '9';
  });
  return names;
}

std::vector<std::string> ListNumbered(const std::string& path, std::string_view prefix) {
  auto names = ListDirectory(path);
  if (!names) return {};
  return Numbered(*std::move(names), prefix);
}

bool NextLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const size_t end = text.find('\n');
  line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return true;
}

std::string_view NextField(std::string_view& line) {
  // By hand: find_first_of searches its set of characters for each character, and fields are short.
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  size_t start = 0;
  while (start < line.size() && is_blank(line[start])) ++start;
  size_t end = start;
  while (end < line.size() && !is_blank(line[end])) ++end;
  const std::string_view field = line.substr(start, end - start);
  line.remove_prefix(end);
  return field;
}

void SplitFields(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  for (std::string_view field = NextField(line); !field.empty(); field = NextField(line))
    fields.push_back(field);
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

core::Result<double> ParseFloat(std::string_view text) {
  // Most are whole numbers of a few digits, which a double holds exactly.
  constexpr size_t kExactDigits = 15;
  if (!text.empty() && text.size() <= kExactDigits) {
    uint64_t whole = 0;
    size_t i = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      whole = whole * 10 + static_cast<uint64_t>(text[i] - '0');
    }
    if (i == text.size()) return static_cast<double>(whole);
  }
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return ParseWith(text, result, value);
}

core::Result<uint64_t> ParseUnsigned(std::string_view text, int base) {
  uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return ParseWith(text, result, value);
}

core::Result<int64_t> ParseSigned(std::string_view text) {
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return ParseWith(text, result, value);
}

bool IsPathComponent(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

std::string_view WithoutPrefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string MetricNamePart(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::string part;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    bool has_other = false;
    while (end < text.size() && !is_word(text[end])) has_other |= text[end++] != '_';
    if (end == i) {
      part += text[i++];
    } else {
      part += has_other ? std::string_view("_") : text.substr(i, end - i);
      i = end;
    }
  }
  return part;
}

}  // namespace sextant::node
