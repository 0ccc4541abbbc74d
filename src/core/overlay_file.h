// A file system that leaves another one as it is: what is read comes from there, what is changed is kept in a
// scratch directory and seen from then on. So a program that repairs, renames and writes when it opens a
// directory can be used to look into one without touching it.
//
// Locks are taken in the base where their file exists, so that nobody else writes there meanwhile; elsewhere
// they always succeed. Files are not synced. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/file.h"

namespace sextant::core {

class OverlayFileSystem final : public FileSystem {
 public:
  // `base` must outlive this. `scratch_dir` exists, is empty, and is removed by its owner; paths in it are
  // never asked for.
  OverlayFileSystem(FileSystem& base, std::string scratch_dir)
      : base_(base), scratch_dir_(std::move(scratch_dir)) {}

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
  // All of these under the lock.
  // Where the content of a path is; nullopt: it was removed, or lies in what was.
  std::optional<std::string> Find(const std::string& path) const;
  Result<std::string> FindExisting(const std::string& path) const;
  bool Exists(const std::string& path) const;
  bool IsInScratch(const std::string& real_path) const { return real_path.starts_with(scratch_dir_); }
  // A name in the scratch directory for the content of `path`.
  std::string Place(const std::string& path);
  Status CopyToScratch(const std::string& path);
  void Forget(const std::string& path);
  Result<std::vector<FileInfo>> ListLocked(const std::string& path) const;

  FileSystem& base_;
  const std::string scratch_dir_;
  mutable std::mutex mutex_;
  // Paths whose content is elsewhere, with all that is below them; nullopt: removed.
  std::map<std::string, std::optional<std::string>> places_;
  uint64_t next_ = 1;
};

}  // namespace sextant::core
