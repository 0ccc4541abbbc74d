// What spans cost on their way through the collector: decoded from OTLP's protobuf, and encoded again. Spans
// have 8 attributes and about 350 bytes, as the published figures of the original have it; the argument is
// how many come in a message.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "core/result.h"
#include "otlp/encode.h"

namespace sextant::otlp {
namespace {

TracesData MakeSpans(int64_t count) {
  TracesData data;
  ResourceSpans& resource = data.resources.emplace_back();
  resource.resource.attributes = data.memory.CopyList<KeyValue>(std::vector<KeyValue>{
      {"service.name", AnyValue::Text("checkout")}, {"k8s.pod.name", AnyValue::Text("checkout-7f9c")}});
  ScopeSpans& scope = resource.scopes.emplace_back();
  scope.scope.name = "lib";
  const std::vector<KeyValue> attributes = {
      {"http.request.method", AnyValue::Text("GET")},
      {"http.response.status_code", AnyValue::Int(200)},
      {"url.path", AnyValue::Text("/api/v1/cart/items")},
      {"server.address", AnyValue::Text("checkout.shop.svc")},
      {"net.peer.port", AnyValue::Int(8080)},
      {"user_agent.original", AnyValue::Text("Mozilla/5.0 (X11; Linux)")},
      {"thread.name", AnyValue::Text("http-nio-8080-exec-1")},
      {"client.address", AnyValue::Text("10.0.12.34")}};
  for (int64_t i = 0; i < count; ++i) {
    Span span;
    span.trace_id.bytes.fill(static_cast<uint8_t>(i | 1));
    span.span_id.bytes.fill(static_cast<uint8_t>(i | 3));
    span.parent_span_id.bytes.fill(7);
    span.name = "GET /api/v1/cart";
    span.kind = SpanKind::kServer;
    span.start_ns = 1'700'000'000'000'000'000 + static_cast<uint64_t>(i);
    span.end_ns = span.start_ns + 1000;
    span.attributes = data.memory.CopyList<KeyValue>(attributes);
    scope.spans.push_back(span);
  }
  return data;
}

// As a program for which speed counts sets it: what was freed is kept for what comes next.
void KeepFreedMemory() {
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
}

void CountItems(benchmark::State& state, size_t message_bytes) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(message_bytes));
}

void BM_Decode(benchmark::State& state) {
  KeepFreedMemory();
  const std::string message = EncodeTraces(MakeSpans(state.range(0)));
  for (auto _ : state) {
    auto data = DecodeTraces(message);
    benchmark::DoNotOptimize(data);
  }
  CountItems(state, message.size());
}

void BM_Encode(benchmark::State& state) {
  KeepFreedMemory();
  const std::string message = EncodeTraces(MakeSpans(state.range(0)));
  const TracesData decoded = *DecodeTraces(message);
  wire::ReverseWriter out(64);
  for (auto _ : state) {
    EncodeTraces(decoded, out);
    benchmark::DoNotOptimize(out.view());
  }
  CountItems(state, message.size());
}

void BM_DecodeAndEncode(benchmark::State& state) {
  KeepFreedMemory();
  const std::string message = EncodeTraces(MakeSpans(state.range(0)));
  wire::ReverseWriter out(64);
  for (auto _ : state) {
    auto data = DecodeTraces(message);
    EncodeTraces(*data, out);
    benchmark::DoNotOptimize(out.view());
  }
  SEXTANT_CHECK(out.view() == message);
  CountItems(state, message.size());
}

// The same with a string for each message.
void BM_DecodeAndEncodeToString(benchmark::State& state) {
  KeepFreedMemory();
  const std::string message = EncodeTraces(MakeSpans(state.range(0)));
  for (auto _ : state) {
    auto data = DecodeTraces(message);
    benchmark::DoNotOptimize(EncodeTraces(*data));
  }
  CountItems(state, message.size());
}

BENCHMARK(BM_Decode)->Arg(10)->Arg(100)->Arg(8192);
BENCHMARK(BM_Encode)->Arg(10)->Arg(100)->Arg(8192);
BENCHMARK(BM_DecodeAndEncode)->Arg(10)->Arg(100)->Arg(8192);
BENCHMARK(BM_DecodeAndEncodeToString)->Arg(100)->Arg(8192);

}  // namespace
}  // namespace sextant::otlp
