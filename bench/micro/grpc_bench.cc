// Unary gRPC calls through our server and our client over loopback: the CPU time of the server's threads per
// call, which is what a receiver costs beside its decoder. Google Benchmark's own times are those of the
// client's thread; look at server_us and calls_per_server_cpu_s.
#include <benchmark/benchmark.h>

#include <atomic>
#include <ctime>
#include <semaphore>
#include <string>

#include "net/grpc_client.h"
#include "net/http_server.h"

namespace sextant::net {
namespace {

constexpr int kInFlight = 64;

int64_t ProcessCpuNs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// The CPU time of the thread that runs the only loop of `io`.
int64_t LoopCpuNs(IoContext& io) {
  std::atomic<int64_t> cpu_ns{0};
  std::binary_semaphore done{0};
  io.Post([&] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    cpu_ns = time.tv_sec * 1'000'000'000 + time.tv_nsec;
    done.release();
  });
  done.acquire();
  return cpu_ns;
}

// `is_inline`: the handler runs on the server's loop, so that its thread's time is the whole cost.
void Unary(benchmark::State& state, bool is_inline) {
  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({});
  IoContext server_io;
  IoContext client_io;
  Router router;
  router.AddGrpc("/bench.Echo/Take",
                 [](GrpcCall call, GrpcResponder responder) {
                   benchmark::DoNotOptimize(call.message->data());
                   responder.Finish({});
                 },
                 {.priority = core::Priority::kIngest, .run_inline = is_inline, .max_body_bytes = 64 << 20});
  auto server = HttpServer::Start(server_io, executor, clock, registry, core::Logger::Discard(),
                                  std::move(router), {.listen = {"127.0.0.1:0"}});
  if (!server) return state.SkipWithError(server.error().message().c_str());
  auto client = GrpcClient::Create(client_io, {.target = (*server)->bound_address()});
  if (!client) return state.SkipWithError(client.error().message().c_str());

  auto message = std::make_shared<std::string>(static_cast<size_t>(state.range(0)), 'x');
  std::counting_semaphore<kInFlight> places{kInFlight};
  std::atomic<int64_t> failed{0};
  int64_t calls = 0;
  int64_t loop_before = LoopCpuNs(server_io);
  int64_t process_before = ProcessCpuNs();
  for (auto unused : state) {
    places.acquire();
    ++calls;
    (*client)->Call({.method = "/bench.Echo/Take", .message = message}, {}, [&](const GrpcResult& result) {
      if (!result.status.is_ok()) ++failed;
      places.release();
    });
  }
  for (int i = 0; i < kInFlight; ++i) places.acquire();
  auto loop_ns = static_cast<double>(LoopCpuNs(server_io) - loop_before);
  auto process_ns = static_cast<double>(ProcessCpuNs() - process_before);
  if (failed > 0) state.SkipWithError("calls failed");
  state.counters["server_us"] = loop_ns / 1'000 / static_cast<double>(calls);
  state.counters["both_sides_us"] = process_ns / 1'000 / static_cast<double>(calls);
  state.counters["calls_per_server_cpu_s"] = static_cast<double>(calls) * 1e9 / loop_ns;
  (*client)->Stop();
  (*server)->Stop(1'000);
}

BENCHMARK_CAPTURE(Unary, inline_handler, true)->Arg(200)->Arg(10'000)->Arg(1'000'000)->UseRealTime();
BENCHMARK_CAPTURE(Unary, executor_handler, false)->Arg(200)->Arg(1'000'000)->UseRealTime();

}  // namespace
}  // namespace sextant::net
