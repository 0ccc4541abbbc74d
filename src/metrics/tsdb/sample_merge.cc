#include "metrics/tsdb/sample_merge.h"

#include <algorithm>
#include <numeric>

namespace sextant::tsdb {
namespace {

template <typename T>
void Take(std::vector<T>& column, const std::vector<size_t>& places) {
  if (column.empty()) return;
  std::vector<T> taken;
  taken.reserve(places.size());
  for (size_t place : places) taken.push_back(std::move(column[place]));
  column = std::move(taken);
}

}  // namespace

bool SampleMerger::Finish() {
  const std::vector<core::TimestampMs>& times = columns_.times_ms;
  bool is_ascending = true;
  for (size_t begin : begins_) {
    if (begin > 0 && begin < times.size() && times[begin] <= times[begin - 1]) is_ascending = false;
  }
  if (is_ascending) return false;
  std::vector<size_t> places(times.size());
  std::iota(places.begin(), places.end(), size_t{0});
  // Stable: sources stay in their order.
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) { return times[a] < times[b]; });
  places.erase(
      std::unique(places.begin(), places.end(), [&](size_t a, size_t b) { return times[a] == times[b]; }),
      places.end());
  Take(columns_.values, places);
  Take(columns_.histograms, places);
  Take(columns_.start_times_ms, places);
  Take(columns_.times_ms, places);
  return true;
}

}  // namespace sextant::tsdb
