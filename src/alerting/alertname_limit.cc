#include "alerting/alertname_limit.h"

namespace sextant::alerting {

bool AlertnameLimit::Admit(std::string_view alertname, uint64_t fingerprint, core::TimestampMs ends_at_ms,
                           core::TimestampMs now_ms) {
  if (limit_ == 0) return true;
  Bucket& bucket = buckets_[std::string(alertname)];
  const auto known = bucket.ends.find(fingerprint);
  if (known != bucket.ends.end()) {
    bucket.by_end.erase({known->second, fingerprint});
  } else if (bucket.ends.size() >= limit_) {
    const auto first = bucket.by_end.begin();
    if (first->first > now_ms) return false;
    bucket.ends.erase(first->second);
    bucket.by_end.erase(first);
  }
  bucket.ends[fingerprint] = ends_at_ms;
  bucket.by_end.insert({ends_at_ms, fingerprint});
  return true;
}

void AlertnameLimit::Remove(std::string_view alertname, uint64_t fingerprint) {
  if (limit_ == 0) return;
  const auto found = buckets_.find(std::string(alertname));
  if (found == buckets_.end()) return;
  Bucket& bucket = found->second;
  const auto known = bucket.ends.find(fingerprint);
  if (known == bucket.ends.end()) return;
  bucket.by_end.erase({known->second, fingerprint});
  bucket.ends.erase(known);
  if (bucket.ends.empty()) buckets_.erase(found);
}

}  // namespace sextant::alerting
