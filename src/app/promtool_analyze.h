// How the buckets of histograms change over time: what `promtool query analyze` prints. Pure computation over
// answers of the API.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/api_client.h"
#include "core/result.h"

namespace sextant::app {

// Of one histogram, over the samples behind the first. "Delta" sums up by how much buckets changed,
// "populated" counts buckets that are not empty.
struct BucketStatistics {
  int64_t min_changed = 0;
  int64_t max_changed = 0;
  int64_t min_delta = 0;
  int64_t max_delta = 0;
  int64_t min_populated = 0;
  int64_t max_populated = 0;
  int64_t total = 0;  // buckets that exist
  double avg_changed = 0;
  double avg_delta = 0;
  double avg_populated = 0;

  std::string ToString() const;
};

// How often how many buckets changed from one sample to the next.
using ChangeCounts = std::map<int64_t, int64_t>;

// Of the `_bucket` series of one classic histogram; nothing when there are too few samples. kInvalidArgument
// when the series' samples do not have the same times.
core::Result<std::optional<BucketStatistics>> AnalyzeClassic(std::vector<ApiSeries> buckets,
                                                             ChangeCounts& changes);
// Of a series of native histograms; nothing when there are less than two.
std::optional<BucketStatistics> AnalyzeNative(const ApiSeries& series, ChangeCounts& changes);

// What is printed below all histograms.
std::string DescribeAll(const std::vector<BucketStatistics>& all, const ChangeCounts& changes);

}  // namespace sextant::app
