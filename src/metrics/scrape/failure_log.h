// The file in which failed scrapes are written down (scrape_failure_log_file): one JSON object a line, as
// Prometheus writes it.
//
//   {"time":"2026-01-02T13:37:00.000Z","level":"ERROR","msg":"Get \"http://…\":
//   …","job_name":"node","target":"…"}
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"

namespace sextant::scrape {

class FailureLog {
 public:
  // Opens (or makes) the file. Both references must outlive the log.
  static core::Result<std::shared_ptr<FailureLog>> Open(core::FileSystem& files, const core::Clock& clock,
                                                        const std::string& path);

  // Opens the path anew, so that the file can be rotated. On an error the file before stays.
  core::Status Reopen();

  // Appends a line; what cannot be written is lost. Thread-safe.
  void Write(const std::string& error, const std::string& job, const std::string& target);

 private:
  FailureLog(core::FileSystem& files, const core::Clock& clock, std::string path)
      : files_(files), clock_(clock), path_(std::move(path)) {}

  core::FileSystem& files_;
  const core::Clock& clock_;
  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<core::File> file_;  // guarded by mutex_
};

}  // namespace sextant::scrape
