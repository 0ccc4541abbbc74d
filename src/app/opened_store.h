// The store in a data directory of Sextant or Prometheus that no process is using, opened for looking:
// whatever opening it repairs or writes stays in a scratch directory that goes away.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/file.h"
#include "core/metrics.h"
#include "core/overlay_file.h"
#include "core/result.h"
#include "metrics/tsdb/db.h"

namespace sextant::app {

// A directory that is removed at the end.
class ScratchDir {
 public:
  // In `root`, or with "" where the system has temporary files.
  static core::Result<std::unique_ptr<ScratchDir>> Make(core::FileSystem& fs, const std::string& root = "");
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  ScratchDir(core::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  core::FileSystem& fs_;
  const std::string path_;
};

class OpenedStore {
 public:
  // kInvalidArgument when it is no directory; otherwise the errors of Db::Open.
  static core::Result<std::unique_ptr<OpenedStore>> Open(std::string dir, const std::string& log_level,
                                                         const std::string& scratch_root = "");

  tsdb::Db& db() { return *db_; }
  core::FileSystem& files() { return files_; }

 private:
  OpenedStore() = default;

  core::PosixFileSystem files_;
  core::SystemClock clock_;
  core::Registry registry_;
  std::unique_ptr<ScratchDir> scratch_;
  std::unique_ptr<core::OverlayFileSystem> overlay_;
  std::unique_ptr<tsdb::Db> db_;
};

}  // namespace sextant::app
