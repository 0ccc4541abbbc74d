#include "metrics/tsdb/checkpoint_v1.h"

#include <algorithm>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/frames.h"

namespace sextant::tsdb {

using core::Code;
using core::Status;

namespace {

constexpr uint8_t kSeriesFrame = 1;
constexpr uint8_t kEndFrame = 2;
constexpr uint8_t kSectionFrame = 3;

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

}  // namespace

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

bool LoadCheckpointV1(uint64_t number, std::string_view bytes, Head& head, LoadedCheckpoint& loaded) {
  FrameReader frames(FrameFileKind::kCheckpoint1, number, bytes);
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

}  // namespace sextant::tsdb
