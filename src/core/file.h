// Files as the rest of the system sees them: everything durable goes through a FileSystem, so that tests can
// make any operation fail (fault_file.h). Paths are plain strings; nothing here is cached or retried.
//
// Errors carry the path and the operating system's reason: kNotFound, kAlreadyExists, kPermissionDenied (also
// a read-only file system), kResourceExhausted (also a full disk), otherwise kIo. All methods of FileSystem
// may be called from any thread; a File belongs to one thread at a time except where it says otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::core {

// An open file. Closing happens in the destructor and reports nothing: whoever needs to know syncs first.
class File {
 public:
  virtual ~File() = default;

  virtual const std::string& path() const = 0;

  // Writes at the end: one write(2) when the system takes it whole, as it does for ordinary files. After a
  // failure part of the bytes may have been written; Truncate to the former size before going on.
  virtual Status Append(std::string_view bytes) = 0;
  // Reads up to `size` bytes; fewer only at the end of the file. May be called from several threads.
  virtual Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) const = 0;
  // Waits until the bytes (SyncData) or bytes and attributes (Sync) are on the device. Any thread may call
  // it, also while another appends. After a failure the state on the device is unknown, and calling again
  // proves nothing.
  virtual Status SyncData() = 0;
  virtual Status Sync() = 0;
  virtual Status Truncate(uint64_t size_bytes) = 0;
  virtual Result<uint64_t> Size() const = 0;
};

// A whole file mapped for reading. The file must not shrink meanwhile. An empty file maps to empty bytes.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  // Valid as long as this object. May be read from any thread.
  virtual std::string_view bytes() const = 0;
};

// An exclusive claim to a path, held by this process until destroyed (also when the process is killed).
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// One entry of a directory.
struct FileInfo {
  std::string name;  // without the directory
  uint64_t size_bytes = 0;
  TimestampMs modified_ms = 0;
  bool is_directory = false;
};

struct DiskSpace {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;
};

enum class OpenMode {
  kRead,           // must exist
  kAppend,         // made when absent; written at the end
  kCreate,         // must not exist
  kCreateOrEmpty,  // made, or emptied
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Opens a file; new ones get mode 0644 within the umask.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  virtual Result<std::unique_ptr<MappedFile>> MapReadOnly(const std::string& path) = 0;
  // Claims `path` (made when absent). kUnavailable when another process, or another lock of this one, has it.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;

  // Replaces `to`; atomic within one file system.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // Gives a file a second name. kUnimplemented where the file system has no such thing, or across two.
  virtual Status Link(const std::string& from, const std::string& to) = 0;
  // Removes a file or an empty directory.
  virtual Status Remove(const std::string& path) = 0;
  // Makes a directory and the missing ones above it; existing ones are fine.
  virtual Status MakeDirectories(const std::string& path) = 0;
  // Makes the names in a directory durable: after creating, renaming or removing entries.
  virtual Status SyncDirectory(const std::string& path) = 0;

  // Entries in the order of their names, without "." and "..".
  virtual Result<std::vector<FileInfo>> List(const std::string& path) const = 0;
  virtual Result<FileInfo> Stat(const std::string& path) const = 0;
  virtual Result<DiskSpace> Space(const std::string& path) const = 0;
};

// The operating system's files.
class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Result<std::unique_ptr<MappedFile>> MapReadOnly(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Link(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status MakeDirectories(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<std::vector<FileInfo>> List(const std::string& path) const override;
  Result<FileInfo> Stat(const std::string& path) const override;
  Result<DiskSpace> Space(const std::string& path) const override;
};

// "dir/name", without doubling the slash; `name` alone when `dir` is empty.
std::string JoinPath(std::string_view dir, std::string_view name);
// What is before the last slash; "." when there is none, "/" for entries of the root.
std::string ParentPath(std::string_view path);

// Reads a whole file; kResourceExhausted when it is larger than `limit_bytes`.
Result<std::string> ReadFile(FileSystem& fs, const std::string& path, uint64_t limit_bytes);
// Replaces a file so that after a crash either the old or the new content is there: writes path + ".tmp",
// syncs, renames, syncs the directory.
Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view bytes);
// Removes a directory and everything below it, or a file. A path that does not exist is fine.
Status RemoveAll(FileSystem& fs, const std::string& path);

}  // namespace sextant::core
