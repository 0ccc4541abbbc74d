#include "agents/node/open_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>

namespace sextant::node {
namespace {

constexpr size_t kOpenLimit = 1'000;  // per collector

// Decimal, or hexadecimal with 0x; nothing for other texts.
std::optional<int64_t> ParseAttributeNumber(std::string_view text) {
  const bool is_hexadecimal = text.starts_with("0x");
  if (is_hexadecimal) text.remove_prefix(2);
  int64_t value = 0;
  const auto result =
      std::from_chars(text.data(), text.data() + text.size(), value, is_hexadecimal ? 16 : 10);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

enum class FileKind { kOther, kProc, kSysfs };

FileKind KindOf(int fd) {
  struct statfs info{};
  if (::fstatfs(fd, &info) != 0) return FileKind::kOther;
  if (info.f_type == SYSFS_MAGIC) return FileKind::kSysfs;
  return info.f_type == PROC_SUPER_MAGIC ? FileKind::kProc : FileKind::kOther;
}

}  // namespace

class OpenFiles::File {
 public:
  File(int fd, FileKind kind) : fd_(fd), kind_(kind) {}
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // The content anew, or errno.
  int Read(Records records, std::string& text) {
    char buffer[16 << 10];
    size_t size = 0;
    int reads = 0;
    text.clear();
    for (;;) {
      const ssize_t got = ::pread(fd_, buffer, sizeof buffer, static_cast<off_t>(size));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno;
      if (got == 0) break;
      ++reads;
      text.append(buffer, static_cast<size_t>(got));
      size += static_cast<size_t>(got);
      if (kind_ == FileKind::kSysfs && size < sizeof buffer) return 0;  // attributes come as a whole
      if (was_short_.load(std::memory_order_relaxed) && size <= kShortBytes) return 0;
      if (size > kFileLimitBytes) return EFBIG;
    }
    was_short_.store(records == Records::kShort && reads == 1 && size <= kShortBytes,
                     std::memory_order_relaxed);
    return 0;
  }

 private:
  // /proc hands out whole records, at least a page of them unless the file ends: what fills less than half
  // of it, in records that are shorter than the other half, is all. Asking for more is dear where the kernel
  // walks a table for the answer (net/udp).
  static constexpr size_t kShortBytes = 2'048;

  const int fd_;
  const FileKind kind_;
  std::atomic<bool> was_short_ = false;  // the last time that the end was looked for
};

core::Result<std::string> OpenFiles::Read(const std::string& path, Records records) {
  std::string text;
  const int error = ReadText(path, records, text);
  if (error == 0) return text;
  if (error == ENOENT || error == ENOTDIR) return core::Fail(core::Code::kNotFound, "{}: no such file", path);
  if (error == EFBIG) {
    return core::Fail(core::Code::kResourceExhausted, "{}: longer than {} bytes", path, kFileLimitBytes);
  }
  return core::FailErrno(error, path);
}

// Without the words of an error, which many attributes have each time. Returns 0 or errno.
int OpenFiles::ReadText(const std::string& path, Records records, std::string& text) {
  if (const auto file = Find(path)) {
    const int error = file->Read(records, text);
    // What the driver says of this file now; other errors mean that the file is another one by now.
    if (error == 0 || error == EINVAL || error == EOPNOTSUPP) return error;
    Keep(path, nullptr);
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno;
  const FileKind kind = KindOf(fd);
  auto file = std::make_shared<File>(fd, kind);
  const int error = file->Read(records, text);
  if (kind != FileKind::kOther) Keep(path, std::move(file));
  return error;
}

std::optional<std::string> OpenFiles::Attribute(const std::string& path) {
  std::string text;
  if (ReadText(path, Records::kAnyLength, text) != 0) return std::nullopt;
  return std::string(TrimSpace(text));
}

std::optional<int64_t> OpenFiles::Number(const std::string& path) {
  std::string text;
  if (ReadText(path, Records::kAnyLength, text) != 0) return std::nullopt;
  return ParseAttributeNumber(TrimSpace(text));
}

void OpenFiles::Forget() {
  const std::lock_guard lock(mutex_);
  files_.clear();
}

std::shared_ptr<OpenFiles::File> OpenFiles::Find(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second;
}

// No file: forgets the path.
void OpenFiles::Keep(const std::string& path, std::shared_ptr<File> file) {
  const std::lock_guard lock(mutex_);
  if (file == nullptr) {
    files_.erase(path);
    return;
  }
  // Above the limit there are devices that have gone: start anew.
  if (files_.size() >= kOpenLimit) files_.clear();
  files_[path] = std::move(file);
}

}  // namespace sextant::node
