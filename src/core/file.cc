#include "core/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sextant::core {
namespace {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor OpenRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

TimestampMs ToMs(const timespec& time) { return TimestampMs{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000; }

FileInfo ToFileInfo(std::string name, const struct stat& stat) {
  return {std::move(name), static_cast<uint64_t>(stat.st_size), ToMs(stat.st_mtim), S_ISDIR(stat.st_mode)};
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  const std::string& path() const override { return path_; }

  Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      ssize_t written = write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        return FailErrno(errno, fmt::format("writing {}", path_));
      }
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) const override {
    size_t done = 0;
    while (done < size) {
      ssize_t got = pread(fd_.get(), buffer + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return FailErrno(errno, fmt::format("reading {} at {}", path_, offset + done));
      }
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status SyncData() override {
    if (fdatasync(fd_.get()) != 0) return FailErrno(errno, fmt::format("syncing {}", path_));
    return {};
  }

  Status Sync() override {
    if (fsync(fd_.get()) != 0) return FailErrno(errno, fmt::format("syncing {}", path_));
    return {};
  }

  Status Truncate(uint64_t size_bytes) override {
    if (ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) {
      return FailErrno(errno, fmt::format("truncating {} to {} bytes", path_, size_bytes));
    }
    return {};
  }

  Result<uint64_t> Size() const override {
    struct stat stat;
    if (fstat(fd_.get(), &stat) != 0) return FailErrno(errno, fmt::format("asking the size of {}", path_));
    return static_cast<uint64_t>(stat.st_size);
  }

 private:
  const std::string path_;
  const Descriptor fd_;
};

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(void* address, size_t size) : address_(address), size_(size) {}
  ~PosixMappedFile() override {
    if (size_ > 0) munmap(address_, size_);
  }
  PosixMappedFile(const PosixMappedFile&) = delete;
  PosixMappedFile& operator=(const PosixMappedFile&) = delete;

  std::string_view bytes() const override { return {static_cast<const char*>(address_), size_}; }

 private:
  void* const address_;
  const size_t size_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;
};

struct CloseDirectory {
  void operator()(DIR* dir) const { closedir(dir); }
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode) {
  int flags = O_RDONLY;
  switch (mode) {
    case OpenMode::kRead:
      break;
    case OpenMode::kAppend:
      flags = O_RDWR | O_CREAT | O_APPEND;
      break;
    case OpenMode::kCreate:
      flags = O_RDWR | O_CREAT | O_EXCL | O_APPEND;
      break;
    case OpenMode::kCreateOrEmpty:
      flags = O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
      break;
  }
  Descriptor fd = OpenRetrying(path, flags);
  if (!fd.is_open()) {
    return FailErrno(errno,
                     fmt::format("{} {}", mode == OpenMode::kRead ? "opening" : "opening for writing", path));
  }
  return std::make_unique<PosixFile>(path, std::move(fd));
}

Result<std::unique_ptr<MappedFile>> PosixFileSystem::MapReadOnly(const std::string& path) {
  Descriptor fd = OpenRetrying(path, O_RDONLY);
  if (!fd.is_open()) return FailErrno(errno, fmt::format("opening {}", path));
  struct stat stat;
  if (fstat(fd.get(), &stat) != 0) return FailErrno(errno, fmt::format("asking the size of {}", path));
  if (stat.st_size == 0) return std::make_unique<PosixMappedFile>(nullptr, 0);
  size_t size = static_cast<size_t>(stat.st_size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return FailErrno(errno, fmt::format("mapping {}", path));
  return std::make_unique<PosixMappedFile>(address, size);
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  Descriptor fd = OpenRetrying(path, O_RDWR | O_CREAT);
  if (!fd.is_open()) return FailErrno(errno, fmt::format("opening for writing {}", path));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Fail(Code::kUnavailable, "{} is locked by another process", path);
    return FailErrno(errno, fmt::format("locking {}", path));
  }
  return std::make_unique<PosixFileLock>(std::move(fd));
}

Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0)
    return FailErrno(errno, fmt::format("renaming {} to {}", from, to));
  return {};
}

Status PosixFileSystem::Link(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return {};
  if (errno == EXDEV || errno == EPERM || errno == EOPNOTSUPP)
    return Fail(Code::kUnimplemented, "linking {} to {}: not possible here", from, to);
  return FailErrno(errno, fmt::format("linking {} to {}", from, to));
}

Status PosixFileSystem::Remove(const std::string& path) {
  if (remove(path.c_str()) != 0) return FailErrno(errno, fmt::format("removing {}", path));
  return {};
}

Status PosixFileSystem::MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    if (!part.empty() && mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      // A directory above may be there and yet not writable: what counts is whether the next one can be made.
      struct stat stat;
      int reason = errno;
      if (::stat(part.c_str(), &stat) != 0)
        return FailErrno(reason, fmt::format("making directory {}", part));
    }
    if (slash == std::string::npos) break;
  }
  struct stat stat;
  if (::stat(path.c_str(), &stat) != 0) return FailErrno(errno, fmt::format("making directory {}", path));
  if (!S_ISDIR(stat.st_mode)) return Fail(Code::kAlreadyExists, "{} exists and is not a directory", path);
  return {};
}

Status PosixFileSystem::SyncDirectory(const std::string& path) {
  Descriptor fd = OpenRetrying(path, O_RDONLY | O_DIRECTORY);
  if (!fd.is_open()) return FailErrno(errno, fmt::format("opening directory {}", path));
  // Some file systems (those of network and FUSE mounts) refuse to sync a directory; they order names
  // themselves.
  if (fsync(fd.get()) != 0 && errno != EINVAL)
    return FailErrno(errno, fmt::format("syncing directory {}", path));
  return {};
}

Result<std::vector<FileInfo>> PosixFileSystem::List(const std::string& path) const {
  std::unique_ptr<DIR, CloseDirectory> dir(opendir(path.c_str()));
  if (dir == nullptr) return FailErrno(errno, fmt::format("opening directory {}", path));
  std::vector<FileInfo> entries;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) {
      if (errno != 0) return FailErrno(errno, fmt::format("reading directory {}", path));
      break;
    }
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat stat;
    if (fstatat(dirfd(dir.get()), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // removed meanwhile
      return FailErrno(errno, fmt::format("asking about {}/{}", path, name));
    }
    entries.push_back(ToFileInfo(std::string(name), stat));
  }
  std::sort(entries.begin(), entries.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.name < b.name; });
  return entries;
}

Result<FileInfo> PosixFileSystem::Stat(const std::string& path) const {
  struct stat stat;
  if (::stat(path.c_str(), &stat) != 0) return FailErrno(errno, path);
  size_t slash = path.rfind('/');
  return ToFileInfo(slash == std::string::npos ? path : path.substr(slash + 1), stat);
}

Result<DiskSpace> PosixFileSystem::Space(const std::string& path) const {
  struct statvfs space;
  if (statvfs(path.c_str(), &space) != 0)
    return FailErrno(errno, fmt::format("asking the free space of {}", path));
  return DiskSpace{static_cast<uint64_t>(space.f_blocks) * space.f_frsize,
                   static_cast<uint64_t>(space.f_bavail) * space.f_frsize};
}

std::string JoinPath(std::string_view dir, std::string_view name) {
  if (dir.empty()) return std::string(name);
  return dir.ends_with('/') ? fmt::format("{}{}", dir, name) : fmt::format("{}/{}", dir, name);
}

std::string ParentPath(std::string_view path) {
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

Result<std::string> ReadFile(FileSystem& fs, const std::string& path, uint64_t limit_bytes) {
  SEXTANT_ASSIGN(std::unique_ptr<File> file, fs.Open(path, OpenMode::kRead));
  std::string bytes;
  // Not by size: files under /proc say 0 and still have content.
  constexpr size_t kStepBytes = 64 << 10;
  while (true) {
    size_t before = bytes.size();
    bytes.resize(before + kStepBytes);
    SEXTANT_ASSIGN(size_t got, file->ReadAt(before, bytes.data() + before, kStepBytes));
    bytes.resize(before + got);
    if (bytes.size() > limit_bytes) {
      return Fail(Code::kResourceExhausted, "{} is larger than the limit of {} bytes", path, limit_bytes);
    }
    if (got < kStepBytes) return bytes;
  }
}

Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view bytes) {
  std::string temporary = path + ".tmp";
  {
    SEXTANT_ASSIGN(std::unique_ptr<File> file, fs.Open(temporary, OpenMode::kCreateOrEmpty));
    SEXTANT_TRY(file->Append(bytes));
    SEXTANT_TRY(file->Sync());
  }
  SEXTANT_TRY(fs.Rename(temporary, path));
  return fs.SyncDirectory(ParentPath(path));
}

Status RemoveAll(FileSystem& fs, const std::string& path) {
  auto entries = fs.List(path);
  if (entries) {
    for (const FileInfo& entry : *entries) {
      std::string child = JoinPath(path, entry.name);
      SEXTANT_TRY(entry.is_directory ? RemoveAll(fs, child) : fs.Remove(child));
    }
  }
  Status removed = fs.Remove(path);
  if (!removed && removed.error().code() == Code::kNotFound) return {};
  return removed;
}

}  // namespace sextant::core
