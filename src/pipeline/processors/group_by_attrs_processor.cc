#include "pipeline/processors/group_by_attrs_processor.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>

namespace sextant::pipeline {

namespace {

using otlp::AnyValue;
using otlp::Attributes;
using otlp::KeyValue;

struct GroupByAttrsConfig {
  std::vector<std::string> keys;
};

const config::Struct& FieldsOf(const GroupByAttrsConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<GroupByAttrsConfig>({config::Member<&GroupByAttrsConfig::keys>("keys")});
  return kFields;
}

std::string KeyOf(const Attributes& attributes) {
  std::vector<const KeyValue*> sorted;
  for (const KeyValue& attribute : attributes) sorted.push_back(&attribute);
  std::ranges::stable_sort(sorted, {}, [](const KeyValue* attribute) { return attribute->key; });
  std::string key;
  for (const KeyValue* attribute : sorted) {
    std::string text = otlp::ValueText(attribute->value);
    key += fmt::format("{}:{}{}:{}:{}", attribute->key.size(), attribute->key,
                       static_cast<int>(attribute->value.kind), text.size(), text);
  }
  return key;
}

bool SameScope(const otlp::Scope& a, const otlp::Scope& b) {
  return a.name == b.name && a.version == b.version;
}

// The resources of a batch anew, with what belongs to them.
template <typename ResourceItems>
class Groups {
 public:
  using Scope = typename decltype(ResourceItems::scopes)::value_type;

  Groups(std::vector<ResourceItems>& out, otlp::Memory& memory) : out_(out), memory_(memory) {}

  // The place of items of a resource and scope that have these attributes, which go before the resource's own
  // of the same keys.
  Scope& PlaceOf(const ResourceItems& resource, const Scope& scope, const std::vector<KeyValue>& found) {
    Attributes attributes = resource.resource.attributes;
    if (!found.empty()) {
      otlp::AttributeEditor editor(attributes, memory_);
      for (const KeyValue& item : found) editor.Set(item.key, item.value);
      editor.Apply();
    }
    auto [place, is_new] = index_.try_emplace(KeyOf(attributes), out_.size());
    if (is_new) {
      ResourceItems& made = out_.emplace_back();
      made.resource.attributes = attributes;
      made.schema_url = resource.schema_url;
    }
    ResourceItems& group = out_[place->second];
    for (Scope& one : group.scopes) {
      if (SameScope(one.scope, scope.scope)) return one;
    }
    Scope& made = group.scopes.emplace_back();
    made.scope = scope.scope;
    made.schema_url = scope.schema_url;
    return made;
  }

 private:
  std::vector<ResourceItems>& out_;
  otlp::Memory& memory_;
  absl::flat_hash_map<std::string, size_t> index_;
};

// How groups and items are counted, for one signal.
struct GroupCounters {
  GroupCounters(core::Registry& registry, std::string_view items, std::string_view groups)
      : grouped(registry.AddCounter(fmt::format("otelcol_processor_groupbyattrs_num_grouped_{}", items),
                                    fmt::format("Number of {} that had attributes grouped", items))),
        not_grouped(
            registry.AddCounter(fmt::format("otelcol_processor_groupbyattrs_num_non_grouped_{}", items),
                                fmt::format("Number of {} that did not have attributes grouped", items))),
        groups(registry.AddHistogram(
            fmt::format("otelcol_processor_groupbyattrs_{}_groups", groups),
            fmt::format("Distribution of groups extracted for {}", items),
            {0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000})) {}

  core::Counter& grouped;
  core::Counter& not_grouped;
  core::Histogram& groups;
};

GroupCounters CountersOf(core::Registry& registry, Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return {registry, "spans", "span"};
    case Signal::kMetrics:
      return {registry, "metrics", "metric"};
    case Signal::kLogs:
      break;
  }
  return {registry, "logs", "log"};
}

class GroupByAttrsProcessor final : public Processor {
 public:
  GroupByAttrsProcessor(const ComponentSettings& settings, const GroupByAttrsConfig& config, Signal signal,
                        Consumer& next)
      : counters_(CountersOf(settings.environment.telemetry, signal)), next_(next) {
    // Repeated keys count once.
    for (const std::string& key : config.keys) {
      if (!key.empty() && std::ranges::find(keys_, key) == keys_.end()) keys_.push_back(key);
    }
  }

  void Consume(Telemetry batch, Done done) override {
    switch (batch.signal()) {
      case Signal::kTraces:
        GroupTraces(batch.MutableTraces());
        break;
      case Signal::kMetrics:
        GroupMetrics(batch.MutableMetrics());
        break;
      case Signal::kLogs:
        GroupLogs(batch.MutableLogs());
        break;
    }
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  // Takes the attributes that are grouped by out of an item's.
  std::vector<KeyValue> TakeKeys(Attributes& attributes, otlp::Memory& memory) const {
    std::vector<KeyValue> found;
    for (const std::string& key : keys_) {
      // The key in the data lives as long as the data.
      auto item = std::ranges::find(attributes, key, &KeyValue::key);
      if (item != attributes.end()) found.push_back(*item);
    }
    (found.empty() ? counters_.not_grouped : counters_.grouped).Increment();
    if (!found.empty()) {
      otlp::AttributeEditor editor(attributes, memory);
      for (const KeyValue& item : found) editor.Remove(item.key);
      editor.Apply();
    }
    return found;
  }

  void GroupTraces(otlp::TracesData& data) const {
    std::vector<otlp::ResourceSpans> out;
    Groups<otlp::ResourceSpans> groups(out, data.memory);
    for (otlp::ResourceSpans& resource : data.resources) {
      for (otlp::ScopeSpans& scope : resource.scopes) {
        for (otlp::Span& span : scope.spans) {
          std::vector<KeyValue> found = TakeKeys(span.attributes, data.memory);
          groups.PlaceOf(resource, scope, found).spans.push_back(std::move(span));
        }
      }
    }
    counters_.groups.Observe(static_cast<double>(out.size()));
    data.resources = std::move(out);
  }

  void GroupLogs(otlp::LogsData& data) const {
    std::vector<otlp::ResourceLogs> out;
    Groups<otlp::ResourceLogs> groups(out, data.memory);
    for (otlp::ResourceLogs& resource : data.resources) {
      for (otlp::ScopeLogs& scope : resource.scopes) {
        for (otlp::LogRecord& record : scope.records) {
          std::vector<KeyValue> found = TakeKeys(record.attributes, data.memory);
          groups.PlaceOf(resource, scope, found).records.push_back(std::move(record));
        }
      }
    }
    counters_.groups.Observe(static_cast<double>(out.size()));
    data.resources = std::move(out);
  }

  // The points of a metric may go to different groups.
  void GroupMetrics(otlp::MetricsData& data) const {
    std::vector<otlp::ResourceMetrics> out;
    Groups<otlp::ResourceMetrics> groups(out, data.memory);
    for (otlp::ResourceMetrics& resource : data.resources) {
      for (otlp::ScopeMetrics& scope : resource.scopes) {
        for (otlp::Metric& metric : scope.metrics) {
          auto group = [&](auto& points, auto member) {
            for (auto& point : points) {
              std::vector<KeyValue> found = TakeKeys(point.attributes, data.memory);
              otlp::ScopeMetrics& place = groups.PlaceOf(resource, scope, found);
              (MetricIn(place, metric).*member).push_back(std::move(point));
            }
          };
          group(metric.numbers, &otlp::Metric::numbers);
          group(metric.histograms, &otlp::Metric::histograms);
          group(metric.exponentials, &otlp::Metric::exponentials);
          group(metric.summaries, &otlp::Metric::summaries);
        }
      }
    }
    counters_.groups.Observe(static_cast<double>(out.size()));
    data.resources = std::move(out);
  }

  static otlp::Metric& MetricIn(otlp::ScopeMetrics& scope, const otlp::Metric& like) {
    for (otlp::Metric& metric : scope.metrics) {
      if (metric.name == like.name && metric.unit == like.unit && metric.kind == like.kind &&
          metric.temporality == like.temporality && metric.is_monotonic == like.is_monotonic) {
        return metric;
      }
    }
    otlp::Metric& made = scope.metrics.emplace_back();
    made.name = like.name;
    made.description = like.description;
    made.unit = like.unit;
    made.metadata = like.metadata;
    made.kind = like.kind;
    made.temporality = like.temporality;
    made.is_monotonic = like.is_monotonic;
    return made;
  }

  std::vector<std::string> keys_;
  GroupCounters counters_;
  Consumer& next_;
};

Made<Processor> MakeGroupByAttrs(const ComponentSettings& settings, const GroupByAttrsConfig& config,
                                 Signal signal, Consumer& next) {
  return std::make_unique<GroupByAttrsProcessor>(settings, config, signal, next);
}

}  // namespace

ComponentType GroupByAttrsProcessorType() {
  return ProcessorType<GroupByAttrsConfig>("group_by_attrs", {"groupbyattrs"},
                                           {Signal::kTraces, Signal::kMetrics, Signal::kLogs},
                                           &MakeGroupByAttrs);
}

}  // namespace sextant::pipeline
