// node_xfrm_*: packets that IPsec could not handle, /proc/net/xfrm_stat.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// "InNoStates" → "in_no_states".
std::string SnakeCase(std::string_view text) {
  std::string name;
  for (char c : text) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper && !name.empty()) name += '_';
    name += is_upper ? static_cast<char>(c | 0x20) : c;
  }
  return name;
}

core::Status CollectXfrm(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("net/xfrm_stat");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    const std::string_view key = NextField(line);
    if (!key.starts_with("Xfrm")) continue;
    SEXTANT_ASSIGN(const double value, ParseFloat(TrimSpace(line)).map_error(core::AddContext("{}", path)));
    sink.Counter(fmt::format("node_xfrm_{}_packets_total", SnakeCase(key.substr(4))),
                 fmt::format("The kernel's IPsec counter {}.", key), value);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeXfrmCollector() {
  return std::make_unique<StatelessCollector>("xfrm", CollectXfrm);
}

}  // namespace sextant::node
