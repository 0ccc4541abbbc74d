#include "core/overlay_file.h"

#include <algorithm>

namespace sextant::core {

namespace {

constexpr size_t kCopyBytes = 1 << 20;

class NoLock final : public FileLock {};

std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::optional<std::string> OverlayFileSystem::Find(const std::string& path) const {
  for (size_t end = path.size(); end != std::string::npos && end > 0; end = path.rfind('/', end - 1)) {
    auto place = places_.find(path.substr(0, end));
    if (place == places_.end()) continue;
    if (!place->second) return std::nullopt;
    return *place->second + path.substr(end);
  }
  return path;
}

Result<std::string> OverlayFileSystem::FindExisting(const std::string& path) const {
  if (std::optional<std::string> real = Find(path)) return std::move(*real);
  return Fail(Code::kNotFound, "{}: No such file or directory", path);
}

bool OverlayFileSystem::Exists(const std::string& path) const {
  std::optional<std::string> real = Find(path);
  return real && base_.Stat(*real);
}

std::string OverlayFileSystem::Place(const std::string& path) {
  std::string real = JoinPath(scratch_dir_, std::to_string(next_++));
  places_[path] = real;
  return real;
}

void OverlayFileSystem::Forget(const std::string& path) {
  std::string below = path + "/";
  auto first = places_.lower_bound(below);
  auto last = first;
  while (last != places_.end() && last->first.starts_with(below)) ++last;
  places_.erase(first, last);
  places_[path] = std::nullopt;
}

Status OverlayFileSystem::CopyToScratch(const std::string& path) {
  SEXTANT_ASSIGN(std::string from, FindExisting(path));
  SEXTANT_ASSIGN(auto source, base_.Open(from, OpenMode::kRead));
  std::string real = JoinPath(scratch_dir_, std::to_string(next_++));
  SEXTANT_ASSIGN(auto target, base_.Open(real, OpenMode::kCreate));
  std::string buffer(kCopyBytes, '\0');
  for (uint64_t offset = 0;;) {
    SEXTANT_ASSIGN(size_t got, source->ReadAt(offset, buffer.data(), buffer.size()));
    if (got == 0) break;
    SEXTANT_TRY(target->Append(std::string_view(buffer).substr(0, got)));
    offset += got;
  }
  places_[path] = real;
  return {};
}

Result<std::unique_ptr<File>> OverlayFileSystem::Open(const std::string& path, OpenMode mode) {
  std::lock_guard lock(mutex_);
  if (mode == OpenMode::kRead) {
    SEXTANT_ASSIGN(std::string real, FindExisting(path));
    return base_.Open(real, mode);
  }
  bool exists = Exists(path);
  if (mode == OpenMode::kCreate && exists) return Fail(Code::kAlreadyExists, "{}: File exists", path);
  if (mode == OpenMode::kAppend && exists) {
    if (!IsInScratch(*Find(path))) SEXTANT_TRY(CopyToScratch(path));
    return base_.Open(*Find(path), mode);
  }
  if (!Exists(ParentPath(path))) return Fail(Code::kNotFound, "{}: No such file or directory", path);
  return base_.Open(Place(path), mode);
}

Result<std::unique_ptr<MappedFile>> OverlayFileSystem::MapReadOnly(const std::string& path) {
  std::lock_guard lock(mutex_);
  SEXTANT_ASSIGN(std::string real, FindExisting(path));
  return base_.MapReadOnly(real);
}

Result<std::unique_ptr<FileLock>> OverlayFileSystem::Lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!Exists(path) || IsInScratch(*Find(path))) return std::make_unique<NoLock>();
  auto locked = base_.Lock(*Find(path));
  // Where nothing can be written, nobody else does.
  if (!locked && locked.error().code() == Code::kPermissionDenied) return std::make_unique<NoLock>();
  return locked;
}

Status OverlayFileSystem::Rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  if (!Exists(from)) return Fail(Code::kNotFound, "{}: No such file or directory", from);
  std::string real = *Find(from);
  std::map<std::string, std::optional<std::string>> moved;
  for (auto place = places_.lower_bound(from + "/");
       place != places_.end() && place->first.starts_with(from + "/"); ++place) {
    moved[to + place->first.substr(from.size())] = place->second;
  }
  Forget(from);
  Forget(to);
  places_.merge(moved);
  places_[to] = real;
  return {};
}

Status OverlayFileSystem::Link(const std::string& from, const std::string& to) {
  return Fail(Code::kUnimplemented, "linking {} to {}: not possible here", from, to);
}

Status OverlayFileSystem::Remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  SEXTANT_ASSIGN(std::string real, FindExisting(path));
  SEXTANT_ASSIGN(FileInfo info, base_.Stat(real));
  if (info.is_directory) {
    SEXTANT_ASSIGN(std::vector<FileInfo> entries, ListLocked(path));
    if (!entries.empty()) return Fail(Code::kIo, "removing {}: Directory not empty", path);
  } else if (IsInScratch(real)) {
    SEXTANT_TRY(base_.Remove(real));
  }
  Forget(path);
  return {};
}

Status OverlayFileSystem::MakeDirectories(const std::string& path) {
  std::lock_guard lock(mutex_);
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    if (!part.empty() && !Exists(part)) SEXTANT_TRY(base_.MakeDirectories(Place(part)));
    if (slash == std::string::npos) return {};
  }
}

Status OverlayFileSystem::SyncDirectory(const std::string&) { return {}; }

Result<std::vector<FileInfo>> OverlayFileSystem::ListLocked(const std::string& path) const {
  SEXTANT_ASSIGN(std::string real, FindExisting(path));
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, base_.List(real));
  std::erase_if(entries, [&](const FileInfo& entry) { return places_.contains(JoinPath(path, entry.name)); });
  std::string below = path + "/";
  for (auto place = places_.lower_bound(below); place != places_.end() && place->first.starts_with(below);
       ++place) {
    if (!place->second || place->first.find('/', below.size()) != std::string::npos) continue;
    SEXTANT_ASSIGN(FileInfo info, base_.Stat(*place->second));
    info.name = NameIn(place->first);
    entries.push_back(std::move(info));
  }
  std::sort(entries.begin(), entries.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.name < b.name; });
  return entries;
}

Result<std::vector<FileInfo>> OverlayFileSystem::List(const std::string& path) const {
  std::lock_guard lock(mutex_);
  return ListLocked(path);
}

Result<FileInfo> OverlayFileSystem::Stat(const std::string& path) const {
  std::lock_guard lock(mutex_);
  SEXTANT_ASSIGN(std::string real, FindExisting(path));
  SEXTANT_ASSIGN(FileInfo info, base_.Stat(real));
  info.name = NameIn(path);
  return info;
}

Result<DiskSpace> OverlayFileSystem::Space(const std::string&) const { return base_.Space(scratch_dir_); }

}  // namespace sextant::core
