#include "pipeline/delivery/backoff.h"

#include <algorithm>

namespace sextant::pipeline {

double Backoff::NextFraction() {
  // SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
  random_ += 0x9e3779b97f4a7c15u;
  uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

std::optional<core::DurationMs> Backoff::Next(core::DurationMs elapsed_ms, core::DurationMs asked_ms) {
  double spread = config_.randomization_factor * next_ms_;
  double wait_ms = next_ms_ - spread + 2 * spread * NextFraction();
  next_ms_ = std::min(next_ms_ * config_.multiplier, static_cast<double>(config_.max_interval_ms));
  auto delay_ms = std::max(static_cast<core::DurationMs>(wait_ms), asked_ms);
  if (config_.max_elapsed_time_ms > 0 && elapsed_ms + delay_ms > config_.max_elapsed_time_ms)
    return std::nullopt;
  return delay_ms;
}

}  // namespace sextant::pipeline
