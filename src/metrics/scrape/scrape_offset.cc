#include "metrics/scrape/scrape_offset.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <functional>

namespace sextant::scrape {

namespace {

constexpr uint64_t kTogether = 8;
constexpr uint64_t kWidestGridMs = 256;
constexpr uint64_t kLeastGridLines = 16;

uint64_t GridMs(uint64_t interval_ms, uint64_t pool_targets) {
  uint64_t widest_ms = std::min(kWidestGridMs, interval_ms / kLeastGridLines);
  uint64_t width_ms = std::min(widest_ms, kTogether * interval_ms / std::max<uint64_t>(pool_targets, 1));
  return std::bit_floor(std::max<uint64_t>(width_ms, 1));
}

}  // namespace

core::DurationMs ScrapeOffset(const ScrapeTarget& target, size_t pool_targets) {
  auto interval_ms = static_cast<uint64_t>(target.interval_ms);
  uint64_t hash = target.labels.Hash() ^ (std::hash<std::string>()(target.url) * 0x9e3779b97f4a7c15ull);
  uint64_t offset_ms = hash % interval_ms;
  return static_cast<core::DurationMs>(offset_ms - offset_ms % GridMs(interval_ms, pool_targets));
}

core::TimestampMs ScrapeTime(core::TimestampMs now_ms, core::TimestampMs due_ms, core::DurationMs interval_ms,
                             core::DurationMs tolerance_ms) {
  tolerance_ms = std::min(tolerance_ms, interval_ms / 100);
  return tolerance_ms > 0 && std::abs(now_ms - due_ms) <= tolerance_ms ? due_ms : now_ms;
}

}  // namespace sextant::scrape
