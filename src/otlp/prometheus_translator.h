// Puts OTLP metrics into a batch of a store, as Prometheus' OTLP endpoint translates them.
//
//   resource, scope, point attributes ─► labels        name, unit, type ─► metric name, metadata
//   numbers, histograms, summaries    ─► samples, exemplars, one target_info per resource
//
// A metric that cannot be translated, or whose sample the store refuses, is an error; the rest of that metric
// is skipped, other metrics go on. Whether a batch with errors is kept is the caller's choice (Prometheus
// drops it).
//
// One translator is for one batch, and one thread.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/node_hash_map.h>

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "model/storage.h"
#include "otlp/metrics.h"
#include "otlp/prometheus_names.h"

namespace sextant::otlp {

struct PrometheusSettings {
  bool adds_suffixes = true;
  bool allows_utf8 = false;
  // Resource attributes that become labels: all but `attributes`, or `attributes`.
  bool promotes_all_resource_attributes = false;
  std::set<std::string, std::less<>> attributes;
  bool keeps_identifying_attributes = false;  // in target_info
  bool converts_histograms_to_custom_buckets = false;
  bool promotes_scope = false;
  bool allows_delta = false;
  bool adds_type_and_unit_labels = false;
  bool label_prefixes_underscore = true;
  bool label_preserves_multiple_underscores = true;
  core::DurationMs lookback_ms = 300'000;  // target_info has two samples in it

  // For the collector's exporters, which differ from Prometheus' endpoint in these.
  std::string name_space;  // before all names, with "_"
  bool has_target_info = true;
  bool has_one_target_info = false;  // at the time of the newest point only
  bool has_created = false;          // series …_created with the start times of counters, in milliseconds
};

// What became of the data.
struct Translation {
  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
  uint64_t refused_exemplars = 0;
  std::vector<std::string> warnings;  // bounded
  std::vector<std::string> errors;    // bounded
  uint64_t error_count = 0;
  // Some sample came out of order, too early, too late or twice, or has labels that no store takes: sending
  // it again does not help.
  bool has_untimely_samples = false;
};

class PrometheusTranslator {
 public:
  PrometheusTranslator(const PrometheusSettings& settings, model::Appender& appender);

  void Translate(const MetricsData& data);
  const Translation& result() const { return result_; }

 private:
  struct MetricContext {
    std::string name;
    model::MetricMetadata metadata;
    Temporality temporality = Temporality::kUnspecified;
  };

  void TranslateResource(const ResourceMetrics& resource);
  core::Status SetResource(const Resource& resource);
  core::Status SetScope(const ScopeMetrics& metrics);
  core::Status TranslateMetric(const Metric& metric);
  core::Status AddNumbers(const Metric& metric, const MetricContext& context);
  core::Status AddHistograms(const Metric& metric, const MetricContext& context);
  core::Status AddCustomBuckets(const Metric& metric, const MetricContext& context);
  core::Status AddExponentials(const Metric& metric, const MetricContext& context);
  core::Status AddSummaries(const Metric& metric, const MetricContext& context);
  core::Status AddTargetInfo(const Resource& resource, uint64_t earliest_ns, uint64_t latest_ns);

  // The labels of a point, without the metric's name, into builder_.
  core::Status SetPointLabels(const Attributes& attributes, const std::set<std::string_view>& ignored,
                              bool promotes_resource, const model::MetricMetadata* metadata);
  model::Labels LabelsWith(std::string_view name, std::string_view label = {}, std::string_view value = {});
  core::Result<std::string_view> LabelName(std::string_view name);
  core::Result<std::vector<model::Exemplar>> MakeExemplars(const std::vector<Exemplar>& exemplars) const;

  core::Status Append(const model::Labels& labels, const model::Sample& sample, const MetricContext& context,
                      std::span<const model::Exemplar> exemplars);
  void NoteError(const core::Error& error);
  void Warn(std::string text);
  core::TimestampMs StartMs(const Point& point, const MetricContext& context) const;
  // The series …_created of a point whose labels are set, if there is to be one.
  core::Status AddCreated(const Point& point, const MetricContext& context);

  const PrometheusSettings& settings_;
  model::Appender& appender_;
  const MetricNamer metric_namer_;
  const LabelNamer label_namer_;
  Translation result_;

  // Of the resource and the scope at hand.
  std::string job_;
  std::string instance_;
  model::Labels promoted_;
  std::optional<model::Labels> scope_labels_;

  model::LabelsBuilder builder_;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  absl::node_hash_map<std::string, std::string, TextHash, std::equal_to<>> label_names_;  // of attributes
  absl::flat_hash_set<model::SeriesRef> with_metadata_;
  absl::flat_hash_map<model::Labels, std::set<core::TimestampMs>> target_infos_;  // that were made
};

}  // namespace sextant::otlp
