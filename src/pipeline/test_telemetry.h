// For tests: telemetry to give to components, and what they hand on as texts to compare.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/telemetry.h"

namespace sextant::pipeline {

// Attributes in a memory, of keys with values.
inline otlp::Attributes MakeAttributes(otlp::Memory& memory,
                                       const std::vector<std::pair<std::string, otlp::AnyValue>>& items) {
  std::vector<otlp::KeyValue> list;
  for (const auto& [key, value] : items) list.push_back({memory.Copy(key), otlp::CopyValue(value, memory)});
  return memory.CopyList<otlp::KeyValue>(list);
}
inline otlp::AnyValue TextValue(std::string_view text) { return otlp::AnyValue::Text(text); }

// A resource's spans, to be filled.
inline std::vector<otlp::Span>& AddSpans(
    otlp::TracesData& data, const std::vector<std::pair<std::string, otlp::AnyValue>>& resource) {
  otlp::ResourceSpans& spans = data.resources.emplace_back();
  spans.resource.attributes = MakeAttributes(data.memory, resource);
  return spans.scopes.emplace_back().spans;
}

// So many spans of one resource, named "<prefix>0", "<prefix>1", …
inline Telemetry Spans(size_t count, const std::string& prefix = "s") {
  otlp::TracesData data;
  otlp::ScopeSpans& scope = data.resources.emplace_back().scopes.emplace_back();
  for (size_t i = 0; i < count; ++i) {
    otlp::Span& span = scope.spans.emplace_back();
    span.name = data.memory.Copy(fmt::format("{}{}", prefix, i));
  }
  return Telemetry(std::move(data));
}

// The names of a batch's spans, in their order.
inline std::vector<std::string> SpanNames(const Telemetry& batch) {
  std::vector<std::string> names;
  for (const otlp::ResourceSpans& resource : batch.traces().resources) {
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      for (const otlp::Span& span : scope.spans) names.emplace_back(span.name);
    }
  }
  return names;
}

inline std::string ValueLine(const otlp::AnyValue& value) {
  if (value.is_text()) return "'" + std::string(value.text) + "'";
  return otlp::ValueText(value);
}

// "{a='1',b=2}", in the order they stand.
inline std::string AttributesLine(const otlp::Attributes& attributes) {
  std::string line = "{";
  for (const otlp::KeyValue& attribute : attributes) {
    if (line.size() > 1) line += ',';
    line += std::string(attribute.key) + "=" + ValueLine(attribute.value);
  }
  return line + "}";
}

inline std::string NumberLine(const otlp::Number& number) {
  if (number.kind == otlp::NumberKind::kInt) return fmt::format("{}", number.integer);
  return fmt::format("{}", number.AsDouble());
}

inline std::string OptionalLine(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "-";
}

inline std::string PointEnd(const otlp::Point& point) {
  std::string line = fmt::format(" [{}..{}]", point.start_ns, point.time_ns);
  for (const otlp::Exemplar& exemplar : point.exemplars) line += " #" + NumberLine(exemplar.value);
  return line;
}

// A line for each point, sorted: "{resource} name unit kind {attributes} value [start..time]".
inline std::vector<std::string> MetricLines(const otlp::MetricsData& data) {
  std::vector<std::string> lines;
  for (const otlp::ResourceMetrics& resource : data.resources) {
    for (const otlp::ScopeMetrics& scope : resource.scopes) {
      for (const otlp::Metric& metric : scope.metrics) {
        constexpr std::string_view kKinds[] = {"none", "gauge", "sum", "histogram", "exponential", "summary"};
        constexpr std::string_view kTimes[] = {"", "_delta", "_cumulative"};
        std::string start = AttributesLine(resource.resource.attributes) + " " + std::string(metric.name);
        if (!metric.unit.empty()) start += " " + std::string(metric.unit);
        start += " " + std::string(kKinds[static_cast<size_t>(metric.kind)]) +
                 std::string(kTimes[static_cast<size_t>(metric.temporality)]);
        if (metric.is_monotonic) start += "_monotonic";
        auto line = [&](const otlp::Point& point, const std::string& value) {
          lines.push_back(start + " " + AttributesLine(point.attributes) + " " + value + PointEnd(point));
        };
        for (const auto& point : metric.numbers) line(point, NumberLine(point.value));
        for (const auto& point : metric.histograms) {
          line(point, fmt::format("count={} sum={} [{}]", point.count, OptionalLine(point.sum),
                                  fmt::join(point.bucket_counts, ",")));
        }
        for (const auto& point : metric.exponentials) {
          line(point, fmt::format("count={} sum={} scale={} zero={} offset={} [{}]", point.count,
                                  OptionalLine(point.sum), point.scale, point.zero_count,
                                  point.positive.offset, fmt::join(point.positive.counts, ",")));
        }
        for (const auto& point : metric.summaries) line(point, fmt::format("count={}", point.count));
      }
    }
  }
  std::ranges::sort(lines);
  return lines;
}

}  // namespace sextant::pipeline
