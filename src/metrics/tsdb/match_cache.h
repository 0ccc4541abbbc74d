// What regular expressions have found among the values of a label, so that a dashboard's expression is run on
// each distinct value once and not at every refresh. Bounded in bytes; what was not used for longest goes
// first. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/matcher.h"

namespace sextant::tsdb {

// The pairs among the first `tested` of a label's that a matcher accepts, as of a number of removals. Later
// pairs come behind, so that only these have to be tested.
struct MatchedPairs {
  uint64_t removals = 0;
  size_t tested = 0;
  std::vector<uint32_t> accepted;
};

class MatchCache {
 public:
  explicit MatchCache(uint64_t max_bytes = 16 << 20) : max_bytes_(max_bytes) {}

  // What was found for this matcher, or null.
  std::shared_ptr<const MatchedPairs> Find(const model::Matcher& matcher);
  void Put(const model::Matcher& matcher, std::shared_ptr<const MatchedPairs> matched);
  uint64_t SizeBytes() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const MatchedPairs> matched;
    uint64_t size_bytes = 0;
  };
  using Entries = std::list<Entry>;

  static std::string KeyOf(const model::Matcher& matcher);
  void Erase(Entries::iterator entry);

  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;  // last used first
  absl::flat_hash_map<std::string, Entries::iterator> by_key_;
  uint64_t size_bytes_ = 0;
};

}  // namespace sextant::tsdb
