// The collectors: each reads one area of the host and adds it to a sink under node_exporter's names.
//
// Collect may run on several threads at once (two scrapers); a collector that remembers something guards it
// itself and holds no lock while it reads. kNotFound means that this host has no such data: the collector
// counts as failed, as in node_exporter, but nobody is warned.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/metric_sink.h"
#include "agents/node/netlink.h"
#include "agents/node/options.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

class CgroupUsage;
class ProcessUsage;

class Collector {
 public:
  virtual ~Collector() = default;
  virtual std::string_view name() const = 0;
  virtual core::Status Collect(const HostPaths& paths, MetricSink& sink) = 0;

  // Whether it waits for drivers, file systems or daemons that may never answer, and so must not run on a
  // thread that others wait for.
  bool may_hang() const { return may_hang_; }
  void set_may_hang(bool may_hang) { may_hang_ = may_hang; }

 private:
  bool may_hang_ = false;
};

// A collector that remembers nothing.
class StatelessCollector final : public Collector {
 public:
  using Function = std::function<core::Status(const HostPaths&, MetricSink&)>;
  StatelessCollector(std::string_view name, Function function)
      : name_(name), function_(std::move(function)) {}
  std::string_view name() const override { return name_; }
  core::Status Collect(const HostPaths& paths, MetricSink& sink) override { return function_(paths, sink); }

 private:
  const std::string_view name_;  // a literal
  const Function function_;
};

// `route`, `generic` and `diagnosis` are of NETLINK_ROUTE, NETLINK_GENERIC and NETLINK_SOCK_DIAG; they may be
// shared.
std::unique_ptr<Collector> MakeArpCollector(const NodeOptions& options, std::shared_ptr<Netlink> route);
std::unique_ptr<Collector> MakeBcacheCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeBcachefsCollector();
std::unique_ptr<Collector> MakeBondingCollector();
std::unique_ptr<Collector> MakeBtrfsCollector();
std::unique_ptr<Collector> MakeBuddyinfoCollector();
std::unique_ptr<Collector> MakeCgroupUsageCollector(std::shared_ptr<CgroupUsage> usage);
std::unique_ptr<Collector> MakeCgroupsCollector();
std::unique_ptr<Collector> MakeConntrackCollector();
std::unique_ptr<Collector> MakeCpuCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeCpuVulnerabilitiesCollector();
std::unique_ptr<Collector> MakeCpufreqCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeDiskstatsCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeDmiCollector();
std::unique_ptr<Collector> MakeDmmultipathCollector();
std::unique_ptr<Collector> MakeDrbdCollector();
std::unique_ptr<Collector> MakeDrmCollector();
std::unique_ptr<Collector> MakeEdacCollector();
std::unique_ptr<Collector> MakeEntropyCollector();
std::unique_ptr<Collector> MakeEthtoolCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeFibrechannelCollector();
std::unique_ptr<Collector> MakeFilefdCollector();
std::unique_ptr<Collector> MakeHwmonCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeInfinibandCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeInterruptsCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeIpvsCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeKernelHungCollector();
std::unique_ptr<Collector> MakeKsmdCollector();
std::unique_ptr<Collector> MakeLnstatCollector();
std::unique_ptr<Collector> MakeLoadavgCollector();
std::unique_ptr<Collector> MakeLogindCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeMdadmCollector();
std::unique_ptr<Collector> MakeMeminfoCollector();
std::unique_ptr<Collector> MakeMeminfoNumaCollector();
std::unique_ptr<Collector> MakeMountstatsCollector();
std::unique_ptr<Collector> MakeNetclassCollector(const NodeOptions& options, std::shared_ptr<Netlink> route);
std::unique_ptr<Collector> MakeNetclassNetlinkCollector(const NodeOptions& options,
                                                        std::shared_ptr<Netlink> route,
                                                        std::shared_ptr<Netlink> generic);
std::unique_ptr<Collector> MakeNetdevCollector(const NodeOptions& options, std::shared_ptr<Netlink> route);
std::unique_ptr<Collector> MakeNetstatCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeNetworkRouteCollector(std::shared_ptr<Netlink> route);
std::unique_ptr<Collector> MakeNfsCollector();
std::unique_ptr<Collector> MakeNfsdCollector();
std::unique_ptr<Collector> MakeNtpCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeNvmeCollector();
std::unique_ptr<Collector> MakeNvmesubsystemCollector();
std::unique_ptr<Collector> MakeOsCollector();
std::unique_ptr<Collector> MakePcideviceCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakePerfCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakePowersupplyclassCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakePressureCollector();
std::unique_ptr<Collector> MakeProcessUsageCollector(std::shared_ptr<ProcessUsage> usage);
std::unique_ptr<Collector> MakeProcessesCollector();
std::unique_ptr<Collector> MakeQdiscCollector(const NodeOptions& options, std::shared_ptr<Netlink> route);
std::unique_ptr<Collector> MakeRaplCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeRunitCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeSchedstatCollector();
std::unique_ptr<Collector> MakeSelinuxCollector();
std::unique_ptr<Collector> MakeSlabinfoCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeSockstatCollector();
std::unique_ptr<Collector> MakeSoftirqsCollector();
std::unique_ptr<Collector> MakeSoftnetCollector();
std::unique_ptr<Collector> MakeStatCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeSupervisordCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeSwapCollector();
std::unique_ptr<Collector> MakeSysctlCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeSystemdCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeTapestatsCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeTcpstatCollector(std::shared_ptr<Netlink> diagnosis);
std::unique_ptr<Collector> MakeTextfileCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeThermalZoneCollector();
std::unique_ptr<Collector> MakeTimeCollector(const core::Clock& clock);
std::unique_ptr<Collector> MakeTimexCollector();
std::unique_ptr<Collector> MakeUdpQueuesCollector();
std::unique_ptr<Collector> MakeUnameCollector();
std::unique_ptr<Collector> MakeVmstatCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeWatchdogCollector();
std::unique_ptr<Collector> MakeWifiCollector(const NodeOptions& options, std::shared_ptr<Netlink> generic);
std::unique_ptr<Collector> MakeXfrmCollector();
std::unique_ptr<Collector> MakeXfsCollector();
std::unique_ptr<Collector> MakeZfsCollector();
std::unique_ptr<Collector> MakeZoneinfoCollector();

// What statfs(2) says of a mount.
struct FilesystemUsage {
  double size_bytes = 0;
  double free_bytes = 0;
  double available_bytes = 0;
  double files = 0;
  double files_free = 0;
};
// Asks for the usage of the file system at a path. May block for ever on a dead network mount, and is
// therefore only called on threads that can be given up.
using UsageReader = std::function<core::Result<FilesystemUsage>(const std::string& path)>;
// The operating system's.
core::Result<FilesystemUsage> ReadFilesystemUsage(const std::string& path);

std::unique_ptr<Collector> MakeFilesystemCollector(const NodeOptions& options, UsageReader read_usage);

// One line of the table of collectors.
struct CollectorEntry {
  std::string_view name;
  bool is_default;  // runs unless disabled, as in node_exporter
  bool may_hang;    // see Collector::may_hang
  std::unique_ptr<Collector> (*make)(const NodeOptions& options, const core::Clock& clock);
};

// All that we have, sorted by name.
std::span<const CollectorEntry> CollectorTable();

// All collectors that the options enable, sorted by name. `clock` must outlive them.
std::vector<std::unique_ptr<Collector>> MakeCollectors(const NodeOptions& options, const core::Clock& clock);

}  // namespace sextant::node
