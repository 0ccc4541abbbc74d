#include "app/promtool_analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <tuple>

namespace sextant::app {

namespace {

// One step from a sample to the next.
struct Step {
  int64_t changed = 0;
  int64_t delta = 0;
  int64_t populated = 0;
};

BucketStatistics Summarize(const std::vector<Step>& steps, int64_t total, ChangeCounts& changes) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  BucketStatistics stats{.min_changed = kMost, .min_delta = kMost, .min_populated = kMost, .total = total};
  int64_t changed = 0;
  int64_t delta = 0;
  int64_t populated = 0;
  for (const Step& step : steps) {
    ++changes[step.changed];
    changed += step.changed;
    delta += step.delta;
    populated += step.populated;
    stats.min_changed = std::min(stats.min_changed, step.changed);
    stats.max_changed = std::max(stats.max_changed, step.changed);
    stats.min_delta = std::min(stats.min_delta, step.delta);
    stats.max_delta = std::max(stats.max_delta, step.delta);
    stats.min_populated = std::min(stats.min_populated, step.populated);
    stats.max_populated = std::max(stats.max_populated, step.populated);
  }
  auto count = static_cast<double>(steps.size());
  stats.avg_changed = static_cast<double>(changed) / count;
  stats.avg_delta = static_cast<double>(delta) / count;
  stats.avg_populated = static_cast<double>(populated) / count;
  return stats;
}

double BoundOf(const ApiSeries& series) {
  auto it = series.labels.find("le");
  return it == series.labels.end() ? 0 : std::strtod(it->second.c_str(), nullptr);
}

// Whole numbers, as upstream cuts them; what does not fit counts as nothing.
int64_t Whole(double value) { return std::fabs(value) < 9e18 ? static_cast<int64_t>(value) : 0; }

// The counts of each bucket alone at one time.
core::Result<std::vector<int64_t>> CountsAt(const std::vector<ApiSeries>& buckets, size_t at) {
  std::vector<int64_t> counts;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const std::vector<ApiPoint>& points = buckets[i].floats;
    if (at >= points.size() || points[at].time_ms != buckets[0].floats[at].time_ms) {
      return core::Fail(core::Code::kInvalidArgument, "matrix result is not time aligned");
    }
    counts.push_back(Whole(i == 0 ? points[at].value : points[at].value - buckets[i - 1].floats[at].value));
  }
  return counts;
}

using Bounds = std::tuple<int, double, double>;

std::map<Bounds, double> CountsOf(const ApiHistogram& histogram) {
  std::map<Bounds, double> counts;
  for (const ApiBucket& bucket : histogram.buckets) {
    counts[{bucket.boundaries, bucket.lower, bucket.upper}] = bucket.count;
  }
  return counts;
}

Step Compare(const std::map<Bounds, double>& before, const std::map<Bounds, double>& after) {
  Step step{.populated = static_cast<int64_t>(after.size())};
  for (const auto& [bounds, count] : after) {
    auto it = before.find(bounds);
    if (it != before.end() && it->second == count) continue;
    ++step.changed;
    step.delta += Whole(it == before.end() ? count : std::fabs(it->second - count));
  }
  for (const auto& [bounds, count] : before) {
    if (after.contains(bounds)) continue;
    ++step.changed;
    step.delta += Whole(count);
  }
  return step;
}

std::string Distribution(const std::vector<int64_t>& values) {
  int64_t min = std::numeric_limits<int64_t>::max();
  int64_t max = 0;
  double average = 0;
  double count = 0;
  for (int64_t value : values) {
    min = std::min(min, value);
    max = std::max(max, value);
    count += 1;
    average += static_cast<double>(value) / count - average / count;
  }
  return fmt::format("min/avg/max: {}/{:.3f}/{}", min, average, max);
}

}  // namespace

std::string BucketStatistics::ToString() const {
  return fmt::format(
      "Bucket stats (min/avg/max) - number of buckets changed: {}/{:.3f}/{} total delta of changed buckets: "
      "{}/{:.3f}/{} number of populated buckets: {}/{:.3f}/{}. total number of buckets: {}",
      min_changed, avg_changed, max_changed, min_delta, avg_delta, max_delta, min_populated, avg_populated,
      max_populated, total);
}

core::Result<std::optional<BucketStatistics>> AnalyzeClassic(std::vector<ApiSeries> buckets,
                                                             ChangeCounts& changes) {
  if (buckets.empty() || buckets[0].floats.size() < 2) return std::nullopt;
  const size_t samples = buckets[0].floats.size();
  std::ranges::stable_sort(buckets, {}, BoundOf);
  SEXTANT_ASSIGN(std::vector<int64_t> before, CountsAt(buckets, 0));
  std::vector<Step> steps;
  for (size_t at = 1; at < samples; ++at) {
    SEXTANT_ASSIGN(std::vector<int64_t> after, CountsAt(buckets, at));
    Step step;
    for (size_t i = 0; i < after.size(); ++i) {
      if (after[i] != 0) ++step.populated;
      if (after[i] == before[i]) continue;
      ++step.changed;
      step.delta += std::abs(after[i] - before[i]);
    }
    steps.push_back(step);
    before = std::move(after);
  }
  return Summarize(steps, static_cast<int64_t>(buckets.size()), changes);
}

std::optional<BucketStatistics> AnalyzeNative(const ApiSeries& series, ChangeCounts& changes) {
  if (series.histograms.size() < 2) return std::nullopt;
  std::map<Bounds, double> all = CountsOf(*series.histograms[0].histogram);
  std::map<Bounds, double> before = all;
  std::vector<Step> steps;
  for (size_t i = 1; i < series.histograms.size(); ++i) {
    std::map<Bounds, double> after = CountsOf(*series.histograms[i].histogram);
    all.insert(after.begin(), after.end());
    steps.push_back(Compare(before, after));
    before = std::move(after);
  }
  return Summarize(steps, static_cast<int64_t>(all.size()), changes);
}

std::string DescribeAll(const std::vector<BucketStatistics>& all, const ChangeCounts& changes) {
  auto line = [&](std::string_view name, auto&& value) {
    std::vector<int64_t> values;
    for (const BucketStatistics& stats : all) values.push_back(static_cast<int64_t>(value(stats)));
    return fmt::format("{} - {}\n", name, Distribution(values));
  };
  using S = BucketStatistics;
  std::string out = line("minChanged", [](const S& s) { return s.min_changed; });
  out += line("avgChanged", [](const S& s) { return s.avg_changed; });
  out += line("maxChanged", [](const S& s) { return s.max_changed; });
  out += line("minDelta", [](const S& s) { return s.min_delta; });
  out += line("avgDelta", [](const S& s) { return s.avg_delta; });
  out += line("maxDelta", [](const S& s) { return s.max_delta; });
  out += line("minPop", [](const S& s) { return s.min_populated; });
  out += line("avgPop", [](const S& s) { return s.avg_populated; });
  out += line("maxPop", [](const S& s) { return s.max_populated; });
  out += line("total", [](const S& s) { return s.total; });
  out += fmt::format("count - {}\n", all.size());
  // As Go prints a pointer to a struct that holds a map.
  std::string counts;
  for (const auto& [changed, times] : changes)
    counts += fmt::format("{}{}:{}", counts.empty() ? "" : " ", changed, times);
  return out + fmt::format("&{{map[{}]}}\n", counts);
}

}  // namespace sextant::app
