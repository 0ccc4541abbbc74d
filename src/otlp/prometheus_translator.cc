#include "otlp/prometheus_translator.h"

#include <algorithm>
#include <limits>

#include "model/histogram_fault.h"
#include "model/value.h"
#include "otlp/native_histogram.h"

namespace sextant::otlp {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using model::AppendOutcome;

constexpr std::string_view kServiceName = "service.name";
constexpr std::string_view kServiceNamespace = "service.namespace";
constexpr std::string_view kServiceInstance = "service.instance.id";
const std::set<std::string_view> kReserved = {model::kMetricName};  // no attribute sets it
constexpr size_t kMaxMessages = 100;
// More samples of target_info than this only come from broken clocks.
constexpr uint64_t kMaxTargetInfoSamples = 10'000;
constexpr uint64_t kNsPerMs = 1'000'000;

core::TimestampMs ToMs(uint64_t time_ns) { return static_cast<core::TimestampMs>(time_ns / kNsPerMs); }

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// An id of zeros is none.
bool IsId(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](char c) { return c != '\0'; });
}

size_t RuneCount(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view TypeOf(const Metric& metric) {
  // Prometheus has no type for what is counted anew in each sample.
  if (metric.temporality == Temporality::kDelta) return "unknown";
  switch (metric.kind) {
    case MetricKind::kNone:
      return "unknown";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kSum:
      return metric.is_monotonic ? "counter" : "gauge";
    case MetricKind::kHistogram:
    case MetricKind::kExponentialHistogram:
      return "histogram";
    case MetricKind::kSummary:
      return "summary";
  }
  return "unknown";
}

bool HasTemporality(MetricKind kind) {
  return kind == MetricKind::kSum || kind == MetricKind::kHistogram ||
         kind == MetricKind::kExponentialHistogram;
}

// Calls visit(const Point&) for all of a metric's points.
template <typename Visit>
void ForEachPoint(const Metric& metric, Visit&& visit) {
  for (const NumberPoint& point : metric.numbers) visit(point);
  for (const HistogramPoint& point : metric.histograms) visit(point);
  for (const ExponentialPoint& point : metric.exponentials) visit(point);
  for (const SummaryPoint& point : metric.summaries) visit(point);
}

size_t PointCount(const Metric& metric) {
  return metric.numbers.size() + metric.histograms.size() + metric.exponentials.size() +
         metric.summaries.size();
}

size_t PointCount(const ScopeMetrics& scope) {
  size_t count = 0;
  for (const Metric& metric : scope.metrics) count += PointCount(metric);
  return count;
}

}  // namespace

PrometheusTranslator::PrometheusTranslator(const PrometheusSettings& settings, model::Appender& appender)
    : settings_(settings),
      appender_(appender),
      metric_namer_{settings.name_space, settings.adds_suffixes, settings.allows_utf8},
      label_namer_{settings.allows_utf8, settings.label_prefixes_underscore,
                   settings.label_preserves_multiple_underscores} {}

void PrometheusTranslator::NoteError(const core::Error& error) {
  ++result_.error_count;
  if (result_.errors.size() < kMaxMessages) result_.errors.push_back(error.message());
}

template <typename Points, typename Add>
Status PrometheusTranslator::AddEach(const Points& points, Add&& add) {
  size_t done = 0;
  for (const auto& point : points) {
    Status added = add(point);
    if (!added && !settings_.keeps_other_points) {
      result_.refused_points += points.size() - done;
      return added;
    }
    if (!added) {
      ++result_.refused_points;
      NoteError(added.error());
    }
    ++done;
  }
  return {};
}

void PrometheusTranslator::Warn(std::string text) {
  if (result_.warnings.size() < kMaxMessages &&
      std::ranges::find(result_.warnings, text) == result_.warnings.end()) {
    result_.warnings.push_back(std::move(text));
  }
}

void PrometheusTranslator::Translate(const MetricsData& data) {
  for (const ResourceMetrics& resource : data.resources) TranslateResource(resource);
}

void PrometheusTranslator::TranslateResource(const ResourceMetrics& resource) {
  if (Status set = SetResource(resource.resource); !set) {
    for (const ScopeMetrics& scope : resource.scopes) result_.refused_points += PointCount(scope);
    return NoteError(set.error());
  }
  uint64_t earliest_ns = std::numeric_limits<uint64_t>::max();
  uint64_t latest_ns = 0;
  for (const ScopeMetrics& scope : resource.scopes) {
    if (Status set = SetScope(scope); !set) {
      result_.refused_points += PointCount(scope);
      NoteError(set.error());
      continue;
    }
    for (const Metric& metric : scope.metrics) {
      ForEachPoint(metric, [&](const Point& point) {
        earliest_ns = std::min(earliest_ns, point.time_ns);
        latest_ns = std::max(latest_ns, point.time_ns);
      });
      if (Status translated = TranslateMetric(metric); !translated) NoteError(translated.error());
    }
  }
  if (earliest_ns == std::numeric_limits<uint64_t>::max()) return;  // no points
  if (Status added = AddTargetInfo(resource.resource, earliest_ns, latest_ns); !added)
    NoteError(added.error());
}

Result<std::string_view> PrometheusTranslator::LabelName(std::string_view name) {
  auto known = label_names_.find(name);
  if (known != label_names_.end()) return std::string_view(known->second);
  SEXTANT_ASSIGN(std::string built, label_namer_.Build(name));
  return std::string_view(label_names_.try_emplace(std::string(name), std::move(built)).first->second);
}

Status PrometheusTranslator::SetResource(const Resource& resource) {
  const Attributes& attributes = resource.attributes;
  job_.clear();
  instance_.clear();
  joined_ = settings_.joins_resource_attributes ? attributes : Attributes();
  if (const AnyValue* name = FindAttribute(attributes, kServiceName)) {
    if (const AnyValue* name_space = FindAttribute(attributes, kServiceNamespace)) {
      job_ = ValueText(*name_space) + "/";
    }
    job_ += ValueText(*name);
  }
  if (const AnyValue* instance = FindAttribute(attributes, kServiceInstance))
    instance_ = ValueText(*instance);
  model::LabelsBuilder promoted;
  for (const KeyValue& attribute : attributes) {
    bool is_named = settings_.attributes.contains(attribute.key);
    if (is_named == settings_.promotes_all_resource_attributes) continue;
    SEXTANT_ASSIGN(std::string_view name, LabelName(attribute.key));
    promoted.Set(name, ValueText(attribute.value));
  }
  promoted_ = promoted.Build();
  return {};
}

Status PrometheusTranslator::SetScope(const ScopeMetrics& metrics) {
  scope_labels_.reset();
  const Scope& scope = metrics.scope;
  if (!settings_.promotes_scope || scope.name.empty()) return {};
  model::LabelsBuilder labels;
  for (const KeyValue& attribute : scope.attributes) {
    SEXTANT_ASSIGN(std::string_view name, LabelName("otel_scope_" + std::string(attribute.key)));
    labels.Set(name, ValueText(attribute.value));
  }
  labels.Set("otel_scope_name", scope.name);
  labels.Set("otel_scope_version", scope.version);
  labels.Set("otel_scope_schema_url", metrics.schema_url);
  scope_labels_ = labels.Build();
  return {};
}

Status PrometheusTranslator::SetAttributes(const std::vector<const KeyValue*>& sorted) {
  bool is_collector = settings_.style == TranslationStyle::kCollector;
  std::set<std::string_view> colliding;
  for (const KeyValue* attribute : sorted) {
    std::string value = ValueText(attribute->value);
    if (settings_.allows_utf8) {
      builder_.Set(attribute->key, value);
      continue;
    }
    SEXTANT_ASSIGN(std::string_view name, LabelName(attribute->key));
    std::string_view before = builder_.Get(name);
    if (!before.empty()) {
      if (is_collector && before == value) continue;
      colliding.insert(name);
      value = std::string(before) + ";" + value;
    }
    builder_.Set(name, value);
  }
  if (is_collector) return {};
  for (std::string_view name : colliding) {
    std::string list;
    for (const KeyValue* attribute : sorted) {
      auto built = LabelName(attribute->key);
      if (built && *built == name) list += (list.empty() ? "" : ", ") + model::QuoteGo(attribute->key);
    }
    Warn(
        fmt::format("OTLP data point attributes {} collide as label {} after name sanitization, values are "
                    "concatenated with ';'",
                    list, model::QuoteGo(name)));
  }
  return {};
}

Status PrometheusTranslator::SetExternalLabels() {
  for (const auto& [key, value] : settings_.external_labels) {
    SEXTANT_ASSIGN(std::string_view name, LabelName(key));
    if (builder_.Get(name).empty()) builder_.Set(name, value);
  }
  return {};
}

Status PrometheusTranslator::SetPointLabels(const Attributes& attributes,
                                            const std::set<std::string_view>& ignored, bool promotes_resource,
                                            const model::MetricMetadata* metadata) {
  builder_.Reset();
  const Attributes joined = promotes_resource ? joined_ : Attributes();
  std::vector<const KeyValue*> sorted;
  sorted.reserve(attributes.size() + joined.size());
  for (const KeyValue& attribute : attributes) {
    if (!ignored.contains(attribute.key) && FindAttribute(joined, attribute.key) == nullptr) {
      sorted.push_back(&attribute);
    }
  }
  for (const KeyValue& attribute : joined) sorted.push_back(&attribute);
  std::ranges::stable_sort(sorted, {}, [](const KeyValue* attribute) { return attribute->key; });
  SEXTANT_TRY(SetAttributes(sorted));
  if (promotes_resource) {
    for (model::LabelView label : promoted_) {
      if (builder_.Get(label.name).empty()) builder_.Set(label.name, label.value);
    }
  }
  if (!job_.empty()) builder_.Set("job", job_);
  if (!instance_.empty()) builder_.Set("instance", instance_);
  SEXTANT_TRY(SetExternalLabels());
  if (metadata == nullptr) return {};
  if (scope_labels_) {
    for (model::LabelView label : *scope_labels_) builder_.Set(label.name, label.value);
  }
  if (settings_.adds_type_and_unit_labels) {
    if (metadata->type != "unknown") builder_.Set("__type__", metadata->type);
    if (!metadata->unit.empty()) builder_.Set("__unit__", metadata->unit);
  }
  return {};
}

model::Labels PrometheusTranslator::LabelsWith(std::string_view name, std::string_view label,
                                               std::string_view value) {
  builder_.Set(model::kMetricName, name);
  if (label.empty()) return builder_.Build();
  std::string before(builder_.Get(label));
  builder_.Set(label, value);
  model::Labels labels = builder_.Build();
  builder_.Set(label, before);
  return labels;
}

core::TimestampMs PrometheusTranslator::StartMs(const Point& point, const MetricContext& context) const {
  // Each delta has its own start, which no store should keep for every sample.
  return context.temporality == Temporality::kDelta ? 0 : ToMs(point.start_ns);
}

Status PrometheusTranslator::Append(const model::Labels& labels, const model::Sample& sample,
                                    const MetricContext& context,
                                    std::span<const model::Exemplar> exemplars) {
  auto [ref, outcome] = appender_.AppendSample(0, labels, sample);
  if (outcome != AppendOutcome::kOk) {
    switch (outcome) {
      case AppendOutcome::kOutOfOrder:
      case AppendOutcome::kOutOfBounds:
      case AppendOutcome::kDuplicateTimestamp:
      case AppendOutcome::kInvalidLabels:
        result_.has_untimely_samples = true;
        return Fail(Code::kInvalidArgument, "{}", model::OutcomeText(outcome));
      case AppendOutcome::kTooFarInFuture:
        result_.has_untimely_samples = true;
        return Fail(Code::kInvalidArgument, "out of bounds: timestamp is too far in the future");
      case AppendOutcome::kSeriesLimit:
      case AppendOutcome::kMemoryLimit: {
        core::Error error(
            Code::kResourceExhausted,
            fmt::format("{} for a new series of {}, job {}, instance {}", model::OutcomeText(outcome),
                        labels.metric_name(), model::QuoteGo(labels.Get("job")),
                        model::QuoteGo(labels.Get("instance"))));
        if (settings_.keeps_other_points) return tl::unexpected(std::move(error));
        // Series that there are go on.
        ++result_.samples_over_limit;
        NoteError(error);
        return {};
      }
      default:
        return Fail(Code::kInvalidArgument, "{}", model::RefusalText(outcome, sample.histogram));
    }
  }
  ++(sample.histogram != nullptr ? result_.histograms : result_.samples);
  if (with_metadata_.insert(ref).second) appender_.UpdateMetadata(ref, labels, context.metadata);
  for (const model::Exemplar& exemplar : exemplars) {
    bool is_taken = appender_.AppendExemplar(ref, labels, exemplar).outcome == AppendOutcome::kOk;
    ++(is_taken ? result_.exemplars : result_.refused_exemplars);
  }
  return {};
}

Status PrometheusTranslator::AppendCreated(const Point& point, const MetricContext& context) {
  if (!settings_.makes_created || point.start_ns == 0) return {};
  return Append(LabelsWith(context.name + "_created"),
                {.time_ms = ToMs(point.time_ns),
                 .value = static_cast<double>(ToMs(point.start_ns)),
                 .histogram = nullptr,
                 .start_ms = 0},
                context, {});
}

Result<std::vector<model::Exemplar>> PrometheusTranslator::MakeExemplars(
    const std::vector<Exemplar>& exemplars) const {
  constexpr size_t kMaxRunes = 128;
  std::vector<model::Exemplar> made;
  made.reserve(exemplars.size());
  for (const Exemplar& exemplar : exemplars) {
    if (exemplar.value.kind == NumberKind::kNone && settings_.style == TranslationStyle::kPrometheus) {
      return Fail(Code::kInvalidArgument, "unsupported exemplar value type: Empty");
    }
    model::LabelsBuilder labels;
    size_t runes = 0;
    auto add_id = [&](std::string_view name, std::string_view id) {
      if (!IsId(id)) return;
      std::string text = Hex(id);
      runes += name.size() + text.size();
      labels.Set(name, text);
    };
    add_id("trace_id", exemplar.trace_id);
    add_id("span_id", exemplar.span_id);
    std::vector<std::pair<std::string_view, std::string>> others;
    for (const KeyValue& attribute : exemplar.filtered_attributes) {
      others.emplace_back(attribute.key, ValueText(attribute.value));
      runes += RuneCount(attribute.key) + RuneCount(others.back().second);
    }
    if (runes <= kMaxRunes) {
      for (const auto& [name, value] : others) labels.Set(name, value);
    }
    made.push_back({labels.Build(), exemplar.value.AsDouble(), ToMs(exemplar.time_ns)});
  }
  return made;
}

Status PrometheusTranslator::Describe(const Metric& metric, MetricContext& context) const {
  if (metric.kind == MetricKind::kNone) {
    return Fail(Code::kInvalidArgument,
                "could not get aggregation temporality for {} as it has unsupported metric type Empty",
                metric.name);
  }
  bool is_valid = !HasTemporality(metric.kind) || metric.temporality == Temporality::kCumulative ||
                  (settings_.allows_delta && metric.temporality == Temporality::kDelta);
  if (!is_valid) {
    return Fail(Code::kInvalidArgument, "invalid temporality and type combination for metric {}",
                model::QuoteGo(metric.name));
  }
  SEXTANT_ASSIGN(context.name, metric_namer_.Build(metric.name, metric.unit, NamedTypeOf(metric)));
  context.metadata = {std::string(TypeOf(metric)), std::string(metric.description),
                      BuildUnit(metric.unit, false)};
  context.temporality = metric.temporality;
  if (PointCount(metric) == 0) {
    return Fail(Code::kInvalidArgument, "empty data points. {} is dropped", metric.name);
  }
  return {};
}

Status PrometheusTranslator::TranslateMetric(const Metric& metric) {
  MetricContext context;
  if (Status described = Describe(metric, context); !described) {
    result_.refused_points += PointCount(metric);
    return described;
  }
  switch (metric.kind) {
    case MetricKind::kNone:
      return {};
    case MetricKind::kGauge:
    case MetricKind::kSum:
      return AddNumbers(metric, context);
    case MetricKind::kHistogram:
      return settings_.converts_histograms_to_custom_buckets ? AddCustomBuckets(metric, context)
                                                             : AddHistograms(metric, context);
    case MetricKind::kExponentialHistogram:
      return AddExponentials(metric, context);
    case MetricKind::kSummary:
      return AddSummaries(metric, context);
  }
  return {};
}

Status PrometheusTranslator::AddNumbers(const Metric& metric, const MetricContext& context) {
  return AddEach(metric.numbers, [&](const NumberPoint& point) -> Status {
    SEXTANT_TRY(SetPointLabels(point.attributes, kReserved, true, &context.metadata));
    std::vector<model::Exemplar> exemplars;
    if (metric.kind == MetricKind::kSum) {
      SEXTANT_ASSIGN(exemplars, MakeExemplars(point.exemplars));
    }
    double value = point.has_no_value ? model::StaleNan() : point.value.AsDouble();
    SEXTANT_TRY(Append(LabelsWith(context.name),
                       {.time_ms = ToMs(point.time_ns),
                        .value = value,
                        .histogram = nullptr,
                        .start_ms = metric.kind == MetricKind::kSum ? StartMs(point, context) : 0},
                       context, exemplars));
    if (metric.kind == MetricKind::kSum && metric.is_monotonic) SEXTANT_TRY(AppendCreated(point, context));
    return {};
  });
}

Status PrometheusTranslator::AddHistograms(const Metric& metric, const MetricContext& context) {
  return AddEach(metric.histograms, [&](const HistogramPoint& point) -> Status {
    SEXTANT_TRY(SetPointLabels(point.attributes, kReserved, true, &context.metadata));
    auto append = [&](const model::Labels& labels, double value,
                      std::span<const model::Exemplar> exemplars) -> Status {
      return Append(labels,
                    {.time_ms = ToMs(point.time_ns),
                     .value = point.has_no_value ? model::StaleNan() : value,
                     .histogram = nullptr,
                     .start_ms = StartMs(point, context)},
                    context, exemplars);
    };
    if (point.sum) SEXTANT_TRY(append(LabelsWith(context.name + "_sum"), *point.sum, {}));
    SEXTANT_TRY(append(LabelsWith(context.name + "_count"), static_cast<double>(point.count), {}));
    SEXTANT_ASSIGN(std::vector<model::Exemplar> exemplars, MakeExemplars(point.exemplars));
    std::span<const model::Exemplar> left = exemplars;
    std::string bucket = context.name + "_bucket";
    uint64_t cumulative = 0;
    for (size_t i = 0; i < point.explicit_bounds.size() && i < point.bucket_counts.size(); ++i) {
      double bound = point.explicit_bounds[i];
      cumulative += point.bucket_counts[i];
      size_t here = 0;  // exemplars are in the order of their values
      while (here < left.size() && left[here].value <= bound) ++here;
      SEXTANT_TRY(append(LabelsWith(bucket, "le", model::FormatValue(bound)), static_cast<double>(cumulative),
                         left.first(here)));
      left = left.subspan(here);
    }
    SEXTANT_TRY(append(LabelsWith(bucket, "le", "+Inf"), static_cast<double>(point.count), left));
    SEXTANT_TRY(AppendCreated(point, context));
    return {};
  });
}

Status PrometheusTranslator::AddCustomBuckets(const Metric& metric, const MetricContext& context) {
  return AddEach(metric.histograms, [&](const HistogramPoint& point) -> Status {
    SEXTANT_TRY(SetPointLabels(point.attributes, kReserved, true, &context.metadata));
    model::FloatHistogram histogram = ToCustomBuckets(point, metric.temporality);
    if (histogram.count == 0 && histogram.sum != 0 && !point.has_no_value) {
      Warn(fmt::format("histogram data point has zero count, but non-zero sum: {:f}", histogram.sum));
    }
    SEXTANT_ASSIGN(std::vector<model::Exemplar> exemplars, MakeExemplars(point.exemplars));
    SEXTANT_TRY(Append(LabelsWith(context.name),
                       {.time_ms = ToMs(point.time_ns),
                        .value = 0,
                        .histogram = &histogram,
                        .start_ms = StartMs(point, context)},
                       context, exemplars));
    return {};
  });
}

Status PrometheusTranslator::AddExponentials(const Metric& metric, const MetricContext& context) {
  return AddEach(metric.exponentials, [&](const ExponentialPoint& point) -> Status {
    SEXTANT_ASSIGN(model::FloatHistogram histogram, ToNativeHistogram(point, metric.temporality));
    if (histogram.count == 0 && histogram.sum != 0 && !point.has_no_value) {
      Warn(fmt::format("exponential histogram data point has zero count, but non-zero sum: {:f}",
                       histogram.sum));
    }
    SEXTANT_TRY(SetPointLabels(point.attributes, kReserved, true, &context.metadata));
    SEXTANT_ASSIGN(std::vector<model::Exemplar> exemplars, MakeExemplars(point.exemplars));
    SEXTANT_TRY(Append(LabelsWith(context.name),
                       {.time_ms = ToMs(point.time_ns),
                        .value = 0,
                        .histogram = &histogram,
                        .start_ms = StartMs(point, context)},
                       context, exemplars));
    return {};
  });
}

Status PrometheusTranslator::AddSummaries(const Metric& metric, const MetricContext& context) {
  return AddEach(metric.summaries, [&](const SummaryPoint& point) -> Status {
    SEXTANT_TRY(SetPointLabels(point.attributes, kReserved, true, &context.metadata));
    auto append = [&](const model::Labels& labels, double value) -> Status {
      return Append(labels,
                    {.time_ms = ToMs(point.time_ns),
                     .value = point.has_no_value ? model::StaleNan() : value,
                     .histogram = nullptr,
                     .start_ms = StartMs(point, context)},
                    context, {});
    };
    SEXTANT_TRY(append(LabelsWith(context.name + "_sum"), point.sum));
    SEXTANT_TRY(append(LabelsWith(context.name + "_count"), static_cast<double>(point.count)));
    for (const SummaryPoint::Quantile& quantile : point.quantiles) {
      SEXTANT_TRY(append(LabelsWith(context.name, "quantile", model::FormatValue(quantile.quantile)),
                         quantile.value));
    }
    SEXTANT_TRY(AppendCreated(point, context));
    return {};
  });
}

// What is known of a resource beside its identity, as a series of its own.
Status PrometheusTranslator::AddTargetInfo(const Resource& resource, uint64_t earliest_ns,
                                           uint64_t latest_ns) {
  if (!settings_.makes_target_info) return {};
  std::set<std::string_view> identifying = {kServiceNamespace, kServiceName, kServiceInstance};
  bool has_others = std::ranges::any_of(
      resource.attributes, [&](const KeyValue& attribute) { return !identifying.contains(attribute.key); });
  if (!has_others) return {};
  if (settings_.keeps_identifying_attributes) identifying.clear();
  SEXTANT_TRY(SetPointLabels(resource.attributes, identifying, false, nullptr));
  if (builder_.Get("job").empty() && builder_.Get("instance").empty()) return {};
  MetricContext context;
  context.metadata = {"gauge", "Target metadata", ""};
  const std::string& name_space = settings_.name_space;
  model::Labels labels = LabelsWith(name_space.empty() ? "target_info" : name_space + "_target_info");
  bool has_one_sample = settings_.style == TranslationStyle::kCollector;

  uint64_t interval_ns =
      static_cast<uint64_t>(std::max<core::DurationMs>(settings_.lookback_ms / 2, 1)) * kNsPerMs;
  if (!has_one_sample && (latest_ns - earliest_ns) / interval_ns > kMaxTargetInfoSamples) {
    return Fail(Code::kInvalidArgument, "the times of a resource's data points are too far from each other");
  }
  // Several resources of a batch may have the same.
  std::set<core::TimestampMs>& seen = target_infos_[labels];
  auto append = [&](uint64_t time_ns) -> Status {
    if (!seen.insert(ToMs(time_ns)).second) return {};
    return Append(labels, {.time_ms = ToMs(time_ns), .value = 1, .histogram = nullptr, .start_ms = 0},
                  context, {});
  };
  if (has_one_sample) return latest_ns == 0 ? Status() : append(latest_ns);
  for (uint64_t since_ns = 0; since_ns < latest_ns - earliest_ns; since_ns += interval_ns) {
    SEXTANT_TRY(append(earliest_ns + since_ns));
  }
  return append(latest_ns);
}

}  // namespace sextant::otlp
