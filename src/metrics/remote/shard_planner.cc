#include "metrics/remote/shard_planner.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sextant::remote {

void MovingRate::Tick(double seconds) {
  constexpr double kWeight = 0.2;
  double rate = std::exchange(events_, 0) / seconds;
  rate_ = has_ticked_ ? rate_ + kWeight * (rate - rate_) : rate;
  has_ticked_ = has_ticked_ || rate > 0;
}

int64_t ShardPlanner::Tick(double tick_seconds, int64_t shards, double lag_seconds) {
  constexpr double kCatchUpShare = 0.05;  // of what has piled up, per second
  constexpr double kTolerance = 0.3;      // changes smaller than that are not worth it
  constexpr double kLagging = 10;         // seconds; then shards are not taken away
  for (MovingRate* rate : {&in_, &dropped_, &out_, &out_seconds_}) rate->Tick(tick_seconds);
  double out = out_.per_second();
  if (out <= 0) return std::clamp(shards, min_shards_, max_shards_);
  double kept = out / (dropped_.per_second() + out);
  double pending = std::max(0.0, lag_seconds) * in_.per_second() * kept;
  double seconds_per_sample = out_seconds_.per_second() / out;
  double wanted = seconds_per_sample * (in_.per_second() * kept + kCatchUpShare * pending);
  auto now = static_cast<double>(shards);
  if (wanted >= now * (1 - kTolerance) && wanted <= now * (1 + kTolerance)) {
    return std::clamp(shards, min_shards_, max_shards_);
  }
  auto count = static_cast<int64_t>(std::ceil(std::min(wanted, static_cast<double>(max_shards_))));
  if (count < shards && lag_seconds > kLagging) count = shards;
  return std::clamp(count, min_shards_, max_shards_);
}

}  // namespace sextant::remote
