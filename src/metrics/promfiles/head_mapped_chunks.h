// All chunks of a directory of head chunk files, by series. Owned by one thread; keeps the files mapped.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/head_chunks.h"

namespace sextant::promfiles {

// Where a chunk is: file << 32 | offset, as WBL records say it.
using HeadChunkRef = uint64_t;

class MappedChunks {
 public:
  // Reads the files up to the first damage, which is described in `warnings`. In-order chunks that end before
  // `min_valid_ms` are left out; of a series' in-order chunks those after one out of sequence.
  core::Status Load(core::FileSystem& fs, const std::string& dir, TimestampMs min_valid_ms,
                    std::vector<std::string>& warnings);

  // A series' chunks in the order of the files; a second call yields none.
  std::vector<HeadChunkRef> TakeInOrder(WalRef series);
  std::vector<HeadChunkRef> TakeOutOfOrder(WalRef series);

  HeadChunk At(HeadChunkRef ref) const;
  // Whether each chunk of the files was taken that is not too old: none is left to what the WAL says.
  bool is_whole() const { return is_whole_; }
  // The newest chunk there is; 0 when there is none.
  HeadChunkRef last_ref() const { return last_ref_; }
  // Chunks that were not taken, as their series is not known.
  size_t left() const;

 private:
  struct InOrder {
    std::vector<HeadChunkRef> refs;
    TimestampMs max_ms = 0;
    bool out_of_sequence = false;
  };
  void Add(HeadChunkRef ref, const HeadChunk& chunk, TimestampMs min_valid_ms,
           std::vector<std::string>& warnings);

  bool is_whole_ = true;
  uint64_t first_file_ = 0;
  std::vector<std::unique_ptr<core::MappedFile>> files_;
  absl::flat_hash_map<WalRef, InOrder> in_order_;
  absl::flat_hash_map<WalRef, std::vector<HeadChunkRef>> out_of_order_;
  HeadChunkRef last_ref_ = 0;
};

}  // namespace sextant::promfiles
