#include "agents/node/open_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

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
  int Read(std::string& text) const {
    char buffer[16 << 10];
    size_t size = 0;
    text.clear();
    for (;;) {
      const ssize_t got = ::pread(fd_, buffer, sizeof buffer, static_cast<off_t>(size));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno;
      if (got == 0) return 0;
      text.append(buffer, static_cast<size_t>(got));
      size += static_cast<size_t>(got);
      if (kind_ == FileKind::kSysfs && size < sizeof buffer) return 0;  // attributes come as a whole
      if (size > kFileLimitBytes) return EFBIG;
    }
  }

 private:
  const int fd_;
  const FileKind kind_;
};

core::Result<std::string> OpenFiles::Read(const std::string& path) {
  if (const auto file = Find(path)) {
    std::string text;
    const int error = file->Read(text);
    if (error == 0) return text;
    // What the driver says of this file now; other errors mean that the file is another one by now.
    if (error == EINVAL || error == EOPNOTSUPP) return core::FailErrno(error, path);
    Keep(path, nullptr);
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return core::Fail(core::Code::kNotFound, "{}: no such file", path);
    return core::FailErrno(errno, path);
  }
  const FileKind kind = KindOf(fd);
  auto file = std::make_shared<File>(fd, kind);
  if (kind == FileKind::kOther) return ReadHostFile(path);
  std::string text;
  const int error = file->Read(text);
  Keep(path, std::move(file));
  if (error == EFBIG) {
    return core::Fail(core::Code::kResourceExhausted, "{}: longer than {} bytes", path, kFileLimitBytes);
  }
  if (error != 0) return core::FailErrno(error, path);
  return text;
}

std::optional<std::string> OpenFiles::Attribute(const std::string& path) {
  const auto text = Read(path);
  if (!text) return std::nullopt;
  return std::string(TrimSpace(*text));
}

std::optional<int64_t> OpenFiles::Number(const std::string& path) {
  const auto text = Attribute(path);
  return text ? ParseAttributeNumber(*text) : std::nullopt;
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
