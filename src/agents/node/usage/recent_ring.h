// The last hour, second by second: a ring of slots, of which each column (one metric of one device) has a
// float. Memory is bounded: kRecentSlots × kRecentColumns × 4 bytes (2 MiB) and the processes' half a MiB;
// a column takes its memory when it is first set. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace sextant::node {

inline constexpr size_t kRecentSlots = 3'600;
inline constexpr size_t kRecentColumns = 150;
inline constexpr size_t kRecentProcesses = 5;

// What a column is: "cpu" {mode="user"}. A metric without a label has an empty one.
struct RecentName {
  std::string metric;
  std::string label;
  std::string value;

  auto operator<=>(const RecentName&) const = default;
};

class RecentRing {
 public:
  struct Sample {
    RecentName name;
    float value = 0;
  };
  struct ProcessShare {
    std::array<char, 24> name_bytes = {};  // cut, with zero bytes behind
    float cpu_cores = 0;

    std::string_view name() const;
    void SetName(std::string_view name);
  };
  using Processes = std::array<ProcessShare, kRecentProcesses>;  // greatest first; those without CPU: none

  // Adds a slot; the oldest goes when there are kRecentSlots. Samples beyond kRecentColumns are dropped and
  // counted.
  void Add(core::TimestampMs time_ms, const std::vector<Sample>& samples, const Processes& processes);

  struct Series {
    RecentName name;
    std::vector<float> values;  // NaN: none
  };
  struct Window {
    std::vector<core::TimestampMs> times_ms;
    std::vector<Series> series;        // by name
    std::vector<Processes> processes;  // one per time
    uint64_t dropped_samples = 0;
  };
  // The slots since `from_ms`, of the metrics that are wanted.
  Window Copy(core::TimestampMs from_ms, const std::function<bool(std::string_view metric)>& wants_metric,
              bool wants_processes) const;

  // What it takes now.
  size_t MemoryBytes() const;

 private:
  size_t Slot(size_t age) const { return (next_ + kRecentSlots - age) % kRecentSlots; }

  mutable std::mutex mutex_;  // guards all below
  size_t next_ = 0;           // where the next slot goes
  size_t count_ = 0;
  std::vector<core::TimestampMs> times_ms_;
  std::vector<Processes> processes_;
  std::map<RecentName, std::vector<float>> columns_;
  uint64_t dropped_samples_ = 0;
};

}  // namespace sextant::node
