// A checkpoint: all live series of the head with their open chunks, in one file beside the journal. With it
// and the journal files from its number on, the head is what it was. docs/formats/journal.md describes the
// bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/log.h"
#include "core/result.h"
#include "metrics/tsdb/chunk_store.h"
#include "metrics/tsdb/head.h"

namespace sextant::tsdb {

// Writes checkpoint.<number> in `dir`: the head as it is, to be followed by the journal from file `number`
// on. Everything committed to earlier files is in the head by now. The chunks that the checkpoint refers to
// are made durable first. Returns its size.
core::Result<uint64_t> WriteCheckpoint(core::FileSystem& fs, const std::string& dir, uint64_t number,
                                       const Head& head, ChunkStore& chunks, TimestampMs head_start_ms);

struct LoadedCheckpoint {
  uint64_t number = 0;  // of the first journal file after it; 0: there is no checkpoint
  uint64_t series = 0;
  uint64_t size_bytes = 0;
  uint64_t damaged = 0;  // checkpoints found damaged
  std::vector<ChunkFileInfo> chunk_files;
  ChunkRef newest_chunk = 0;  // the highest ref of a written chunk; its file may be gone
};

// Loads the newest checkpoint into an empty head. Of a damaged one, what is intact is taken (with all chunk
// files that are there), and the log says so.
core::Result<LoadedCheckpoint> LoadCheckpoint(core::FileSystem& fs, const std::string& dir,
                                              const core::Logger& logger, const std::string& chunk_dir,
                                              Head& head);

// Removes the checkpoints before `number` and unfinished ones.
core::Status RemoveCheckpointsBefore(core::FileSystem& fs, const std::string& dir, uint64_t number);

// One frame of a checkpoint, for whoever checks files; kCorruption when it is not one.
struct CheckpointFrame {
  TimestampMs min_time_ms = 0;  // of the samples in the head; in a series frame
  std::vector<SeriesDefinition> definitions;
  std::vector<SeriesState> states;  // as many
  std::vector<Section> sections;    // in a section frame
  bool is_end = false;
  uint64_t series = 0;                     // in the end frame: of the whole file
  std::vector<ChunkFileInfo> chunk_files;  // in the end frame
};
core::Status ReadCheckpointFrame(std::string_view payload, CheckpointFrame& out);

}  // namespace sextant::tsdb
