#include "pipeline/connectors/span_metrics.h"

#include <algorithm>
#include <charconv>

#include "pipeline/trace_state.h"

namespace sextant::pipeline {

namespace {

using otlp::AnyValue;
using otlp::Attributes;
using otlp::KeyValue;

constexpr std::string_view kServiceName = "service.name";
constexpr std::string_view kSpanName = "span.name";
constexpr std::string_view kSpanKind = "span.kind";
constexpr std::string_view kStatusCode = "status.code";
constexpr std::string_view kInstanceId = "collector.instance.id";
constexpr std::string_view kScopeName = "span.instrumentation.scope.name";
constexpr std::string_view kScopeVersion = "span.instrumentation.scope.version";
constexpr std::string_view kSamplingMethod = "sampling.method";
constexpr std::string_view kOverflow = "otel.metric.overflow";
constexpr std::string_view kScope = "spanmetricsconnector";

constexpr double kDefaultBoundsMs[] = {2,   4,   6,    8,    10,   50,   100,   200,
                                       400, 800, 1000, 1400, 2000, 5000, 10000, 15000};
constexpr uint32_t kAbsent = UINT32_MAX;
// Expired series' attributes are given back when they are more than this, and more than the live ones.
constexpr size_t kCompactAbove = 256;

std::string_view KindText(otlp::SpanKind kind) {
  switch (kind) {
    case otlp::SpanKind::kUnspecified:
      return "SPAN_KIND_UNSPECIFIED";
    case otlp::SpanKind::kInternal:
      return "SPAN_KIND_INTERNAL";
    case otlp::SpanKind::kServer:
      return "SPAN_KIND_SERVER";
    case otlp::SpanKind::kClient:
      return "SPAN_KIND_CLIENT";
    case otlp::SpanKind::kProducer:
      return "SPAN_KIND_PRODUCER";
    case otlp::SpanKind::kConsumer:
      return "SPAN_KIND_CONSUMER";
  }
  return "";
}

std::string_view StatusText(otlp::StatusCode code) {
  switch (code) {
    case otlp::StatusCode::kUnset:
      return "STATUS_CODE_UNSET";
    case otlp::StatusCode::kOk:
      return "STATUS_CODE_OK";
    case otlp::StatusCode::kError:
      return "STATUS_CODE_ERROR";
  }
  return "";
}

void AppendNumber(uint32_t number, std::string& key) {
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void AppendText(std::string_view text, std::string& key) {
  AppendNumber(static_cast<uint32_t>(text.size()), key);
  key += text;
}

// The value's text: values that read alike are one series, as they would be one in Prometheus.
void AppendValue(const AnyValue& value, std::string& key) {
  if (value.kind == otlp::ValueKind::kText) return AppendText(value.text, key);
  if (value.kind == otlp::ValueKind::kInt) {
    char digits[24];
    auto [end, error] = std::to_chars(digits, digits + sizeof digits, value.integer);
    return AppendText({digits, static_cast<size_t>(end - digits)}, key);
  }
  AppendText(otlp::ValueText(value), key);
}

bool Contains(const std::vector<std::string>& texts, std::string_view text) {
  return std::ranges::find(texts, text) != texts.end();
}

bool SameDimensions(const std::vector<Dimension>& a, const std::vector<Dimension>& b) {
  return std::ranges::equal(a, b, [](const Dimension& x, const Dimension& y) {
    return x.name == y.name && x.default_value == y.default_value;
  });
}

std::string MetricName(std::string_view prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
}

}  // namespace

SpanMetrics::SpanMetrics(const SpanMetricsConfig& config, std::string instance_id)
    : config_(config),
      instance_id_(std::move(instance_id)),
      has_own_durations_(!SameDimensions(config.calls_dimensions, config.histogram.dimensions)),
      has_service_name_(!Contains(config.exclude_dimensions, kServiceName)),
      has_span_name_(!Contains(config.exclude_dimensions, kSpanName)),
      has_span_kind_(!Contains(config.exclude_dimensions, kSpanKind)),
      has_status_code_(!Contains(config.exclude_dimensions, kStatusCode)),
      has_instance_id_(!Contains(config.exclude_dimensions, kInstanceId)),
      unit_ns_(config.histogram.unit == DurationUnit::kSeconds ? 1e9 : 1e6),
      calls_name_(MetricName(config.metrics_namespace, "calls")),
      durations_name_(MetricName(config.metrics_namespace, "duration")),
      events_name_(MetricName(config.metrics_namespace, "events")),
      event_dimensions_(config.events.dimensions) {
  if (config.histogram.explicit_buckets && !config.histogram.explicit_buckets->buckets_ns.empty()) {
    for (DurationNs bound_ns : config.histogram.explicit_buckets->buckets_ns) {
      bounds_.push_back(static_cast<double>(bound_ns) / unit_ns_);
    }
  } else {
    for (double bound_ms : kDefaultBoundsMs) {
      bounds_.push_back(config.histogram.unit == DurationUnit::kSeconds ? bound_ms / 1000 : bound_ms);
    }
  }
}

bool SpanMetrics::IsKeyAttribute(std::string_view key) const {
  return config_.resource_metrics_key_attributes.empty() ||
         Contains(config_.resource_metrics_key_attributes, key);
}

SpanMetrics::ResourceEntry& SpanMetrics::EntryOf(const Attributes& resource, uint64_t now_ns) {
  std::vector<const KeyValue*> sorted;
  sorted.reserve(resource.size());
  for (const KeyValue& attribute : resource) {
    if (IsKeyAttribute(attribute.key)) sorted.push_back(&attribute);
  }
  std::ranges::stable_sort(sorted, {}, [](const KeyValue* attribute) { return attribute->key; });
  resource_key_.clear();
  for (const KeyValue* attribute : sorted) {
    AppendText(attribute->key, resource_key_);
    AppendNumber(static_cast<uint32_t>(attribute->value.kind), resource_key_);
    AppendValue(attribute->value, resource_key_);
  }
  auto found = entries_.find(resource_key_);
  if (found != entries_.end()) {
    Entries::iterator entry = found->second;
    recent_.splice(recent_.begin(), entry->is_evicted ? evicted_ : recent_, entry);
    entry->is_evicted = false;
    entry->last_seen_ns = now_ns;
    EvictResources();
    return *entry;
  }
  ResourceEntry& entry = recent_.emplace_front();
  entry.key = resource_key_;
  entry.attributes = otlp::CopyAttributes(resource, entry.memory);
  entry.last_seen_ns = now_ns;
  entries_.emplace(entry.key, recent_.begin());
  EvictResources();
  return entry;
}

void SpanMetrics::EvictResources() {
  auto limit = static_cast<size_t>(config_.resource_metrics_cache_size);
  while (recent_.size() > limit) {
    recent_.back().is_evicted = true;
    evicted_.splice(evicted_.begin(), recent_, std::prev(recent_.end()));
  }
  while (evicted_.size() > limit) {
    ++counts_.dropped_resources;
    Remove(evicted_, std::prev(evicted_.end()));
  }
}

void SpanMetrics::Remove(Entries& list, Entries::iterator entry) {
  series_ -= entry->calls.size() + entry->durations.size() + entry->events.size();
  entries_.erase(entry->key);
  list.erase(entry);
}

void SpanMetrics::Add(const otlp::TracesData& traces, uint64_t now_ns) {
  for (const otlp::ResourceSpans& resource : traces.resources) {
    const Attributes& attributes = resource.resource.attributes;
    const AnyValue* service = otlp::FindAttribute(attributes, kServiceName);
    if (service == nullptr) continue;
    Context context;
    context.entry = &EntryOf(attributes, now_ns);
    context.resource = &attributes;
    context.service = service->is_text() ? service->text : std::string_view();
    context.now_ns = now_ns;
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      bool is_included =
          !scope.scope.name.empty() && Contains(config_.include_instrumentation_scope, scope.scope.name);
      context.scope = is_included ? &scope.scope : nullptr;
      for (const otlp::Span& span : scope.spans) AddSpan(context, span);
    }
  }
}

void SpanMetrics::AddSpan(const Context& context, const otlp::Span& span) {
  double duration =
      span.end_ns > span.start_ns ? static_cast<double>(span.end_ns - span.start_ns) / unit_ns_ : 0;
  Weight weight = WeightOf(span.trace_state);
  Series& calls =
      FindSeries(context.entry->calls, context, span, config_.calls_dimensions, weight.is_adjusted);
  calls.count += weight.count;
  AddExemplar(calls, span, duration);
  if (!config_.histogram.is_disabled) {
    if (has_own_durations_) {
      Series& series = FindSeries(context.entry->durations, context, span, config_.histogram.dimensions,
                                  weight.is_adjusted);
      series.count += weight.count;
      AddExemplar(series, span, duration);
      ObserveDuration(series, duration, weight.count);
    } else {
      ObserveDuration(calls, duration, weight.count);
    }
  }
  if (config_.events.is_enabled && !span.events.empty()) AddEvents(context, span, weight, duration);
}

void SpanMetrics::AddEvents(Context context, const otlp::Span& span, const Weight& weight, double duration) {
  for (const otlp::SpanEvent& event : span.events) {
    context.event = &event.attributes;
    Series& series = FindSeries(context.entry->events, context, span, event_dimensions_, weight.is_adjusted);
    series.count += weight.count;
    AddExemplar(series, span, duration);
  }
}

SpanMetrics::Weight SpanMetrics::WeightOf(std::string_view trace_state) {
  if (trace_state.find("ot=") == std::string_view::npos) return {};
  if (trace_state != last_trace_state_) {
    last_trace_state_ = trace_state;
    auto parsed = TraceState::Parse(trace_state);
    bool is_known = parsed && parsed->sampling.threshold;
    last_kept_ = is_known ? kThresholdEnd - *parsed->sampling.threshold : 0;
  }
  if (last_kept_ == 0) return {};
  Weight weight = {.count = kThresholdEnd / last_kept_, .is_adjusted = true};
  // Rounded up as often as makes it right on average.
  if (uint64_t rest = kThresholdEnd % last_kept_; rest != 0) {
    random_ ^= random_ << 12;
    random_ ^= random_ >> 25;
    random_ ^= random_ << 27;
    if (random_ * 0x2545f4914f6cdd1d % last_kept_ < rest) ++weight.count;
  }
  return weight;
}

void SpanMetrics::ObserveDuration(Series& series, double duration, uint64_t times) const {
  if (series.exponential != nullptr) return series.exponential->Observe(duration, times);
  auto bucket = std::ranges::lower_bound(bounds_, duration) - bounds_.begin();
  series.buckets[static_cast<size_t>(bucket)] += times;
  series.sum += duration * static_cast<double>(times);
}

void SpanMetrics::AddExemplar(Series& series, const otlp::Span& span, double duration) const {
  if (!config_.exemplars.is_enabled || span.trace_id.IsEmpty()) return;
  if (series.exemplars.size() >= static_cast<size_t>(config_.exemplars.max_per_data_point)) return;
  series.exemplars.push_back({span.trace_id, span.span_id, duration});
}

std::optional<AnyValue> SpanMetrics::ValueOf(const Dimension& dimension, const Context& context,
                                             const otlp::Span& span) const {
  const AnyValue* value = otlp::FindAttribute(span.attributes, dimension.name);
  if (value == nullptr && context.event != nullptr) {
    value = otlp::FindAttribute(*context.event, dimension.name);
  }
  if (value == nullptr) value = otlp::FindAttribute(*context.resource, dimension.name);
  if (value != nullptr) return *value;
  if (dimension.default_value) return AnyValue::Text(*dimension.default_value);
  return std::nullopt;
}

void SpanMetrics::BuildKey(const Context& context, const otlp::Span& span, const std::vector<Dimension>& more,
                           bool is_adjusted) {
  key_.clear();
  if (has_service_name_) AppendText(context.service, key_);
  if (has_span_name_) AppendText(span.name, key_);
  // Kinds and statuses that nobody knows read alike.
  if (has_span_kind_) {
    AppendNumber(KindText(span.kind).empty() ? kAbsent : static_cast<uint32_t>(span.kind), key_);
  }
  if (has_status_code_) {
    AppendNumber(StatusText(span.status).empty() ? kAbsent : static_cast<uint32_t>(span.status), key_);
  }
  for (const std::vector<Dimension>* dimensions : {&config_.dimensions, &more}) {
    for (const Dimension& dimension : *dimensions) {
      if (std::optional<AnyValue> value = ValueOf(dimension, context, span)) {
        AppendValue(*value, key_);
      } else {
        AppendNumber(kAbsent, key_);
      }
    }
  }
  if (context.scope != nullptr) {
    AppendText(context.scope->name, key_);
    AppendText(context.scope->version, key_);
  }
  if (config_.adds_sampling_method) AppendNumber(is_adjusted ? 1 : 0, key_);
}

SpanMetrics::Series& SpanMetrics::FindSeries(Table& table, const Context& context, const otlp::Span& span,
                                             const std::vector<Dimension>& more, bool is_adjusted) {
  BuildKey(context, span, more, is_adjusted);
  auto found = table.series.find(key_);
  if (found != table.series.end()) {
    found->second->last_seen_ns = context.now_ns;
    return *found->second;
  }
  bool has_durations = !config_.histogram.is_disabled && &table == &DurationsOf(*context.entry);
  auto limit = static_cast<size_t>(config_.aggregation_cardinality_limit);
  if ((limit != 0 && table.size() >= limit) || series_ >= kMaxSeries) {
    ++counts_.overflowed_spans;
    if (table.overflow == nullptr) {
      KeyValue marker = {kOverflow, AnyValue::Bool(true)};
      table.overflow =
          MakeSeries(context.entry->memory.CopyList<KeyValue>({&marker, 1}), has_durations, context.now_ns);
      ++series_;
    }
    table.overflow->last_seen_ns = context.now_ns;
    return *table.overflow;
  }
  ++series_;
  Attributes attributes = BuildAttributes(context, span, more, is_adjusted);
  return *table.series.emplace(key_, MakeSeries(attributes, has_durations, context.now_ns)).first->second;
}

std::unique_ptr<SpanMetrics::Series> SpanMetrics::MakeSeries(const Attributes& attributes, bool has_durations,
                                                             uint64_t now_ns) const {
  auto series = std::make_unique<Series>();
  series->attributes = attributes;
  series->start_ns = now_ns;
  series->last_seen_ns = now_ns;
  if (!has_durations) return series;
  if (config_.histogram.exponential) {
    int32_t max_size = config_.histogram.exponential->max_size;
    series->exponential = std::make_unique<ExponentialHistogram>(
        max_size != 0 ? max_size : ExponentialHistogram::kDefaultMaxSize);
  } else {
    series->buckets.resize(bounds_.size() + 1);
  }
  return series;
}

Attributes SpanMetrics::BuildAttributes(const Context& context, const otlp::Span& span,
                                        const std::vector<Dimension>& more, bool is_adjusted) const {
  otlp::Memory& memory = context.entry->memory;
  Attributes attributes;
  otlp::AttributeEditor editor(attributes, memory);
  if (has_service_name_) editor.Set(kServiceName, AnyValue::Text(memory.Copy(context.service)));
  if (has_span_name_) editor.Set(kSpanName, AnyValue::Text(memory.Copy(span.name)));
  if (has_span_kind_) editor.Set(kSpanKind, AnyValue::Text(KindText(span.kind)));
  if (has_status_code_) editor.Set(kStatusCode, AnyValue::Text(StatusText(span.status)));
  if (has_instance_id_) editor.Set(kInstanceId, AnyValue::Text(memory.Copy(instance_id_)));
  for (const std::vector<Dimension>* dimensions : {&config_.dimensions, &more}) {
    for (const Dimension& dimension : *dimensions) {
      if (std::optional<AnyValue> value = ValueOf(dimension, context, span)) {
        editor.Set(memory.Copy(dimension.name), otlp::CopyValue(*value, memory));
      }
    }
  }
  if (context.scope != nullptr) {
    editor.Set(kScopeName, AnyValue::Text(memory.Copy(context.scope->name)));
    if (!context.scope->version.empty()) {
      editor.Set(kScopeVersion, AnyValue::Text(memory.Copy(context.scope->version)));
    }
  }
  if (config_.adds_sampling_method) {
    editor.Set(kSamplingMethod, AnyValue::Text(is_adjusted ? "extrapolated" : "counted"));
  }
  editor.Apply();
  return attributes;
}

template <typename Visit>
void SpanMetrics::ForEachSeries(Table& table, Visit&& visit) {
  for (auto& [key, series] : table.series) visit(std::string_view(key), *series);
  if (table.overflow != nullptr) visit(kOverflow, *table.overflow);
}

otlp::MetricsData SpanMetrics::Flush(uint64_t now_ns, bool is_last) {
  otlp::MetricsData out;
  out.resources.reserve(entries_.size());
  for (Entries* list : {&recent_, &evicted_}) {
    for (ResourceEntry& entry : *list) FlushResource(entry, now_ns, is_last, out);
  }
  NoteDeltaTimes(now_ns);
  ForgetAfterFlush(now_ns);
  return out;
}

void SpanMetrics::FlushResource(ResourceEntry& entry, uint64_t now_ns, bool is_last, otlp::MetricsData& out) {
  otlp::ResourceMetrics& resource = out.resources.emplace_back();
  out.memory.Join(otlp::Memory(entry.memory));
  resource.resource.attributes = entry.attributes;
  otlp::ScopeMetrics& scope = resource.scopes.emplace_back();
  scope.scope.name = kScope;
  Output output = {.now_ns = now_ns, .is_last = is_last, .memory = out.memory, .scope = scope};
  FlushCounts(calls_name_, entry, entry.calls, 'c', output);
  if (!config_.histogram.is_disabled) FlushDurations(entry, output);
  if (config_.events.is_enabled) FlushCounts(events_name_, entry, entry.events, 'e', output);
  std::erase_if(scope.metrics, [](const otlp::Metric& metric) { return otlp::CountPoints(metric) == 0; });
  if (scope.metrics.empty()) out.resources.pop_back();
}

void SpanMetrics::FlushCounts(std::string_view name, ResourceEntry& entry, Table& table, char tag,
                              Output out) {
  otlp::Metric& metric = out.scope.metrics.emplace_back();
  metric.name = out.memory.Copy(name);
  metric.kind = otlp::MetricKind::kSum;
  metric.is_monotonic = true;
  metric.temporality = config_.temporality;
  metric.numbers.reserve(table.size());
  bool begins_at_zero = config_.temporality == otlp::Temporality::kCumulative && !out.is_last;
  ForEachSeries(table, [&](std::string_view key, Series& series) {
    otlp::NumberPoint& point = metric.numbers.emplace_back();
    FillPoint(series, StartOf(entry, tag, key, series), out, point);
    point.value.kind = otlp::NumberKind::kInt;
    point.value.integer = begins_at_zero && series.is_first ? 0 : static_cast<int64_t>(series.count);
    series.is_first = false;
  });
}

void SpanMetrics::FlushDurations(ResourceEntry& entry, Output out) {
  Table& table = DurationsOf(entry);
  char tag = has_own_durations_ ? 'd' : 'c';
  otlp::Metric& metric = out.scope.metrics.emplace_back();
  metric.name = out.memory.Copy(durations_name_);
  metric.unit = config_.histogram.unit == DurationUnit::kSeconds ? "s" : "ms";
  metric.temporality = config_.temporality;
  if (config_.histogram.exponential) {
    metric.kind = otlp::MetricKind::kExponentialHistogram;
    metric.exponentials.reserve(table.size());
    ForEachSeries(table, [&](std::string_view key, Series& series) {
      otlp::ExponentialPoint& point = metric.exponentials.emplace_back();
      FillPoint(series, StartOf(entry, tag, key, series), out, point);
      series.exponential->WriteTo(point);
    });
    return;
  }
  metric.kind = otlp::MetricKind::kHistogram;
  metric.histograms.reserve(table.size());
  ForEachSeries(table, [&](std::string_view key, Series& series) {
    otlp::HistogramPoint& point = metric.histograms.emplace_back();
    FillPoint(series, StartOf(entry, tag, key, series), out, point);
    point.count = series.count;
    point.sum = series.sum;
    point.bucket_counts = series.buckets;
    point.explicit_bounds = bounds_;
  });
}

void SpanMetrics::FillPoint(const Series& series, uint64_t start_ns, Output out, otlp::Point& point) {
  point.attributes = series.attributes;
  point.start_ns = start_ns;
  point.time_ns = out.now_ns;
  for (const SpanExemplar& exemplar : series.exemplars) {
    otlp::Exemplar& copy = point.exemplars.emplace_back();
    copy.time_ns = out.now_ns;
    copy.value.kind = otlp::NumberKind::kDouble;
    copy.value.real = exemplar.value;
    copy.trace_id = out.memory.Copy(exemplar.trace_id.view());
    copy.span_id = out.memory.Copy(exemplar.span_id.view());
  }
}

uint64_t SpanMetrics::StartOf(const ResourceEntry& entry, char tag, std::string_view key,
                              const Series& series) {
  if (config_.temporality != otlp::Temporality::kDelta) return series.start_ns;
  std::string full;
  full.reserve(entry.key.size() + key.size() + 5);
  AppendText(entry.key, full);
  full += tag;
  full += key;
  auto found = delta_index_.find(full);
  uint64_t start_ns = found == delta_index_.end() ? series.start_ns : found->second->time_ns;
  flushed_keys_.push_back(std::move(full));
  return start_ns;
}

void SpanMetrics::NoteDeltaTimes(uint64_t now_ns) {
  for (std::string& key : flushed_keys_) {
    auto found = delta_index_.find(key);
    if (found != delta_index_.end()) {
      found->second->time_ns = now_ns;
      delta_times_.splice(delta_times_.begin(), delta_times_, found->second);
      continue;
    }
    delta_times_.push_front({std::move(key), now_ns});
    delta_index_.emplace(delta_times_.front().key, delta_times_.begin());
    if (delta_times_.size() > static_cast<size_t>(config_.metric_timestamp_cache_size)) {
      ++counts_.evicted_timestamps;
      delta_index_.erase(delta_times_.back().key);
      delta_times_.pop_back();
    }
  }
  flushed_keys_.clear();
}

void SpanMetrics::ForgetAfterFlush(uint64_t now_ns) {
  while (!evicted_.empty()) Remove(evicted_, evicted_.begin());
  if (config_.temporality == otlp::Temporality::kDelta) {
    while (!recent_.empty()) Remove(recent_, recent_.begin());
    return;
  }
  auto expiration_ns = static_cast<uint64_t>(config_.metrics_expiration_ms) * 1'000'000;
  for (auto entry = recent_.begin(); entry != recent_.end();) {
    auto next = std::next(entry);
    if (expiration_ns > 0 && now_ns >= entry->last_seen_ns + expiration_ns) {
      Remove(recent_, entry);
    } else {
      ForgetSeries(*entry, now_ns);
    }
    entry = next;
  }
}

void SpanMetrics::ForgetSeries(ResourceEntry& entry, uint64_t now_ns) {
  auto expiration_ns = static_cast<uint64_t>(config_.series_expiration_ms) * 1'000'000;
  if (expiration_ns == 0 && !config_.exemplars.is_enabled) return;
  size_t before = entry.calls.size() + entry.durations.size() + entry.events.size();
  auto is_expired = [&](const Series& series) {
    return expiration_ns > 0 && now_ns >= series.last_seen_ns + expiration_ns;
  };
  for (Table* table : {&entry.calls, &entry.durations, &entry.events}) {
    absl::erase_if(table->series, [&](const auto& item) { return is_expired(*item.second); });
    if (table->overflow != nullptr && is_expired(*table->overflow)) table->overflow.reset();
    // Exemplars belong to one flush.
    ForEachSeries(*table, [](std::string_view, Series& series) { series.exemplars.clear(); });
  }
  size_t left = entry.calls.size() + entry.durations.size() + entry.events.size();
  series_ -= before - left;
  entry.expired += before - left;
  if (entry.expired > kCompactAbove && entry.expired > left) Compact(entry);
}

void SpanMetrics::Compact(ResourceEntry& entry) {
  otlp::Memory memory;
  entry.attributes = otlp::CopyAttributes(entry.attributes, memory);
  for (Table* table : {&entry.calls, &entry.durations, &entry.events}) {
    ForEachSeries(*table, [&](std::string_view, Series& series) {
      series.attributes = otlp::CopyAttributes(series.attributes, memory);
    });
  }
  entry.memory = std::move(memory);
  entry.expired = 0;
}

SpanMetrics::Counts SpanMetrics::counts() const {
  Counts counts = counts_;
  counts.resources = entries_.size();
  counts.series = series_;
  return counts;
}

}  // namespace sextant::pipeline
