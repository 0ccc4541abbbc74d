#include "core/clock.h"

#include <ctime>

namespace sextant::core {

namespace {
int64_t ReadNs(clockid_t id) {
  timespec value{};
  clock_gettime(id, &value);
  return int64_t{value.tv_sec} * 1'000'000'000 + value.tv_nsec;
}
}  // namespace

TimestampMs SystemClock::NowMs() const { return ReadNs(CLOCK_REALTIME) / 1'000'000; }
int64_t SystemClock::MonotonicNs() const { return ReadNs(CLOCK_MONOTONIC); }

}  // namespace sextant::core
