// A file system for tests that fails on demand: it passes everything on to another one, counts the operations
// that change something, and makes a chosen one of them fail in a chosen way. It also remembers what has not
// been synced, so that a test can pull the plug.
//
//   FaultFileSystem fs(posix);
//   for (uint64_t n = 1;; ++n) {           // every operation in turn
//     fs.FailOperation(n, Fault::kTorn);
//     ... run the scenario ...
//     if (fs.operations() < n) break;      // it ran through without reaching operation n
//   }
//
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/file.h"

namespace sextant::core {

enum class Fault {
  kNone,
  kFail,       // nothing happens, an error is returned
  kTorn,       // Append: half of the bytes are written, then an error; others like kFail
  kGarbled,    // Append: all bytes, the second half as zeros, then an error (blocks written out of order)
  kFailAfter,  // it happens, and an error is returned all the same
};

class FaultFileSystem final : public FileSystem {
 public:
  // `base` must outlive this and every file opened through it.
  explicit FaultFileSystem(FileSystem& base);
  ~FaultFileSystem() override;

  // Makes the n-th operation from now (1 is the next) fail; with `and_all_later` every one after it as well
  // (kFail), like a device that is gone. Resets operations().
  void FailOperation(uint64_t n, Fault fault, bool and_all_later = false, Code code = Code::kIo);
  // Everything works again. Resets operations().
  void Heal() { FailOperation(0, Fault::kNone); }
  // Changing operations (open for writing, append, sync, truncate, rename, remove, make or sync a directory)
  // since the last FailOperation or Heal.
  uint64_t operations() const;
  // What the failing operation was ("append /data/journal/00000001"), or "".
  std::string failed_operation() const;

  // As after a power failure: files lose what was not synced, and names that were made or renamed since their
  // directory was synced are gone (or back). All files must be closed. Removed files stay removed.
  Status LosePower();

  // From here on every write, removal and replaced file is remembered until it is synced.
  void RememberChanges();
  // A power failure that may have written what was not synced in any order: of all remembered changes an
  // arbitrary part is lost. A write that is lost before one that is not leaves zeros; some are lost in half;
  // removed and replaced files may be back. All files must be closed.
  Status LosePower(std::mt19937_64& random);

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

 private:
  friend class FaultFile;
  // A name that a power failure would take back.
  struct UnsyncedName {
    std::string path;
    std::string former_path;             // renamed from; empty: newly made, or removed
    std::optional<std::string> content;  // of the file that was removed or replaced, when it is remembered
    bool is_removed = false;
  };
  struct Write {
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  // Counts one operation and says what is to happen to it.
  Fault Next(std::string_view operation, const std::string& path);
  Error MakeError(std::string_view operation, const std::string& path) const;
  template <typename Action>
  Status Run(std::string_view operation, const std::string& path, Action action);
  void SetSyncedSize(const std::string& path, uint64_t size_bytes);
  void NoteWrite(const std::string& path, uint64_t offset, uint64_t size);
  void NoteTruncate(const std::string& path, uint64_t size_bytes);
  std::optional<std::string> ContentToRemember(const std::string& path);
  Status LoseWrites(const std::string& path, const std::vector<Write>& writes, std::mt19937_64& random);
  Status LoseName(const UnsyncedName& name);

  FileSystem& base_;
  mutable std::mutex mutex_;
  uint64_t operations_ = 0;
  uint64_t fail_at_ = 0;
  Fault fault_ = Fault::kNone;
  bool and_all_later_ = false;
  Code code_ = Code::kIo;
  std::string failed_operation_;
  std::map<std::string, uint64_t> synced_sizes_;  // of files opened for writing
  std::vector<UnsyncedName> unsynced_names_;      // in the order they were made
  bool remembers_changes_ = false;
  std::map<std::string, std::vector<Write>> unsynced_writes_;
};

}  // namespace sextant::core
