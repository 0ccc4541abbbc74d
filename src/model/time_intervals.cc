#include "model/time_intervals.h"

#include <algorithm>
#include <utility>

namespace sextant::model {

namespace {

// Whether there is time between the end of one and the start of a later one.
bool IsApart(core::TimestampMs end_ms, core::TimestampMs start_ms) {
  return end_ms < start_ms && end_ms + 1 < start_ms;
}

}  // namespace

void AddInterval(TimeInterval added, TimeIntervals& intervals) {
  auto first = std::lower_bound(
      intervals.begin(), intervals.end(), added.start_ms,
      [](const TimeInterval& a, core::TimestampMs start_ms) { return IsApart(a.end_ms, start_ms); });
  auto last = first;
  for (; last != intervals.end() && !IsApart(added.end_ms, last->start_ms); ++last) {
    added.start_ms = std::min(added.start_ms, last->start_ms);
    added.end_ms = std::max(added.end_ms, last->end_ms);
  }
  intervals.insert(intervals.erase(first, last), added);
}

void AddIntervals(std::vector<TimeInterval> added, TimeIntervals& intervals) {
  added.insert(added.end(), intervals.begin(), intervals.end());
  std::sort(added.begin(), added.end(),
            [](const TimeInterval& a, const TimeInterval& b) { return a.start_ms < b.start_ms; });
  intervals.clear();
  for (const TimeInterval& next : added) {
    if (intervals.empty() || IsApart(intervals.back().end_ms, next.start_ms)) {
      intervals.push_back(next);
    } else {
      intervals.back().end_ms = std::max(intervals.back().end_ms, next.end_ms);
    }
  }
}

void EraseIntervals(const TimeIntervals& intervals, size_t begin, SampleColumns& columns) {
  if (intervals.empty()) return;
  auto interval = intervals.begin();
  size_t kept = begin;
  for (size_t i = begin; i < columns.size(); ++i) {
    core::TimestampMs time_ms = columns.times_ms[i];
    while (interval != intervals.end() && interval->end_ms < time_ms) ++interval;
    if (interval != intervals.end() && interval->start_ms <= time_ms) continue;
    if (kept != i) {
      columns.times_ms[kept] = time_ms;
      columns.values[kept] = columns.values[i];
      if (!columns.histograms.empty()) columns.histograms[kept] = std::move(columns.histograms[i]);
      if (!columns.start_times_ms.empty()) columns.start_times_ms[kept] = columns.start_times_ms[i];
    }
    ++kept;
  }
  columns.Resize(kept);
}

}  // namespace sextant::model
