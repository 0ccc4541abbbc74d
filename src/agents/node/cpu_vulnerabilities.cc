// node_cpu_vulnerabilities_info: /sys/devices/system/cpu/vulnerabilities, a file per weakness of processors.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Vulnerability {
  std::string_view state;
  std::string_view mitigation;
};

// "Not affected", "Vulnerable: no microcode", "Mitigation: PTI".
Vulnerability Parse(std::string_view text) {
  for (const auto& [prefix, state] :
       {std::pair<std::string_view, std::string_view>("Not affected", "not affected"),
        {"Vulnerable", "vulnerable"},
        {"Mitigation", "mitigation"}}) {
    if (!text.starts_with(prefix)) continue;
    return {state, TrimSpace(WithoutPrefix(text.substr(prefix.size()), ":"))};
  }
  return {"unknown", ""};
}

core::Status CollectVulnerabilities(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("devices/system/cpu/vulnerabilities");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  const AttributeFolder folder(base);
  auto& info = sink.GetFamily("node_cpu_vulnerabilities_info",
                              "What the kernel says of each weakness of processors; always 1.",
                              MetricType::kGauge, {"codename", "mitigation", "state"});
  for (const std::string& name : names) {
    const auto text = folder.Text(name.c_str());
    if (!text) continue;
    const Vulnerability vulnerability = Parse(*text);
    info.Add({name, vulnerability.mitigation, vulnerability.state}, 1);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeCpuVulnerabilitiesCollector() {
  return std::make_unique<StatelessCollector>("cpu_vulnerabilities", CollectVulnerabilities);
}

}  // namespace sextant::node
