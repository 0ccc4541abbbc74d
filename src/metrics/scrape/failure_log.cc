#include "metrics/scrape/failure_log.h"

#include <ctime>

#include "core/json_writer.h"

namespace sextant::scrape {

namespace {

std::string FormatTime(core::TimestampMs time_ms) {
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time_ms % 1000);
}

}  // namespace

core::Result<std::shared_ptr<FailureLog>> FailureLog::Open(core::FileSystem& files, const core::Clock& clock,
                                                           const std::string& path) {
  std::shared_ptr<FailureLog> log(new FailureLog(files, clock, path));
  SEXTANT_TRY(log->Reopen());
  return log;
}

core::Status FailureLog::Reopen() {
  SEXTANT_ASSIGN(std::shared_ptr<core::File> file,
                 files_.Open(path_, core::OpenMode::kAppend)
                     .map_error(core::AddContext("scrape_failure_log_file: can't create json log file")));
  std::lock_guard lock(mutex_);
  file_ = std::move(file);
  return {};
}

void FailureLog::Write(const std::string& error, const std::string& job, const std::string& target) {
  core::JsonWriter json;
  json.BeginObject().Key("time").String(FormatTime(clock_.NowMs())).Key("level").String("ERROR");
  json.Key("msg").String(error).Key("job_name").String(job).Key("target").String(target).EndObject();
  std::string line = std::move(json).Take() + "\n";
  std::shared_ptr<core::File> file;
  {
    std::lock_guard lock(mutex_);
    file = file_;
  }
  // One write(2) to a file that is open for appending: lines of several threads do not mix.
  (void)file->Append(line);
}

}  // namespace sextant::scrape
