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

void ForgetReset(std::shared_ptr<const model::FloatHistogram>& histogram) {
  using model::CounterResetHint;
  if (histogram == nullptr || (histogram->counter_reset_hint != CounterResetHint::kReset &&
                               histogram->counter_reset_hint != CounterResetHint::kNotReset)) {
    return;
  }
  auto copy = std::make_shared<model::FloatHistogram>(*histogram);
  copy->counter_reset_hint = CounterResetHint::kUnknown;
  histogram = std::move(copy);
}

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
  for (size_t i = 1; i < places.size() && !columns_.histograms.empty(); ++i) {
    if (places[i] != places[i - 1] + 1) ForgetReset(columns_.histograms[places[i]]);
  }
  Take(columns_.values, places);
  Take(columns_.histograms, places);
  Take(columns_.start_times_ms, places);
  Take(columns_.times_ms, places);
  return true;
}

}  // namespace sextant::tsdb
