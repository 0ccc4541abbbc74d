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
// that nothing is looked up for the rest. Owned by one scrape loop.
class MetadataLayout {
 public:
  void BeginBody() { at_ = 0; }
  // Whether this statement differs from the one at the same place of the previous body.
  bool Changes(std::string_view family, std::string_view type, std::string_view help, std::string_view unit);

 private:
  std::vector<uint64_t> hashes_;
  size_t at_ = 0;
};

}  // namespace sextant::scrape
