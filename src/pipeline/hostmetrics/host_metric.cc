#include "pipeline/hostmetrics/host_metric.h"

#include <algorithm>
#include <cmath>

#include "config/text.h"
#include "core/utf8.h"
#include "model/labels.h"

namespace sextant::pipeline {

namespace {

constexpr std::string_view kSchemaUrl = "https://opentelemetry.io/schemas/1.9.0";

struct Switch {
  bool enabled = false;
};

const config::Struct& FieldsOf(const Switch*) {
  using namespace config;
  static const Struct kFields = Struct::Of<Switch>({
      Member<&Switch::enabled>("enabled"),
      NotYet("attributes", "points are not put together; drop attributes with a processor"),
      NotYet("aggregation_strategy", "points are not put together"),
  });
  return kFields;
}

core::Result<MetricSwitches> ReadSwitches(config::Node node, std::span<const HostMetric> table) {
  if (!node.IsMapping()) return node.Fail("expected a mapping, got {}", node.Describe());
  MetricSwitches switches;
  for (config::Node child : node.children()) {
    auto known = std::ranges::find(table, child.key(), &HostMetric::name);
    if (known == table.end()) {
      std::vector<std::string_view> names;
      for (const HostMetric& metric : table) names.push_back(metric.name);
      return child.FailAtKey(core::Code::kInvalidArgument,
                             "unknown metric" + config::Suggestion(child.key(), names));
    }
    Switch read{known->is_default};
    if (!child.IsNull()) SEXTANT_TRY(config::DecodeInto(child, read));
    switches.emplace(child.key(), read.enabled);
  }
  return switches;
}

}  // namespace

config::CodecFor<MetricSwitches> SwitchesOf(std::span<const HostMetric> table) {
  return config::Custom<MetricSwitches>(
      [table](config::Node node) { return ReadSwitches(node, table); },
      [table](const MetricSwitches& switches, config::YamlWriter& out) {
        out.BeginMapping();
        for (const HostMetric& metric : table) {
          auto found = switches.find(metric.name);
          Switch one{found == switches.end() ? metric.is_default : found->second};
          out.Key(metric.name);
          out.BeginMapping();
          out.Key("enabled");
          out.Bool(one.enabled);
          out.EndMapping();
        }
        out.EndMapping();
      });
}

WantedMetrics::WantedMetrics(std::span<const HostMetric> table, const MetricSwitches& switches)
    : table_(table) {
  for (const HostMetric& metric : table) {
    auto found = switches.find(metric.name);
    is_wanted_.push_back(found == switches.end() ? metric.is_default : found->second);
  }
}

bool WantedMetrics::HasAnyOf(std::initializer_list<size_t> metrics) const {
  return std::ranges::any_of(metrics, [&](size_t metric) { return Has(metric); });
}

std::string_view CopyHostText(std::string_view text, otlp::Memory& memory) {
  text = text.substr(0, kHostTextBytes);
  if (model::IsValidUtf8(text)) return memory.Copy(text);
  return memory.Copy(core::RepairUtf8(text));
}

HostPoints::HostPoints(const WantedMetrics& wanted, otlp::MetricsData& data, uint64_t start_ns,
                       uint64_t now_ns)
    : wanted_(wanted), data_(data), start_ns_(start_ns), now_ns_(now_ns), points_(wanted.table().size()) {}

void HostPoints::Add(size_t metric, double value, AttributeList attributes) {
  if (!wanted_.Has(metric)) return;
  otlp::NumberPoint& point = points_[metric].emplace_back();
  point.start_ns = start_ns_;
  point.time_ns = now_ns_;
  if (wanted_.table()[metric].is_double) {
    point.value.kind = otlp::NumberKind::kDouble;
    point.value.real = value;
  } else {
    point.value.kind = otlp::NumberKind::kInt;
    point.value.integer = std::llround(value);
  }
  std::vector<otlp::KeyValue> list;
  for (const auto& [key, text] : attributes)
    list.push_back({data_.memory.Copy(key), otlp::AnyValue::Text(CopyHostText(text, data_.memory))});
  point.attributes = data_.memory.CopyList(std::span<const otlp::KeyValue>(list));
  ++count_;
}

void HostPoints::Finish(otlp::Attributes resource, std::string_view scope, std::string_view version) {
  if (count_ == 0) return;
  otlp::ResourceMetrics& out = data_.resources.emplace_back();
  out.resource.attributes = resource;
  out.schema_url = kSchemaUrl;
  otlp::ScopeMetrics& metrics = out.scopes.emplace_back();
  metrics.scope.name = data_.memory.Copy(scope);
  metrics.scope.version = data_.memory.Copy(version);
  for (size_t i = 0; i < points_.size(); ++i) {
    if (points_[i].empty()) continue;
    const HostMetric& described = wanted_.table()[i];
    otlp::Metric& metric = metrics.metrics.emplace_back();
    metric.name = described.name;
    metric.description = described.description;
    metric.unit = described.unit;
    metric.kind =
        described.kind == HostMetricKind::kGauge ? otlp::MetricKind::kGauge : otlp::MetricKind::kSum;
    if (metric.kind == otlp::MetricKind::kSum) metric.temporality = otlp::Temporality::kCumulative;
    metric.is_monotonic = described.kind == HostMetricKind::kCounter;
    metric.numbers = std::move(points_[i]);
  }
}

}  // namespace sextant::pipeline
