// node_swap_*: devices and files with swapped-out memory, /proc/swaps.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// A heading, then "/dev/zram0  partition  8388604  76  100", sizes in KiB.
core::Status CollectSwap(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("swaps");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  NextLine(rest, line);
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.size() < 5) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    }
    SEXTANT_ASSIGN(const double size, ParseFloat(fields[2]).map_error(core::AddContext("{}", path)));
    SEXTANT_ASSIGN(const double used, ParseFloat(fields[3]).map_error(core::AddContext("{}", path)));
    SEXTANT_ASSIGN(const double priority, ParseFloat(fields[4]).map_error(core::AddContext("{}", path)));
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"device", "type"}).Add({fields[0], fields[1]}, value);
    };
    add("node_swap_size_bytes", "Size of a swap device.", size * 1'024);
    add("node_swap_used_bytes", "Used part of a swap device.", used * 1'024);
    add("node_swap_priority", "Priority of a swap device.", priority);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeSwapCollector() {
  return std::make_unique<StatelessCollector>("swap", CollectSwap);
}

}  // namespace sextant::node
