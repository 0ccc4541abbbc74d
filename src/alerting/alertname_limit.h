// A limit of alerts with the same alertname: once it is reached, new ones are dropped, while those that are
// there go on. One that is over makes room. Owned and called by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/clock.h"

namespace sextant::alerting {

class AlertnameLimit {
 public:
  // 0: no limit, and nothing is remembered.
  explicit AlertnameLimit(size_t limit) : limit_(limit) {}

  // Whether an alert that ends then may come in, or stay.
  bool Admit(std::string_view alertname, uint64_t fingerprint, core::TimestampMs ends_at_ms,
             core::TimestampMs now_ms);
  void Remove(std::string_view alertname, uint64_t fingerprint);

 private:
  struct Bucket {
    std::map<uint64_t, core::TimestampMs> ends;  // by fingerprint
    std::set<std::pair<core::TimestampMs, uint64_t>> by_end;
  };
  const size_t limit_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace sextant::alerting
