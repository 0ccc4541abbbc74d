// Time intervals: when routes are mute or active ("weekdays from nine to five in Paris").
//
// Immutable values; Contains may be called from any thread.
// Specification: https://prometheus.io/docs/alerting/latest/configuration/#time_interval
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"
#include "gotemplate/go_time.h"

namespace sextant::alerting {

// Both ends belong to it.
struct IntRange {
  int begin = 0;
  int end = 0;
};

// All that is given must hold; what is empty always holds.
struct TimeInterval {
  std::vector<IntRange> times;          // minutes of the day; the end does not belong to it
  std::vector<IntRange> weekdays;       // 0 is Sunday
  std::vector<IntRange> days_of_month;  // negative ones count from the end: −1 is the last day
  std::vector<IntRange> months;         // 1 … 12
  std::vector<IntRange> years;
  std::string location_name;
  std::shared_ptr<const gotemplate::Location> location;  // null: UTC

  bool Contains(core::TimestampMs time_ms) const;
};
const config::Struct& FieldsOf(const TimeInterval*);

// A named list of them; one that holds is enough.
struct NamedIntervals {
  std::string name;
  std::vector<TimeInterval> intervals;

  bool Contains(core::TimestampMs time_ms) const;
};
const config::Struct& FieldsOf(const NamedIntervals*);

}  // namespace sextant::alerting
