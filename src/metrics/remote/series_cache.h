// Which series of the store the labels of a request mean: what has been written before is found by a
// fingerprint of its bytes, without reading the labels.
//
// Fingerprints have 128 bits and a random seed, so that no sender can make two series have the same.
// Thread-safe. Bounded: when a part of it is full it starts anew.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <random>

#include "model/storage.h"
#include "wire/remote_write.h"

namespace sextant::remote {

class SeriesCache {
 public:
  SeriesCache() : seed_(std::uniform_int_distribution<uint64_t>()(device_)) {}

  uint64_t seed() const { return seed_; }

  // 0: not known. What is known may be gone from the store.
  model::SeriesRef Find(const wire::LabelsFingerprint& fingerprint) {
    Part& part = PartOf(fingerprint);
    std::lock_guard lock(part.mutex);
    auto found = part.refs.find(fingerprint);
    return found == part.refs.end() ? 0 : found->second;
  }

  void Set(const wire::LabelsFingerprint& fingerprint, model::SeriesRef ref) {
    if (fingerprint == wire::LabelsFingerprint()) return;
    Part& part = PartOf(fingerprint);
    std::lock_guard lock(part.mutex);
    if (part.refs.size() >= kMaxPerPart) part.refs.clear();
    part.refs[fingerprint] = ref;
  }

 private:
  static constexpr size_t kParts = 16;
  static constexpr size_t kMaxPerPart = 128 << 10;

  struct Hash {
    size_t operator()(const wire::LabelsFingerprint& fingerprint) const { return fingerprint.low; }
  };
  struct Part {
    std::mutex mutex;
    absl::flat_hash_map<wire::LabelsFingerprint, model::SeriesRef, Hash> refs;
  };

  Part& PartOf(const wire::LabelsFingerprint& fingerprint) { return parts_[fingerprint.high % kParts]; }

  std::random_device device_;
  const uint64_t seed_;
  std::array<Part, kParts> parts_;
};

}  // namespace sextant::remote
