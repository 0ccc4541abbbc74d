#include "pipeline/connectors/count_connector.h"

#include <absl/container/flat_hash_map.h>

#include <initializer_list>
#include <map>

#include "pipeline/connectors/metrics_flusher.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using config::NotYet;
using config::Struct;
using core::Result;
using core::Status;
using otlp::AnyValue;
using otlp::Attributes;

constexpr std::string_view kScope =
    "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector";

// A default: nothing, a text that is not empty, or a number.
struct DefaultValue {
  std::string text;
  std::optional<int64_t> integer;
  std::optional<double> number;

  bool IsEmpty() const { return text.empty() && !integer && !number; }
  // Looks into the default.
  AnyValue Value() const {
    if (integer) return AnyValue::Int(*integer);
    if (number) return AnyValue::Double(*number);
    return AnyValue::Text(text);
  }
};

config::CodecFor<DefaultValue> DefaultCodec() {
  return config::Custom<DefaultValue>(
      [](Node node) -> Result<DefaultValue> {
        DefaultValue value;
        if (node.is_plain()) {
          if (Result<int64_t> integer = node.AsInt()) {
            value.integer = *integer;
            return value;
          }
          if (Result<double> number = node.AsFloat()) {
            value.number = *number;
            return value;
          }
        }
        SEXTANT_ASSIGN(value.text, node.AsText());
        return value;
      },
      [](const DefaultValue& value, config::YamlWriter& out) { out.Text(otlp::ValueText(value.Value())); },
      [](const DefaultValue& value) { return value.IsEmpty(); });
}

struct CountAttribute {
  std::string key;
  DefaultValue default_value;
};
const Struct& FieldsOf(const CountAttribute*) {
  static const Struct kFields = Struct::Of<CountAttribute>(
      {
          Member<&CountAttribute::key>("key"),
          Member<&CountAttribute::default_value>("default_value", DefaultCodec()),
          NotYet("any_depth"),
      },
      [](CountAttribute& attribute, Node node) -> Status {
        if (attribute.key.empty()) return node.Fail("attribute key missing");
        return {};
      });
  return kFields;
}

struct CountedMetric {
  std::string description;
  std::vector<CountAttribute> attributes;
};
const Struct& FieldsOf(const CountedMetric*) {
  static const Struct kFields = Struct::Of<CountedMetric>({
      Member<&CountedMetric::description>("description"),
      NotYet("conditions", "the OpenTelemetry Transformation Language is not there yet"),
      Member<&CountedMetric::attributes>("attributes"),
  });
  return kFields;
}

using CountedMetrics = std::map<std::string, CountedMetric>;

CountedMetrics Default(std::string name, std::string description) {
  return {{std::move(name), {.description = std::move(description), .attributes = {}}}};
}

struct CountConfig {
  CountedMetrics spans = Default("trace.span.count", "The number of spans observed.");
  CountedMetrics span_events = Default("trace.span.event.count", "The number of span events observed.");
  CountedMetrics metrics = Default("metric.count", "The number of metrics observed.");
  CountedMetrics data_points = Default("metric.datapoint.count", "The number of data points observed.");
  CountedMetrics logs = Default("log.record.count", "The number of log records observed.");
};

Status CheckCount(CountConfig& config, Node node) {
  const std::pair<std::string_view, const CountedMetrics*> sections[] = {
      {"spans", &config.spans},     {"spanevents", &config.span_events},
      {"metrics", &config.metrics}, {"datapoints", &config.data_points},
      {"logs", &config.logs},
  };
  for (const auto& [section, metrics] : sections) {
    if (metrics->contains("")) return node.Fail("{}: metric name missing", section);
  }
  for (const auto& [name, metric] : config.metrics) {
    if (!metric.attributes.empty()) {
      return node.Fail("metrics attributes not supported: metric \"{}\"", name);
    }
  }
  return {};
}

const Struct& FieldsOf(const CountConfig*) {
  static const Struct kFields = Struct::Of<CountConfig>(
      {
          Member<&CountConfig::spans>("spans"),
          Member<&CountConfig::span_events>("spanevents"),
          Member<&CountConfig::metrics>("metrics"),
          Member<&CountConfig::data_points>("datapoints"),
          Member<&CountConfig::logs>("logs"),
          NotYet("profiles"),
      },
      &CheckCount);
  return kFields;
}

// Counts items of one kind in one resource.
class Counter {
 public:
  explicit Counter(const CountedMetrics& metrics) : metrics_(metrics) {}

  // Where an item's attributes are looked for, in this order.
  void Count(std::initializer_list<const Attributes*> places) {
    for (const auto& [name, metric] : metrics_) {
      key_.clear();
      std::vector<otlp::KeyValue> values;
      for (const CountAttribute& attribute : metric.attributes) {
        std::optional<AnyValue> value = Find(attribute, places);
        if (!value) break;
        values.push_back({attribute.key, *value});
        std::string text = otlp::ValueText(*value);
        key_ += fmt::format("{}:{}:{}", static_cast<int>(value->kind), text.size(), text);
      }
      // Without one of its attributes an item does not count.
      if (values.size() != metric.attributes.size()) continue;
      Group& group = groups_[name][key_];
      if (group.count++ == 0) group.attributes = std::move(values);
    }
  }

  // The times that the items span.
  void NoteTime(uint64_t time_ns) {
    if (time_ns == 0) return;
    start_ns_ = start_ns_ == 0 ? time_ns : std::min(start_ns_, time_ns);
    end_ns_ = std::max(end_ns_, time_ns);
  }

  bool IsEmpty() const { return groups_.empty(); }

  void WriteTo(otlp::ScopeMetrics& scope, otlp::Memory& memory, uint64_t now_ns) const {
    for (const auto& [name, metric] : metrics_) {
      auto groups = groups_.find(name);
      if (groups == groups_.end()) continue;
      otlp::Metric& out = scope.metrics.emplace_back();
      out.name = memory.Copy(name);
      out.description = memory.Copy(metric.description);
      out.kind = otlp::MetricKind::kSum;
      out.is_monotonic = true;
      out.temporality = otlp::Temporality::kDelta;
      for (const auto& [key, group] : groups->second) {
        otlp::NumberPoint& point = out.numbers.emplace_back();
        Attributes attributes(group.attributes.data(), group.attributes.size());
        point.attributes = otlp::CopyAttributes(attributes, memory);
        point.start_ns = start_ns_ != 0 ? start_ns_ : now_ns;
        point.time_ns = start_ns_ != 0 ? end_ns_ : now_ns;
        point.value.kind = otlp::NumberKind::kInt;
        point.value.integer = group.count;
      }
    }
  }

 private:
  struct Group {
    std::vector<otlp::KeyValue> attributes;
    int64_t count = 0;
  };

  // Numbers stay what they are, everything else becomes text.
  static std::optional<AnyValue> Find(const CountAttribute& attribute,
                                      std::initializer_list<const Attributes*> places) {
    for (const Attributes* place : places) {
      if (const AnyValue* value = otlp::FindAttribute(*place, attribute.key)) return *value;
    }
    if (attribute.default_value.IsEmpty()) return std::nullopt;
    return attribute.default_value.Value();
  }

  const CountedMetrics& metrics_;
  uint64_t start_ns_ = 0;
  uint64_t end_ns_ = 0;
  std::string key_;
  // As many as the batch has items at most.
  absl::flat_hash_map<std::string_view, absl::flat_hash_map<std::string, Group>> groups_;
};

class CountConnector final : public Connector {
 public:
  CountConnector(const ComponentSettings& settings, const CountConfig& config, Consumer& next)
      : clock_(settings.environment.clock), config_(config), next_(next) {}

  void Consume(Telemetry batch, Done done) override {
    otlp::MetricsData out;
    switch (batch.signal()) {
      case Signal::kTraces:
        for (const auto& resource : batch.traces().resources) CountSpans(resource, out);
        break;
      case Signal::kMetrics:
        for (const auto& resource : batch.metrics().resources) CountMetrics(resource, out);
        break;
      case Signal::kLogs:
        for (const auto& resource : batch.logs().resources) CountLogs(resource, out);
        break;
    }
    if (out.resources.empty()) return done({});
    Telemetry counts(std::move(out));
    counts.client = batch.client;
    next_.Consume(std::move(counts), std::move(done));
  }

 private:
  void CountSpans(const otlp::ResourceSpans& resource, otlp::MetricsData& out) const {
    const Attributes& of_resource = resource.resource.attributes;
    Counter spans(config_.spans);
    Counter events(config_.span_events);
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      const Attributes& of_scope = scope.scope.attributes;
      for (const otlp::Span& span : scope.spans) {
        spans.NoteTime(span.start_ns);
        spans.NoteTime(span.end_ns);
        spans.Count({&span.attributes, &of_scope, &of_resource});
        for (const otlp::SpanEvent& event : span.events) {
          events.NoteTime(event.time_ns);
          events.Count({&event.attributes, &of_scope, &of_resource});
        }
      }
    }
    Write(resource.resource, {&spans, &events}, out);
  }

  void CountMetrics(const otlp::ResourceMetrics& resource, otlp::MetricsData& out) const {
    const Attributes& of_resource = resource.resource.attributes;
    Counter metrics(config_.metrics);
    Counter points(config_.data_points);
    for (const otlp::ScopeMetrics& scope : resource.scopes) {
      for (const otlp::Metric& metric : scope.metrics) {
        metrics.Count({});
        auto count = [&](const auto& all) {
          for (const otlp::Point& point : all) {
            points.NoteTime(point.time_ns);
            points.Count({&point.attributes, &scope.scope.attributes, &of_resource});
          }
        };
        count(metric.numbers);
        count(metric.histograms);
        count(metric.exponentials);
        count(metric.summaries);
      }
    }
    Write(resource.resource, {&metrics, &points}, out);
  }

  void CountLogs(const otlp::ResourceLogs& resource, otlp::MetricsData& out) const {
    Counter logs(config_.logs);
    for (const otlp::ScopeLogs& scope : resource.scopes) {
      for (const otlp::LogRecord& record : scope.records) {
        logs.NoteTime(record.time_ns);
        logs.Count({&record.attributes, &scope.scope.attributes, &resource.resource.attributes});
      }
    }
    Write(resource.resource, {&logs}, out);
  }

  void Write(const otlp::Resource& resource, std::initializer_list<const Counter*> counters,
             otlp::MetricsData& out) const {
    if (std::ranges::all_of(counters, &Counter::IsEmpty)) return;
    otlp::ResourceMetrics& to = out.resources.emplace_back();
    to.resource.attributes = otlp::CopyAttributes(resource.attributes, out.memory);
    otlp::ScopeMetrics& scope = to.scopes.emplace_back();
    scope.scope.name = kScope;
    for (const Counter* counter : counters) counter->WriteTo(scope, out.memory, NowNs(clock_));
  }

  const core::Clock& clock_;
  const CountConfig config_;
  Consumer& next_;
};

Made<Connector> MakeCount(const ComponentSettings& settings, const CountConfig& config, Signal, Signal,
                          Consumer& next) {
  return std::make_unique<CountConnector>(settings, config, next);
}

}  // namespace

ComponentType CountConnectorType() {
  return ConnectorType<CountConfig>("count", {},
                                    {{Signal::kTraces, Signal::kMetrics},
                                     {Signal::kMetrics, Signal::kMetrics},
                                     {Signal::kLogs, Signal::kMetrics}},
                                    &MakeCount);
}

}  // namespace sextant::pipeline
