// Settings of the connector `span_metrics`, with its original's names and defaults.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "otlp/metrics.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

// An attribute that becomes one of the metrics': of the span, else of the resource, else the default if there
// is one.
struct Dimension {
  std::string name;
  std::optional<std::string> default_value;
};
const config::Struct& FieldsOf(const Dimension*);

enum class DurationUnit { kMilliseconds, kSeconds };

struct SpanMetricsConfig {
  struct Explicit {
    std::vector<DurationNs> buckets_ns;  // empty: the default ones
  };
  struct Exponential {
    int32_t max_size = 0;  // 0: the default
  };
  struct Histogram {
    bool is_disabled = false;
    DurationUnit unit = DurationUnit::kMilliseconds;
    std::optional<Exponential> exponential;
    std::optional<Explicit> explicit_buckets;
    std::vector<Dimension> dimensions;
  };
  struct Exemplars {
    bool is_enabled = false;
    int64_t max_per_data_point = 5;
  };
  struct Events {
    bool is_enabled = false;
    std::vector<Dimension> dimensions;
  };

  std::vector<Dimension> dimensions;
  std::vector<Dimension> calls_dimensions;
  std::vector<std::string> exclude_dimensions;
  int64_t dimensions_cache_size = 0;  // has no effect any more, as in the original
  int64_t resource_metrics_cache_size = 1000;
  std::vector<std::string> resource_metrics_key_attributes;
  otlp::Temporality temporality = otlp::Temporality::kCumulative;
  Histogram histogram;
  core::DurationMs metrics_flush_interval_ms = 60'000;
  core::DurationMs metrics_expiration_ms = 0;  // 0: never
  core::DurationMs series_expiration_ms = 0;   // 0: never
  int64_t metric_timestamp_cache_size = 1000;
  std::string metrics_namespace = "traces.span.metrics";
  Exemplars exemplars;
  Events events;
  std::vector<std::string> include_instrumentation_scope;
  int64_t aggregation_cardinality_limit = 0;  // 0: none but our own
  // Resource attributes stand on the metrics in either case, until the original changes its default.
  bool adds_resource_attributes = false;
  bool adds_sampling_method = false;
};
const config::Struct& FieldsOf(const SpanMetricsConfig::Explicit*);
const config::Struct& FieldsOf(const SpanMetricsConfig::Exponential*);
const config::Struct& FieldsOf(const SpanMetricsConfig::Histogram*);
const config::Struct& FieldsOf(const SpanMetricsConfig::Exemplars*);
const config::Struct& FieldsOf(const SpanMetricsConfig::Events*);
const config::Struct& FieldsOf(const SpanMetricsConfig*);

}  // namespace sextant::pipeline
