#include "core/fault_file.h"

#include <algorithm>
#include <utility>

namespace sextant::core {

// Passes on to a real file under its file system's orders.
class FaultFile final : public File {
 public:
  FaultFile(FaultFileSystem& fs, std::unique_ptr<File> base) : fs_(fs), base_(std::move(base)) {}

  const std::string& path() const override { return base_->path(); }

  Status Append(std::string_view bytes) override {
    switch (fs_.Next("append", path())) {
      case Fault::kNone:
        return Write(bytes);
      case Fault::kFail:
        break;
      case Fault::kTorn:
        SEXTANT_TRY(Write(bytes.substr(0, bytes.size() / 2)));
        break;
      case Fault::kGarbled: {
        std::string garbled(bytes.substr(0, bytes.size() / 2));
        garbled.resize(bytes.size(), '\0');
        SEXTANT_TRY(Write(garbled));
        break;
      }
      case Fault::kFailAfter:
        SEXTANT_TRY(Write(bytes));
        break;
    }
    return tl::unexpected(fs_.MakeError("append", path()));
  }

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) const override {
    return base_->ReadAt(offset, buffer, size);
  }

  Status SyncData() override {
    return fs_.Run("sync data", path(), [this] { return NoteSynced(); });
  }
  Status Sync() override {
    return fs_.Run("sync", path(), [this] { return NoteSynced(); });
  }
  Status Truncate(uint64_t size_bytes) override {
    return fs_.Run("truncate", path(), [&]() -> Status {
      SEXTANT_TRY(base_->Truncate(size_bytes));
      fs_.NoteTruncate(path(), size_bytes);
      return {};
    });
  }
  Result<uint64_t> Size() const override { return base_->Size(); }

 private:
  Status Write(std::string_view bytes) {
    SEXTANT_ASSIGN(uint64_t offset, base_->Size());
    SEXTANT_TRY(base_->Append(bytes));
    fs_.NoteWrite(path(), offset, bytes.size());
    return {};
  }
  Status NoteSynced() {
    SEXTANT_ASSIGN(uint64_t size_bytes, base_->Size());
    fs_.SetSyncedSize(path(), size_bytes);
    return {};
  }

  FaultFileSystem& fs_;
  const std::unique_ptr<File> base_;
};

FaultFileSystem::FaultFileSystem(FileSystem& base) : base_(base) {}
FaultFileSystem::~FaultFileSystem() = default;

void FaultFileSystem::FailOperation(uint64_t n, Fault fault, bool and_all_later, Code code) {
  std::lock_guard lock(mutex_);
  operations_ = 0;
  fail_at_ = n;
  fault_ = fault;
  and_all_later_ = and_all_later;
  code_ = code;
  failed_operation_.clear();
}

uint64_t FaultFileSystem::operations() const {
  std::lock_guard lock(mutex_);
  return operations_;
}

std::string FaultFileSystem::failed_operation() const {
  std::lock_guard lock(mutex_);
  return failed_operation_;
}

Fault FaultFileSystem::Next(std::string_view operation, const std::string& path) {
  std::lock_guard lock(mutex_);
  ++operations_;
  if (fail_at_ == 0 || operations_ < fail_at_) return Fault::kNone;
  if (operations_ == fail_at_) {
    failed_operation_ = fmt::format("{} {}", operation, path);
    return fault_;
  }
  return and_all_later_ ? Fault::kFail : Fault::kNone;
}

Error FaultFileSystem::MakeError(std::string_view operation, const std::string& path) const {
  std::lock_guard lock(mutex_);
  return Error(code_, fmt::format("{} {}: injected fault", operation, path));
}

template <typename Action>
Status FaultFileSystem::Run(std::string_view operation, const std::string& path, Action action) {
  Fault fault = Next(operation, path);
  if (fault == Fault::kNone) return action();
  if (fault == Fault::kFailAfter) SEXTANT_TRY(action());
  return tl::unexpected(MakeError(operation, path));
}

void FaultFileSystem::SetSyncedSize(const std::string& path, uint64_t size_bytes) {
  std::lock_guard lock(mutex_);
  synced_sizes_[path] = size_bytes;
  unsynced_writes_.erase(path);
}

void FaultFileSystem::NoteWrite(const std::string& path, uint64_t offset, uint64_t size) {
  std::lock_guard lock(mutex_);
  if (remembers_changes_) unsynced_writes_[path].push_back({offset, size});
}

void FaultFileSystem::NoteTruncate(const std::string& path, uint64_t size_bytes) {
  std::lock_guard lock(mutex_);
  auto writes = unsynced_writes_.find(path);
  if (writes == unsynced_writes_.end()) return;
  std::erase_if(writes->second, [&](const Write& write) { return write.offset >= size_bytes; });
  for (Write& write : writes->second) write.size = std::min(write.size, size_bytes - write.offset);
}

void FaultFileSystem::RememberChanges() {
  std::lock_guard lock(mutex_);
  remembers_changes_ = true;
}

std::optional<std::string> FaultFileSystem::ContentToRemember(const std::string& path) {
  constexpr uint64_t kMaxBytes = 64 << 20;  // tests are small
  std::lock_guard lock(mutex_);
  auto info = base_.Stat(path);
  if (!remembers_changes_ || !info || info->is_directory) return std::nullopt;
  auto content = ReadFile(base_, path, kMaxBytes);
  return content ? std::optional(std::move(*content)) : std::nullopt;
}

Result<std::unique_ptr<File>> FaultFileSystem::Open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::kRead) return base_.Open(path, mode);
  bool existed = base_.Stat(path).has_value();
  std::unique_ptr<File> file;
  SEXTANT_TRY(Run("open", path, [&]() -> Status {
    SEXTANT_ASSIGN(file, base_.Open(path, mode));
    SEXTANT_ASSIGN(uint64_t size_bytes, file->Size());
    std::lock_guard lock(mutex_);
    if (!existed) unsynced_names_.push_back({path, "", std::nullopt});
    synced_sizes_.try_emplace(path, size_bytes);
    if (size_bytes == 0) {
      synced_sizes_[path] = 0;
      unsynced_writes_.erase(path);
    }
    return {};
  }));
  return std::make_unique<FaultFile>(*this, std::move(file));
}

Result<std::unique_ptr<MappedFile>> FaultFileSystem::MapReadOnly(const std::string& path) {
  return base_.MapReadOnly(path);
}

Result<std::unique_ptr<FileLock>> FaultFileSystem::Lock(const std::string& path) { return base_.Lock(path); }

namespace {

// The file, or everything below the directory, is known by another name now.
template <typename Value>
void MoveKeys(const std::string& from, const std::string& to, std::map<std::string, Value>& values) {
  std::map<std::string, Value> moved;
  for (auto it = values.begin(); it != values.end();) {
    bool is_moved = it->first == from || it->first.starts_with(from + "/");
    if (is_moved) moved[to + it->first.substr(from.size())] = std::move(it->second);
    it = is_moved ? values.erase(it) : std::next(it);
  }
  values.merge(moved);
}

}  // namespace

Status FaultFileSystem::Rename(const std::string& from, const std::string& to) {
  return Run("rename", from, [&]() -> Status {
    std::optional<std::string> replaced = ContentToRemember(to);
    SEXTANT_TRY(base_.Rename(from, to));
    std::lock_guard lock(mutex_);
    unsynced_names_.push_back({to, from, std::move(replaced)});
    synced_sizes_.erase(to);
    unsynced_writes_.erase(to);
    MoveKeys(from, to, synced_sizes_);
    MoveKeys(from, to, unsynced_writes_);
    return {};
  });
}

Status FaultFileSystem::Link(const std::string& from, const std::string& to) {
  return Run("link", to, [&]() -> Status {
    SEXTANT_TRY(base_.Link(from, to));
    std::lock_guard lock(mutex_);
    unsynced_names_.push_back({.path = to, .former_path = "", .content = std::nullopt});
    return {};
  });
}

Status FaultFileSystem::Remove(const std::string& path) {
  return Run("remove", path, [&]() -> Status {
    std::optional<std::string> content = ContentToRemember(path);
    SEXTANT_TRY(base_.Remove(path));
    std::lock_guard lock(mutex_);
    synced_sizes_.erase(path);
    unsynced_writes_.erase(path);
    if (content) unsynced_names_.push_back({path, "", std::move(content), /*is_removed=*/true});
    return {};
  });
}

Status FaultFileSystem::MakeDirectories(const std::string& path) {
  return Run("make directory", path, [&] { return base_.MakeDirectories(path); });
}

Status FaultFileSystem::SyncDirectory(const std::string& path) {
  return Run("sync directory", path, [&]() -> Status {
    std::lock_guard lock(mutex_);
    std::erase_if(unsynced_names_, [&](const UnsyncedName& name) { return ParentPath(name.path) == path; });
    return {};
  });
}

Result<std::vector<FileInfo>> FaultFileSystem::List(const std::string& path) const {
  return base_.List(path);
}
Result<FileInfo> FaultFileSystem::Stat(const std::string& path) const { return base_.Stat(path); }
Result<DiskSpace> FaultFileSystem::Space(const std::string& path) const { return base_.Space(path); }

Status FaultFileSystem::LosePower() {
  std::lock_guard lock(mutex_);
  for (const auto& [path, size_bytes] : synced_sizes_) {
    auto info = base_.Stat(path);
    if (!info || info->size_bytes <= size_bytes) continue;
    SEXTANT_ASSIGN(std::unique_ptr<File> file, base_.Open(path, OpenMode::kAppend));
    SEXTANT_TRY(file->Truncate(size_bytes));
  }
  for (auto it = unsynced_names_.rbegin(); it != unsynced_names_.rend(); ++it) {
    if (!base_.Stat(it->path)) continue;
    SEXTANT_TRY(it->former_path.empty() ? base_.Remove(it->path) : base_.Rename(it->path, it->former_path));
  }
  synced_sizes_.clear();
  unsynced_names_.clear();
  unsynced_writes_.clear();
  return {};
}

// Writes are kept, lost or lost in half; after the last one that is kept the file ends.
Status FaultFileSystem::LoseWrites(const std::string& path, const std::vector<Write>& writes,
                                   std::mt19937_64& random) {
  if (writes.empty() || !base_.Stat(path)) return {};
  constexpr uint64_t kMaxBytes = 64 << 20;
  SEXTANT_ASSIGN(std::string content, ReadFile(base_, path, kMaxBytes));
  uint64_t end = std::min<uint64_t>(writes.front().offset, content.size());
  for (const Write& write : writes) {
    uint64_t write_end = std::min<uint64_t>(write.offset + write.size, content.size());
    uint64_t begin = std::min(write.offset, write_end);
    uint64_t kept_end = write_end;
    if (random() % 2 == 0) kept_end = random() % 4 == 0 ? begin + (write_end - begin) / 2 : begin;
    std::fill(content.begin() + static_cast<ptrdiff_t>(kept_end),
              content.begin() + static_cast<ptrdiff_t>(write_end), '\0');
    if (kept_end > begin) end = kept_end;
  }
  content.resize(end);
  SEXTANT_ASSIGN(std::unique_ptr<File> file, base_.Open(path, OpenMode::kCreateOrEmpty));
  return file->Append(content);
}

Status FaultFileSystem::LoseName(const UnsyncedName& name) {
  if (!name.is_removed) {
    // What has taken one of the names since then stays.
    if (!base_.Stat(name.path) || base_.Stat(name.former_path)) return {};
    SEXTANT_TRY(name.former_path.empty() ? base_.Remove(name.path)
                                         : base_.Rename(name.path, name.former_path));
  }
  if (!name.content || base_.Stat(name.path)) return {};
  SEXTANT_TRY(base_.MakeDirectories(ParentPath(name.path)));
  SEXTANT_ASSIGN(std::unique_ptr<File> file, base_.Open(name.path, OpenMode::kCreate));
  return file->Append(*name.content);
}

Status FaultFileSystem::LosePower(std::mt19937_64& random) {
  std::lock_guard lock(mutex_);
  for (const auto& [path, writes] : unsynced_writes_) SEXTANT_TRY(LoseWrites(path, writes, random));
  for (auto name = unsynced_names_.rbegin(); name != unsynced_names_.rend(); ++name) {
    if (random() % 2 == 0) SEXTANT_TRY(LoseName(*name));
  }
  synced_sizes_.clear();
  unsynced_names_.clear();
  unsynced_writes_.clear();
  return {};
}

}  // namespace sextant::core
