#include "pipeline/extensions/key_value_file.h"

#include <algorithm>
#include <optional>

#include "core/crc32c.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr std::string_view kMagic = "SXKV0001";
constexpr size_t kRecordHeadBytes = 8;
constexpr size_t kOperationHeadBytes = 9;
constexpr uint64_t kMaxRecordBytes = 1u << 30;
constexpr char kSetMark = 1;
constexpr char kDeleteMark = 2;

void PutNumber(std::string& out, uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((number >> shift) & 0xff);
}

uint32_t NumberAt(const char* bytes) {
  uint32_t number = 0;
  for (int i = 3; i >= 0; --i) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return number;
}

void PutOperation(std::string& payload, char mark, std::string_view key, std::string_view value) {
  payload += mark;
  PutNumber(payload, static_cast<uint32_t>(key.size()));
  PutNumber(payload, static_cast<uint32_t>(value.size()));
  payload += key;
  payload += value;
}

std::string RecordOf(std::string_view payload) {
  std::string record;
  record.reserve(kRecordHeadBytes + payload.size());
  PutNumber(record, static_cast<uint32_t>(payload.size()));
  PutNumber(record, core::Crc32c(payload));
  record += payload;
  return record;
}

// One operation of a payload.
struct ReadOperation {
  char mark = 0;
  std::string_view key;
  std::string_view value;
  size_t value_offset = 0;  // in the payload
};

// The operation at `at`, which moves behind it; nothing when the bytes are none.
std::optional<ReadOperation> NextOperation(std::string_view payload, size_t& at) {
  if (payload.size() - at < kOperationHeadBytes) return std::nullopt;
  ReadOperation operation;
  operation.mark = payload[at];
  uint64_t key_size = NumberAt(&payload[at + 1]);
  uint64_t value_size = NumberAt(&payload[at + 5]);
  at += kOperationHeadBytes;
  if (operation.mark != kSetMark && operation.mark != kDeleteMark) return std::nullopt;
  if (payload.size() - at < key_size + value_size) return std::nullopt;
  operation.key = payload.substr(at, key_size);
  operation.value_offset = at + key_size;
  operation.value = payload.substr(operation.value_offset, value_size);
  at += key_size + value_size;
  return operation;
}

}  // namespace

Result<std::unique_ptr<KeyValueFile>> KeyValueFile::Open(core::FileSystem& fs, std::string path,
                                                         KeyValueOptions options) {
  std::unique_ptr<KeyValueFile> file(new KeyValueFile(fs, std::move(path), options));
  SEXTANT_ASSIGN(file->lock_, fs.Lock(file->path_ + ".lock"));
  std::lock_guard lock(file->mutex_);
  SEXTANT_TRY(file->Load());
  return file;
}

Status KeyValueFile::Load() {
  SEXTANT_ASSIGN(file_, fs_.Open(path_, core::OpenMode::kAppend));
  SEXTANT_ASSIGN(uint64_t size, file_->Size());
  if (size < kMagic.size()) {
    // New, or killed before its first bytes were written.
    torn_bytes_ = size;
    SEXTANT_TRY(file_->Truncate(0));
    SEXTANT_TRY(file_->Append(kMagic));
    SEXTANT_TRY(file_->Sync());
    SEXTANT_TRY(fs_.SyncDirectory(core::ParentPath(path_)));
    file_bytes_ = kMagic.size();
    return {};
  }
  SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> mapped, fs_.MapReadOnly(path_));
  std::string_view bytes = mapped->bytes();
  if (!bytes.starts_with(kMagic)) {
    return Fail(Code::kCorruption, "{}: not a file of keys and values", path_);
  }
  uint64_t at = kMagic.size();
  while (bytes.size() - at >= kRecordHeadBytes) {
    uint64_t length = NumberAt(&bytes[at]);
    uint64_t end = at + kRecordHeadBytes + length;
    if (end > bytes.size()) break;
    std::string_view payload = bytes.substr(at + kRecordHeadBytes, length);
    if (core::Crc32c(payload) != NumberAt(&bytes[at + 4])) {
      if (end == bytes.size()) break;
      return Fail(Code::kCorruption, "{}: wrong checksum of the record at byte {}", path_, at);
    }
    size_t in_payload = 0;
    while (in_payload < payload.size()) {
      std::optional<ReadOperation> operation = NextOperation(payload, in_payload);
      if (!operation) return Fail(Code::kCorruption, "{}: malformed record at byte {}", path_, at);
      std::string key(operation->key);
      auto found = index_.find(key);
      if (found != index_.end()) {
        live_bytes_ -= found->first.size() + found->second.size;
        index_.erase(found);
      }
      if (operation->mark != kSetMark) continue;
      index_[std::move(key)] = {at + kRecordHeadBytes + operation->value_offset,
                                static_cast<uint32_t>(operation->value.size()),
                                core::Crc32c(operation->value)};
      live_bytes_ += operation->key.size() + operation->value.size();
    }
    at = end;
  }
  torn_bytes_ = bytes.size() - at;
  mapped.reset();
  if (torn_bytes_ > 0) SEXTANT_TRY(file_->Truncate(at));
  file_bytes_ = at;
  return {};
}

Result<std::string> KeyValueFile::Read(const Place& place) const {
  std::string value(place.size, '\0');
  SEXTANT_ASSIGN(size_t read, file_->ReadAt(place.offset, value.data(), value.size()));
  if (read != value.size() || core::Crc32c(value) != place.checksum) {
    return Fail(Code::kCorruption, "{}: the value at byte {} is not what was written", path_, place.offset);
  }
  return value;
}

Status KeyValueFile::CheckSize(const std::vector<StorageOperation>& operations) const {
  uint64_t added = 0;
  for (const StorageOperation& operation : operations) {
    if (operation.kind != StorageOperation::Kind::kSet) continue;
    added += operation.key.size() + operation.value->size();
  }
  if (added + kOperationHeadBytes * operations.size() > kMaxRecordBytes) {
    return Fail(Code::kResourceExhausted, "{}: a batch of {} bytes is larger than 1 GiB", path_, added);
  }
  if (options_.max_bytes == 0 || added == 0 || live_bytes_ + added <= options_.max_bytes) return {};
  return Fail(Code::kResourceExhausted, "{}: full: {} bytes are kept, {} more would exceed max_size {}",
              path_, live_bytes_, added, options_.max_bytes);
}

Status KeyValueFile::Append(std::string_view record) {
  if (Status written = file_->Append(record); !written) {
    if (!file_->Truncate(file_bytes_)) is_broken_ = true;
    return written;
  }
  if (options_.syncs_each_write) {
    if (Status synced = file_->SyncData(); !synced) {
      is_broken_ = true;
      return synced;
    }
  }
  return {};
}

Status KeyValueFile::Batch(std::vector<StorageOperation>& operations) {
  using Kind = StorageOperation::Kind;
  std::lock_guard lock(mutex_);
  if (is_broken_) return Fail(Code::kIo, "{}: not usable after an earlier error", path_);
  SEXTANT_TRY(CheckSize(operations));
  std::string payload;
  // What the batch has changed so far: a place, or nothing for a key that is gone.
  absl::flat_hash_map<std::string, std::optional<Place>> changed;
  absl::flat_hash_map<std::string, std::string_view> set_here;
  for (StorageOperation& operation : operations) {
    if (operation.kind == Kind::kGet) {
      operation.value.reset();
      if (auto here = changed.find(operation.key); here != changed.end()) {
        if (here->second) operation.value = std::string(set_here[operation.key]);
        continue;
      }
      auto found = index_.find(operation.key);
      if (found == index_.end()) continue;
      SEXTANT_ASSIGN(operation.value, Read(found->second));
      continue;
    }
    if (operation.kind == Kind::kDelete) {
      if (!index_.contains(operation.key) && !changed.contains(operation.key)) continue;
      PutOperation(payload, kDeleteMark, operation.key, "");
      changed[operation.key] = std::nullopt;
      continue;
    }
    PutOperation(payload, kSetMark, operation.key, *operation.value);
    uint64_t offset = file_bytes_ + kRecordHeadBytes + payload.size() - operation.value->size();
    changed[operation.key] =
        Place{offset, static_cast<uint32_t>(operation.value->size()), core::Crc32c(*operation.value)};
    set_here[operation.key] = *operation.value;
  }
  if (payload.empty()) return {};
  std::string record = RecordOf(payload);
  SEXTANT_TRY(Append(record));
  file_bytes_ += record.size();
  for (auto& [key, place] : changed) {
    if (auto found = index_.find(key); found != index_.end()) {
      live_bytes_ -= key.size() + found->second.size;
      index_.erase(found);
    }
    if (!place) continue;
    live_bytes_ += key.size() + place->size;
    index_.emplace(key, *place);
  }
  // The batch is kept whether or not this works; the file is as good as before if it does not.
  if (WantsCompaction()) static_cast<void>(CompactLocked());
  return {};
}

bool KeyValueFile::WantsCompaction() {
  if (options_.rebound_needed_bytes > 0) {
    is_rebound_needed_ |= file_bytes_ >= options_.rebound_needed_bytes;
    if (is_rebound_needed_ && live_bytes_ < options_.rebound_trigger_bytes) return true;
  }
  uint64_t garbage = file_bytes_ - std::min(file_bytes_, live_bytes_);
  return garbage >= options_.min_garbage_bytes && garbage > live_bytes_;
}

Status KeyValueFile::Compact() {
  std::lock_guard lock(mutex_);
  return CompactLocked();
}

Status KeyValueFile::CompactLocked() {
  std::string fresh_path = path_ + ".compacting";
  SEXTANT_ASSIGN(std::unique_ptr<core::File> fresh, fs_.Open(fresh_path, core::OpenMode::kCreateOrEmpty));
  SEXTANT_TRY(fresh->Append(kMagic));
  Index fresh_index;
  uint64_t fresh_bytes = kMagic.size();
  std::string payload;
  size_t items = 0;
  auto flush = [&]() -> Status {
    if (payload.empty()) return {};
    std::string record = RecordOf(payload);
    SEXTANT_TRY(fresh->Append(record));
    fresh_bytes += record.size();
    payload.clear();
    items = 0;
    return {};
  };
  constexpr size_t kFlushBytes = 4 << 20;
  for (const auto& [key, place] : index_) {
    SEXTANT_ASSIGN(std::string value, Read(place));
    PutOperation(payload, kSetMark, key, value);
    fresh_index.emplace(key, Place{fresh_bytes + kRecordHeadBytes + payload.size() - value.size(), place.size,
                                   place.checksum});
    ++items;
    if (payload.size() >= kFlushBytes || items == options_.compaction_batch_items) SEXTANT_TRY(flush());
  }
  SEXTANT_TRY(flush());
  SEXTANT_TRY(fresh->Sync());
  SEXTANT_TRY(fs_.Rename(fresh_path, path_));
  // From here on the new file is the one under the name.
  file_ = std::move(fresh);
  index_ = std::move(fresh_index);
  file_bytes_ = fresh_bytes;
  is_rebound_needed_ = false;
  return fs_.SyncDirectory(core::ParentPath(path_));
}

size_t KeyValueFile::keys() const {
  std::lock_guard lock(mutex_);
  return index_.size();
}

uint64_t KeyValueFile::file_bytes() const {
  std::lock_guard lock(mutex_);
  return file_bytes_;
}

}  // namespace sextant::pipeline
