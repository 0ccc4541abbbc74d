// Metrics as OTLP sends them (opentelemetry.proto.metrics.v1), and their two encodings.
//
// Data decoded from protobuf refers to the bytes that were decoded, which must outlive it (or be kept by its
// memory); data from JSON has what it refers to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "otlp/attributes.h"
#include "otlp/limits.h"
#include "otlp/memory.h"

namespace sextant::otlp {

enum class MetricKind : uint8_t { kNone, kGauge, kSum, kHistogram, kExponentialHistogram, kSummary };
enum class Temporality : uint8_t { kUnspecified, kDelta, kCumulative };

// A number that was sent as such, or not at all.
enum class NumberKind : uint8_t { kNone, kInt, kDouble };

struct Number {
  NumberKind kind = NumberKind::kNone;
  union {
    int64_t integer = 0;
    double real;
  };

  double AsDouble() const {
    if (kind == NumberKind::kNone) return 0;
    return kind == NumberKind::kInt ? static_cast<double>(integer) : real;
  }
};

struct Exemplar {
  Attributes filtered_attributes;
  uint64_t time_ns = 0;
  Number value;
  std::string_view trace_id;  // bytes
  std::string_view span_id;   // likewise
};

// What all data points have.
struct Point {
  Attributes attributes;
  uint64_t start_ns = 0;
  uint64_t time_ns = 0;
  bool has_no_value = false;  // a series' end
  std::vector<Exemplar> exemplars;
};

struct NumberPoint : Point {
  Number value;
};

struct HistogramPoint : Point {
  uint64_t count = 0;
  std::optional<double> sum;
  std::optional<double> min;
  std::optional<double> max;
  std::vector<uint64_t> bucket_counts;
  std::vector<double> explicit_bounds;
};

struct ExponentialBuckets {
  int32_t offset = 0;
  std::vector<uint64_t> counts;
};

struct ExponentialPoint : Point {
  uint64_t count = 0;
  std::optional<double> sum;
  std::optional<double> min;
  std::optional<double> max;
  int32_t scale = 0;
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  ExponentialBuckets positive;
  ExponentialBuckets negative;
};

struct SummaryPoint : Point {
  struct Quantile {
    double quantile = 0;
    double value = 0;
  };
  uint64_t count = 0;
  double sum = 0;
  std::vector<Quantile> quantiles;
};

struct Metric {
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  Attributes metadata;
  MetricKind kind = MetricKind::kNone;
  Temporality temporality = Temporality::kUnspecified;  // of sums and histograms
  bool is_monotonic = false;                            // of sums
  // The one of its kind is filled.
  std::vector<NumberPoint> numbers;
  std::vector<HistogramPoint> histograms;
  std::vector<ExponentialPoint> exponentials;
  std::vector<SummaryPoint> summaries;
};

struct ScopeMetrics {
  Scope scope;
  std::string_view schema_url;
  std::vector<Metric> metrics;
};

struct ResourceMetrics {
  Resource resource;
  std::string_view schema_url;
  std::vector<ScopeMetrics> scopes;
};

struct MetricsData {
  std::vector<ResourceMetrics> resources;
  Memory memory;  // of what is referred to
};

size_t CountPoints(const Metric& metric);
size_t CountPoints(const MetricsData& data);

// ExportMetricsServiceRequest (or MetricsData, which is the same) as protobuf and as OTLP's JSON.
// kInvalidArgument when the bytes are no such message, kResourceExhausted above the limits.
core::Result<MetricsData> DecodeMetrics(std::string_view bytes);
core::Result<MetricsData> DecodeMetricsJson(std::string_view text);

}  // namespace sextant::otlp
