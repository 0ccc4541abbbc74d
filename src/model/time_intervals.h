// Intervals of time, as deletions of samples name them.
#pragma once

#include <cstddef>
#include <vector>

#include "core/clock.h"
#include "model/storage.h"

namespace sextant::model {

// start_ms <= time <= end_ms.
struct TimeInterval {
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;

  friend bool operator==(const TimeInterval&, const TimeInterval&) = default;
};

// Ascending, with time between them.
using TimeIntervals = std::vector<TimeInterval>;

// Adds an interval that does not end before it starts; those that overlap or touch become one.
void AddInterval(TimeInterval added, TimeIntervals& intervals);
// The same for many, in any order.
void AddIntervals(std::vector<TimeInterval> added, TimeIntervals& intervals);
// Takes their samples out of the columns, whose times ascend, from the place `begin` on.
void EraseIntervals(const TimeIntervals& intervals, size_t begin, SampleColumns& columns);

}  // namespace sextant::model
