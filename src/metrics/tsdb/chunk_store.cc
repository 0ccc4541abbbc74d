#include "metrics/tsdb/chunk_store.h"

#include <xxhash.h>

#include <algorithm>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/journal.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::FileInfo;
using core::FileSystem;
using core::JoinPath;
using core::OpenMode;
using core::Status;

constexpr std::string_view kMagic = "SXTHCK1\n";
constexpr size_t kFileHeaderBytes = 16;
constexpr size_t kChunkHeaderBytes = 40;
constexpr size_t kChunkSizeOffset = 36;
constexpr size_t kFlushBytes = 64 << 10;
constexpr uint64_t kMaxFileBytes = 64 << 20;
constexpr uint32_t kMaxChunkBytes = 1 << 20;
constexpr unsigned kKindShift = 24;  // above the number of samples
constexpr unsigned kOffsetBits = 40;
// Head chunks of floats are at most this long, so that one read gets header and bytes.
constexpr size_t kUsualReadBytes = kChunkHeaderBytes + 256;

uint64_t Checksum(std::string_view chunk) {
  return XXH3_64bits(chunk.data() + sizeof(uint64_t), chunk.size() - sizeof(uint64_t));
}

}  // namespace

void SealWrittenChunk(std::string& record) {
  if (record.size() >= kChunkHeaderBytes) StoreFixed(record.data(), Checksum(record));
}

Status ParseWrittenChunk(std::string_view record, WrittenChunk& out) {
  if (record.size() < kChunkHeaderBytes || LoadFixed<uint64_t>(record.data()) != Checksum(record) ||
      LoadFixed<uint32_t>(record.data() + kChunkSizeOffset) != record.size() - kChunkHeaderBytes) {
    return core::Fail(Code::kCorruption, "not a head chunk");
  }
  out.previous = LoadFixed<ChunkRef>(record.data() + 8);
  out.last_time_ms = LoadFixed<TimestampMs>(record.data() + 16);
  out.series = LoadFixed<SeriesRef>(record.data() + 24);
  uint32_t samples_and_kind = LoadFixed<uint32_t>(record.data() + 32);
  out.samples = samples_and_kind & ((1U << kKindShift) - 1);
  out.kind = static_cast<ChunkKind>(samples_and_kind >> kKindShift);
  out.bytes.assign(record.substr(kChunkHeaderBytes));
  if (out.samples > kMaxChunkSamples || out.kind > ChunkKind::kHistograms) {
    return core::Fail(Code::kCorruption, "not a head chunk");
  }
  return {};
}

Status ChunkStore::Adopt(const std::vector<ChunkFileInfo>& files, ChunkRef newest_chunk) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs_.List(dir_));
  std::lock_guard lock(mutex_);
  next_number_ = (newest_chunk >> kOffsetBits) + 1;
  for (const ChunkFileInfo& info : files) next_number_ = std::max(next_number_, info.number + 1);
  for (const FileInfo& entry : entries) {
    uint64_t number = NumberOfName(entry.name);
    if (number == 0) continue;
    next_number_ = std::max(next_number_, number + 1);
    std::string path = JoinPath(dir_, entry.name);
    auto listed = std::find_if(files.begin(), files.end(),
                               [&](const ChunkFileInfo& info) { return info.number == number; });
    if (listed == files.end()) {
      SEXTANT_TRY(fs_.Remove(path));
      continue;
    }
    ChunkFile file;
    file.info = *listed;
    SEXTANT_ASSIGN(file.file, fs_.Open(path, OpenMode::kRead));
    file.written_bytes = entry.size_bytes;
    files_[number] = std::move(file);
  }
  for (const ChunkFileInfo& info : files) {
    if (files_.contains(info.number)) continue;
    logger_.Warn("a head chunk file is missing; its samples are lost",
                 {{"file", JoinPath(dir_, NumberedName(info.number))}, {"chunks", info.chunks}});
  }
  return {};
}

ChunkRef ChunkStore::Append(SeriesRef series, ChunkRef previous, TimestampMs last_time_ms, uint32_t samples,
                            std::string_view bytes, ChunkKind kind) {
  SEXTANT_CHECK(bytes.size() <= kMaxChunkBytes);
  std::lock_guard lock(mutex_);
  if (current_ != 0 && files_[current_].end() > kMaxFileBytes) current_ = 0;
  if (current_ == 0) {
    current_ = next_number_++;
    ChunkFile& started = files_[current_];
    started.info.number = current_;
    started.buffered = kMagic;
    PutFixed(started.buffered, current_);
    started.is_synced = false;
  }
  ChunkFile& file = files_[current_];
  uint64_t offset = file.end();
  size_t start = file.buffered.size();
  PutFixed(file.buffered, uint64_t{0});
  PutFixed(file.buffered, previous);
  PutFixed(file.buffered, last_time_ms);
  PutFixed(file.buffered, series);
  PutFixed(file.buffered, samples | static_cast<uint32_t>(kind) << kKindShift);
  PutFixed(file.buffered, static_cast<uint32_t>(bytes.size()));
  file.buffered.append(bytes);
  StoreFixed(file.buffered.data() + start, Checksum(std::string_view(file.buffered).substr(start)));
  ++file.info.chunks;
  file.info.last_time_ms = std::max(file.info.last_time_ms, last_time_ms);
  file.is_synced = false;
  if (file.buffered.size() >= kFlushBytes) is_flush_due_.store(true, std::memory_order_relaxed);
  return current_ << kOffsetBits | offset;
}

Status ChunkStore::ReadBytes(ChunkRef ref, char* out, size_t size, size_t& got) const {
  uint64_t number = ref >> kOffsetBits;
  uint64_t offset = ref & ((uint64_t{1} << kOffsetBits) - 1);
  std::shared_ptr<core::File> file;
  uint64_t written_bytes;
  {
    std::lock_guard lock(mutex_);
    auto found = files_.find(number);
    if (found == files_.end()) return core::Fail(Code::kNotFound, "head chunk file {} is gone", number);
    const ChunkFile& held = found->second;
    if (offset >= held.written_bytes) {
      std::string_view tail = held.flushing;
      uint64_t at = offset - held.written_bytes;
      if (at >= tail.size()) {
        at -= tail.size();
        tail = held.buffered;
      }
      got = at < tail.size() ? std::min(size, tail.size() - static_cast<size_t>(at)) : 0;
      std::copy_n(tail.data() + (got > 0 ? at : 0), got, out);
      return {};
    }
    file = held.file;
    written_bytes = held.written_bytes;
  }
  size = static_cast<size_t>(std::min<uint64_t>(size, written_bytes - offset));
  SEXTANT_ASSIGN(got, file->ReadAt(offset, out, size));
  return {};
}

Status ChunkStore::Read(ChunkRef ref, WrittenChunk& out) const {
  std::string record(kUsualReadBytes, '\0');
  size_t got = 0;
  SEXTANT_TRY(ReadBytes(ref, record.data(), record.size(), got));
  record.resize(got);
  if (got >= kChunkHeaderBytes) {
    uint32_t size = LoadFixed<uint32_t>(record.data() + kChunkSizeOffset);
    record.resize(kChunkHeaderBytes + std::min(size, kMaxChunkBytes));
    if (record.size() > got) {
      SEXTANT_TRY(ReadBytes(ref, record.data(), record.size(), got));
      record.resize(got);
    }
  }
  return ParseWrittenChunk(record, out)
      .map_error(core::AddContext("{} at {}", JoinPath(dir_, NumberedName(ref >> kOffsetBits)),
                                  ref & ((uint64_t{1} << kOffsetBits) - 1)));
}

Status ChunkStore::FlushFile(uint64_t number, std::unique_lock<std::mutex>& lock) {
  ChunkFile& file = files_[number];  // flush_mutex_ keeps it from being removed
  if (file.buffered.empty() && file.flushing.empty()) return {};
  if (file.flushing.empty()) {
    file.flushing.swap(file.buffered);
  } else {  // an earlier flush failed
    file.flushing += file.buffered;
    file.buffered.clear();
  }
  std::shared_ptr<core::File> handle = file.file;
  uint64_t written_bytes = file.written_bytes;
  bool may_have_torn_end = file.may_have_torn_end;
  // Nobody else changes `flushing`; readers only read it.
  std::string_view bytes = file.flushing;
  lock.unlock();
  auto write = [&]() -> Status {
    if (handle == nullptr) {
      SEXTANT_ASSIGN(handle, fs_.Open(JoinPath(dir_, NumberedName(number)), OpenMode::kCreateOrEmpty));
    }
    if (may_have_torn_end) SEXTANT_TRY(handle->Truncate(written_bytes));
    return handle->Append(bytes);
  };
  Status written = write();
  lock.lock();
  file.file = handle;
  file.may_have_torn_end = !written;
  if (!written) return written;
  file.written_bytes += file.flushing.size();
  file.flushing = std::string();
  return {};
}

Status ChunkStore::Flush(bool even_little) {
  if (!even_little && !is_flush_due_.load(std::memory_order_relaxed)) return {};
  std::lock_guard flush_lock(flush_mutex_);
  is_flush_due_.store(false, std::memory_order_relaxed);
  std::unique_lock lock(mutex_);
  std::vector<uint64_t> numbers;
  for (const auto& [number, file] : files_) {
    if (!file.buffered.empty() || !file.flushing.empty()) numbers.push_back(number);
  }
  for (uint64_t number : numbers) SEXTANT_TRY(FlushFile(number, lock));
  return {};
}

Status ChunkStore::Sync() {
  SEXTANT_TRY(Flush(/*even_little=*/true));
  std::vector<std::pair<uint64_t, std::shared_ptr<core::File>>> unsynced;
  {
    std::lock_guard lock(mutex_);
    for (auto& [number, file] : files_) {
      if (file.is_synced || file.file == nullptr) continue;
      file.is_synced = true;  // as of now; a chunk that comes meanwhile takes it back
      unsynced.emplace_back(number, file.file);
    }
  }
  if (unsynced.empty()) return {};
  Status synced;
  for (const auto& [number, file] : unsynced) {
    synced = file->SyncData();
    if (!synced) break;
  }
  if (synced) synced = fs_.SyncDirectory(dir_);
  if (synced) return {};
  std::lock_guard lock(mutex_);
  for (const auto& [number, file] : unsynced) {
    if (auto found = files_.find(number); found != files_.end()) found->second.is_synced = false;
  }
  return synced;
}

void ChunkStore::StartNewFile() {
  std::lock_guard lock(mutex_);
  current_ = 0;
}

Status ChunkStore::RemoveBefore(TimestampMs time_ms) {
  std::lock_guard flush_lock(flush_mutex_);
  std::vector<uint64_t> removed;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [number, file] : files_) {
      if (number != current_ && file.info.last_time_ms < time_ms) removed.push_back(number);
    }
  }
  for (uint64_t number : removed) {
    Status gone = fs_.Remove(JoinPath(dir_, NumberedName(number)));
    if (!gone && gone.error().code() != Code::kNotFound) return gone;
    std::lock_guard lock(mutex_);
    files_.erase(number);
  }
  return {};
}

std::vector<ChunkFileInfo> ChunkStore::Files(TimestampMs from_ms) const {
  std::lock_guard lock(mutex_);
  std::vector<ChunkFileInfo> files;
  for (const auto& [number, file] : files_) {
    if (number == current_ || file.info.last_time_ms >= from_ms) files.push_back(file.info);
  }
  return files;
}

uint64_t ChunkStore::chunks() const {
  std::lock_guard lock(mutex_);
  uint64_t chunks = 0;
  for (const auto& [number, file] : files_) chunks += file.info.chunks;
  return chunks;
}

uint64_t ChunkStore::size_bytes() const {
  std::lock_guard lock(mutex_);
  uint64_t size = 0;
  for (const auto& [number, file] : files_) size += file.end();
  return size;
}

}  // namespace sextant::tsdb
