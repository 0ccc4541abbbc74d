// node_swap_*: devices and files with swapped-out memory, /proc/swaps.
#include "agents/node/collectors.h"
#include "agents/node/host_tables.h"

namespace sextant::node {
namespace {

core::Status CollectSwap(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("swaps");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  SEXTANT_ASSIGN(const std::vector<SwapLine> swaps, ParseSwaps(text).map_error(core::AddContext("{}", path)));
  for (const SwapLine& swap : swaps) {
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"device", "type"}).Add({swap.device, swap.type}, value);
    };
    add("node_swap_size_bytes", "Size of a swap device.", swap.size_bytes);
    add("node_swap_used_bytes", "Used part of a swap device.", swap.used_bytes);
    add("node_swap_priority", "Priority of a swap device.", swap.priority);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeSwapCollector() {
  return std::make_unique<StatelessCollector>("swap", CollectSwap);
}

}  // namespace sextant::node
