#include "pipeline/exporters/rotating_file.h"

#include <fmt/format.h>

#include <ctime>
#include <vector>

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr core::DurationMs kDayMs = 86'400'000;

// The parts of a path: "/a/out", ".json".
std::pair<std::string, std::string> SplitEnding(const std::string& path) {
  size_t slash = path.rfind('/');
  size_t dot = path.rfind('.');
  bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  if (!has_ending) return {path, ""};
  return {path.substr(0, dot), path.substr(dot)};
}

}  // namespace

Result<std::unique_ptr<RotatingFile>> RotatingFile::Open(core::FileSystem& fs, const core::Clock& clock,
                                                         std::string path, bool appends,
                                                         RotationOptions options) {
  std::unique_ptr<RotatingFile> made(new RotatingFile(fs, clock, std::move(path), options));
  core::OpenMode mode = appends ? core::OpenMode::kAppend : core::OpenMode::kCreateOrEmpty;
  SEXTANT_ASSIGN(made->file_, fs.Open(made->path_, mode));
  SEXTANT_ASSIGN(made->bytes_, made->file_->Size());
  return made;
}

Status RotatingFile::Write(std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (options_.max_bytes > 0) {
    if (bytes.size() > options_.max_bytes) {
      return Fail(Code::kResourceExhausted, "write length {} exceeds maximum file size {}", bytes.size(),
                  options_.max_bytes);
    }
    if (bytes_ + bytes.size() > options_.max_bytes) SEXTANT_TRY(Rotate());
  }
  if (Status written = file_->Append(bytes); !written) {
    // Part of it may be there.
    static_cast<void>(file_->Truncate(bytes_));
    return written;
  }
  bytes_ += bytes.size();
  return {};
}

Status RotatingFile::Sync() {
  std::lock_guard lock(mutex_);
  return file_->SyncData();
}

std::string RotatingFile::BackupName(core::TimestampMs time_ms) const {
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  options_.local_time ? localtime_r(&seconds, &parts) : gmtime_r(&seconds, &parts);
  auto [stem, ending] = SplitEnding(path_);
  return fmt::format("{}-{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:03}{}", stem, parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     time_ms % 1000, ending);
}

Status RotatingFile::Rotate() {
  // Two in the same millisecond must not have one name.
  core::TimestampMs time_ms = clock_.NowMs();
  while (fs_.Stat(BackupName(time_ms))) ++time_ms;
  SEXTANT_TRY(fs_.Rename(path_, BackupName(time_ms)));
  SEXTANT_ASSIGN(file_, fs_.Open(path_, core::OpenMode::kCreateOrEmpty));
  bytes_ = 0;
  return RemoveOld();
}

Status RotatingFile::RemoveOld() {
  if (options_.max_days == 0 && options_.max_backups == 0) return {};
  std::string directory = core::ParentPath(path_);
  SEXTANT_ASSIGN(std::vector<core::FileInfo> files, fs_.List(directory));
  auto [stem, ending] = SplitEnding(path_);
  std::string prefix = stem.substr(stem.rfind('/') + 1) + "-";
  std::vector<core::FileInfo> backups;  // by name and so by time
  for (core::FileInfo& info : files) {
    constexpr size_t kTimeBytes = 23;
    bool is_backup = !info.is_directory && info.name.size() == prefix.size() + kTimeBytes + ending.size() &&
                     info.name.starts_with(prefix) && info.name.ends_with(ending);
    if (is_backup) backups.push_back(std::move(info));
  }
  for (size_t i = 0; i < backups.size(); ++i) {
    bool is_too_many =
        options_.max_backups > 0 && backups.size() - i > static_cast<size_t>(options_.max_backups);
    bool is_too_old =
        options_.max_days > 0 && backups[i].modified_ms < clock_.NowMs() - options_.max_days * kDayMs;
    if (is_too_many || is_too_old) SEXTANT_TRY(fs_.Remove(core::JoinPath(directory, backups[i].name)));
  }
  return {};
}

}  // namespace sextant::pipeline
