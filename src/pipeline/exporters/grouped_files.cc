#include "pipeline/exporters/grouped_files.h"

#include <filesystem>

#include "pipeline/settings/directory.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

// Past these, every file is appended to, as one that was open before.
constexpr size_t kMaxSeenPaths = 100'000;

}  // namespace

GroupedFiles::GroupedFiles(core::FileSystem& fs, const core::Clock& clock, GroupedFilesOptions options)
    : fs_(fs),
      clock_(clock),
      options_(std::move(options)),
      prefix_(options_.path.substr(0, options_.path.find('*'))),
      suffix_(options_.path.substr(options_.path.find('*') + 1)) {}

Result<std::string> GroupedFiles::PathOf(std::string_view segment) const {
  if (segment.find('\0') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, "a segment of a path has a zero byte");
  }
  std::filesystem::path root = std::filesystem::path(core::ParentPath(prefix_ + "x")).lexically_normal();
  std::filesystem::path path =
      std::filesystem::path(fmt::format("{}{}{}", prefix_, segment, suffix_)).lexically_normal();
  std::filesystem::path inside = path.lexically_relative(root);
  if (inside.empty() || *inside.begin() == ".." || inside == ".") {
    return Fail(Code::kInvalidArgument, "\"{}\" leads out of {}", segment, root.string());
  }
  return path.string();
}

Result<RotatingFile*> GroupedFiles::Find(const std::string& path) {
  if (auto found = by_path_.find(path); found != by_path_.end()) {
    open_.splice(open_.begin(), open_, found->second);
    return found->second->file.get();
  }
  SEXTANT_TRY(MakeDirectory(fs_, core::ParentPath(path), options_.directory_permissions));
  bool was_open = seen_.contains(path) || seen_.size() >= kMaxSeenPaths;
  SEXTANT_ASSIGN(std::unique_ptr<RotatingFile> file,
                 RotatingFile::Open(fs_, clock_, path, options_.appends || was_open, {}));
  if (open_.size() >= options_.max_open_files) {
    SEXTANT_TRY(open_.back().file->Sync());
    by_path_.erase(open_.back().path);
    open_.pop_back();
  }
  if (!was_open) seen_.insert(path);
  open_.push_front({path, std::move(file)});
  by_path_[path] = open_.begin();
  return open_.front().file.get();
}

Status GroupedFiles::Write(std::string_view segment, std::string_view bytes) {
  SEXTANT_ASSIGN(std::string path, PathOf(segment));
  std::lock_guard lock(mutex_);
  SEXTANT_ASSIGN(RotatingFile * file, Find(path));
  return file->Write(bytes);
}

Status GroupedFiles::Sync() {
  std::lock_guard lock(mutex_);
  for (const Open& one : open_) SEXTANT_TRY(one.file->Sync());
  return {};
}

}  // namespace sextant::pipeline
