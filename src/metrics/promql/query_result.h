// What a query answers: a value, the annotations that came up, and what it took. Plain data, owned by the
// caller.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "metrics/promql/value.h"
#include "model/labels.h"

namespace sextant::promql {

struct ScalarResult {
  TimestampMs time_ms = 0;
  double value = 0;
};

struct StringResult {
  TimestampMs time_ms = 0;
  std::string value;
};

// One element of an instant vector: a float, or a histogram when that is not null.
struct VectorSample {
  model::Labels labels;
  TimestampMs time_ms = 0;
  double value = 0;
  HistogramPtr histogram;
};
using VectorResult = std::vector<VectorSample>;

struct FloatPoint {
  TimestampMs time_ms = 0;
  double value = 0;
};
struct HistogramPoint {
  TimestampMs time_ms = 0;
  HistogramPtr histogram;
};
// One series of a range; floats and histograms ascend in time, each time is in one of them at most.
struct MatrixSeries {
  model::Labels labels;
  std::vector<FloatPoint> floats;
  std::vector<HistogramPoint> histograms;
};
using MatrixResult = std::vector<MatrixSeries>;

// The same as columns, as they were computed: half as large, for those who only write them down once.
// Ordered by labels; at least one step of each is present.
struct ColumnsResult {
  Grid grid;
  std::vector<SeriesColumn> series;
};

using QueryValue = std::variant<ScalarResult, StringResult, VectorResult, MatrixResult, ColumnsResult>;

// "scalar", "string", "vector" or "matrix": the API's resultType.
inline std::string_view QueryValueTypeName(const QueryValue& value) {
  constexpr std::string_view kNames[] = {"scalar", "string", "vector", "matrix", "matrix"};
  return kNames[value.index()];
}

// What a query read and held. Samples are counted as Prometheus counts them for `stats`.
struct QueryStats {
  int64_t total_samples = 0;              // samples looked at, summed over all steps
  int64_t peak_samples = 0;               // most samples in memory at one moment
  int64_t peak_bytes = 0;                 // most bytes of samples and results in memory at one moment
  std::vector<int64_t> samples_per_step;  // only when asked for; one per step of the query
  double queue_seconds = 0;               // waiting for its turn
  double eval_total_seconds = 0;          // everything but parsing and waiting
  double prepare_seconds = 0;             // planning and selecting series
  double inner_eval_seconds = 0;          // computing
  double result_sort_seconds = 0;         // ordering the answer
  // The most work (QueryContext::Tick) that a thread did between two looks at whether it must stop.
  int64_t longest_stretch = 0;
};

struct QueryResult {
  QueryValue value;
  // Annotations with Prometheus' texts, position included, each text once, in order of appearance. All of
  // them; the API shows ten of a kind (see LimitAnnotations in annotations.h).
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  QueryStats stats;
  // Accounts for the value in the memory that queries share until it is dropped, which must be before the
  // engine goes. Copies of the value are not accounted for.
  std::shared_ptr<const void> memory;
};

}  // namespace sextant::promql
