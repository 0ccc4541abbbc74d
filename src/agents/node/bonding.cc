// node_bonding_*: how many links each bonding device has, and how many of them are up.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

bool IsUp(const std::string& device_folder, std::string_view link) {
  // Older kernels call the link's folder "slave_eth0", newer ones "lower_eth0".
  for (std::string_view prefix : {"lower_", "slave_"}) {
    const auto status =
        ReadAttribute(fmt::format("{}/{}{}/bonding_slave/mii_status", device_folder, prefix, link));
    if (status) return *status == "up";
  }
  return false;
}

core::Status CollectBonding(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/net");
  SEXTANT_ASSIGN(const std::string masters, ReadHostFile(base + "/bonding_masters"));
  auto& links = sink.GetFamily("node_bonding_slaves", "Links that a bonding device is configured with.",
                               MetricType::kGauge, {"master"});
  auto& active = sink.GetFamily("node_bonding_active", "Links of a bonding device that are up.",
                                MetricType::kGauge, {"master"});
  std::string_view rest = TrimSpace(masters);
  for (std::string_view master = NextField(rest); !master.empty(); master = NextField(rest)) {
    if (!IsPathComponent(master)) {
      return core::Fail(core::Code::kInvalidArgument, "{}/bonding_masters: bad device name {}", base, master);
    }
    const std::string folder = fmt::format("{}/{}", base, master);
    SEXTANT_ASSIGN(const std::string slaves, ReadHostFile(folder + "/bonding/slaves"));
    double link_count = 0;
    double active_count = 0;
    std::string_view names = TrimSpace(slaves);
    for (std::string_view link = NextField(names); !link.empty(); link = NextField(names)) {
      ++link_count;
      if (IsPathComponent(link) && IsUp(folder, link)) ++active_count;
    }
    links.Add({master}, link_count);
    active.Add({master}, active_count);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeBondingCollector() {
  return std::make_unique<StatelessCollector>("bonding", CollectBonding);
}

}  // namespace sextant::node
