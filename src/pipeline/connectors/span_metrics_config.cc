#include "pipeline/connectors/span_metrics_config.h"

#include <set>

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using config::Struct;
using core::Status;

config::CodecFor<DurationUnit> Unit() {
  return config::Enum<DurationUnit>({{"ms", DurationUnit::kMilliseconds}, {"s", DurationUnit::kSeconds}},
                                    "unknown Unit {}");
}

// As the original: whatever is not delta is cumulative; here only its two words are taken.
config::CodecFor<otlp::Temporality> TemporalityWord() {
  return config::Enum<otlp::Temporality>(
      {{"AGGREGATION_TEMPORALITY_CUMULATIVE", otlp::Temporality::kCumulative},
       {"AGGREGATION_TEMPORALITY_DELTA", otlp::Temporality::kDelta}});
}

Status CheckDimensions(const std::vector<Dimension>& dimensions, std::string_view what, Node node) {
  std::set<std::string_view> names = {"service.name", "span.name", "span.kind", "status.code"};
  for (const Dimension& dimension : dimensions) {
    if (!names.insert(dimension.name).second) {
      return node.Fail("failed validating {}: duplicate dimension name {}", what, dimension.name);
    }
  }
  return {};
}

Status CheckConfig(SpanMetricsConfig& config, Node node) {
  SEXTANT_TRY(CheckDimensions(config.dimensions, "dimensions", node));
  if (config.events.is_enabled) {
    if (config.events.dimensions.empty()) {
      return node.Fail("failed validating event dimensions: no dimensions configured for events");
    }
    SEXTANT_TRY(CheckDimensions(config.events.dimensions, "event dimensions", node));
  }
  if (config.histogram.explicit_buckets && config.histogram.exponential) {
    return node.Fail("use either `explicit` or `exponential` buckets histogram");
  }
  if (config.metrics_flush_interval_ms <= 0) {
    return node.Fail("invalid metrics_flush_interval: {}, the duration should be positive",
                     FormatGoDurationMs(config.metrics_flush_interval_ms));
  }
  if (config.metrics_expiration_ms < 0) {
    return node.Fail("invalid metrics_expiration: {}, the duration should be positive",
                     FormatGoDurationMs(config.metrics_expiration_ms));
  }
  if (config.series_expiration_ms < 0) {
    return node.Fail("invalid series_expiration: {}, the duration should be positive",
                     FormatGoDurationMs(config.series_expiration_ms));
  }
  if (config.temporality == otlp::Temporality::kDelta && config.metric_timestamp_cache_size <= 0) {
    return node.Fail(
        "invalid delta timestamp cache size: {}, the maximum number of the items in the cache should be "
        "positive",
        config.metric_timestamp_cache_size);
  }
  if (config.aggregation_cardinality_limit < 0) {
    return node.Fail("invalid aggregation_cardinality_limit: {}, the limit should be positive",
                     config.aggregation_cardinality_limit);
  }
  if (config.resource_metrics_cache_size <= 0) {
    return node.Fail("invalid resource_metrics_cache_size: {}, must provide a positive size",
                     config.resource_metrics_cache_size);
  }
  if (config.exemplars.max_per_data_point < 0) {
    return node.Fail("invalid exemplars::max_per_data_point: {}, must not be negative",
                     config.exemplars.max_per_data_point);
  }
  return {};
}

Status CheckBuckets(SpanMetricsConfig::Explicit& buckets, Node node) {
  for (size_t i = 1; i < buckets.buckets_ns.size(); ++i) {
    if (buckets.buckets_ns[i] <= buckets.buckets_ns[i - 1]) {
      return node.Fail("buckets must be in ascending order, and {} stands behind {}",
                       FormatGoDuration(buckets.buckets_ns[i]), FormatGoDuration(buckets.buckets_ns[i - 1]));
    }
  }
  return {};
}

}  // namespace

const Struct& FieldsOf(const Dimension*) {
  static const Struct kFields = Struct::Of<Dimension>({
      Member<&Dimension::name>("name").Required(),
      Member<&Dimension::default_value>("default"),
      config::NotYet("glob", "name each dimension"),
  });
  return kFields;
}

const Struct& FieldsOf(const SpanMetricsConfig::Explicit*) {
  using C = SpanMetricsConfig::Explicit;
  static const Struct kFields =
      Struct::Of<C>({Member<&C::buckets_ns>("buckets", GoDurationNs())}, &CheckBuckets);
  return kFields;
}

const Struct& FieldsOf(const SpanMetricsConfig::Exponential*) {
  using C = SpanMetricsConfig::Exponential;
  static const Struct kFields = Struct::Of<C>({Member<&C::max_size>("max_size")});
  return kFields;
}

const Struct& FieldsOf(const SpanMetricsConfig::Histogram*) {
  using C = SpanMetricsConfig::Histogram;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::is_disabled>("disable"),
      Member<&C::unit>("unit", Unit()),
      Member<&C::exponential>("exponential", config::Section<SpanMetricsConfig::Exponential>()),
      Member<&C::explicit_buckets>("explicit", config::Section<SpanMetricsConfig::Explicit>()),
      Member<&C::dimensions>("dimensions"),
  });
  return kFields;
}

const Struct& FieldsOf(const SpanMetricsConfig::Exemplars*) {
  using C = SpanMetricsConfig::Exemplars;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::is_enabled>("enabled"),
      Member<&C::max_per_data_point>("max_per_data_point").AlwaysWritten(),
  });
  return kFields;
}

const Struct& FieldsOf(const SpanMetricsConfig::Events*) {
  using C = SpanMetricsConfig::Events;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::is_enabled>("enabled"),
      Member<&C::dimensions>("dimensions"),
  });
  return kFields;
}

const Struct& FieldsOf(const SpanMetricsConfig*) {
  using C = SpanMetricsConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::dimensions>("dimensions"),
          Member<&C::calls_dimensions>("calls_dimensions"),
          Member<&C::exclude_dimensions>("exclude_dimensions"),
          Member<&C::dimensions_cache_size>("dimensions_cache_size"),
          Member<&C::resource_metrics_cache_size>("resource_metrics_cache_size").AlwaysWritten(),
          Member<&C::resource_metrics_key_attributes>("resource_metrics_key_attributes"),
          Member<&C::temporality>("aggregation_temporality", TemporalityWord()),
          Member<&C::histogram>("histogram"),
          Member<&C::metrics_flush_interval_ms>("metrics_flush_interval", GoDuration()),
          Member<&C::metrics_expiration_ms>("metrics_expiration", GoDuration()),
          Member<&C::series_expiration_ms>("series_expiration", GoDuration()),
          Member<&C::metric_timestamp_cache_size>("metric_timestamp_cache_size").AlwaysWritten(),
          Member<&C::metrics_namespace>("namespace").AlwaysWritten(),
          Member<&C::exemplars>("exemplars"),
          Member<&C::events>("events"),
          Member<&C::include_instrumentation_scope>("include_instrumentation_scope"),
          Member<&C::aggregation_cardinality_limit>("aggregation_cardinality_limit"),
          Member<&C::adds_resource_attributes>("add_resource_attributes"),
          Member<&C::adds_sampling_method>("enable_metrics_sampling_method"),
      },
      &CheckConfig);
  return kFields;
}

}  // namespace sextant::pipeline
