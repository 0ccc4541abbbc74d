#include <linux/netlink.h>

#include "agents/node/collectors.h"
#include "agents/node/usage/cgroup_usage.h"
#include "agents/node/usage/process_usage.h"

namespace sextant::node {
namespace {

// That of the options, or one of the collector's own.
template <typename T>
std::shared_ptr<T> SharedOrOwn(const std::shared_ptr<T>& shared, const NodeOptions& options,
                               const core::Clock& clock) {
  if (shared) return shared;
  return std::make_shared<T>(options.paths, clock, UsageLimits{.top_count = options.usage_top_count});
}

std::shared_ptr<Netlink> Kernel(int protocol) { return std::make_shared<NetlinkClient>(protocol); }

}  // namespace

std::span<const CollectorEntry> CollectorTable() {
  static constexpr CollectorEntry kTable[] = {
      {"arp", true, false,
       [](const auto& o, const auto&) { return MakeArpCollector(o, Kernel(NETLINK_ROUTE)); }},
      {"bcache", true, true, [](const auto& o, const auto&) { return MakeBcacheCollector(o); }},
      {"bcachefs", true, true, [](const auto&, const auto&) { return MakeBcachefsCollector(); }},
      {"bonding", true, true, [](const auto&, const auto&) { return MakeBondingCollector(); }},
      {"btrfs", true, true, [](const auto&, const auto&) { return MakeBtrfsCollector(); }},
      {"buddyinfo", false, false, [](const auto&, const auto&) { return MakeBuddyinfoCollector(); }},
      {"cgroup_usage", false, true,
       [](const auto& o, const auto& c) {
         return MakeCgroupUsageCollector(SharedOrOwn(o.cgroup_usage, o, c));
       }},
      {"cgroups", false, false, [](const auto&, const auto&) { return MakeCgroupsCollector(); }},
      {"conntrack", true, false, [](const auto&, const auto&) { return MakeConntrackCollector(); }},
      {"cpu", true, false, [](const auto& o, const auto&) { return MakeCpuCollector(o); }},
      {"cpu_vulnerabilities", false, false,
       [](const auto&, const auto&) { return MakeCpuVulnerabilitiesCollector(); }},
      {"cpufreq", true, false, [](const auto& o, const auto&) { return MakeCpufreqCollector(o); }},
      {"diskstats", true, false, [](const auto& o, const auto&) { return MakeDiskstatsCollector(o); }},
      {"dmi", true, true, [](const auto&, const auto&) { return MakeDmiCollector(); }},
      {"dmmultipath", true, true, [](const auto&, const auto&) { return MakeDmmultipathCollector(); }},
      {"drbd", false, false, [](const auto&, const auto&) { return MakeDrbdCollector(); }},
      {"drm", false, true, [](const auto&, const auto&) { return MakeDrmCollector(); }},
      {"edac", true, true, [](const auto&, const auto&) { return MakeEdacCollector(); }},
      {"entropy", true, false, [](const auto&, const auto&) { return MakeEntropyCollector(); }},
      {"ethtool", false, true, [](const auto& o, const auto&) { return MakeEthtoolCollector(o); }},
      {"fibrechannel", true, true, [](const auto&, const auto&) { return MakeFibrechannelCollector(); }},
      {"filefd", true, false, [](const auto&, const auto&) { return MakeFilefdCollector(); }},
      {"filesystem", true, false,
       [](const auto& o, const auto&) { return MakeFilesystemCollector(o, ReadFilesystemUsage); }},
      {"hwmon", true, true, [](const auto& o, const auto&) { return MakeHwmonCollector(o); }},
      {"infiniband", true, true, [](const auto& o, const auto&) { return MakeInfinibandCollector(o); }},
      {"interrupts", false, false, [](const auto& o, const auto&) { return MakeInterruptsCollector(o); }},
      {"ipvs", true, false, [](const auto& o, const auto&) { return MakeIpvsCollector(o); }},
      {"kernel_hung", true, false, [](const auto&, const auto&) { return MakeKernelHungCollector(); }},
      {"ksmd", false, false, [](const auto&, const auto&) { return MakeKsmdCollector(); }},
      {"lnstat", false, false, [](const auto&, const auto&) { return MakeLnstatCollector(); }},
      {"loadavg", true, false, [](const auto&, const auto&) { return MakeLoadavgCollector(); }},
      {"logind", false, true, [](const auto& o, const auto&) { return MakeLogindCollector(o); }},
      {"mdadm", true, true, [](const auto&, const auto&) { return MakeMdadmCollector(); }},
      {"meminfo", true, false, [](const auto&, const auto&) { return MakeMeminfoCollector(); }},
      {"meminfo_numa", false, false, [](const auto&, const auto&) { return MakeMeminfoNumaCollector(); }},
      {"mountstats", false, false, [](const auto&, const auto&) { return MakeMountstatsCollector(); }},
      {"netclass", true, false,
       [](const auto& o, const auto&) {
         return o.netclass_netlink
                    ? MakeNetclassNetlinkCollector(o, Kernel(NETLINK_ROUTE), Kernel(NETLINK_GENERIC))
                    : MakeNetclassCollector(o, Kernel(NETLINK_ROUTE));
       }},
      {"netdev", true, false,
       [](const auto& o, const auto&) { return MakeNetdevCollector(o, Kernel(NETLINK_ROUTE)); }},
      {"netstat", true, false, [](const auto& o, const auto&) { return MakeNetstatCollector(o); }},
      {"network_route", false, false,
       [](const auto&, const auto&) { return MakeNetworkRouteCollector(Kernel(NETLINK_ROUTE)); }},
      {"nfs", true, false, [](const auto&, const auto&) { return MakeNfsCollector(); }},
      {"nfsd", true, false, [](const auto&, const auto&) { return MakeNfsdCollector(); }},
      {"ntp", false, true, [](const auto& o, const auto&) { return MakeNtpCollector(o); }},
      {"nvme", true, true, [](const auto&, const auto&) { return MakeNvmeCollector(); }},
      {"nvmesubsystem", false, true, [](const auto&, const auto&) { return MakeNvmesubsystemCollector(); }},
      {"os", true, false, [](const auto&, const auto&) { return MakeOsCollector(); }},
      {"pcidevice", false, true, [](const auto& o, const auto&) { return MakePcideviceCollector(o); }},
      {"perf", false, true, [](const auto& o, const auto&) { return MakePerfCollector(o); }},
      {"powersupplyclass", true, true,
       [](const auto& o, const auto&) { return MakePowersupplyclassCollector(o); }},
      {"pressure", true, false, [](const auto&, const auto&) { return MakePressureCollector(); }},
      {"process_usage", false, true,
       [](const auto& o, const auto& c) {
         return MakeProcessUsageCollector(SharedOrOwn(o.process_usage, o, c));
       }},
      {"processes", false, false, [](const auto&, const auto&) { return MakeProcessesCollector(); }},
      {"qdisc", false, false,
       [](const auto& o, const auto&) { return MakeQdiscCollector(o, Kernel(NETLINK_ROUTE)); }},
      {"rapl", true, true, [](const auto& o, const auto&) { return MakeRaplCollector(o); }},
      {"runit", false, true, [](const auto& o, const auto&) { return MakeRunitCollector(o); }},
      {"schedstat", true, false, [](const auto&, const auto&) { return MakeSchedstatCollector(); }},
      {"selinux", true, false, [](const auto&, const auto&) { return MakeSelinuxCollector(); }},
      {"slabinfo", false, false, [](const auto& o, const auto&) { return MakeSlabinfoCollector(o); }},
      {"sockstat", true, false, [](const auto&, const auto&) { return MakeSockstatCollector(); }},
      {"softirqs", false, false, [](const auto&, const auto&) { return MakeSoftirqsCollector(); }},
      {"softnet", true, false, [](const auto&, const auto&) { return MakeSoftnetCollector(); }},
      {"stat", true, false, [](const auto& o, const auto&) { return MakeStatCollector(o); }},
      {"supervisord", false, true, [](const auto& o, const auto&) { return MakeSupervisordCollector(o); }},
      {"swap", false, false, [](const auto&, const auto&) { return MakeSwapCollector(); }},
      {"sysctl", false, false, [](const auto& o, const auto&) { return MakeSysctlCollector(o); }},
      {"systemd", false, true, [](const auto& o, const auto&) { return MakeSystemdCollector(o); }},
      {"tapestats", true, true, [](const auto& o, const auto&) { return MakeTapestatsCollector(o); }},
      {"tcpstat", false, false,
       [](const auto&, const auto&) { return MakeTcpstatCollector(Kernel(NETLINK_SOCK_DIAG)); }},
      {"textfile", true, true, [](const auto& o, const auto&) { return MakeTextfileCollector(o); }},
      {"thermal_zone", true, true, [](const auto&, const auto&) { return MakeThermalZoneCollector(); }},
      {"time", true, false, [](const auto&, const auto& c) { return MakeTimeCollector(c); }},
      {"timex", true, false, [](const auto&, const auto&) { return MakeTimexCollector(); }},
      {"udp_queues", true, false, [](const auto&, const auto&) { return MakeUdpQueuesCollector(); }},
      {"uname", true, false, [](const auto&, const auto&) { return MakeUnameCollector(); }},
      {"vmstat", true, false, [](const auto& o, const auto&) { return MakeVmstatCollector(o); }},
      {"watchdog", true, true, [](const auto&, const auto&) { return MakeWatchdogCollector(); }},
      {"wifi", false, true,
       [](const auto& o, const auto&) { return MakeWifiCollector(o, Kernel(NETLINK_GENERIC)); }},
      {"xfrm", false, false, [](const auto&, const auto&) { return MakeXfrmCollector(); }},
      {"xfs", true, true, [](const auto&, const auto&) { return MakeXfsCollector(); }},
      {"zfs", true, true, [](const auto&, const auto&) { return MakeZfsCollector(); }},
      {"zoneinfo", false, false, [](const auto&, const auto&) { return MakeZoneinfoCollector(); }},
  };
  return kTable;
}

std::vector<std::unique_ptr<Collector>> MakeCollectors(const NodeOptions& options, const core::Clock& clock) {
  std::vector<std::unique_ptr<Collector>> collectors;
  for (const CollectorEntry& entry : CollectorTable()) {
    if (!options.collectors.contains(entry.name)) continue;
    collectors.push_back(entry.make(options, clock));
    collectors.back()->set_may_hang(entry.may_hang);
  }
  return collectors;
}

}  // namespace sextant::node
