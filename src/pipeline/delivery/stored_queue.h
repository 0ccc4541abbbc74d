// Batches of a sending queue that are on disk until they are delivered, so that a restart finds them again.
//
// Keys of the storage: a number of 16 hexadecimal digits for each batch (its OTLP request in protobuf),
// "first" and "next" for the range of numbers in use.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "pipeline/component.h"
#include "pipeline/storage.h"
#include "pipeline/telemetry.h"

namespace sextant::pipeline {

class StoredQueue {
 public:
  // The queue of an exporter's signal in the storage of this id, which must be started.
  static core::Result<std::unique_ptr<StoredQueue>> Open(const ExtensionHost& extensions,
                                                         std::string_view storage,
                                                         const ComponentId& exporter, Signal signal);

  struct Left {
    std::vector<std::pair<uint64_t, Telemetry>> batches;  // in the order in which they came
    size_t unreadable = 0;                                // that are gone
  };
  // What an earlier process has left. Once, before anything is put.
  core::Result<Left> Load();
  // Keeps a batch and returns its number. Any thread but those of I/O.
  core::Result<uint64_t> Put(const Telemetry& batch);
  // Forgets batches that are delivered, or given up.
  core::Status Remove(std::span<const uint64_t> numbers);

 private:
  StoredQueue(std::unique_ptr<StorageClient> client, Signal signal)
      : client_(std::move(client)), signal_(signal) {}

  const std::unique_ptr<StorageClient> client_;
  const Signal signal_;
  // The range on disk must follow the order of the numbers, so this is held while the storage writes; it
  // takes one batch of operations at a time in any case.
  std::mutex mutex_;
  uint64_t next_ = 0;          // guarded by mutex_
  std::set<uint64_t> in_use_;  // guarded by mutex_
};

}  // namespace sextant::pipeline
