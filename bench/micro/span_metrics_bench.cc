// What the connector span_metrics costs for each span: series that are known, with the reference deployment's
// dimensions, and spans of about ten attributes.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "pipeline/connectors/span_metrics.h"

namespace {

using sextant::otlp::AnyValue;
using sextant::otlp::KeyValue;
using sextant::otlp::Memory;
using sextant::otlp::Span;
using sextant::otlp::TracesData;
using sextant::pipeline::SpanMetrics;
using sextant::pipeline::SpanMetricsConfig;

constexpr size_t kSpans = 1'000;

sextant::otlp::Attributes SpanAttributes(Memory& memory, size_t index) {
  std::array<KeyValue, 10> items = {{
      {"http.request.method", AnyValue::Text("GET")},
      {"url.path", AnyValue::Text("/api/v1/orders")},
      {"url.scheme", AnyValue::Text("https")},
      {"server.address", AnyValue::Text("shop.example.org")},
      {"server.port", AnyValue::Int(443)},
      {"network.protocol.version", AnyValue::Text("1.1")},
      {"user_agent.original", AnyValue::Text("curl/8.5.0")},
      {"client.address", AnyValue::Text("10.2.3.4")},
      {"http.route", AnyValue::Text("/api/v1/orders")},
      {"http.response.status_code", AnyValue::Int(index % 7 == 0 ? 500 : 200)},
  }};
  return memory.CopyList<KeyValue>(items);
}

TracesData MakeBatch() {
  TracesData data;
  auto& resource = data.resources.emplace_back();
  std::array<KeyValue, 3> attributes = {{
      {"service.name", AnyValue::Text("shop")},
      {"service.instance.id", AnyValue::Text("627cc493-f310-47de-96bd-71410b7dec09")},
      {"telemetry.sdk.language", AnyValue::Text("java")},
  }};
  resource.resource.attributes = data.memory.CopyList<KeyValue>(attributes);
  auto& scope = resource.scopes.emplace_back();
  for (size_t i = 0; i < kSpans; ++i) {
    Span& span = scope.spans.emplace_back();
    span.name = data.memory.Copy("GET /api/v1/orders/" + std::to_string(i % 50));
    span.kind = sextant::otlp::SpanKind::kServer;
    span.start_ns = 1'700'000'000'000'000'000;
    span.end_ns = span.start_ns + i * 1'000'000;
    span.trace_id.bytes[0] = 1;
    span.attributes = SpanAttributes(data.memory, i);
  }
  return data;
}

void AddSpans(benchmark::State& state) {
  SpanMetricsConfig config;
  config.metrics_namespace = "span.metrics";
  config.exclude_dimensions = {"status.code"};
  config.dimensions = {{.name = "http.response.status_code", .default_value = {}}};
  SpanMetrics metrics(config, "me");
  TracesData data = MakeBatch();
  metrics.Add(data, 1);
  for (auto _ : state) metrics.Add(data, 2);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kSpans));
}
BENCHMARK(AddSpans);

}  // namespace
