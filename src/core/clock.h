// Time as the rest of the system sees it. Components take a Clock& and never ask the operating system, so
// that a test can play a week in a second. All methods may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace sextant::core {

// Milliseconds since the Unix epoch: the unit of every stored timestamp.
using TimestampMs = int64_t;
// A length of time in milliseconds.
using DurationMs = int64_t;

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time, milliseconds since the Unix epoch. May jump.
  virtual TimestampMs NowMs() const = 0;

  // A clock that never goes back, in nanoseconds from an arbitrary start; for measuring.
  virtual int64_t MonotonicNs() const = 0;
};

// The operating system's clocks.
class SystemClock final : public Clock {
 public:
  TimestampMs NowMs() const override;
  int64_t MonotonicNs() const override;
};

// Stands still until it is told otherwise.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimestampMs now_ms) : now_ms_(now_ms) {}

  TimestampMs NowMs() const override { return now_ms_.load(); }
  int64_t MonotonicNs() const override { return now_ms_.load() * 1'000'000; }

  void Set(TimestampMs now_ms) { now_ms_.store(now_ms); }
  void Advance(DurationMs by_ms) { now_ms_.fetch_add(by_ms); }

 private:
  std::atomic<TimestampMs> now_ms_;
};

}  // namespace sextant::core
