// A file that is written at its end and, when it has grown too large, is renamed and begun anew, as
// lumberjack does it: "out.json" becomes "out-2024-05-01T10-00-00.000.json".
//
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"

namespace sextant::pipeline {

struct RotationOptions {
  uint64_t max_bytes = 0;   // of one file; 0: it is never renamed
  int64_t max_days = 0;     // older ones are removed; 0: none are
  int64_t max_backups = 0;  // so many are kept; 0: all
  bool local_time = false;  // in their names; else UTC
};

class RotatingFile {
 public:
  // Opens or makes the file; what is there is kept with `appends`, else emptied. `fs` and `clock` outlive it.
  static core::Result<std::unique_ptr<RotatingFile>> Open(core::FileSystem& fs, const core::Clock& clock,
                                                          std::string path, bool appends,
                                                          RotationOptions options);

  // Writes all of it, or tells why not; with rotation, into one file.
  core::Status Write(std::string_view bytes);
  // Until what was written is on the device.
  core::Status Sync();

 private:
  RotatingFile(core::FileSystem& fs, const core::Clock& clock, std::string path, RotationOptions options)
      : fs_(fs), clock_(clock), path_(std::move(path)), options_(options) {}
  core::Status Rotate();
  core::Status RemoveOld();
  std::string BackupName(core::TimestampMs time_ms) const;

  core::FileSystem& fs_;
  const core::Clock& clock_;
  const std::string path_;
  const RotationOptions options_;
  std::mutex mutex_;
  std::unique_ptr<core::File> file_;  // guarded by mutex_
  uint64_t bytes_ = 0;                // likewise
};

}  // namespace sextant::pipeline
