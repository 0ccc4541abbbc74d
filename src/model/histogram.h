// A native histogram with float counts, the form in which queries compute (Prometheus'
// histogram.FloatHistogram).
#pragma once

#include <cstdint>
#include <vector>

namespace sextant::model {

// A run of consecutive buckets: `offset` buckets are skipped since the end of the previous span.
struct BucketSpan {
  int32_t offset = 0;
  uint32_t length = 0;
};

enum class CounterResetHint : uint8_t { kUnknown, kReset, kNotReset, kGauge };

// Schemas from -4 to 8 are exponential (growth factor 2^(2^-schema)); -53 has custom upper bounds.
inline constexpr int32_t kCustomBucketsSchema = -53;

struct FloatHistogram {
  CounterResetHint counter_reset_hint = CounterResetHint::kUnknown;
  // It was observed with whole-number counts (Prometheus' histogram.Histogram), and stores keep it so. Counts
  // are exact up to 2^53.
  bool is_integer = false;
  int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<BucketSpan> positive_spans;
  std::vector<BucketSpan> negative_spans;
  std::vector<double> positive_buckets;  // absolute counts, one per bucket in the spans
  std::vector<double> negative_buckets;
  std::vector<double> custom_bounds;  // ascending upper bounds; only with kCustomBucketsSchema
};

}  // namespace sextant::model
