// How many shards a remote write queue should have: as many as it takes to send what comes in and to work off
// what has piled up, by how long sending takes (Prometheus' calculateDesiredShards). One thread.
#pragma once

#include <cstdint>

namespace sextant::remote {

// A rate per second as a moving average over ticks.
class MovingRate {
 public:
  void Add(double events) { events_ += events; }
  void Tick(double seconds);
  double per_second() const { return rate_; }

 private:
  double events_ = 0;
  double rate_ = 0;
  bool has_ticked_ = false;
};

class ShardPlanner {
 public:
  ShardPlanner(int64_t min_shards, int64_t max_shards) : min_shards_(min_shards), max_shards_(max_shards) {}

  // What has happened since the last tick.
  void NoteIn(double samples) { in_.Add(samples); }
  void NoteDropped(double samples) { dropped_.Add(samples); }
  void NoteOut(double samples, double seconds) {
    out_.Add(samples);
    out_seconds_.Add(seconds);
  }

  // `lag_seconds`: how far what was sent is behind what came in. Returns the number wanted, between the
  // bounds; `shards` when there is no reason to change.
  int64_t Tick(double tick_seconds, int64_t shards, double lag_seconds);

 private:
  const int64_t min_shards_;
  const int64_t max_shards_;
  MovingRate in_;
  MovingRate dropped_;
  MovingRate out_;
  MovingRate out_seconds_;
};

}  // namespace sextant::remote
