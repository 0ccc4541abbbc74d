#include "metrics/tsdb/checkpoint.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>

#include "metrics/tsdb/checkpoint_v1.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/head_image.h"
#include "metrics/tsdb/image_frames.h"
#include "metrics/tsdb/journal.h"
#include "metrics/tsdb/parallel.h"

namespace sextant::tsdb {
namespace {

using core::File;
using core::FileInfo;
using core::FileSystem;
using core::JoinPath;
using core::OpenMode;
using core::Result;
using core::Status;

constexpr std::string_view kPrefix = "checkpoint.";
constexpr uint32_t kTableRun = 16 << 10;  // symbols or pairs in a frame

uint64_t CheckpointNumber(std::string_view name) {
  return name.starts_with(kPrefix) ? NumberOfName(name.substr(kPrefix.size())) : 0;
}

std::string PathOf(const std::string& dir, uint64_t number) {
  return JoinPath(dir, fmt::format("{}{}", kPrefix, NumberedName(number)));
}

// Writes an image frame by frame.
class ImageWriter {
 public:
  ImageWriter(std::unique_ptr<File> file, uint64_t number) : file_(std::move(file)), number_(number) {}

  Status WriteHeader() {
    std::string header = MakeFrameFileHeader(FrameFileKind::kImage, number_);
    offset_ = header.size();
    return file_->Append(header);
  }
  // `put` appends the frame's payload.
  template <typename Put>
  Status Write(Put put) {
    constexpr size_t kEnoughBytes = 1 << 20;
    frame_.assign(kFrameHeaderBytes, '\0');
    put(frame_);
    SealFrame(number_, offset_, frame_);
    offset_ += frame_.size();
    buffered_ += frame_;
    return buffered_.size() < kEnoughBytes ? Status() : Flush();
  }
  Status Sync() {
    SEXTANT_TRY(Flush());
    return file_->Sync();
  }
  uint64_t size_bytes() const { return offset_; }

 private:
  Status Flush() {
    SEXTANT_TRY(file_->Append(buffered_));
    buffered_.clear();
    return {};
  }

  const std::unique_ptr<File> file_;
  const uint64_t number_;
  uint64_t offset_ = 0;
  std::string frame_;
  std::string buffered_;  // frames that are still to be written
};

class HeldLabelIds {
 public:
  explicit HeldLabelIds(Head& head) : head_(head) { head_.HoldLabelIds(true); }
  ~HeldLabelIds() { head_.HoldLabelIds(false); }
  HeldLabelIds(const HeldLabelIds&) = delete;
  HeldLabelIds& operator=(const HeldLabelIds&) = delete;

 private:
  Head& head_;
};

// Takes note of what a range holds.
void AddUp(const SeriesRange& range, Bitmap& captured, ImageEnd& end) {
  end.slots = uint64_t{range.begin} + range.slots();
  end.max_time_ms = std::max(end.max_time_ms, range.max_time_ms);
  for (uint32_t i = 0; i < range.slots(); ++i) {
    if (range.label_counts[i] == 0) continue;
    captured.add(range.begin + i);
    ++end.series;
    end.newest_chunk = std::max(end.newest_chunk, range.written_chunks[i]);
    end.open_chunks += range.chunk_samples[i] > 0 ? 1 : 0;
  }
}

// Sections that would make a range's frame too large get frames of their own.
Status WriteLargeSections(SeriesRange& range, ImageWriter& writer) {
  constexpr size_t kMaxBytes = 4 << 20;
  size_t bytes = 0;
  for (const Section& section : range.sections) bytes += section.bytes.size();
  if (bytes <= kMaxBytes) return {};
  for (const Section& section : range.sections) {
    SEXTANT_TRY(writer.Write([&](std::string& out) { PutImageSection(section, out); }));
  }
  range.sections.clear();
  return {};
}

Status WriteSeries(Head& head, ImageWriter& writer, ImageEnd& end) {
  HeldLabelIds held(head);
  end.min_time_ms = head.min_time_ms();
  SeriesRange range;
  Bitmap captured;
  while (end.slots < head.slots()) {
    head.CaptureRange(static_cast<uint32_t>(end.slots), range);
    AddUp(range, captured, end);
    SEXTANT_TRY(WriteLargeSections(range, writer));
    SEXTANT_TRY(writer.Write([&](std::string& out) { PutSeriesRange(range, out); }));
  }
  SEXTANT_TRY(writer.Write([&](std::string& out) { PutSlots(captured, out); }));
  // After the series, so that all labels of theirs are there; and symbols after the pairs that name them.
  PostingsRun postings;
  for (uint32_t first = 0; head.CapturePostings(first, kTableRun, captured, postings);) {
    first += postings.count;
    SEXTANT_TRY(writer.Write([&](std::string& out) { PutPostings(postings, out); }));
  }
  PairRun pairs;
  while (head.CapturePairs(static_cast<uint32_t>(end.pairs), kTableRun, pairs)) {
    end.pairs += pairs.names.size();
    SEXTANT_TRY(writer.Write([&](std::string& out) { PutPairs(pairs, out); }));
  }
  SymbolRun symbols;
  while (head.CaptureSymbols(static_cast<uint32_t>(end.symbols), kTableRun, symbols)) {
    end.symbols += symbols.sizes.size();
    SEXTANT_TRY(writer.Write([&](std::string& out) { PutSymbols(symbols, out); }));
  }
  return {};
}

}  // namespace

Result<uint64_t> WriteCheckpoint(FileSystem& fs, const std::string& dir, uint64_t number, Head& head,
                                 ChunkStore& chunks, TimestampMs head_start_ms) {
  std::string path = PathOf(dir, number);
  std::string temporary = path + ".tmp";
  SEXTANT_ASSIGN(std::unique_ptr<File> file, fs.Open(temporary, OpenMode::kCreateOrEmpty));
  ImageWriter writer(std::move(file), number);
  SEXTANT_TRY(writer.WriteHeader());
  ImageEnd end;
  end.hash_probe = HashProbe();
  SEXTANT_TRY(WriteSeries(head, writer, end));
  for (const Section& section : head.CaptureSections()) {
    SEXTANT_TRY(writer.Write([&](std::string& out) { PutImageSection(section, out); }));
  }
  end.head_bytes = head.SizeBytes();
  // After the series, so that every file they name is in the list.
  end.chunk_files = chunks.Files(head_start_ms);
  SEXTANT_TRY(writer.Write([&](std::string& out) { PutImageEnd(end, out); }));
  SEXTANT_TRY(writer.Sync());
  SEXTANT_TRY(chunks.Sync());
  SEXTANT_TRY(fs.Rename(temporary, path));
  SEXTANT_TRY(fs.SyncDirectory(dir));
  return writer.size_bytes();
}

namespace {

// An image whose frames have been verified, sorted by what they hold.
struct ImageFile {
  ImageVersion version = ImageVersion::k3;
  std::unique_ptr<core::MappedFile> mapped;
  std::vector<std::string_view> ranges;
  std::vector<std::string_view> postings;
  std::vector<std::string_view> slots;
  std::vector<std::string_view> symbols;
  std::vector<std::string_view> pairs;
  std::vector<std::string_view> sections;
  std::optional<ImageEnd> end;
  uint64_t damaged_frames = 0;
  bool is_whole = false;
};

// Sorts an intact frame in; false when it is not what it says.
bool AddFrame(std::string_view payload, ImageFile& image) {
  ImageFrame kind;
  if (!KindOf(payload, kind) || image.end) return false;
  switch (kind) {
    case ImageFrame::kSeries:
      image.ranges.push_back(payload);
      return true;
    case ImageFrame::kSymbols:
      image.symbols.push_back(payload);
      return true;
    case ImageFrame::kPairs:
      image.pairs.push_back(payload);
      return true;
    case ImageFrame::kPostings:
      image.postings.push_back(payload);
      return true;
    case ImageFrame::kSlots:
      image.slots.push_back(payload);
      return true;
    case ImageFrame::kSections:
      image.sections.push_back(payload);
      return true;
    case ImageFrame::kEnd:
      break;
  }
  ImageEnd end;
  if (!ReadImageEnd(image.version, payload, end)) return false;
  image.end = std::move(end);
  return true;
}

void VerifyImage(uint64_t number, ImageFile& image) {
  std::string_view bytes = image.mapped->bytes();
  bool reaches_end = false;
  const bool is_version_2 = bytes.starts_with(MakeFrameFileHeader(FrameFileKind::kImage2, number));
  if (is_version_2) image.version = ImageVersion::k2;
  std::vector<UnverifiedFrame> frames =
      ListFrames(is_version_2 ? FrameFileKind::kImage2 : FrameFileKind::kImage, number, bytes, reaches_end);
  std::vector<char> is_intact(frames.size(), 0);
  std::atomic<size_t> next = 0;
  RunInParallel(ThreadsFor(frames.size() / 8), [&](size_t) {
    for (size_t i = next++; i < frames.size(); i = next++)
      is_intact[i] = IsFrameIntact(number, bytes, frames[i]) ? 1 : 0;
  });
  for (size_t i = 0; i < frames.size(); ++i) {
    if (is_intact[i] == 0 || !AddFrame(frames[i].payload, image)) ++image.damaged_frames;
  }
  image.is_whole = reaches_end && image.damaged_frames == 0 && image.end.has_value();
}

// Takes the tables over as far as they can be understood; true when that is to their end.
bool LoadTables(const ImageFile& image, LabelLoader& labels) {
  SymbolRun symbols;
  bool is_whole = true;
  for (std::string_view payload : image.symbols) {
    is_whole = is_whole && ReadSymbols(payload, symbols) && labels.AddSymbols(symbols);
  }
  bool are_pairs_whole = true;
  PairRun pairs;
  for (std::string_view payload : image.pairs) {
    are_pairs_whole = are_pairs_whole && ReadPairs(payload, pairs) && labels.AddPairs(pairs);
  }
  labels.RankNames();
  return is_whole && are_pairs_whole;
}

bool LoadPostings(const ImageFile& image, HeadLoader& loader) {
  PostingsRun run;
  return std::ranges::all_of(image.postings, [&](std::string_view payload) {
    return ReadPostings(payload, run) && loader.labels().AddPostings(run, loader.end_slot());
  });
}

void TakeEnd(const ImageEnd& end, LoadedCheckpoint& loaded) {
  loaded.chunk_files = end.chunk_files;
  loaded.lost_series = std::max(loaded.lost_series, end.series - std::min(end.series, loaded.series));
}

// Takes an image over; true when nothing in it was damaged, as far as it is known.
bool LoadImage(ImageFile& image, const core::Logger& logger, Head& head, LoadedCheckpoint& loaded) {
  auto loader = std::make_unique<HeadLoader>(head, image.version);
  bool is_whole = LoadTables(image, loader->labels()) && image.is_whole;
  for (std::string_view payload : image.ranges) is_whole = loader->AddRange(payload) && is_whole;
  const bool hashes_are_ours = image.end && image.end->hash_probe == HashProbe();
  bool is_in_place = is_whole && !loader->is_over_limit() && hashes_are_ours &&
                     image.version == ImageVersion::k3 && image.slots.size() == 1 &&
                     LoadPostings(image, *loader) &&
                     HeadLoader::BeginInPlace(loader, image.mapped, ReadSlots(image.slots[0]), *image.end);
  if (is_in_place) {
    loaded.series = head.series_count();
    loaded.newest_chunk = image.end->newest_chunk;
  } else {
    loader->LoadAtOnce(hashes_are_ours);
    loaded.series = loader->series();
    loaded.lost_series = loader->lost_series();
    loaded.newest_chunk = loader->newest_chunk();
    is_whole = is_whole && loader->malformed_ranges() == 0;
    if (loader->is_over_limit()) {
      logger.Error("the checkpoint has more series than the limit on series allows; the others are lost",
                   {{"limit", head.max_slots()}, {"restored", loaded.series}});
    }
  }
  std::vector<Section> sections;
  for (std::string_view payload : image.sections) {
    if (!ReadImageSections(payload, sections)) is_whole = false;
    for (const Section& section : sections) {
      if (!head.RestoreSection(section)) is_whole = false;
    }
  }
  if (image.end) TakeEnd(*image.end, loaded);
  return is_whole && image.end.has_value();
}

// Without the end of the checkpoint, the chunk files to keep are those that are there.
Result<std::vector<ChunkFileInfo>> AllChunkFiles(FileSystem& fs, const std::string& chunk_dir) {
  std::vector<ChunkFileInfo> files;
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(chunk_dir));
  for (const FileInfo& entry : entries) {
    uint64_t number = NumberOfName(entry.name);
    if (number != 0) files.push_back({number, 0, std::numeric_limits<TimestampMs>::max()});
  }
  return files;
}

// The checkpoints that are there, newest first.
Result<std::vector<uint64_t>> ListCheckpoints(FileSystem& fs, const std::string& dir) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  std::vector<uint64_t> numbers;
  for (const FileInfo& entry : entries) {
    if (uint64_t number = CheckpointNumber(entry.name); number != 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end(), std::greater<>());
  return numbers;
}

bool IsVersion1(uint64_t number, std::string_view bytes) {
  return bytes.starts_with(MakeFrameFileHeader(FrameFileKind::kCheckpoint1, number));
}

}  // namespace

Result<LoadedCheckpoint> LoadCheckpoint(FileSystem& fs, const std::string& dir, const core::Logger& logger,
                                        const std::string& chunk_dir, Head& head) {
  LoadedCheckpoint loaded;
  SEXTANT_ASSIGN(std::vector<uint64_t> numbers, ListCheckpoints(fs, dir));
  if (numbers.empty()) return loaded;
  // The newest whole one; else the newest.
  ImageFile image;
  for (uint64_t number : numbers) {
    ImageFile candidate;
    SEXTANT_ASSIGN(candidate.mapped, fs.MapReadOnly(PathOf(dir, number)));
    bool is_version_1 = IsVersion1(number, candidate.mapped->bytes());
    if (!is_version_1) VerifyImage(number, candidate);
    if (candidate.is_whole || is_version_1 || number == numbers.front()) {
      image = std::move(candidate);
      loaded.number = number;
    }
    if (image.is_whole || is_version_1) break;
    ++loaded.damaged;
    logger.Error("a checkpoint is damaged",
                 {{"file", PathOf(dir, number)}, {"damaged_frames", candidate.damaged_frames}});
  }
  std::string_view bytes = image.mapped->bytes();
  loaded.size_bytes = bytes.size();
  bool is_whole = IsVersion1(loaded.number, bytes) ? LoadCheckpointV1(loaded.number, bytes, head, loaded)
                                                   : LoadImage(image, logger, head, loaded);
  if (is_whole) return loaded;
  loaded.damaged = std::max<uint64_t>(loaded.damaged, 1);
  if (!image.end) {
    SEXTANT_ASSIGN(loaded.chunk_files, AllChunkFiles(fs, chunk_dir));
  }
  logger.Error(
      "no checkpoint is whole; the series in the intact part of the newest are restored, samples of the "
      "others "
      "since the last block are lost",
      {{"file", PathOf(dir, loaded.number)},
       {"series_restored", loaded.series},
       {"series_known_to_be_lost", loaded.lost_series}});
  return loaded;
}

Status RemoveCheckpointsBefore(FileSystem& fs, const std::string& dir, uint64_t number) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  for (const FileInfo& entry : entries) {
    if (!std::string_view(entry.name).starts_with(kPrefix)) continue;
    uint64_t entry_number = CheckpointNumber(entry.name);
    bool is_unfinished = entry.name.ends_with(".tmp");
    if (is_unfinished || (entry_number != 0 && entry_number < number)) {
      SEXTANT_TRY(fs.Remove(JoinPath(dir, entry.name)));
    }
  }
  return {};
}

}  // namespace sextant::tsdb
