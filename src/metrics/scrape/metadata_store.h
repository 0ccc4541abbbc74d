// Type, help and unit of metric families, as targets give them. Many targets say the same, so each statement
// is kept once.
//
// Thread-safe. Bounded: past the limits new statements are not remembered and a counter moves.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics.h"
#include "model/storage.h"

namespace sextant::scrape {

class MetadataStore {
 public:
  explicit MetadataStore(core::Registry& registry);

  // What a body says of a family. Saying the same again changes nothing.
  void Add(std::string_view family, const model::MetricMetadata& metadata);

  // All families, or the one that is named, sorted; each with the distinct statements, in the order they
  // came.
  std::map<std::string, std::vector<model::MetricMetadata>> List(std::string_view family = "") const;

  static constexpr size_t kMaxFamilies = 100'000;
  static constexpr size_t kMaxPerFamily = 10;
  static constexpr size_t kMaxTextBytes = 4'096;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<model::MetricMetadata>, std::less<>> families_;
  core::Counter& refused_;
};

// The statements of one target's body, in order, as hashes: tells what changed since the previous body, so
// that nothing is looked up, nor even read, for the rest. Owned by one scrape loop.
class MetadataLayout {
 public:
  void BeginBody();
  // The body could not be read to its end: nothing of it is taken for known.
  void AbortBody() { line_hashes_.clear(); }

  // The bytes of the comment lines that `unread` begins with when they are those of the same place in the
  // previous body and need not be read again, else 0.
  size_t SameLines(std::string_view unread);

  // Whether this statement differs from the one at the same place of the previous body.
  bool Changes(std::string_view family, std::string_view type, std::string_view help, std::string_view unit);

 private:
  // Notes a hash at the next place; whether it was another one before.
  static bool Note(std::vector<uint64_t>& hashes, size_t at, uint64_t hash);

  std::vector<uint64_t> line_hashes_;  // of runs of comment lines
  std::vector<uint64_t> hashes_;       // of statements
  size_t lines_at_ = 0;
  size_t at_ = 0;
  // What a family's lines say together is known only when all of them are read: after a change, the next body
  // is read in full.
  bool reads_all_ = true;
  bool has_changed_ = false;
};

}  // namespace sextant::scrape
