#include "metrics/tsdb/checkpoint.h"

#include <algorithm>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/journal.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::File;
using core::FileInfo;
using core::FileSystem;
using core::JoinPath;
using core::OpenMode;
using core::Result;
using core::Status;

constexpr std::string_view kPrefix = "checkpoint.";
constexpr uint8_t kSeriesFrame = 1;
constexpr uint8_t kEndFrame = 2;
constexpr uint8_t kSectionFrame = 3;
constexpr uint32_t kSlotsPerFrame = 1024;

uint64_t CheckpointNumber(std::string_view name) {
  return name.starts_with(kPrefix) ? NumberOfName(name.substr(kPrefix.size())) : 0;
}

void PutState(const SeriesState& state, std::string& out) {
  PutVarint(out, state.written_chunk);
  PutVarint(out, state.tail.count);
  if (state.tail.count > 0) {
    PutText(out, state.chunk);
  } else {
    PutSignedVarint(out, state.tail.last_time_ms);
    PutFixed(out, state.tail.last_bits);
  }
}

bool ReadState(ByteReader& reader, SeriesState& state) {
  state.written_chunk = reader.Varint();
  uint64_t count = reader.Varint();
  if (count > kMaxChunkSamples) return false;
  if (count == 0) {
    state.tail.last_time_ms = reader.SignedVarint();
    state.tail.last_bits = reader.Fixed<uint64_t>();
    return reader.ok();
  }
  state.chunk = reader.Text();
  if (!reader.ok() || state.chunk.size() > ChunkArena::kMaxBlockBytes) return false;
  // The chunk goes on growing, so it must be just what it says.
  auto tail = ReadTail(state.chunk, static_cast<uint16_t>(count));
  if (!tail) return false;
  state.tail = *tail;
  return true;
}

// Writes frames one after the other.
class FrameFileWriter {
 public:
  FrameFileWriter(std::unique_ptr<File> file, uint64_t number) : file_(std::move(file)), number_(number) {}

  Status WriteHeader() {
    std::string header = MakeFrameFileHeader(FrameFileKind::kCheckpoint, number_);
    offset_ = header.size();
    return file_->Append(header);
  }
  // `frame` begins with room for the frame's header.
  Status Write(std::string& frame) {
    SealFrame(number_, offset_, frame);
    offset_ += frame.size();
    return file_->Append(frame);
  }
  Status Sync() { return file_->Sync(); }
  uint64_t size_bytes() const { return offset_; }

 private:
  const std::unique_ptr<File> file_;
  const uint64_t number_;
  uint64_t offset_ = 0;
};

}  // namespace

Result<uint64_t> WriteCheckpoint(FileSystem& fs, const std::string& dir, uint64_t number, const Head& head,
                                 ChunkStore& chunks, TimestampMs head_start_ms) {
  std::string path = JoinPath(dir, fmt::format("{}{}", kPrefix, NumberedName(number)));
  std::string temporary = path + ".tmp";
  SEXTANT_ASSIGN(std::unique_ptr<File> file, fs.Open(temporary, OpenMode::kCreateOrEmpty));
  FrameFileWriter writer(std::move(file), number);
  SEXTANT_TRY(writer.WriteHeader());

  std::vector<SeriesDefinition> definitions;
  std::vector<SeriesState> states;
  std::string frame;
  uint64_t series = 0;
  for (uint32_t slot = 0; slot < head.slots(); slot += kSlotsPerFrame) {
    head.Capture(slot, kSlotsPerFrame, definitions, states);
    if (definitions.empty()) continue;
    series += definitions.size();
    frame.assign(kFrameHeaderBytes, '\0');
    frame.push_back(static_cast<char>(kSeriesFrame));
    PutSignedVarint(frame, head.min_time_ms());
    PutDefinitions(definitions, frame);
    for (const SeriesState& state : states) PutState(state, frame);
    SEXTANT_TRY(writer.Write(frame));
  }

  for (const Section& section : head.CaptureSections()) {
    frame.assign(kFrameHeaderBytes, '\0');
    frame.push_back(static_cast<char>(kSectionFrame));
    PutSections({&section, 1}, frame);
    SEXTANT_TRY(writer.Write(frame));
  }

  // After the states, so that every file they name is in the list.
  std::vector<ChunkFileInfo> files = chunks.Files(head_start_ms);
  frame.assign(kFrameHeaderBytes, '\0');
  frame.push_back(static_cast<char>(kEndFrame));
  PutVarint(frame, series);
  PutVarint(frame, files.size());
  for (const ChunkFileInfo& info : files) {
    PutVarint(frame, info.number);
    PutVarint(frame, info.chunks);
    PutSignedVarint(frame, info.last_time_ms);
  }
  SEXTANT_TRY(writer.Write(frame));
  SEXTANT_TRY(writer.Sync());
  SEXTANT_TRY(chunks.Sync());
  SEXTANT_TRY(fs.Rename(temporary, path));
  SEXTANT_TRY(fs.SyncDirectory(dir));
  return writer.size_bytes();
}

Status ReadCheckpointFrame(std::string_view payload, CheckpointFrame& out) {
  out = {};
  ByteReader reader(payload);
  uint8_t kind = reader.Byte();
  auto malformed = [] { return core::Fail(Code::kCorruption, "malformed checkpoint frame"); };
  if (kind == kSeriesFrame) {
    out.min_time_ms = reader.SignedVarint();
    SEXTANT_TRY(ReadDefinitions(reader, out.definitions));
    out.states.resize(out.definitions.size());
    for (size_t i = 0; i < out.states.size(); ++i) {
      if (!ReadState(reader, out.states[i])) return malformed();
      out.states[i].ref = out.definitions[i].ref;
    }
  } else if (kind == kSectionFrame) {
    SEXTANT_TRY(ReadSections(reader, out.sections));
  } else if (kind == kEndFrame) {
    out.is_end = true;
    out.series = reader.Varint();
    uint64_t count = reader.Count(3);
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
      uint64_t number = reader.Varint();
      uint64_t chunks = reader.Varint();
      out.chunk_files.push_back({number, chunks, reader.SignedVarint()});
    }
  } else {
    return malformed();
  }
  return reader.ok() && reader.at_end() ? Status() : malformed();
}

namespace {

// Takes the intact frames; true when the file was whole.
bool LoadFrames(uint64_t number, std::string_view bytes, Head& head, LoadedCheckpoint& loaded) {
  FrameReader frames(FrameFileKind::kCheckpoint, number, bytes);
  std::string_view payload;
  CheckpointFrame frame;
  while (frames.Next(payload)) {
    if (!ReadCheckpointFrame(payload, frame)) return false;
    if (frame.is_end) {
      loaded.chunk_files = frame.chunk_files;
      return frame.series == loaded.series && frames.offset() == bytes.size();
    }
    if (!frame.sections.empty()) {
      for (const Section& section : frame.sections) {
        if (!head.RestoreSection(section)) return false;
      }
      continue;
    }
    head.RestoreMinTime(frame.min_time_ms);
    for (size_t i = 0; i < frame.states.size(); ++i) {
      loaded.newest_chunk = std::max(loaded.newest_chunk, frame.states[i].written_chunk);
      if (head.RestoreDefinition(frame.definitions[i]) && head.RestoreState(frame.states[i])) ++loaded.series;
    }
  }
  return false;
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

}  // namespace

Result<LoadedCheckpoint> LoadCheckpoint(FileSystem& fs, const std::string& dir, const core::Logger& logger,
                                        const std::string& chunk_dir, Head& head) {
  LoadedCheckpoint loaded;
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  for (const FileInfo& entry : entries) loaded.number = std::max(loaded.number, CheckpointNumber(entry.name));
  if (loaded.number == 0) return loaded;
  std::string path = JoinPath(dir, fmt::format("{}{}", kPrefix, NumberedName(loaded.number)));
  bool is_whole;
  {
    SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> mapped, fs.MapReadOnly(path));
    loaded.size_bytes = mapped->bytes().size();
    is_whole = LoadFrames(loaded.number, mapped->bytes(), head, loaded);
  }
  if (is_whole) return loaded;
  ++loaded.damaged;
  SEXTANT_ASSIGN(loaded.chunk_files, AllChunkFiles(fs, chunk_dir));
  logger.Error(
      "the checkpoint is damaged; the series in its intact part are restored, samples of the others since "
      "the "
      "last block are lost",
      {{"file", path}, {"series_restored", loaded.series}});
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
