// What one scrape of the host agent costs: all collectors on this machine, and the slowest of them alone.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "agents/node/node_agent.h"
#include "core/clock.h"
#include "core/log.h"

namespace sextant::node {
namespace {

void RenderWith(benchmark::State& state, const std::vector<std::string>& flags) {
  auto parsed = ParseNodeFlags(flags);
  SEXTANT_CHECK(parsed.has_value());
  const core::SystemClock clock;
  NodeAgent agent(std::move(parsed->options), {}, clock, core::Logger::Discard());
  size_t bytes = 0;
  for (auto _ : state) bytes += agent.RenderText().size();
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

void BM_RenderAll(benchmark::State& state) { RenderWith(state, {}); }
BENCHMARK(BM_RenderAll);

void BM_RenderNetclass(benchmark::State& state) {
  RenderWith(state, {"--collector.disable-defaults", "--collector.netclass"});
}
BENCHMARK(BM_RenderNetclass);

void BM_RenderFilesystem(benchmark::State& state) {
  RenderWith(state, {"--collector.disable-defaults", "--collector.filesystem"});
}
BENCHMARK(BM_RenderFilesystem);

}  // namespace
}  // namespace sextant::node
