// Shared by the tests of components: an environment to make them in, data to give them and a consumer that
// notes what they hand on.
#pragma once

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "config/node.h"
#include "pipeline/component.h"

namespace sextant::pipeline {

// A file of the conformance data below otel/, or "" when the data is not there.
inline std::string ConformanceFile(const std::string& name) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::ifstream file((set != nullptr ? set : SEXTANT_CONFORMANCE_DEFAULT) + std::string("/otel/") + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
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

// Notes batches; refuses them while it is told to.
class NotingConsumer final : public Consumer {
 public:
  void Consume(Telemetry batch, Done done) override {
    batches.push_back(std::move(batch));
    if (refusal) {
      done(tl::unexpected(*refusal));
    } else {
      done({});
    }
  }

  std::vector<Telemetry> batches;
  std::optional<Refusal> refusal;
};

// Everything that components are made with.
class ComponentTest : public testing::Test {
 protected:
  ComponentTest()
      : io_({.threads = 1}),
        executor_({.threads = 2, .queue_limit_tasks = 100}),
        clock_(1'000),
        http_(io_, registry_),
        environment_{.io = io_,
                     .executor = executor_,
                     .clock = clock_,
                     .telemetry = registry_,
                     .server_metrics = registry_,
                     .logger = core::Logger::Discard(),
                     .http = http_,
                     .extensions = no_extensions_,
                     .version = "1.2.3",
                     .instance_id = "me"} {}

  // Settings as YAML; the error's text without the file's name in front.
  core::Result<ConfigPtr> Read(const ComponentType& type, const std::string& yaml) {
    SEXTANT_ASSIGN(auto document, config::Document::Parse(yaml, "c.yml"));
    return type.read(document.root());
  }
  std::string ErrorOf(const ComponentType& type, const std::string& yaml) {
    auto config = Read(type, yaml);
    return config ? "" : std::string(config.error().message());
  }

  ComponentSettings Settings(const ComponentType& type) {
    return {.id = {.type = type.name, .name = ""},
            .environment = environment_,
            .logger = core::Logger::Discard()};
  }

  std::unique_ptr<Processor> MakeProcessor(const ComponentType& type, const std::string& yaml,
                                           Signal signal) {
    auto config = Read(type, yaml);
    EXPECT_TRUE(config) << config.error().message();
    if (!config) return nullptr;
    auto made = type.make_processor(Settings(type), *config, signal, next_);
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : nullptr;
  }
  std::unique_ptr<Connector> MakeConnector(const ComponentType& type, const std::string& yaml, Signal from) {
    auto config = Read(type, yaml);
    EXPECT_TRUE(config) << config.error().message();
    if (!config) return nullptr;
    auto made = type.make_connector(Settings(type), *config, from, Signal::kMetrics, next_);
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : nullptr;
  }

  // Whether the registry has this line.
  bool HasMetric(const std::string& line) {
    return registry_.RenderText().find(line + "\n") != std::string::npos;
  }

  class NoExtensions final : public ExtensionHost {
    Extension* FindExtension(std::string_view) const override { return nullptr; }
  };

  net::IoContext io_;
  core::Executor executor_;
  core::ManualClock clock_;
  core::Registry registry_;
  net::HttpClient http_;
  NoExtensions no_extensions_;
  Environment environment_;
  NotingConsumer next_;
};

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

}  // namespace sextant::pipeline
