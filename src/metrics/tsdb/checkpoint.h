// A checkpoint: the head as an image, in one file beside the journal: the tables of the label index, the
// series' records and their open chunks as they are in memory, so that taking it over copies rather than
// interns. With it and the journal files from its number on, the head is what it was.
// docs/formats/checkpoint.md describes the bytes.
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
// are made durable first. Appends and queries go on meanwhile; memory for a few thousand series is needed.
// One at a time. Returns its size.
core::Result<uint64_t> WriteCheckpoint(core::FileSystem& fs, const std::string& dir, uint64_t number,
                                       Head& head, ChunkStore& chunks, TimestampMs head_start_ms);

struct LoadedCheckpoint {
  uint64_t number = 0;  // of the first journal file after it; 0: there is no checkpoint
  uint64_t series = 0;
  uint64_t size_bytes = 0;
  uint64_t lost_series = 0;
  uint64_t damaged = 0;  // checkpoints found damaged
  std::vector<ChunkFileInfo> chunk_files;
  ChunkRef newest_chunk = 0;  // the highest ref of a written chunk; its file may be gone
};

// Loads the newest whole checkpoint into an empty head. When none is whole, what is intact of the newest one
// is taken (without its end: with all chunk files that are there). The log says what was damaged and lost.
core::Result<LoadedCheckpoint> LoadCheckpoint(core::FileSystem& fs, const std::string& dir,
                                              const core::Logger& logger, const std::string& chunk_dir,
                                              Head& head);

// Removes the checkpoints before `number` and unfinished ones.
core::Status RemoveCheckpointsBefore(core::FileSystem& fs, const std::string& dir, uint64_t number);

}  // namespace sextant::tsdb
