#include "metrics/tsdb/journal.h"

#include <algorithm>
#include <charconv>

#include "metrics/tsdb/frames.h"

namespace sextant::tsdb {

using core::Code;
using core::File;
using core::FileInfo;
using core::FileSystem;
using core::JoinPath;
using core::OpenMode;
using core::Result;
using core::Status;

std::string NumberedName(uint64_t number) { return fmt::format("{:08}", number); }

uint64_t NumberOfName(std::string_view name) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() && NumberedName(number) == name ? number
                                                                                                  : 0;
}

Result<std::unique_ptr<Journal>> Journal::Start(FileSystem& fs, std::string dir, core::Logger logger,
                                                uint64_t first_number, JournalOptions options) {
  std::unique_ptr<Journal> journal(new Journal(fs, std::move(dir), std::move(logger), options));
  SEXTANT_TRY(journal->OpenFile(first_number));
  return journal;
}

Status Journal::OpenFile(uint64_t number) {
  if (file_ != nullptr) unsynced_files_.push_back(std::move(file_));
  file_ = nullptr;
  encoder_.Reset();
  // A file of this number can only be one whose header could not be written.
  SEXTANT_ASSIGN(std::shared_ptr<File> file,
                 fs_.Open(JoinPath(dir_, NumberedName(number)), OpenMode::kCreateOrEmpty));
  file_number_ = number;
  has_unsynced_names_ = true;
  SEXTANT_TRY(file->Append(MakeFrameFileHeader(FrameFileKind::kJournal, number)));
  if (options_.sync_every_append) SEXTANT_TRY(fs_.SyncDirectory(dir_));
  file_ = std::move(file);
  file_bytes_ = kFrameFileHeaderBytes;
  return {};
}

Status Journal::SyncFile(File& file) {
  if (options_.sync_seconds == nullptr) return file.SyncData();
  const int64_t started_ns = options_.clock->MonotonicNs();
  Status synced = file.SyncData();
  options_.sync_seconds->Observe(static_cast<double>(options_.clock->MonotonicNs() - started_ns) / 1e9);
  return synced;
}

Status Journal::WriteFrame() {
  Status written = file_->Append(frame_);
  if (written && options_.sync_every_append) written = SyncFile(*file_);
  if (written) {
    file_bytes_ += frame_.size();
    size_bytes_ += frame_.size();
    return {};
  }
  // The streams say what has not been written, and half a frame may stand at the end.
  encoder_.ForgetStreams();
  if (Status cut = file_->Truncate(file_bytes_); !cut) {
    logger_.Error("cannot take back half a journal batch; going on in a new file", {{"error", cut.error()}});
    unsynced_files_.push_back(std::move(file_));
    file_ = nullptr;
  }
  return written;
}

Status Journal::Append(const std::vector<SeriesDefinition>& definitions, const SampleSpans& samples,
                       std::span<const Section> sections) {
  std::lock_guard lock(mutex_);
  if (file_ == nullptr || file_bytes_ >= options_.segment_bytes) SEXTANT_TRY(OpenFile(file_number_ + 1));
  frame_.assign(kFrameHeaderBytes, '\0');
  encoder_.Encode(definitions, samples, sections, frame_);
  if (frame_.size() > kMaxFrameBytes) {
    encoder_.ForgetStreams();
    return core::Fail(Code::kResourceExhausted, "a batch of {} samples is too large for the journal",
                      samples.refs.size());
  }
  SealFrame(file_number_, file_bytes_, frame_);
  Status written = WriteFrame();
  if (written) samples_ += samples.refs.size();
  constexpr size_t kKeptBytes = 1 << 20;
  if (frame_.capacity() > kKeptBytes) frame_ = std::string();
  return written;
}

Status Journal::Sync() {
  std::vector<std::shared_ptr<File>> files;
  bool has_unsynced_names;
  size_t closed_files;
  {
    std::lock_guard lock(mutex_);
    files = unsynced_files_;
    closed_files = files.size();
    if (file_ != nullptr) files.push_back(file_);
    has_unsynced_names = has_unsynced_names_;
  }
  for (const std::shared_ptr<File>& file : files) SEXTANT_TRY(SyncFile(*file));
  if (has_unsynced_names) SEXTANT_TRY(fs_.SyncDirectory(dir_));
  std::lock_guard lock(mutex_);
  unsynced_files_.erase(unsynced_files_.begin(),
                        unsynced_files_.begin() + static_cast<ptrdiff_t>(closed_files));
  // Files opened meanwhile are not covered.
  if (has_unsynced_names && unsynced_files_.empty()) has_unsynced_names_ = false;
  return {};
}

Result<uint64_t> Journal::Rotate() {
  std::lock_guard lock(mutex_);
  SEXTANT_TRY(OpenFile(file_number_ + 1));
  return file_number_;
}

Status Journal::RemoveBefore(uint64_t number, uint64_t hold, uint64_t max_held_bytes) {
  SEXTANT_ASSIGN(std::vector<FileInfo> files, fs_.List(dir_));
  uint64_t held_bytes = 0;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {  // the newest first
    uint64_t file_number = NumberOfName(file->name);
    if (file_number == 0 || file_number >= number) continue;
    held_bytes += file->size_bytes;
    if (file_number < hold || held_bytes > max_held_bytes) break;
    number = file_number;
  }
  for (const FileInfo& file : files) {
    uint64_t file_number = NumberOfName(file.name);
    if (file_number != 0 && file_number < number) SEXTANT_TRY(fs_.Remove(JoinPath(dir_, file.name)));
  }
  std::lock_guard lock(mutex_);
  std::erase_if(unsynced_files_, [&](const std::shared_ptr<File>& file) {
    std::string_view path = file->path();
    return NumberOfName(path.substr(path.rfind('/') + 1)) < number;
  });
  return {};
}

uint64_t Journal::file_number() const {
  std::lock_guard lock(mutex_);
  return file_number_;
}

model::CommitPosition Journal::End() const {
  std::lock_guard lock(mutex_);
  return {file_number_, file_bytes_};
}

uint64_t Journal::size_bytes() const {
  std::lock_guard lock(mutex_);
  return size_bytes_;
}

uint64_t Journal::samples() const {
  std::lock_guard lock(mutex_);
  return samples_;
}

void Journal::ResetSize() {
  std::lock_guard lock(mutex_);
  size_bytes_ = 0;
  samples_ = 0;
}

void Journal::set_max_columns(uint64_t max_columns) {
  std::lock_guard lock(mutex_);
  encoder_.set_max_columns(max_columns);
}

namespace {

// Replays one file and says where its intact part ends and why.
struct FileEnd {
  uint64_t offset = 0;
  bool is_intact = false;
};

FileEnd ReplayFile(uint64_t number, std::string_view bytes,
                   const std::function<Status(uint64_t, std::string_view)>& apply, ReplayResult& result) {
  FrameReader frames(FrameFileKind::kJournal, number, bytes);
  std::string_view payload;
  uint64_t offset = frames.offset();
  while (frames.Next(payload)) {
    if (!apply(number, payload)) return {offset, false};
    ++result.batches;
    offset = frames.offset();
  }
  return {frames.offset(), frames.is_intact()};
}

}  // namespace

Result<ReplayResult> ReplayJournal(FileSystem& fs, const std::string& dir, const core::Logger& logger,
                                   uint64_t first_number,
                                   const std::function<Status(uint64_t, std::string_view)>& apply,
                                   ReplayProgress* progress) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  std::vector<uint64_t> numbers;
  for (const FileInfo& entry : entries) {
    uint64_t number = entry.is_directory ? 0 : NumberOfName(entry.name);
    if (number >= first_number && number != 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  ReplayResult result;
  result.next_number = numbers.empty() ? std::max<uint64_t>(1, first_number) : numbers.back() + 1;
  if (progress != nullptr && !numbers.empty()) {
    progress->min = numbers.front();
    progress->max = numbers.back();
  }
  for (uint64_t number : numbers) {
    if (progress != nullptr) progress->current = number;
    std::string path = JoinPath(dir, NumberedName(number));
    SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> mapped, fs.MapReadOnly(path));
    const uint64_t size = mapped->bytes().size();
    const FileEnd end = ReplayFile(number, mapped->bytes(), apply, result);
    result.mapped.push_back(std::move(mapped));
    ++result.files;
    result.bytes += end.offset;
    if (end.is_intact || size == 0) continue;  // empty: its header was never written
    ++result.damaged_files;
    result.dropped_bytes += size - end.offset;
    logger.Warn(
        "the journal is damaged or was cut off while being written; what follows in this file is dropped",
        {{"file", path}, {"offset", end.offset}, {"dropped_bytes", size - end.offset}});
    if (number != numbers.back()) continue;
    SEXTANT_ASSIGN(std::unique_ptr<File> file, fs.Open(path, OpenMode::kAppend));
    SEXTANT_TRY(file->Truncate(end.offset));
    SEXTANT_TRY(file->SyncData());
  }
  return result;
}

}  // namespace sextant::tsdb
