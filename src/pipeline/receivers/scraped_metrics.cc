#include "pipeline/receivers/scraped_metrics.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>

#include "model/value.h"

namespace sextant::pipeline {

namespace {

using otlp::MetricKind;

constexpr std::string_view kScopePrefix = "otel_scope_";
constexpr uint64_t kNsPerMs = 1'000'000;
// More buckets than this no histogram of sense has, with those between its spans.
constexpr size_t kMaxBuckets = 10'000;

struct OwnMetric {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
};
// What the scrape says of itself.
constexpr OwnMetric kOwnMetrics[] = {
    {"up", "The scraping was successful", ""},
    {"scrape_duration_seconds", "Duration of the scrape", "seconds"},
    {"scrape_samples_scraped", "The number of samples the target exposed", ""},
    {"scrape_series_added", "The approximate number of new series in this scrape", ""},
    {"scrape_samples_post_metric_relabeling",
     "The number of samples remaining after metric relabeling was applied", ""},
};

struct KindOfType {
  MetricKind kind = MetricKind::kGauge;
  bool is_monotonic = false;
};

std::optional<KindOfType> KindOf(std::string_view type) {
  if (type == "counter") return KindOfType{MetricKind::kSum, true};
  if (type == "info" || type == "stateset") return KindOfType{MetricKind::kSum, false};
  if (type == "histogram") return KindOfType{MetricKind::kHistogram, true};
  if (type == "summary") return KindOfType{MetricKind::kSummary, true};
  if (type == "gaugehistogram") return std::nullopt;  // OTLP has no such
  return KindOfType{};
}

std::string_view WithoutSuffix(std::string_view name) {
  for (std::string_view suffix : {"_bucket", "_sum", "_count", "_total", "_info", "_created"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix))
      return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

double ParseBound(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  char* end = nullptr;
  std::string copy(text);
  return std::strtod(copy.c_str(), &end);
}

// Whether others can reach an address: not this machine's own.
bool IsDiscernible(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    uint32_t address = ntohl(v4.s_addr);
    return address >> 24 != 127 && address != 0;
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_UNSPECIFIED(&v6);
  }
  return host != "localhost";
}

std::string UnHex(std::string_view text) {
  auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    int high = digit(text[i]);
    int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return "";
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

uint64_t ToNs(core::TimestampMs time_ms) {
  return time_ms <= 0 ? 0 : static_cast<uint64_t>(time_ms) * kNsPerMs;
}

// One point as it is put together.
struct Group {
  ScrapedSeries* series = nullptr;  // whose count says where it began
  model::Labels attributes;
  core::TimestampMs time_ms = 0;
  core::TimestampMs created_ms = 0;
  bool is_stale = false;
  double value = 0;  // or the count
  bool has_count = false;
  std::optional<double> sum;
  std::vector<std::pair<double, double>> parts;  // bounds and their counts, or quantiles and their values
  std::shared_ptr<const model::FloatHistogram> histogram;
  std::vector<model::Exemplar> exemplars;
};

struct Family {
  const ScrapedSeries* first = nullptr;
  MetricKind kind = MetricKind::kGauge;
  std::vector<Group> groups;
  absl::flat_hash_map<model::Labels, size_t> index;

  Group& GroupOf(const model::Labels& attributes) {
    auto [place, is_new] = index.try_emplace(attributes, groups.size());
    if (is_new) groups.emplace_back().attributes = attributes;
    return groups[place->second];
  }
};

struct ScopeFamilies {
  std::vector<Family> families;
  std::map<std::string, size_t, std::less<>> index;
};

struct ResourceFamilies {
  model::Labels target_info;
  std::map<model::Labels, ScopeFamilies> scopes;
};

}  // namespace

class ScrapedBatch final : public model::Appender {
 public:
  explicit ScrapedBatch(ScrapedMetrics& owner) : owner_(owner) {}

  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, core::TimestampMs time_ms,
                             double value) override {
    return AppendSample(ref, labels,
                        {.time_ms = time_ms, .value = value, .histogram = nullptr, .start_ms = 0});
  }

  model::AppendResult AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                   const model::Sample& sample) override {
    ScrapedMetrics::Known known = owner_.Find(ref, labels);
    if (known.ref == 0) return {0, model::AppendOutcome::kUnknownRef};
    Scraped& scraped = samples_.emplace_back();
    scraped.ref = known.ref;
    scraped.series = known.series;
    scraped.time_ms = sample.time_ms;
    scraped.value = sample.value;
    scraped.start_ms = sample.start_ms;
    if (sample.histogram != nullptr) {
      scraped.histogram = std::make_shared<const model::FloatHistogram>(*sample.histogram);
    }
    return {known.ref, model::AppendOutcome::kOk};
  }

  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                     const model::Exemplar& exemplar) override {
    exemplars_[ref].push_back(exemplar);
    return {ref, model::AppendOutcome::kOk};
  }

  model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                     const model::MetricMetadata&) override {
    return {ref, model::AppendOutcome::kOk};
  }

  core::Status Commit() override {
    if (samples_.empty()) return {};
    std::map<std::pair<std::string, std::string>, ResourceFamilies> resources;
    for (const Scraped& sample : samples_) Collect(sample, resources);
    otlp::MetricsData data;
    for (auto& [target, families] : resources) AddResource(target.first, target.second, families, data);
    for (const Scraped& sample : samples_) {
      if (model::IsStaleNan(sample.value)) owner_.Forget(sample.ref);
    }
    if (otlp::CountPoints(data) > 0) owner_.sink_(std::move(data));
    return {};
  }

  void Rollback() override { samples_.clear(); }

 private:
  struct Scraped {
    model::SeriesRef ref = 0;
    std::shared_ptr<ScrapedSeries> series;
    core::TimestampMs time_ms = 0;
    double value = 0;
    core::TimestampMs start_ms = 0;
    std::shared_ptr<const model::FloatHistogram> histogram;
  };
  using Resources = std::map<std::pair<std::string, std::string>, ResourceFamilies>;

  void Collect(const Scraped& sample, Resources& resources) {
    ScrapedSeries& series = *sample.series;
    owner_.DescribeOnce(series);
    if (series.role == SeriesRole::kDropped) return;
    ResourceFamilies& resource = resources[{series.job, series.instance}];
    if (series.role == SeriesRole::kTargetInfo) {
      resource.target_info = series.attributes;
      return;
    }
    ScopeFamilies& scope = resource.scopes[series.scope];
    auto [place, is_new] = scope.index.try_emplace(series.family, scope.families.size());
    if (is_new) {
      Family& made = scope.families.emplace_back();
      made.first = &series;
      made.kind = !sample.histogram                      ? series.kind
                  : IsOfCustomBuckets(*sample.histogram) ? MetricKind::kHistogram
                                                         : MetricKind::kExponentialHistogram;
    }
    Group& group = scope.families[place->second].GroupOf(series.attributes);
    if (series.role == SeriesRole::kCreated) {
      group.created_ms = static_cast<core::TimestampMs>(sample.value * 1'000);
      return;
    }
    group.time_ms = sample.time_ms;
    group.is_stale |=
        model::IsStaleNan(sample.value) || (sample.histogram && model::IsStaleNan(sample.histogram->sum));
    if (sample.start_ms != 0) group.created_ms = sample.start_ms;
    switch (series.role) {
      case SeriesRole::kValue:
      case SeriesRole::kCount:
        group.series = &series;
        group.value = sample.value;
        group.has_count = true;
        group.histogram = sample.histogram;
        break;
      case SeriesRole::kSum:
        group.sum = sample.value;
        break;
      default:
        group.parts.emplace_back(series.bound, sample.value);
    }
    if (auto found = exemplars_.find(sample.ref); found != exemplars_.end()) {
      group.exemplars.insert(group.exemplars.end(), found->second.begin(), found->second.end());
    }
  }

  static otlp::KeyValue Text(otlp::MetricsData& data, std::string_view key, std::string_view value) {
    return {data.memory.Copy(key), otlp::AnyValue::Text(data.memory.Copy(value))};
  }

  static otlp::Attributes ListOf(otlp::MetricsData& data, const std::vector<otlp::KeyValue>& items) {
    return data.memory.CopyList(std::span<const otlp::KeyValue>(items));
  }

  static otlp::Attributes AttributesOf(otlp::MetricsData& data, const model::Labels& labels) {
    std::vector<otlp::KeyValue> items;
    for (model::LabelView label : labels) items.push_back(Text(data, label.name, label.value));
    return ListOf(data, items);
  }

  void AddResource(const std::string& job, const std::string& instance, ResourceFamilies& families,
                   otlp::MetricsData& data) {
    otlp::ResourceMetrics& resource = data.resources.emplace_back();
    std::vector<otlp::KeyValue> items;
    items.push_back(Text(data, "service.name", job));
    size_t colon = instance.rfind(':');
    bool has_port = colon != std::string::npos && instance.find(']', colon) == std::string::npos;
    std::string host = has_port ? instance.substr(0, colon) : instance;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (IsDiscernible(host)) items.push_back(Text(data, "server.address", host));
    items.push_back(Text(data, "service.instance.id", instance));
    items.push_back(Text(data, "server.port", has_port ? instance.substr(colon + 1) : ""));
    items.push_back(Text(data, "url.scheme", owner_.options_.scheme_of_job(job)));
    for (model::LabelView label : families.target_info) {
      auto known = std::ranges::find(items, label.name, &otlp::KeyValue::key);
      if (known == items.end()) {
        items.push_back(Text(data, label.name, label.value));
      } else {
        *known = Text(data, label.name, label.value);
      }
    }
    resource.resource.attributes = ListOf(data, items);
    for (auto& [labels, scope] : families.scopes) AddScope(labels, scope, resource, data);
  }

  void AddScope(const model::Labels& labels, ScopeFamilies& families, otlp::ResourceMetrics& resource,
                otlp::MetricsData& data) {
    otlp::ScopeMetrics& scope = resource.scopes.emplace_back();
    std::string_view name = labels.Get("name");
    scope.scope.name = data.memory.Copy(name.empty() ? owner_.options_.scope_name : name);
    scope.scope.version =
        data.memory.Copy(name.empty() ? owner_.options_.scope_version : labels.Get("version"));
    scope.schema_url = data.memory.Copy(labels.Get("schema_url"));
    std::vector<otlp::KeyValue> items;
    for (model::LabelView label : labels) {
      if (label.name == "name" || label.name == "version" || label.name == "schema_url") continue;
      items.push_back(Text(data, label.name, label.value));
    }
    scope.scope.attributes = ListOf(data, items);
    for (Family& family : families.families) AddFamily(family, scope, data);
  }

  void AddFamily(Family& family, otlp::ScopeMetrics& scope, otlp::MetricsData& data) {
    const ScrapedSeries& first = *family.first;
    otlp::Metric metric;
    metric.kind = family.kind;
    std::string name = owner_.options_.trims_suffixes
                           ? TrimSuffixes(first.family, first.kind, first.metadata.unit)
                           : first.family;
    metric.name = data.memory.Copy(name);
    metric.description = data.memory.Copy(first.metadata.help);
    metric.unit = data.memory.Copy(UnitCode(first.metadata.unit));
    if (family.kind == MetricKind::kSum || family.kind == MetricKind::kHistogram ||
        family.kind == MetricKind::kExponentialHistogram) {
      metric.temporality = otlp::Temporality::kCumulative;
    }
    metric.is_monotonic = family.kind == MetricKind::kSum && first.is_monotonic;
    for (Group& group : family.groups) AddPoint(group, metric, data);
    if (otlp::CountPoints(metric) > 0) scope.metrics.push_back(std::move(metric));
  }

  void AddPoint(Group& group, otlp::Metric& metric, otlp::MetricsData& data) {
    // Without a count there is no telling what the rest means.
    if (!group.has_count) return;
    switch (metric.kind) {
      case MetricKind::kNone:
        return;
      case MetricKind::kGauge:
      case MetricKind::kSum:
        return AddNumber(group, metric, data);
      case MetricKind::kHistogram:
        return AddHistogram(group, metric, data);
      case MetricKind::kExponentialHistogram:
        return AddExponential(group, metric, data);
      case MetricKind::kSummary:
        return AddSummary(group, metric, data);
    }
  }

  void SetPoint(const Group& group, double count, otlp::Point& point, otlp::MetricsData& data) {
    point.attributes = AttributesOf(data, group.attributes);
    point.time_ns = ToNs(group.time_ms);
    point.has_no_value = group.is_stale;
    point.start_ns = group.is_stale || group.created_ms != 0
                         ? ToNs(group.created_ms)
                         : owner_.StartOf(*group.series, count, point.time_ns);
    for (const model::Exemplar& exemplar : group.exemplars) AddExemplar(exemplar, point, data);
  }

  static void AddExemplar(const model::Exemplar& exemplar, otlp::Point& point, otlp::MetricsData& data) {
    otlp::Exemplar& made = point.exemplars.emplace_back();
    made.time_ns = ToNs(exemplar.time_ms);
    made.value = {otlp::NumberKind::kDouble, {.real = exemplar.value}};
    std::vector<otlp::KeyValue> items;
    for (model::LabelView label : exemplar.labels) {
      if (label.name == "trace_id") {
        made.trace_id = data.memory.Copy(UnHex(label.value));
      } else if (label.name == "span_id") {
        made.span_id = data.memory.Copy(UnHex(label.value));
      } else {
        items.push_back(Text(data, label.name, label.value));
      }
    }
    made.filtered_attributes = ListOf(data, items);
  }

  void AddNumber(const Group& group, otlp::Metric& metric, otlp::MetricsData& data) {
    otlp::NumberPoint& point = metric.numbers.emplace_back();
    SetPoint(group, group.value, point, data);
    if (metric.kind == MetricKind::kGauge) point.start_ns = 0;
    if (!group.is_stale) point.value = {otlp::NumberKind::kDouble, {.real = group.value}};
  }

  static bool IsOfCustomBuckets(const model::FloatHistogram& histogram) {
    return histogram.schema == model::kCustomBucketsSchema;
  }

  // A native histogram whose buckets have bounds of their own is one with explicit bounds.
  void AddCustomBuckets(const Group& group, otlp::Metric& metric, otlp::MetricsData& data) {
    const model::FloatHistogram& histogram = *group.histogram;
    otlp::HistogramPoint& point = metric.histograms.emplace_back();
    SetPoint(group, histogram.count, point, data);
    point.explicit_bounds = histogram.custom_bounds;
    point.bucket_counts.assign(histogram.custom_bounds.size() + 1, 0);
    if (group.is_stale) return;
    point.count = static_cast<uint64_t>(histogram.count);
    point.sum = histogram.sum;
    size_t bucket = 0;
    size_t next = 0;
    for (const model::BucketSpan& span : histogram.positive_spans) {
      bucket += static_cast<size_t>(std::max(span.offset, 0));
      for (uint32_t i = 0; i < span.length && next < histogram.positive_buckets.size();
           ++i, ++bucket, ++next) {
        if (bucket >= point.bucket_counts.size()) return;
        point.bucket_counts[bucket] = static_cast<uint64_t>(histogram.positive_buckets[next]);
      }
    }
  }

  void AddHistogram(Group& group, otlp::Metric& metric, otlp::MetricsData& data) {
    if (group.histogram) {
      if (IsOfCustomBuckets(*group.histogram)) AddCustomBuckets(group, metric, data);
      return;
    }
    std::ranges::sort(group.parts);
    // The last bucket is what no bound holds.
    if (!group.parts.empty() && std::isinf(group.parts.back().first)) group.parts.pop_back();
    otlp::HistogramPoint& point = metric.histograms.emplace_back();
    SetPoint(group, group.value, point, data);
    double before = 0;
    auto add = [&](double cumulative) {
      double count = group.is_stale ? 0 : std::max(cumulative - before, 0.0);
      point.bucket_counts.push_back(static_cast<uint64_t>(count));
      before = cumulative;
    };
    for (const auto& [bound, cumulative] : group.parts) {
      point.explicit_bounds.push_back(bound);
      add(cumulative);
    }
    add(group.value);
    if (group.is_stale) return;
    point.count = static_cast<uint64_t>(group.value);
    point.sum = group.sum;
  }

  void AddSummary(Group& group, otlp::Metric& metric, otlp::MetricsData& data) {
    std::ranges::sort(group.parts);
    otlp::SummaryPoint& point = metric.summaries.emplace_back();
    SetPoint(group, group.value, point, data);
    for (const auto& [quantile, value] : group.parts) {
      point.quantiles.push_back({quantile, group.is_stale ? 0 : value});
    }
    if (group.is_stale) return;
    point.count = static_cast<uint64_t>(group.value);
    point.sum = group.sum.value_or(0);
  }

  // Buckets with those between the spans; nothing when there would be too many.
  static otlp::ExponentialBuckets Unroll(const std::vector<model::BucketSpan>& spans,
                                         const std::vector<double>& counts) {
    otlp::ExponentialBuckets buckets;
    if (spans.empty()) return buckets;
    // OTLP's bucket 0 is the one above 1, Prometheus' the one below.
    buckets.offset = spans[0].offset - 1;
    size_t next = 0;
    for (size_t i = 0; i < spans.size(); ++i) {
      size_t gap = i == 0 ? 0 : static_cast<size_t>(std::max(spans[i].offset, 0));
      if (buckets.counts.size() + gap + spans[i].length > kMaxBuckets) return {};
      buckets.counts.insert(buckets.counts.end(), gap, 0);
      for (uint32_t j = 0; j < spans[i].length && next < counts.size(); ++j) {
        buckets.counts.push_back(static_cast<uint64_t>(counts[next++]));
      }
    }
    return buckets;
  }

  void AddExponential(const Group& group, otlp::Metric& metric, otlp::MetricsData& data) {
    if (!group.histogram || IsOfCustomBuckets(*group.histogram)) return;
    const model::FloatHistogram& histogram = *group.histogram;
    otlp::ExponentialPoint& point = metric.exponentials.emplace_back();
    SetPoint(group, histogram.count, point, data);
    if (group.is_stale) return;
    point.count = static_cast<uint64_t>(histogram.count);
    point.sum = histogram.sum;
    point.scale = histogram.schema;
    point.zero_count = static_cast<uint64_t>(histogram.zero_count);
    point.zero_threshold = histogram.zero_threshold;
    point.positive = Unroll(histogram.positive_spans, histogram.positive_buckets);
    point.negative = Unroll(histogram.negative_spans, histogram.negative_buckets);
  }

  ScrapedMetrics& owner_;
  std::vector<Scraped> samples_;
  std::map<model::SeriesRef, std::vector<model::Exemplar>> exemplars_;
};

std::unique_ptr<model::Appender> ScrapedMetrics::NewAppender() {
  return std::make_unique<ScrapedBatch>(*this);
}

size_t ScrapedMetrics::series() const {
  std::lock_guard lock(mutex_);
  return series_.size();
}

ScrapedMetrics::Known ScrapedMetrics::Find(model::SeriesRef ref, const model::Labels& labels) {
  std::lock_guard lock(mutex_);
  if (ref == 0) {
    auto [place, is_new] = refs_.try_emplace(labels, next_ref_);
    if (is_new) {
      auto& made = series_[next_ref_++];
      made = std::make_shared<ScrapedSeries>();
      made->labels = labels;
    }
    ref = place->second;
  }
  auto found = series_.find(ref);
  return found == series_.end() ? Known() : Known{ref, found->second};
}

void ScrapedMetrics::Forget(model::SeriesRef ref) {
  std::lock_guard lock(mutex_);
  auto found = series_.find(ref);
  if (found == series_.end()) return;
  refs_.erase(found->second->labels);
  series_.erase(found);
}

uint64_t ScrapedMetrics::StartOf(ScrapedSeries& series, double value, uint64_t time_ns) {
  std::lock_guard lock(mutex_);
  if (series.start_ns == 0 || value < series.last_value) series.start_ns = time_ns;
  series.last_value = value;
  return series.start_ns;
}

void ScrapedMetrics::DescribeOnce(ScrapedSeries& series) {
  std::lock_guard lock(mutex_);
  if (series.is_described) return;
  Describe(series);
  series.is_described = true;
}

void ScrapedMetrics::Describe(ScrapedSeries& series) const {
  const model::Labels& labels = series.labels;
  series.job = labels.Get("job");
  series.instance = labels.Get("instance");
  std::string name(labels.metric_name());
  series.family = name;
  for (const OwnMetric& own : kOwnMetrics) {
    if (own.name == name) series.metadata = {"gauge", std::string(own.help), std::string(own.unit)};
  }
  std::optional<model::MetricMetadata> metadata;
  if (series.metadata.type.empty()) metadata = options_.metadata_of(name);
  if (!metadata && series.metadata.type.empty()) {
    std::string stem(WithoutSuffix(name));
    if (stem != name) metadata = options_.metadata_of(stem);
    // Counters keep their name.
    if (metadata && metadata->type != "counter") series.family = stem;
  }
  if (metadata) series.metadata = *metadata;
  std::optional<KindOfType> kind = KindOf(series.metadata.type);
  if (kind) {
    series.kind = kind->kind;
    series.is_monotonic = kind->is_monotonic;
  } else {
    series.role = SeriesRole::kDropped;
  }
  std::string_view part = std::string_view(name).substr(std::min(series.family.size(), name.size()));
  bool is_distribution = series.kind == MetricKind::kHistogram || series.kind == MetricKind::kSummary;
  std::string_view own_label;
  if (series.role == SeriesRole::kDropped) {
    // Nothing is made of it.
  } else if (name == "target_info") {
    series.role = SeriesRole::kTargetInfo;
  } else if (is_distribution && part == "_count") {
    series.role = SeriesRole::kCount;
  } else if (is_distribution && part == "_sum") {
    series.role = SeriesRole::kSum;
  } else if (is_distribution && part == "_created") {
    series.role = SeriesRole::kCreated;
  } else if (series.kind == MetricKind::kHistogram && part == "_bucket") {
    series.role = SeriesRole::kBucket;
    own_label = "le";
  } else if (series.kind == MetricKind::kSummary && part.empty()) {
    series.role = SeriesRole::kQuantile;
    own_label = "quantile";
  } else if (series.kind == MetricKind::kSum && name.ends_with("_created") && metadata &&
             metadata->type == "counter") {
    series.role = SeriesRole::kCreated;
    series.family = std::string(WithoutSuffix(name)) + "_total";
  }
  if (!own_label.empty()) series.bound = ParseBound(labels.Get(own_label));
  model::LabelsBuilder attributes;
  model::LabelsBuilder scope;
  for (model::LabelView label : labels) {
    if (label.name == model::kMetricName || label.name == "job" || label.name == "instance") continue;
    if (label.name == own_label) continue;
    if (label.name.starts_with(kScopePrefix)) {
      scope.Set(label.name.substr(kScopePrefix.size()), label.value);
    } else {
      attributes.Set(label.name, label.value);
    }
  }
  series.attributes = attributes.Build();
  series.scope = scope.Build();
}

}  // namespace sextant::pipeline
