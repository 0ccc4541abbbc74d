// What is collected and from where: node_exporter's flags as a struct.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/perf_events.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

// A regular expression as Go matches it: anywhere in the text. Cheap to copy, thread-safe.
class Pattern {
 public:
  // Matches nothing.
  Pattern() = default;
  // kInvalidArgument when it does not compile. An empty text makes a pattern that matches nothing.
  static core::Result<Pattern> Make(std::string_view text);

  bool IsSet() const { return regexp_ != nullptr; }
  bool Matches(std::string_view text) const;

 private:
  struct Regexp;
  std::shared_ptr<const Regexp> regexp_;
};

// An include and an exclude pattern; what one of them rules out is ignored, with neither nothing.
struct NameFilter {
  Pattern include;
  Pattern exclude;

  bool IsIgnored(std::string_view name) const {
    return (exclude.IsSet() && exclude.Matches(name)) || (include.IsSet() && !include.Matches(name));
  }
};

class CgroupUsage;
class ProcessUsage;

// Of the collector ntp.
struct NtpOptions {
  std::string server = "127.0.0.1";
  uint16_t server_port = 123;
  int protocol_version = 4;      // 2 to 4
  bool server_is_local = false;  // an address that is not of the loopback is allowed
  int ip_ttl = 1;
  core::DurationMs max_distance_ms = 3'466;
  core::DurationMs offset_tolerance_ms = 1;
};

// Of the collector perf.
struct PerfOptions {
  struct Group {
    bool is_on = true;
    std::set<std::string, std::less<>> only;  // names of events; empty: all
  };
  std::vector<int> cpus;                 // empty: all
  std::vector<std::string> tracepoints;  // "subsystem:event"
  std::array<Group, 3> groups;           // by PerfGroup

  bool Wants(PerfGroup group, std::string_view event) const;
};

// Whether a text is an IP address of the loopback.
bool IsLoopbackAddress(const std::string& text);

struct NodeOptions {
  HostPaths paths;
  std::set<std::string, std::less<>> collectors;  // names of those that run

  NameFilter arp_devices;
  bool arp_netlink = true;  // false: /proc/net/arp
  bool bcache_priority_stats = false;
  std::string dbus_socket = "/run/dbus/system_bus_socket";
  bool cpu_guest = true;
  bool cpu_info = false;
  Pattern cpu_info_flags_include;
  Pattern cpu_info_bugs_include;
  NameFilter diskstats_devices;
  NameFilter filesystem_mount_points;
  NameFilter filesystem_types;
  core::DurationMs filesystem_mount_timeout_ms = 5'000;  // for all mounts of one collection together
  int filesystem_stat_workers = 4;                       // mounts that are asked at the same time
  NameFilter ethtool_devices;
  Pattern ethtool_metrics;
  NameFilter hwmon_chips;
  NameFilter hwmon_sensors;  // matched against CHIP;SENSOR
  NameFilter infiniband_devices;
  NameFilter interrupts_names;  // matched against NAME;INFO;DEVICES
  bool interrupts_zeros = true;
  std::vector<std::string> ipvs_backend_labels;  // sorted
  Pattern netclass_ignored_devices;
  bool netclass_ignore_invalid_speed = false;
  bool netclass_netlink = false;     // not the files of /sys/class/net
  bool netclass_statistics = false;  // with netlink: those of netdev as well
  NameFilter netdev_devices;
  bool netdev_netlink = true;  // false: /proc/net/dev
  bool netdev_addresses = false;
  bool netdev_details = false;
  bool netdev_aliases = false;
  Pattern netstat_fields;
  NtpOptions ntp;
  PerfOptions perf;
  bool pcidevice_names = false;
  std::string pcidevice_ids_file;  // empty: where distributions have it
  Pattern powersupply_ignored;
  NameFilter qdisc_devices;
  std::string qdisc_fixtures;  // empty: the kernel
  bool rapl_zone_label = false;
  std::string runit_service_directory = "/etc/service";
  NameFilter slabinfo_slabs;
  bool stat_softirq = false;
  std::string supervisord_url = "http://localhost:9001/RPC2";
  std::vector<std::string> sysctl_include;
  std::vector<std::string> sysctl_include_info;
  NameFilter systemd_units;
  bool systemd_private = false;  // without a bus, at systemd's own socket
  std::string systemd_socket = "/run/systemd/private";
  bool systemd_restarts = false;
  bool systemd_start_times = false;
  bool systemd_tasks = false;
  Pattern tapestats_ignored;
  std::vector<std::string> textfile_directories;  // or patterns for them
  // Of the collectors process_usage and cgroup_usage: how many groups by CPU, by memory and by I/O each have
  // series, and what they share with others who look at the same (null: nothing).
  size_t usage_top_count = 10;
  std::shared_ptr<ProcessUsage> process_usage;
  std::shared_ptr<CgroupUsage> cgroup_usage;
  Pattern vmstat_fields;
  std::string wifi_fixtures;  // empty: the kernel
};

// node_exporter's defaults on Linux, as far as we have the collectors.
NodeOptions DefaultNodeOptions();

struct ParsedNodeFlags {
  NodeOptions options;
  std::vector<std::string>
      remaining;  // flags that are not ours (--web.*, --log.*, ...), in order, unexamined
};

// Reads `--path.*` and `--collector.*` flags, as `--name=value`, `--name value` and `--[no-]name`. Errors
// (kInvalidArgument: unknown or repeated flag, missing value, bad expression; kUnimplemented: a collector or
// setting of node_exporter that we do not have) name the flag.
core::Result<ParsedNodeFlags> ParseNodeFlags(std::span<const std::string> flags);

// Names of all collectors that we have, sorted.
std::vector<std::string_view> CollectorNames();

}  // namespace sextant::node
