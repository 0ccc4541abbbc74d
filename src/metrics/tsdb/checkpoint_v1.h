// Reading checkpoints of version 1, which held series as texts: what stores had before images.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/head.h"

namespace sextant::tsdb {

// Takes the intact frames of a file's bytes into the head; true when the file was whole.
bool LoadCheckpointV1(uint64_t number, std::string_view bytes, Head& head, LoadedCheckpoint& loaded);

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
