// Puts OTLP metrics into a batch of a store, as Prometheus' OTLP endpoint translates them, or as the
// collector's exporter prometheusremotewrite does.
//
//   resource, scope, point attributes ─► labels        name, unit, type ─► metric name, metadata
//   numbers, histograms, summaries    ─► samples, exemplars, one target_info per resource
//
// A metric that cannot be translated, or whose sample the store refuses, is an error; the rest of that metric
// is skipped (unless keeps_other_points), other metrics go on. Whether a batch with errors is kept is the
// caller's choice (Prometheus drops it).
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
#include <utility>
#include <vector>

#include "core/clock.h"
#include "model/storage.h"
#include "otlp/metrics.h"
#include "otlp/prometheus_names.h"

namespace sextant::otlp {

// How the collector's exporter (contrib's pkg/translator/prometheusremotewrite, v0.12x) differs, of what no
// setting of its own says:
// - attributes that become one label are joined by ';' only when their values differ, and no warning is made;
// - target_info has one sample, at the latest time of the resource's points;
// - exemplars without a value have the value 0, where Prometheus refuses the point.
enum class TranslationStyle : uint8_t { kPrometheus, kCollector };

struct PrometheusSettings {
  TranslationStyle style = TranslationStyle::kPrometheus;
  std::string name_space;  // before each metric's name, also target_info's
  // Labels of each series that has none of that name, in the order in which they come.
  std::vector<std::pair<std::string, std::string>> external_labels;
  // All attributes of the resource are attributes of its points, in place of the points' own of that name
  // (resource_to_telemetry_conversion).
  bool joins_resource_attributes = false;
  bool makes_target_info = true;
  // `name_created` with the start's time in milliseconds beside counters, histograms and summaries that have
  // one.
  bool makes_created = false;
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
  // A point that cannot be translated, or whose sample the store refuses, is an error by itself: the other
  // points of its metric go on.
  bool keeps_other_points = false;
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
  uint64_t refused_points = 0;  // behind the errors; one that was stored in part is refused
  // Of the errors, those that a store had no room for another series. Whoever refuses requests as a whole
  // should not do so for these.
  uint64_t samples_over_limit = 0;
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
  // What its samples have in common.
  core::Status Describe(const Metric& metric, MetricContext& context) const;
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
  core::Status SetAttributes(const std::vector<const KeyValue*>& sorted);
  core::Status SetExternalLabels();
  model::Labels LabelsWith(std::string_view name, std::string_view label = {}, std::string_view value = {});
  core::Result<std::string_view> LabelName(std::string_view name);
  core::Result<std::vector<model::Exemplar>> MakeExemplars(const std::vector<Exemplar>& exemplars) const;

  // The series that says since when a point counts, for labels in builder_.
  core::Status AppendCreated(const Point& point, const MetricContext& context);
  core::Status Append(const model::Labels& labels, const model::Sample& sample, const MetricContext& context,
                      std::span<const model::Exemplar> exemplars);
  void NoteError(const core::Error& error);
  // Adds all points of a kind; `add` takes one.
  template <typename Points, typename Add>
  core::Status AddEach(const Points& points, Add&& add);
  void Warn(std::string text);
  core::TimestampMs StartMs(const Point& point, const MetricContext& context) const;

  const PrometheusSettings& settings_;
  model::Appender& appender_;
  const MetricNamer metric_namer_;
  const LabelNamer label_namer_;
  Translation result_;

  // Of the resource and the scope at hand.
  std::string job_;
  std::string instance_;
  Attributes joined_;  // which all points have
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
