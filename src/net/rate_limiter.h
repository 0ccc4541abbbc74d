// A token bucket: so many requests at once, and then one per interval. Internal to net; thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

namespace sextant::net {

class RateLimiter {
 public:
  // A bucket of `burst` requests that is full at `now_ns`.
  RateLimiter(int64_t interval_ns, int64_t burst, int64_t now_ns)
      : interval_ns_(interval_ns), burst_(burst), tokens_(static_cast<double>(burst)), filled_ns_(now_ns) {}

  // Whether a request may be answered at `now_ns` (monotonic); takes its place if so.
  bool Allow(int64_t now_ns) {
    std::lock_guard lock(mutex_);
    double filled = static_cast<double>(now_ns - filled_ns_) / static_cast<double>(interval_ns_);
    tokens_ = std::min(static_cast<double>(burst_), tokens_ + std::max(filled, 0.0));
    filled_ns_ = std::max(filled_ns_, now_ns);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  const int64_t interval_ns_;
  const int64_t burst_;
  std::mutex mutex_;
  double tokens_;      // guarded by mutex_, as what follows
  int64_t filled_ns_;  // up to when
};

}  // namespace sextant::net
