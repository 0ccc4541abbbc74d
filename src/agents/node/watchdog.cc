// node_watchdog_*: watchdog timers, /sys/class/watchdog.
#include "agents/node/attribute_metrics.h"
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr AttributeMetric kNumbers[] = {
    {"access_cs0", "node_watchdog_access_cs0", "Whether the other boot device is in use."},
    {"bootstatus", "node_watchdog_bootstatus", "Status at boot."},
    {"fw_version", "node_watchdog_fw_version", "Version of the firmware."},
    {"nowayout", "node_watchdog_nowayout", "Whether the timer cannot be stopped once started."},
    {"pretimeout", "node_watchdog_pretimeout_seconds", "Warning time before the timer runs out."},
    {"timeleft", "node_watchdog_timeleft_seconds", "Time until the timer runs out."},
    {"timeout", "node_watchdog_timeout_seconds", "Time that the timer is set to."},
};

core::Status CollectWatchdogs(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/watchdog");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  for (const std::string& name : names) {
    const AttributeFolder folder(base + "/" + name);
    AddAttributes(folder, kNumbers, "name", name, sink);
    const auto text = [&](const char* file) { return folder.Text(file).value_or(""); };
    sink.GetFamily("node_watchdog_info", "What a watchdog says of itself; always 1.", MetricType::kGauge,
                   {"identity", "name", "options", "pretimeout_governor", "state", "status"})
        .Add({text("identity"), name, text("options"), text("pretimeout_governor"), text("state"),
              text("status")},
             1);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeWatchdogCollector() {
  return std::make_unique<StatelessCollector>("watchdog", CollectWatchdogs);
}

}  // namespace sextant::node
