// What components keep over a restart: keys and values that an extension (file_storage) holds for them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "pipeline/component.h"

namespace sextant::pipeline {

// One of a batch.
struct StorageOperation {
  enum class Kind { kGet, kSet, kDelete };

  static StorageOperation Get(std::string key) { return {Kind::kGet, std::move(key), {}}; }
  static StorageOperation Set(std::string key, std::string value) {
    return {Kind::kSet, std::move(key), std::move(value)};
  }
  static StorageOperation Delete(std::string key) { return {Kind::kDelete, std::move(key), {}}; }

  Kind kind = Kind::kGet;
  std::string key;
  std::optional<std::string> value;  // to be set; for kGet what was found, or nothing
};

// The keys of one component. Thread-safe, but not for I/O threads: each call may wait for the disk.
class StorageClient {
 public:
  virtual ~StorageClient() = default;
  // All of it or nothing, in order; gets see what was set before them. What was set is on disk when this
  // returns, at least as far as the process is concerned.
  virtual core::Status Batch(std::vector<StorageOperation>& operations) = 0;

  // Nothing when there is no such key.
  core::Result<std::optional<std::string>> Get(std::string key);
  core::Status Set(std::string key, std::string value);
  core::Status Delete(std::string key);
};

// An extension that keeps things.
class Storage {
 public:
  virtual ~Storage() = default;
  // The keys of a component; `name` tells apart what one component keeps separately (a queue per signal), and
  // may be empty. Only one client of the same is open at a time (kFailedPrecondition). The extension must be
  // started, and must outlive the client.
  virtual core::Result<std::unique_ptr<StorageClient>> Open(ComponentKind kind, const ComponentId& id,
                                                            std::string_view name) = 0;
};

// The storage of an extension by its id. kInvalidArgument in the collector's words when there is none, or it
// keeps nothing.
core::Result<Storage*> FindStorage(const ExtensionHost& extensions, std::string_view id);

}  // namespace sextant::pipeline
