// node_selinux_*: whether SELinux is on, and what it does with violations.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// SELINUX=enforcing in its configuration: 1, permissive 0, disabled or nothing -1.
double ConfiguredMode(std::string_view text) {
  std::string_view line;
  while (NextLine(text, line)) {
    line = TrimSpace(line);
    if (!line.starts_with("SELINUX=")) continue;
    const std::string_view mode = TrimSpace(line.substr(8));
    if (mode == "enforcing") return 1;
    if (mode == "permissive") return 0;
  }
  return -1;
}

core::Status CollectSelinux(const HostPaths& paths, MetricSink& sink) {
  const auto enforces = ReadNumber(paths.Sys("fs/selinux/enforce"));
  sink.Gauge("node_selinux_enabled", "Whether SELinux is enabled (0 or 1).", enforces ? 1 : 0);
  if (!enforces) return {};
  const std::string config = ReadHostFile(paths.Root("/etc/selinux/config")).value_or("");
  sink.Gauge("node_selinux_config_mode", "Mode in the configuration: 1 enforcing, 0 permissive, -1 disabled.",
             ConfiguredMode(config));
  sink.Gauge("node_selinux_current_mode", "Mode now: 1 enforcing, 0 permissive.",
             static_cast<double>(*enforces));
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeSelinuxCollector() {
  return std::make_unique<StatelessCollector>("selinux", CollectSelinux);
}

}  // namespace sextant::node
