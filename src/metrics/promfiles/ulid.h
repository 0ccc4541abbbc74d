// ULIDs, the names of Prometheus' blocks: 48 bits of milliseconds and 80 random bits, written as 26
// characters of Crockford's base 32, so that names sort by time.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace sextant::promfiles {

struct Ulid {
  static constexpr size_t kTextBytes = 26;

  std::array<uint8_t, 16> bytes{};

  // nullopt when `text` is not 26 characters of the alphabet (of either case) or is too large.
  static std::optional<Ulid> Parse(std::string_view text);
  // From a time, of which 48 bits count, and random numbers, of which 80 bits count.
  static Ulid Make(core::TimestampMs time_ms, uint64_t random_high, uint64_t random_low);

  std::string ToString() const;
  core::TimestampMs time_ms() const;

  friend auto operator<=>(const Ulid&, const Ulid&) = default;
};

// Makes ULIDs of the clock's time, each larger than the one before. Thread-safe.
class UlidSource {
 public:
  // `random` gives 64 random bits per call; the default asks the operating system.
  explicit UlidSource(const core::Clock& clock, std::function<uint64_t()> random = SystemRandom);

  Ulid Next();

 private:
  static uint64_t SystemRandom();

  const core::Clock& clock_;
  std::mutex mutex_;
  std::function<uint64_t()> random_;
  Ulid last_;
};

}  // namespace sextant::promfiles
