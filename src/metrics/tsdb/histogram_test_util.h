// Native histograms for tests: random ones of every kind, and how they compare.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "metrics/tsdb/histogram_check.h"
#include "model/histogram.h"
#include "model/value.h"

namespace sextant::tsdb {

// Makes the count of an integer histogram that of its buckets.
inline void SetCount(model::FloatHistogram& histogram) {
  histogram.count = histogram.zero_count;
  for (double count : histogram.positive_buckets) histogram.count += count;
  for (double count : histogram.negative_buckets) histogram.count += count;
}

// An integer counter histogram with `scale` times some observations.
inline model::FloatHistogram CounterHistogram(double scale) {
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.schema = 3;
  histogram.zero_threshold = 0.001;
  histogram.zero_count = 2 * scale;
  histogram.sum = 18.5 * scale;
  histogram.positive_spans = {{0, 2}, {1, 2}};
  histogram.positive_buckets = {scale, 2 * scale, 3 * scale, scale};
  histogram.negative_spans = {{-2, 1}};
  histogram.negative_buckets = {scale};
  SetCount(histogram);
  return histogram;
}

inline model::FloatHistogram CustomHistogram(double scale) {
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.schema = model::kCustomBucketsSchema;
  histogram.custom_bounds = {0.1, 0.5, 1, 5};
  histogram.positive_spans = {{0, 1}, {1, 3}};
  histogram.positive_buckets = {scale, 2 * scale, scale, 4 * scale};
  histogram.sum = 7 * scale;
  SetCount(histogram);
  return histogram;
}

inline model::FloatHistogram StaleHistogram(bool is_integer) {
  model::FloatHistogram histogram;
  histogram.is_integer = is_integer;
  histogram.sum = model::StaleNan();
  return histogram;
}

// Makes one histogram after the other: mostly the same with some counts grown, sometimes with another layout,
// another kind, a reset, or the end of the series.
class HistogramSource {
 public:
  explicit HistogramSource(uint64_t seed) : random_(seed) { Anew(); }

  model::FloatHistogram Next() {
    switch (random_() % 24) {
      case 0:
        Anew();
        break;
      case 1:
        return StaleHistogram(now_.is_integer);
      case 2:
        AddBuckets();
        break;
      case 3:
        now_.counter_reset_hint = static_cast<model::CounterResetHint>(random_() % 4);
        break;
      case 4:
      case 5:
        return now_;
      default:
        Grow();
        break;
    }
    return now_;
  }

 private:
  double Observed() {
    double count = static_cast<double>(random_() % (random_() % 8 == 0 ? 100'000 : 10));
    return now_.is_integer ? count : count / 3;
  }

  void Grow() {
    if (now_.schema != model::kCustomBucketsSchema) now_.zero_count += Observed();
    for (double& count : now_.positive_buckets) count += random_() % 2 == 0 ? Observed() : 0;
    for (double& count : now_.negative_buckets) count += random_() % 2 == 0 ? Observed() : 0;
    now_.sum += static_cast<double>(random_() % 1000) / 7;
    if (random_() % 40 == 0) now_.sum = model::NormalNan();
    SetCount(now_);
  }

  std::vector<model::BucketSpan> Spans(bool is_custom) {
    std::vector<model::BucketSpan> spans;
    size_t count = random_() % 4;
    for (size_t i = 0; i < count; ++i) {
      auto offset = static_cast<int32_t>(random_() % 5);
      if (i == 0 && !is_custom) offset -= static_cast<int32_t>(random_() % 100);
      spans.push_back({offset, static_cast<uint32_t>(random_() % 6)});
    }
    return spans;
  }

  void Anew() {
    now_ = {};
    now_.is_integer = random_() % 3 != 0;
    bool is_custom = random_() % 3 == 0;
    now_.positive_spans = Spans(is_custom);
    if (is_custom) {
      now_.schema = model::kCustomBucketsSchema;
      uint64_t covered = 0;
      for (const auto& span : now_.positive_spans)
        covered += static_cast<uint64_t>(span.offset) + span.length;
      for (uint64_t i = 0; i < covered; ++i) now_.custom_bounds.push_back(static_cast<double>(i) * 0.25 - 1);
    } else {
      now_.schema = static_cast<int32_t>(random_() % 13) - 4;
      now_.zero_threshold = random_() % 2 == 0 ? 0 : 1e-128;
      now_.negative_spans = Spans(false);
    }
    now_.positive_buckets.assign(CountBuckets(now_.positive_spans), 0);
    now_.negative_buckets.assign(CountBuckets(now_.negative_spans), 0);
    Grow();
  }

  void AddBuckets() {
    if (now_.schema == model::kCustomBucketsSchema) return;
    now_.positive_spans.push_back({static_cast<int32_t>(random_() % 3), 2});
    now_.positive_buckets.resize(now_.positive_buckets.size() + 2, 0);
    Grow();
  }

  std::mt19937_64 random_;
  model::FloatHistogram now_;
};

}  // namespace sextant::tsdb
