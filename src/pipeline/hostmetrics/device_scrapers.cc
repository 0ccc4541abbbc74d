// Disks, file systems and network interfaces.
#include <array>
#include <fstream>
#include <map>
#include <set>

#include "agents/node/host_tables.h"
#include "agents/node/mount_usage.h"
#include "agents/node/mounts.h"
#include "pipeline/hostmetrics/host_scraper.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;
using enum HostMetricKind;

// ---- disk

enum DiskMetric : size_t {
  kDiskIo,
  kDiskOperations,
  kDiskIoTime,
  kDiskOperationTime,
  kDiskWeightedIoTime,
  kDiskPending,
  kDiskMerged
};
constexpr HostMetric kDiskMetrics[] = {
    {"system.disk.io", "Disk bytes transferred.", "By", kCounter, false, true},
    {"system.disk.operations", "Disk operations count.", "{operations}", kCounter, false, true},
    {"system.disk.io_time",
     "Time disk spent activated. On Windows, this is calculated as the inverse of disk idle time.", "s",
     kCounter, true, true},
    {"system.disk.operation_time", "Time spent in disk operations.", "s", kCounter, true, true},
    {"system.disk.weighted_io_time", "Time disk spent activated multiplied by the queue length.", "s",
     kCounter, true, true},
    {"system.disk.pending_operations", "The queue size of pending I/O operations.", "{operations}", kSum,
     false, true},
    {"system.disk.merged",
     "The number of disk reads/writes merged into single physical disk access operations.", "{operations}",
     kCounter, false, true},
};

// Behind major, minor and name.
enum DiskColumn : size_t {
  kReads,
  kReadsMerged,
  kSectorsRead,
  kReadMs,
  kWrites,
  kWritesMerged,
  kSectorsWritten,
  kWriteMs,
  kInFlight,
  kIoMs,
  kWeightedIoMs,
  kDiskColumns
};
constexpr size_t kDiskLeadingFields = 3;
constexpr double kSectorBytes = 512;  // always, whatever the device says

class DiskScraper final : public HostScraper {
 public:
  explicit DiskScraper(const DiskScraperConfig& config)
      : wanted_(kDiskMetrics, config.metrics), include_(config.include), exclude_(config.exclude) {}
  std::string_view name() const override { return "disk"; }

  void Scrape(HostLook& look) override {
    auto text = ReadProc(look.paths, "diskstats");
    if (!text) return look.Fail(text.error(), wanted_.table().size());
    HostPoints points(wanted_, look.data, BootTimeNs(files_, look.paths), NowNs(look.clock));
    Status read = node::ForEachDisk(*text, [&](const std::vector<std::string_view>& fields) -> Status {
      if (!IsIncluded(include_, exclude_, fields[2]) || fields.size() < kDiskLeadingFields + kDiskColumns)
        return {};
      std::array<double, kDiskColumns> columns{};
      bool has_done_something = false;
      for (size_t i = 0; i < kDiskColumns; ++i) {
        SEXTANT_ASSIGN(columns[i], node::ParseFloat(fields[kDiskLeadingFields + i]));
        has_done_something |= columns[i] != 0;
      }
      // Nobody asks for the many loop and RAM devices that are never used.
      if (has_done_something) AddDisk(fields[2], columns, points);
      return {};
    });
    if (!read) look.Fail(core::AddContext("diskstats")(read.error()), wanted_.table().size());
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  static void AddDisk(std::string_view device, const std::array<double, kDiskColumns>& columns,
                      HostPoints& points) {
    auto add_both = [&](size_t metric, double read, double written) {
      points.Add(metric, read, {{"device", device}, {"direction", "read"}});
      points.Add(metric, written, {{"device", device}, {"direction", "write"}});
    };
    add_both(kDiskIo, columns[kSectorsRead] * kSectorBytes, columns[kSectorsWritten] * kSectorBytes);
    add_both(kDiskOperations, columns[kReads], columns[kWrites]);
    points.Add(kDiskIoTime, columns[kIoMs] / 1e3, {{"device", device}});
    add_both(kDiskOperationTime, columns[kReadMs] / 1e3, columns[kWriteMs] / 1e3);
    points.Add(kDiskWeightedIoTime, columns[kWeightedIoMs] / 1e3, {{"device", device}});
    points.Add(kDiskPending, columns[kInFlight], {{"device", device}});
    add_both(kDiskMerged, columns[kReadsMerged], columns[kWritesMerged]);
  }

  const WantedMetrics wanted_;
  const HostFilter include_;
  const HostFilter exclude_;
  node::OpenFiles files_;
};

// ---- filesystem

enum FilesystemMetric : size_t { kFilesystemUsage, kFilesystemInodes, kFilesystemUtilization };
constexpr HostMetric kFilesystemMetrics[] = {
    {"system.filesystem.usage", "Filesystem bytes used.", "By", kSum, false, true},
    {"system.filesystem.inodes.usage", "FileSystem inodes used.", "{inodes}", kSum, false, true},
    {"system.filesystem.utilization", "Fraction of filesystem bytes used.", "1", kGauge, true, false},
};
constexpr core::DurationMs kMountTimeoutMs = 5'000;
constexpr size_t kMountWorkers = 4;

class FilesystemScraper final : public HostScraper {
 public:
  FilesystemScraper(const FilesystemScraperConfig& config, node::UsageReader read_usage)
      : wanted_(kFilesystemMetrics, config.metrics),
        config_(config),
        usages_(std::move(read_usage), kMountTimeoutMs, kMountWorkers) {}
  std::string_view name() const override { return "filesystem"; }

  void Scrape(HostLook& look) override {
    auto mounts = ChooseMounts(look.paths);
    if (!mounts) return look.Fail(mounts.error(), wanted_.table().size());
    std::vector<std::string> mount_points;
    for (const node::Mount& mount : *mounts) mount_points.push_back(mount.mount_point);
    const std::vector<node::MountUsage> usages = usages_.Ask(mount_points, look.paths);
    HostPoints points(wanted_, look.data, BootTimeNs(files_, look.paths), NowNs(look.clock));
    for (size_t i = 0; i < usages.size(); ++i) {
      if (usages[i].error.empty()) {
        AddMount((*mounts)[i], usages[i].usage, points);
      } else {
        ++look.missing_points;
        look.errors.push_back(
            fmt::format("failed to read usage at {}: {}", mount_points[i], usages[i].error));
      }
    }
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  Result<std::vector<node::Mount>> ChooseMounts(const node::HostPaths& paths) const {
    SEXTANT_ASSIGN(std::vector<node::Mount> mounts, node::ReadMounts(paths));
    std::set<std::string, std::less<>> on_devices;
    if (!config_.include_virtual_filesystems) {
      SEXTANT_ASSIGN(on_devices, ReadDeviceTypes(paths));
    }
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(mounts, [&](const node::Mount& mount) {
      bool is_virtual = !config_.include_virtual_filesystems &&
                        (mount.device == "none" || !on_devices.contains(mount.type));
      if (is_virtual || !IsIncluded(config_.include_devices, config_.exclude_devices, mount.device) ||
          !IsIncluded(config_.include_fs_types, config_.exclude_fs_types, mount.type) ||
          !IsIncluded(config_.include_mount_points, config_.exclude_mount_points, mount.mount_point)) {
        return true;
      }
      return !seen.emplace(mount.device, mount.mount_point).second;  // mounted over itself
    });
    return mounts;
  }

  // Types of file systems that stand on a device: "\text4", where others have "nodev".
  static Result<std::set<std::string, std::less<>>> ReadDeviceTypes(const node::HostPaths& paths) {
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "filesystems"));
    std::set<std::string, std::less<>> types = {"zfs"};  // says nodev, and stands on devices all the same
    std::string_view rest = text;
    std::string_view line;
    while (node::NextLine(rest, line)) {
      if (line.starts_with("nodev")) continue;
      types.emplace(node::TrimSpace(line));
    }
    return types;
  }

  static void AddMount(const node::Mount& mount, const node::FilesystemUsage& usage, HostPoints& points) {
    const std::string_view mode = mount.is_read_only ? "ro" : "rw";
    auto add = [&](size_t metric, std::string_view state, double value) {
      points.Add(metric, value,
                 {{"device", mount.device},
                  {"mode", mode},
                  {"mountpoint", mount.mount_point},
                  {"type", mount.type},
                  {"state", state}});
    };
    const double used = usage.size_bytes - usage.free_bytes;
    add(kFilesystemUsage, "used", used);
    add(kFilesystemUsage, "free", usage.available_bytes);
    add(kFilesystemUsage, "reserved", usage.free_bytes - usage.available_bytes);
    add(kFilesystemInodes, "used", usage.files - usage.files_free);
    add(kFilesystemInodes, "free", usage.files_free);
    const double usable = used + usage.available_bytes;
    points.Add(
        kFilesystemUtilization, usable > 0 ? used / usable : 0,
        {{"device", mount.device}, {"mode", mode}, {"mountpoint", mount.mount_point}, {"type", mount.type}});
  }

  const WantedMetrics wanted_;
  const FilesystemScraperConfig config_;
  node::MountUsages usages_;
  node::OpenFiles files_;
};

// ---- network

enum NetworkMetric : size_t {
  kNetworkPackets,
  kNetworkDropped,
  kNetworkErrors,
  kNetworkIo,
  kNetworkConnections,
  kConntrackCount,
  kConntrackMax
};
constexpr HostMetric kNetworkMetrics[] = {
    {"system.network.packets", "The number of packets transferred.", "{packets}", kCounter, false, true},
    {"system.network.dropped", "The number of packets dropped.", "{packets}", kCounter, false, true},
    {"system.network.errors", "The number of errors encountered.", "{errors}", kCounter, false, true},
    {"system.network.io", "The number of bytes transmitted and received.", "By", kCounter, false, true},
    {"system.network.connections", "The number of connections.", "{connections}", kSum, false, true},
    {"system.network.conntrack.count", "The count of entries in conntrack table.", "{entries}", kSum, false,
     false},
    {"system.network.conntrack.max", "The limit for entries in the conntrack table.", "{entries}", kSum,
     false, false},
};

// Columns of /proc/net/dev.
enum NetColumn : size_t {
  kReceivedBytes = 0,
  kReceivedPackets = 1,
  kReceivedErrors = 2,
  kReceivedDropped = 3,
  kSentBytes = 8,
  kSentPackets = 9,
  kSentErrors = 10,
  kSentDropped = 11
};

// By the kernel's number (include/net/tcp_states.h), as the original's library names them.
constexpr std::string_view kTcpStates[] = {"NONE",       "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
                                           "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
                                           "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};
// The original has a point for each of these, also where the library spells a state otherwise.
constexpr std::string_view kAlwaysShownStates[] = {"CLOSE_WAIT",  "CLOSE",      "CLOSING",    "DELETE",
                                                   "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "LAST_ACK",
                                                   "LISTEN",      "SYN_RECV",   "SYN_SENT",   "TIME_WAIT"};

class NetworkScraper final : public HostScraper {
 public:
  explicit NetworkScraper(const NetworkScraperConfig& config)
      : wanted_(kNetworkMetrics, config.metrics), include_(config.include), exclude_(config.exclude) {}
  std::string_view name() const override { return "network"; }

  void Scrape(HostLook& look) override {
    HostPoints points(wanted_, look.data, BootTimeNs(files_, look.paths), NowNs(look.clock));
    if (Status added = AddInterfaces(look.paths, points); !added) look.Fail(added.error(), 4);
    if (wanted_.Has(kNetworkConnections)) {
      if (Status added = AddConnections(look.paths, points); !added) look.Fail(added.error(), 1);
    }
    for (const auto& [metric, file] :
         {std::pair<size_t, std::string_view>(kConntrackCount, "sys/net/netfilter/nf_conntrack_count"),
          {kConntrackMax, "sys/net/netfilter/nf_conntrack_max"}}) {
      if (!wanted_.Has(metric)) continue;
      auto value = node::ReadNumber(look.paths.Proc(file));
      if (value) {
        points.Add(metric, static_cast<double>(*value));
      } else {
        ++look.missing_points;
        look.errors.push_back(fmt::format("{} cannot be read", look.paths.Proc(file)));
      }
    }
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  Status AddInterfaces(const node::HostPaths& paths, HostPoints& points) const {
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "net/dev"));
    return node::ForEachNetDev(
               text,
               [&](std::string_view device, const node::NetDevColumns& columns) {
                 if (!IsIncluded(include_, exclude_, device)) return;
                 auto add = [&](size_t metric, NetColumn sent, NetColumn received) {
                   points.Add(metric, columns[sent], {{"device", device}, {"direction", "transmit"}});
                   points.Add(metric, columns[received], {{"device", device}, {"direction", "receive"}});
                 };
                 add(kNetworkPackets, kSentPackets, kReceivedPackets);
                 add(kNetworkDropped, kSentDropped, kReceivedDropped);
                 add(kNetworkErrors, kSentErrors, kReceivedErrors);
                 add(kNetworkIo, kSentBytes, kReceivedBytes);
               })
        .map_error(core::AddContext("net/dev"));
  }

  static Status AddConnections(const node::HostPaths& paths, HostPoints& points) {
    std::map<std::string_view, double> counts;
    for (std::string_view state : kAlwaysShownStates) counts[state] = 0;
    SEXTANT_TRY(CountConnections(paths.Proc("net/tcp"), counts));
    // Without IPv6 there is no such file.
    if (Status counted = CountConnections(paths.Proc("net/tcp6"), counts);
        !counted && counted.error().code() != core::Code::kNotFound)
      return counted;
    for (const auto& [state, count] : counts)
      points.Add(kNetworkConnections, count, {{"protocol", "tcp"}, {"state", state}});
    return {};
  }

  // Line by line, since there may be a million of them: "0: 0100007F:1F90 00000000:0000 0A …".
  static Status CountConnections(const std::string& path, std::map<std::string_view, double>& counts) {
    std::ifstream file(path);
    if (!file) return core::Fail(core::Code::kNotFound, "{} cannot be read", path);
    std::string line;
    std::getline(file, line);
    std::vector<std::string_view> fields;
    while (std::getline(file, line)) {
      node::SplitFields(line, fields);
      if (fields.size() < 4) return core::Fail(core::Code::kInvalidArgument, "{}: a short line", path);
      SEXTANT_ASSIGN(const uint64_t state,
                     node::ParseUnsigned(fields[3], 16).map_error(core::AddContext("{}", path)));
      // A request that is not yet a connection (12) counts as one that is being received.
      ++counts[state < std::size(kTcpStates) ? kTcpStates[state] : kTcpStates[3]];
    }
    return {};
  }

  const WantedMetrics wanted_;
  const HostFilter include_;
  const HostFilter exclude_;
  node::OpenFiles files_;
};

}  // namespace

const config::Struct& FieldsOf(const DiskScraperConfig*) {
  using namespace config;
  using C = DiskScraperConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::metrics>("metrics", SwitchesOf(kDiskMetrics)),
      Member<&C::include>("include", FilterOf("devices")),
      Member<&C::exclude>("exclude", FilterOf("devices")),
  });
  return kFields;
}

const config::Struct& FieldsOf(const FilesystemScraperConfig*) {
  using namespace config;
  using C = FilesystemScraperConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::metrics>("metrics", SwitchesOf(kFilesystemMetrics)),
      Member<&C::include_virtual_filesystems>("include_virtual_filesystems"),
      Member<&C::include_devices>("include_devices", FilterOf("devices")),
      Member<&C::exclude_devices>("exclude_devices", FilterOf("devices")),
      Member<&C::include_fs_types>("include_fs_types", FilterOf("fs_types")),
      Member<&C::exclude_fs_types>("exclude_fs_types", FilterOf("fs_types")),
      Member<&C::include_mount_points>("include_mount_points", FilterOf("mount_points")),
      Member<&C::exclude_mount_points>("exclude_mount_points", FilterOf("mount_points")),
  });
  return kFields;
}

const config::Struct& FieldsOf(const NetworkScraperConfig*) {
  using namespace config;
  using C = NetworkScraperConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::metrics>("metrics", SwitchesOf(kNetworkMetrics)),
      Member<&C::include>("include", FilterOf("interfaces")),
      Member<&C::exclude>("exclude", FilterOf("interfaces")),
  });
  return kFields;
}

std::unique_ptr<HostScraper> MakeDiskScraper(const DiskScraperConfig& config) {
  return std::make_unique<DiskScraper>(config);
}
std::unique_ptr<HostScraper> MakeFilesystemScraper(const FilesystemScraperConfig& config,
                                                   node::UsageReader read_usage) {
  return std::make_unique<FilesystemScraper>(config, std::move(read_usage));
}
std::unique_ptr<HostScraper> MakeNetworkScraper(const NetworkScraperConfig& config) {
  return std::make_unique<NetworkScraper>(config);
}

}  // namespace sextant::pipeline
