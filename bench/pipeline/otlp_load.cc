// Loads a collector over OTLP's gRPC, and takes what it sends on:
//
//   otlp_load sink ADDRESS                        counts spans and bytes that arrive until it is told to end
//   otlp_load send TARGET SPANS [PER_REQUEST] [CALLS]   sends so many spans, CALLS requests at a time
//
// Spans have about 350 bytes in protobuf, with eight attributes, of 50 services and 20 names.
#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/process.h"
#include "net/grpc_client.h"
#include "net/http_server.h"
#include "otlp/encode.h"

namespace {

using namespace sextant;

constexpr std::string_view kExport = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr size_t kServices = 50;
constexpr size_t kNames = 20;

std::string MakeRequest(size_t spans, size_t number) {
  otlp::TracesData data;
  otlp::Memory& memory = data.memory;
  otlp::ResourceSpans& resource = data.resources.emplace_back();
  std::vector<otlp::KeyValue> of_resource = {
      {"service.name", otlp::AnyValue::Text(memory.Copy(fmt::format("service-{}", number % kServices)))},
      {"k8s.pod.name", otlp::AnyValue::Text("checkout-7f9c-abcde")}};
  resource.resource.attributes = memory.CopyList<otlp::KeyValue>(of_resource);
  otlp::ScopeSpans& scope = resource.scopes.emplace_back();
  scope.scope.name = "load";
  for (size_t i = 0; i < spans; ++i) {
    otlp::Span& span = scope.spans.emplace_back();
    uint64_t seed = number * 1'000'003 + i + 1;
    for (uint8_t& byte : span.trace_id.bytes)
      byte = static_cast<uint8_t>((seed *= 6'364'136'223'846'793'005u) >> 56);
    for (uint8_t& byte : span.span_id.bytes)
      byte = static_cast<uint8_t>((seed *= 6'364'136'223'846'793'005u) >> 56);
    span.parent_span_id.bytes = {1, 2, 3, 4, 5, 6, 7, 8};
    span.name = memory.Copy(fmt::format("GET /api/v1/cart/{}", i % kNames));
    span.kind = otlp::SpanKind::kServer;
    span.start_ns = 1'700'000'000'000'000'000u + i;
    span.end_ns = span.start_ns + 1'000'000 * (i % 500);
    std::vector<otlp::KeyValue> attributes = {
        {"http.request.method", otlp::AnyValue::Text("GET")},
        {"http.response.status_code", otlp::AnyValue::Int(i % 10 == 0 ? 500 : 200)},
        {"url.path", otlp::AnyValue::Text("/api/v1/cart/items")},
        {"server.address", otlp::AnyValue::Text("checkout.shop.svc")},
        {"net.peer.port", otlp::AnyValue::Int(8080)},
        {"user_agent.original", otlp::AnyValue::Text("Mozilla/5.0 (X11; Linux)")},
        {"thread.name", otlp::AnyValue::Text("http-nio-8080-exec-1")},
        {"client.address", otlp::AnyValue::Text("10.0.12.34")}};
    span.attributes = memory.CopyList<otlp::KeyValue>(attributes);
  }
  return otlp::EncodeTraces(data);
}

int Sink(const std::string& address) {
  core::SignalWaiter signals;
  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({.threads = 2});
  net::IoContext io;
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> requests{0};
  net::Router router;
  router.AddGrpc(kExport,
                 [&](net::GrpcCall call, net::GrpcResponder responder) {
                   bytes.fetch_add(call.message->size());
                   requests.fetch_add(1);
                   responder.Finish("");
                 },
                 {.priority = core::Priority::kIngest, .run_inline = true, .max_body_bytes = 64 << 20});
  auto server = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                       std::move(router), {.listen = {address}});
  if (!server) {
    fmt::print(stderr, "{}\n", server.error().message());
    return 1;
  }
  signals.Wait();
  fmt::print("{} {}\n", requests.load(), bytes.load());
  (*server)->Stop(1'000);
  return 0;
}

int Send(const std::string& target, size_t spans, size_t per_request, size_t calls) {
  core::Executor executor({.threads = 2});
  net::IoContext io;
  auto client = net::GrpcClient::Create(io, {.target = target});
  if (!client) {
    fmt::print(stderr, "{}\n", client.error().message());
    return 1;
  }
  std::vector<net::GrpcMessage> messages;
  for (size_t i = 0; i < kServices; ++i) {
    messages.push_back(std::make_shared<const std::string>(MakeRequest(per_request, i)));
  }
  core::SystemClock clock;
  std::mutex mutex;
  std::condition_variable changed;
  size_t under_way = 0;
  size_t refused = 0;
  int64_t begin_ns = clock.MonotonicNs();
  for (size_t sent = 0, number = 0; sent < spans; ++number) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return under_way < calls; });
      ++under_way;
    }
    net::GrpcRequest request;
    request.method = kExport;
    request.message = messages[number % messages.size()];
    request.timeout_ms = 60'000;
    (*client)->Call(std::move(request), {}, [&](net::GrpcResult result) {
      std::lock_guard lock(mutex);
      --under_way;
      if (!result.status.is_ok()) ++refused;
      changed.notify_all();
    });
    sent += per_request;
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return under_way == 0; });
  fmt::print("{} {:.6f} {}\n", spans, static_cast<double>(clock.MonotonicNs() - begin_ns) * 1e-9, refused);
  lock.unlock();
  (*client)->Stop();
  return 0;
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> arguments(words + 1, words + count);
  auto number = [&](size_t index, size_t otherwise) {
    size_t value = otherwise;
    if (index < arguments.size()) {
      const std::string& text = arguments[index];
      std::from_chars(text.data(), text.data() + text.size(), value);
    }
    return value;
  };
  if (arguments.size() == 2 && arguments[0] == "sink") return Sink(arguments[1]);
  if (arguments.size() >= 3 && arguments[0] == "send") {
    return Send(arguments[1], number(2, 1'000'000), number(3, 1'000), number(4, 8));
  }
  fmt::print(stderr, "usage: otlp_load sink ADDRESS | send TARGET SPANS [PER_REQUEST] [CALLS]\n");
  return 2;
}
