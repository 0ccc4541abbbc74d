// Keys and values in one file that survives being killed at any moment.
//
//   file:    "SXKV0001" record*
//   record:  length of the payload (4 bytes), CRC-32C of the payload (4 bytes), payload
//   payload: operation*, the operations of one batch
//   op:      1 (set) or 2 (delete), length of the key (4), length of the value (4), key, value
//
// Numbers are little-endian. A batch is one record, so that it is there whole or not at all; a record that
// was being written when the process died is cut off when the file is opened. What is no longer needed goes
// away when the file is compacted: written anew beside itself and renamed.
//
// Keys are held in memory, values are read from the file. Thread-safe; calls wait for the disk.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "pipeline/storage.h"

namespace sextant::pipeline {

struct KeyValueOptions {
  bool syncs_each_write = false;  // else it survives the process, but not the machine
  uint64_t max_bytes = 0;         // of keys and values together; 0: no limit
  // The file is compacted when it holds so much that is no longer needed, and more than is.
  uint64_t min_garbage_bytes = 4 << 20;
  size_t compaction_batch_items = 65'536;  // in one record; 0: all
  // A file that has once been this large is compacted as soon as it holds less than `rebound_trigger_bytes`;
  // 0: only by its garbage.
  uint64_t rebound_needed_bytes = 0;
  uint64_t rebound_trigger_bytes = 0;
};

class KeyValueFile final : public StorageClient {
 public:
  // Opens or makes a file. kCorruption when a record in its midst is not what was written, kUnavailable when
  // another process has it. `fs` must outlive the file.
  static core::Result<std::unique_ptr<KeyValueFile>> Open(core::FileSystem& fs, std::string path,
                                                          KeyValueOptions options);

  // kResourceExhausted above max_bytes; then, and after errors of the system, nothing has changed.
  core::Status Batch(std::vector<StorageOperation>& operations) override;
  // Writes the file anew with what is needed.
  core::Status Compact();

  size_t keys() const;
  uint64_t file_bytes() const;
  // Bytes at the end that were cut off when it was opened.
  uint64_t torn_bytes() const { return torn_bytes_; }

 private:
  // Where a value stands.
  struct Place {
    uint64_t offset = 0;
    uint32_t size = 0;
    uint32_t checksum = 0;
  };
  using Index = absl::flat_hash_map<std::string, Place>;

  KeyValueFile(core::FileSystem& fs, std::string path, KeyValueOptions options)
      : fs_(fs), path_(std::move(path)), options_(options) {}

  core::Status Load();
  core::Result<std::string> Read(const Place& place) const;
  core::Status Append(std::string_view record);
  core::Status CheckSize(const std::vector<StorageOperation>& operations) const;
  core::Status CompactLocked();
  bool WantsCompaction();

  core::FileSystem& fs_;
  const std::string path_;
  const KeyValueOptions options_;
  std::unique_ptr<core::FileLock> lock_;
  uint64_t torn_bytes_ = 0;

  mutable std::mutex mutex_;
  std::unique_ptr<core::File> file_;  // guarded by mutex_, as all below
  Index index_;
  uint64_t file_bytes_ = 0;
  uint64_t live_bytes_ = 0;  // of keys and values
  bool is_rebound_needed_ = false;
  bool is_broken_ = false;  // nobody knows what the file holds
};

}  // namespace sextant::pipeline
