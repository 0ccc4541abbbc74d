// What watching this machine costs: a second of the ring, and looks at processes and control groups. CPU time
// per iteration; a second's worth as a share of a core is that in seconds.
#include <benchmark/benchmark.h>

#include <thread>

#include "agents/node/usage/host_watch.h"

namespace sextant::node {
namespace {

// A second's sample, with a look at the processes as often as it allows itself. The clock runs so that each
// sample is a second after the one before.
class SecondsClock final : public core::Clock {
 public:
  core::TimestampMs NowMs() const override { return system_.NowMs() + second_ * 1'000; }
  int64_t MonotonicNs() const override { return system_.MonotonicNs() + second_ * 1'000'000'000; }
  void NextSecond() { ++second_; }

 private:
  core::SystemClock system_;
  int64_t second_ = 0;
};

void BM_RecentSecond(benchmark::State& state) {
  SecondsClock clock;
  HostWatch watch(DefaultNodeOptions(), clock);
  for (auto _ : state) {
    watch.recent().Sample();
    clock.NextSecond();
  }
}
BENCHMARK(BM_RecentSecond);

void BM_LookAtProcesses(benchmark::State& state) {
  core::SystemClock clock;
  HostWatch watch(DefaultNodeOptions(), clock);
  for (auto _ : state) benchmark::DoNotOptimize(watch.processes().Look(state.range(0) != 0));
  state.counters["processes"] = static_cast<double>(watch.processes().Greatest(1).processes);
}
BENCHMARK(BM_LookAtProcesses)->Arg(0)->Arg(1);

void BM_LookAtCgroups(benchmark::State& state) {
  core::SystemClock clock;
  HostWatch watch(DefaultNodeOptions(), clock);
  for (auto _ : state) benchmark::DoNotOptimize(watch.cgroups().Look());
  state.counters["groups"] = static_cast<double>(watch.cgroups().Greatest(1).groups);
}
BENCHMARK(BM_LookAtCgroups);

}  // namespace
}  // namespace sextant::node
