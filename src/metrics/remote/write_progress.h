// How far the shards of a remote write queue have come in the commit log, in a file that survives kill -9.
//
// A shard notes what it is about to send before it does, and again when that is done: after a crash it is
// known which samples surely arrived, and which ones were under way.
//
// The file is a header and records of 64 bytes, of which the last one of each shard counts; it is written
// anew when it has grown. It is not synced after each record: a power failure makes some samples be sent
// twice. Owned by one thread at a time.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "model/commit_log.h"

namespace sextant::remote {

// A sample's place: a batch, and the number of the sample in it.
struct WritePosition {
  model::CommitPosition batch;
  uint64_t index = 0;

  friend auto operator<=>(const WritePosition&, const WritePosition&) = default;
};

struct ShardProgress {
  WritePosition done;       // everything before it has been dealt with
  WritePosition sent_upto;  // what lies before it may have been sent; `done` when nothing is under way

  friend bool operator==(const ShardProgress&, const ShardProgress&) = default;
};

class WriteProgress {
 public:
  // Reads the file, if there is one; what cannot be read counts as absent. Errors are the operating system's.
  static core::Result<WriteProgress> Load(core::FileSystem& fs, std::string path);

  // Empty: there is no file, or none that says something.
  const std::vector<ShardProgress>& shards() const { return shards_; }

  // Notes where a shard is.
  core::Status Set(size_t shard, const ShardProgress& progress);
  // Notes where all shards are: those that have moved, or all anew when their number is another.
  core::Status Update(const std::vector<ShardProgress>& shards);
  // Replaces all shards.
  core::Status Reset(std::vector<ShardProgress> shards);

 private:
  WriteProgress(core::FileSystem& fs, std::string path) : fs_(&fs), path_(std::move(path)) {}
  core::Status Rewrite();
  std::string Record(size_t shard) const;

  core::FileSystem* fs_;
  std::string path_;
  std::vector<ShardProgress> shards_;
  std::unique_ptr<core::File> file_;
  uint64_t file_bytes_ = 0;
};

}  // namespace sextant::remote
