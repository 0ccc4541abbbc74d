#include "agents/node/options.h"

#include <arpa/inet.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "agents/node/collectors.h"
#include "core/duration.h"

namespace sextant::node {

struct Pattern::Regexp {
  explicit Regexp(std::string_view text, const RE2::Options& options) : re(text, options) {}
  RE2 re;
};

core::Result<Pattern> Pattern::Make(std::string_view text) {
  Pattern pattern;
  if (text.empty()) return pattern;
  RE2::Options options;
  options.set_log_errors(false);
  auto regexp = std::make_shared<const Regexp>(text, options);
  if (!regexp->re.ok()) {
    return core::Fail(core::Code::kInvalidArgument, "not a regular expression: {}", regexp->re.error());
  }
  pattern.regexp_ = std::move(regexp);
  return pattern;
}

bool Pattern::Matches(std::string_view text) const { return regexp_ && RE2::PartialMatch(text, regexp_->re); }

namespace {

// Collectors of node_exporter on any system that we do not have: refused when asked for, no surprise when
// disabled.
constexpr auto kForeignCollectors = std::to_array<std::string_view>({
    "boottime",
    "devstat",
    "exec",
    "netisr",
    "thermal",
});

constexpr std::string_view kDiskstatsExclude = R"(^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$)";
constexpr std::string_view kMountPointsExclude =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
constexpr std::string_view kFilesystemTypesExclude =
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|"
    "nsfs|overlay|"
    "proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";
constexpr std::string_view kNetstatFields =
    "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
    "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|"
    "Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
    "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";
constexpr size_t kUsageTopLimit = 100;
constexpr int kStatWorkerLimit = 100;
constexpr std::string_view kVmstatFields = "^(oom_kill|pgpg|pswp|pg.*fault).*";

template <size_t N>
bool Contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Pattern BuiltinPattern(std::string_view text) {
  auto pattern = Pattern::Make(text);
  SEXTANT_CHECK(pattern.has_value());
  return *std::move(pattern);
}

bool HasCollector(std::string_view name) {
  for (const CollectorEntry& entry : CollectorTable()) {
    if (entry.name == name) return true;
  }
  return false;
}

// One flag that takes a value.
struct ValueFlag {
  std::string_view name;
  core::Status (*set)(NodeOptions& options, const std::string& value);
  bool is_repeatable = false;
};

core::Status SetPattern(Pattern& pattern, const std::string& value) {
  SEXTANT_ASSIGN(pattern, Pattern::Make(value));
  return {};
}

// For patterns that must match a whole name.
core::Status SetWholePattern(Pattern& pattern, const std::string& value) {
  return SetPattern(pattern, "^(?:" + value + ")$");
}

// For patterns that choose fields: an empty one chooses all, as in Go.
core::Status SetFields(Pattern& pattern, const std::string& value) {
  return SetPattern(pattern, value.empty() ? ".*" : value);
}

core::Status SetText(std::string& target, const std::string& value) {
  target = value;
  return {};
}

core::Status AddText(std::vector<std::string>& target, const std::string& value) {
  if (!value.empty()) target.push_back(value);
  return {};
}

core::Status SetPath(std::string& path, const std::string& value) {
  if (value.empty()) return core::Fail(core::Code::kInvalidArgument, "an empty path");
  path = value;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return {};
}

core::Status SetCount(size_t& target, const std::string& value, size_t limit) {
  SEXTANT_ASSIGN(const uint64_t count, ParseUnsigned(value));
  if (count < 1 || count > limit) {
    return core::Fail(core::Code::kInvalidArgument, "it may be 1 to {}, not {}", limit, count);
  }
  target = count;
  return {};
}

core::Status SetInteger(int& target, const std::string& value, int least, int most) {
  SEXTANT_ASSIGN(const int64_t number, ParseSigned(value));
  if (number < least || number > most) {
    return core::Fail(core::Code::kInvalidArgument, "it may be {} to {}, not {}", least, most, number);
  }
  target = static_cast<int>(number);
  return {};
}

// As in the original there is always one.
core::Status SetWorkers(int& target, const std::string& value) {
  SEXTANT_TRY(SetInteger(target, value, std::numeric_limits<int>::min(), kStatWorkerLimit));
  target = std::max(target, 1);
  return {};
}

core::Status AddPerfEvent(PerfOptions& perf, PerfGroup group, const std::string& value) {
  if (!HasPerfEvent(group, value)) {
    return core::Fail(core::Code::kInvalidArgument, "unknown profiler {}", value.substr(0, 64));
  }
  perf.groups[static_cast<size_t>(group)].only.insert(value);
  return {};
}

core::Status AddTracepoint(PerfOptions& perf, const std::string& value) {
  const size_t colon = value.find(':');
  const bool is_pair = colon != std::string::npos && IsPathComponent(value.substr(0, colon)) &&
                       IsPathComponent(value.substr(colon + 1)) &&
                       value.find(':', colon + 1) == std::string::npos;
  if (!is_pair) {
    return core::Fail(core::Code::kInvalidArgument, "expected SUBSYSTEM:EVENT, not {}", value.substr(0, 64));
  }
  perf.tracepoints.push_back(value);
  return {};
}

core::Status SetCpus(PerfOptions& perf, const std::string& value) {
  if (value.empty()) return {};
  SEXTANT_ASSIGN(perf.cpus, ParseCpuList(value));
  return {};
}

core::Status SetPort(uint16_t& port, const std::string& value) {
  int number = 0;
  SEXTANT_TRY(SetInteger(number, value, 1, 65'535));
  port = static_cast<uint16_t>(number);
  return {};
}

// Durations of Go: "3.46608s", "1ms". A fraction of a millisecond is left out.
core::Status SetGoDuration(core::DurationMs& target, std::string_view value) {
  const double scale = value.ends_with("ms") ? 1 : value.ends_with("s") ? 1'000 : 0;
  if (scale != 0) value.remove_suffix(scale == 1 ? 2 : 1);
  const auto number = ParseFloat(value);
  if (scale == 0 || !number || *number < 0 || *number > 1e6) {
    return core::Fail(core::Code::kInvalidArgument, "expected a duration such as 1.5s or 20ms");
  }
  target = static_cast<core::DurationMs>(*number * scale);
  return {};
}

core::Status SetBackendLabels(std::vector<std::string>& labels, std::string_view value) {
  static constexpr std::string_view kKnown[] = {"local_address", "local_mark",     "local_port",
                                                "proto",         "remote_address", "remote_port"};
  labels.clear();
  while (!value.empty()) {
    const size_t comma = value.find(',');
    const std::string_view label = value.substr(0, comma);
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    if (std::find(std::begin(kKnown), std::end(kKnown), label) == std::end(kKnown)) {
      return core::Fail(core::Code::kInvalidArgument, "unknown label {}; it may be {}", label,
                        fmt::join(kKnown, ", "));
    }
    labels.emplace_back(label);
  }
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return {};
}

constexpr ValueFlag kValueFlags[] = {
    {"collector.arp.device-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.arp_devices.include, v); }},
    {"collector.arp.device-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.arp_devices.exclude, v); }},
    {"collector.ethtool.device-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.ethtool_devices.include, v); }},
    {"collector.ethtool.device-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.ethtool_devices.exclude, v); }},
    {"collector.ethtool.metrics-include",
     [](NodeOptions& o, const std::string& v) { return SetFields(o.ethtool_metrics, v); }},
    {"collector.hwmon.chip-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.hwmon_chips.include, v); }},
    {"collector.hwmon.chip-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.hwmon_chips.exclude, v); }},
    {"collector.hwmon.sensor-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.hwmon_sensors.include, v); }},
    {"collector.hwmon.sensor-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.hwmon_sensors.exclude, v); }},
    {"collector.infiniband.device-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.infiniband_devices.include, v); }},
    {"collector.infiniband.device-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.infiniband_devices.exclude, v); }},
    {"collector.interrupts.name-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.interrupts_names.include, v); }},
    {"collector.interrupts.name-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.interrupts_names.exclude, v); }},
    {"collector.ipvs.backend-labels",
     [](NodeOptions& o, const std::string& v) { return SetBackendLabels(o.ipvs_backend_labels, v); }},
    {"collector.ntp.server", [](NodeOptions& o, const std::string& v) { return SetText(o.ntp.server, v); }},
    {"collector.ntp.server-port",
     [](NodeOptions& o, const std::string& v) { return SetPort(o.ntp.server_port, v); }},
    {"collector.ntp.protocol-version",
     [](NodeOptions& o, const std::string& v) { return SetInteger(o.ntp.protocol_version, v, 2, 4); }},
    {"collector.ntp.ip-ttl",
     [](NodeOptions& o, const std::string& v) { return SetInteger(o.ntp.ip_ttl, v, 1, 255); }},
    {"collector.ntp.max-distance",
     [](NodeOptions& o, const std::string& v) { return SetGoDuration(o.ntp.max_distance_ms, v); }},
    {"collector.ntp.local-offset-tolerance",
     [](NodeOptions& o, const std::string& v) { return SetGoDuration(o.ntp.offset_tolerance_ms, v); }},
    {"collector.pcidevice.idsfile",
     [](NodeOptions& o, const std::string& v) { return SetText(o.pcidevice_ids_file, v); }},
    {"collector.perf.cpus", [](NodeOptions& o, const std::string& v) { return SetCpus(o.perf, v); }},
    {"collector.perf.tracepoint",
     [](NodeOptions& o, const std::string& v) { return AddTracepoint(o.perf, v); }, true},
    {"collector.perf.hardware-profilers",
     [](NodeOptions& o, const std::string& v) { return AddPerfEvent(o.perf, PerfGroup::kHardware, v); },
     true},
    {"collector.perf.software-profilers",
     [](NodeOptions& o, const std::string& v) { return AddPerfEvent(o.perf, PerfGroup::kSoftware, v); },
     true},
    {"collector.perf.cache-profilers",
     [](NodeOptions& o, const std::string& v) { return AddPerfEvent(o.perf, PerfGroup::kCache, v); }, true},
    {"collector.powersupply.ignored-supplies",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.powersupply_ignored, v); }},
    {"collector.qdisc.device-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.qdisc_devices.include, v); }},
    {"collector.qdisc.device-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.qdisc_devices.exclude, v); }},
    {"collector.qdisc.fixtures",
     [](NodeOptions& o, const std::string& v) { return SetText(o.qdisc_fixtures, v); }},
    {"collector.runit.servicedir",
     [](NodeOptions& o, const std::string& v) { return SetPath(o.runit_service_directory, v); }},
    {"collector.supervisord.url",
     [](NodeOptions& o, const std::string& v) { return SetText(o.supervisord_url, v); }},
    {"collector.slabinfo.slabs-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.slabinfo_slabs.include, v); }},
    {"collector.slabinfo.slabs-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.slabinfo_slabs.exclude, v); }},
    {"collector.sysctl.include",
     [](NodeOptions& o, const std::string& v) { return AddText(o.sysctl_include, v); }, true},
    {"collector.sysctl.include-info",
     [](NodeOptions& o, const std::string& v) { return AddText(o.sysctl_include_info, v); }, true},
    {"collector.systemd.unit-include",
     [](NodeOptions& o, const std::string& v) { return SetWholePattern(o.systemd_units.include, v); }},
    {"collector.systemd.unit-exclude",
     [](NodeOptions& o, const std::string& v) { return SetWholePattern(o.systemd_units.exclude, v); }},
    {"collector.tapestats.ignored-devices",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.tapestats_ignored, v); }},
    {"collector.textfile.directory",
     [](NodeOptions& o, const std::string& v) { return AddText(o.textfile_directories, v); }, true},
    {"collector.wifi.fixtures",
     [](NodeOptions& o, const std::string& v) { return SetText(o.wifi_fixtures, v); }},
    {"collector.filesystem.stat-workers",
     [](NodeOptions& o, const std::string& v) { return SetWorkers(o.filesystem_stat_workers, v); }},
    {"path.procfs", [](NodeOptions& o, const std::string& v) { return SetPath(o.paths.procfs, v); }},
    {"path.sysfs", [](NodeOptions& o, const std::string& v) { return SetPath(o.paths.sysfs, v); }},
    {"path.rootfs", [](NodeOptions& o, const std::string& v) { return SetPath(o.paths.rootfs, v); }},
    {"path.udev.data", [](NodeOptions& o, const std::string& v) { return SetPath(o.paths.udev_data, v); }},
    {"collector.cpu.info.flags-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.cpu_info_flags_include, v); }},
    {"collector.cpu.info.bugs-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.cpu_info_bugs_include, v); }},
    {"collector.diskstats.device-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.diskstats_devices.exclude, v); }},
    {"collector.diskstats.device-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.diskstats_devices.include, v); }},
    {"collector.filesystem.mount-points-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.filesystem_mount_points.exclude, v); }},
    {"collector.filesystem.mount-points-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.filesystem_mount_points.include, v); }},
    {"collector.filesystem.fs-types-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.filesystem_types.exclude, v); }},
    {"collector.filesystem.fs-types-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.filesystem_types.include, v); }},
    {"collector.filesystem.mount-timeout",
     [](NodeOptions& o, const std::string& v) -> core::
                                                  Status {
                                                    SEXTANT_ASSIGN(o.filesystem_mount_timeout_ms,
                                                                   core::ParseDuration(v));
                                                    if (o.filesystem_mount_timeout_ms > 0) return {};
                                                    return core::Fail(core::Code::kInvalidArgument,
                                                                      "the timeout must be more than 0");
                                                  }},
    {"collector.netclass.ignored-devices",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.netclass_ignored_devices, v); }},
    {"collector.netdev.device-include",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.netdev_devices.include, v); }},
    {"collector.netdev.device-exclude",
     [](NodeOptions& o, const std::string& v) { return SetPattern(o.netdev_devices.exclude, v); }},
    {"collector.netstat.fields",
     [](NodeOptions& o, const std::string& v) { return SetFields(o.netstat_fields, v); }},
    {"collector.usage.top",
     [](NodeOptions& o, const std::string& v) { return SetCount(o.usage_top_count, v, kUsageTopLimit); }},
    {"collector.vmstat.fields",
     [](NodeOptions& o, const std::string& v) { return SetFields(o.vmstat_fields, v); }},
};

struct BoolFlag {
  std::string_view name;
  bool NodeOptions::* field;
};

// Those whose place is deeper.
struct DeepBoolFlag {
  std::string_view name;
  void (*set)(NodeOptions& options, bool is_on);
};

constexpr DeepBoolFlag kDeepBoolFlags[] = {
    {"collector.ntp.server-is-local", [](NodeOptions& o, bool is_on) { o.ntp.server_is_local = is_on; }},
    {"collector.perf.disable-hardware-profilers",
     [](NodeOptions& o, bool is_on) { o.perf.groups[0].is_on = !is_on; }},
    {"collector.perf.disable-software-profilers",
     [](NodeOptions& o, bool is_on) { o.perf.groups[1].is_on = !is_on; }},
    {"collector.perf.disable-cache-profilers",
     [](NodeOptions& o, bool is_on) { o.perf.groups[2].is_on = !is_on; }},
};

constexpr BoolFlag kBoolFlags[] = {
    {"collector.arp.netlink", &NodeOptions::arp_netlink},
    {"collector.bcache.priorityStats", &NodeOptions::bcache_priority_stats},
    {"collector.interrupts.include-zeros", &NodeOptions::interrupts_zeros},
    {"collector.netdev.address-info", &NodeOptions::netdev_addresses},
    {"collector.netdev.enable-detailed-metrics", &NodeOptions::netdev_details},
    {"collector.netdev.label-ifalias", &NodeOptions::netdev_aliases},
    {"collector.pcidevice.names", &NodeOptions::pcidevice_names},
    {"collector.rapl.enable-zone-label", &NodeOptions::rapl_zone_label},
    {"collector.systemd.private", &NodeOptions::systemd_private},
    {"collector.systemd.enable-restarts-metrics", &NodeOptions::systemd_restarts},
    {"collector.systemd.enable-start-time-metrics", &NodeOptions::systemd_start_times},
    {"collector.systemd.enable-task-metrics", &NodeOptions::systemd_tasks},
    {"collector.cpu.guest", &NodeOptions::cpu_guest},
    {"collector.cpu.info", &NodeOptions::cpu_info},
    {"collector.netclass.ignore-invalid-speed", &NodeOptions::netclass_ignore_invalid_speed},
    {"collector.netclass.netlink", &NodeOptions::netclass_netlink},
    {"collector.netclass_rtnl.with-stats", &NodeOptions::netclass_statistics},
    {"collector.netdev.netlink", &NodeOptions::netdev_netlink},
    {"collector.stat.softirq", &NodeOptions::stat_softirq},
};

// Pairs of which only one may be set, and whose exclude side has a default that an include replaces.
struct ExclusivePair {
  std::string_view include;
  std::string_view exclude;
  NameFilter NodeOptions::* filter;
};

constexpr ExclusivePair kExclusivePairs[] = {
    {"collector.arp.device-include", "collector.arp.device-exclude", &NodeOptions::arp_devices},
    {"collector.ethtool.device-include", "collector.ethtool.device-exclude", &NodeOptions::ethtool_devices},
    {"collector.hwmon.chip-include", "collector.hwmon.chip-exclude", &NodeOptions::hwmon_chips},
    {"collector.hwmon.sensor-include", "collector.hwmon.sensor-exclude", &NodeOptions::hwmon_sensors},
    {"collector.infiniband.device-include", "collector.infiniband.device-exclude",
     &NodeOptions::infiniband_devices},
    {"collector.interrupts.name-include", "collector.interrupts.name-exclude",
     &NodeOptions::interrupts_names},
    {"collector.qdisc.device-include", "collector.qdisc.device-exclude", &NodeOptions::qdisc_devices},
    {"collector.diskstats.device-include", "collector.diskstats.device-exclude",
     &NodeOptions::diskstats_devices},
    {"collector.filesystem.mount-points-include", "collector.filesystem.mount-points-exclude",
     &NodeOptions::filesystem_mount_points},
    {"collector.filesystem.fs-types-include", "collector.filesystem.fs-types-exclude",
     &NodeOptions::filesystem_types},
    {"collector.netdev.device-include", "collector.netdev.device-exclude", &NodeOptions::netdev_devices},
};

// Names that flags had before, which node_exporter still takes.
constexpr std::pair<std::string_view, std::string_view> kOldNames[] = {
    {"collector.diskstats.ignored-devices", "collector.diskstats.device-exclude"},
    {"collector.filesystem.ignored-mount-points", "collector.filesystem.mount-points-exclude"},
    {"collector.filesystem.ignored-fs-types", "collector.filesystem.fs-types-exclude"},
    {"collector.netdev.device-blacklist", "collector.netdev.device-exclude"},
    {"collector.netdev.device-whitelist", "collector.netdev.device-include"},
    {"collector.qdisk.device-exclude", "collector.qdisc.device-exclude"},
    {"collector.qdisk.device-include", "collector.qdisc.device-include"},
    {"collector.systemd.unit-blacklist", "collector.systemd.unit-exclude"},
    {"collector.systemd.unit-whitelist", "collector.systemd.unit-include"},
};

class FlagParser {
 public:
  explicit FlagParser(std::span<const std::string> flags) : flags_(flags) {
    parsed_.options = DefaultNodeOptions();
  }

  core::Result<ParsedNodeFlags> Parse() {
    while (next_ < flags_.size()) {
      const std::string& flag = flags_[next_++];
      if (!IsOurs(flag)) {
        parsed_.remaining.push_back(flag);
        continue;
      }
      SEXTANT_TRY(ParseOne(flag));
    }
    return Finish();
  }

 private:
  static bool IsOurs(std::string_view flag) {
    for (std::string_view prefix : {"--path.", "--collector.", "--no-collector."}) {
      if (flag.starts_with(prefix)) return true;
    }
    return false;
  }

  core::Status ParseOne(std::string_view flag) {
    std::string_view name = flag.substr(2);
    std::optional<std::string_view> value;
    if (const size_t equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const bool is_negated = name.starts_with("no-");
    if (is_negated) name.remove_prefix(3);
    for (const auto& [old_name, new_name] : kOldNames) {
      if (name == old_name) name = new_name;
    }
    const ValueFlag* value_flag = nullptr;
    for (const ValueFlag& known : kValueFlags) {
      if (known.name == name && !is_negated) value_flag = &known;
    }
    const bool may_repeat = value_flag != nullptr && value_flag->is_repeatable;
    if (!seen_.emplace(name).second && !may_repeat) {
      return core::Fail(core::Code::kInvalidArgument, "flag --{} cannot be repeated", name);
    }
    if (value_flag != nullptr) return ParseValue(*value_flag, value);
    return ParseBool(name, !is_negated, value.has_value());
  }

  core::Status ParseValue(const ValueFlag& flag, std::optional<std::string_view> value) {
    if (!value) {
      if (next_ >= flags_.size()) {
        return core::Fail(core::Code::kInvalidArgument, "flag --{} needs a value", flag.name);
      }
      value = flags_[next_++];
    }
    return flag.set(parsed_.options, std::string(*value)).map_error(core::AddContext("flag --{}", flag.name));
  }

  core::Status ParseBool(std::string_view name, bool is_on, bool has_value) {
    if (has_value && IsBool(name)) {
      return core::Fail(core::Code::kInvalidArgument, "flag --{} takes no value: use --{} or --no-{}", name,
                        name, name);
    }
    for (const DeepBoolFlag& known : kDeepBoolFlags) {
      if (known.name != name) continue;
      known.set(parsed_.options, is_on);
      return {};
    }
    for (const BoolFlag& known : kBoolFlags) {
      if (known.name != name) continue;
      parsed_.options.*known.field = is_on;
      return {};
    }
    if (name == "collector.disable-defaults") {
      disable_defaults_ = is_on;
      return {};
    }
    if (name.starts_with("collector.")) return ParseCollector(name.substr(10), is_on);
    return core::Fail(core::Code::kInvalidArgument, "unknown flag --{}", name);
  }

  static bool IsBool(std::string_view name) {
    if (name == "collector.disable-defaults") return true;
    for (const DeepBoolFlag& known : kDeepBoolFlags) {
      if (known.name == name) return true;
    }
    for (const BoolFlag& known : kBoolFlags) {
      if (known.name == name) return true;
    }
    return name.starts_with("collector.") && HasCollector(name.substr(10));
  }

  core::Status ParseCollector(std::string_view name, bool is_on) {
    if (HasCollector(name)) {
      (is_on ? wanted_ : unwanted_).emplace(name);
      return {};
    }
    const std::string_view family = name.substr(0, name.find('.'));
    const bool is_known = Contains(kForeignCollectors, family);
    if (is_known && family == name && !is_on) return {};
    if (is_known && family == name) {
      return core::Fail(core::Code::kUnimplemented,
                        "flag --collector.{}: this version has no {} collector (it has {})", name, name,
                        fmt::join(CollectorNames(), ", "));
    }
    if (is_known || HasCollector(family)) {
      return core::Fail(core::Code::kUnimplemented, "flag --collector.{} is not supported by this version",
                        name);
    }
    return core::Fail(core::Code::kInvalidArgument, "unknown flag --collector.{}", name);
  }

  core::Result<ParsedNodeFlags> Finish() {
    NodeOptions& options = parsed_.options;
    for (const ExclusivePair& pair : kExclusivePairs) {
      NameFilter& filter = options.*pair.filter;
      if (!filter.include.IsSet()) continue;
      if (seen_.contains(pair.exclude) && filter.exclude.IsSet()) {
        return core::Fail(core::Code::kInvalidArgument, "flags --{} and --{} are mutually exclusive",
                          pair.include, pair.exclude);
      }
      filter.exclude = Pattern();
    }
    if (options.cpu_info_flags_include.IsSet() || options.cpu_info_bugs_include.IsSet())
      options.cpu_info = true;
    if (disable_defaults_) options.collectors.clear();
    for (const std::string& name : wanted_) options.collectors.insert(name);
    for (const std::string& name : unwanted_) options.collectors.erase(name);
    if (options.collectors.contains("ntp") && !options.ntp.server_is_local &&
        !IsLoopbackAddress(options.ntp.server)) {
      return core::Fail(core::Code::kInvalidArgument,
                        "flag --collector.ntp.server: {} is no address of this host; if it is your own, say "
                        "--collector.ntp.server-is-local",
                        options.ntp.server.substr(0, 200));
    }
    return std::move(parsed_);
  }

  std::span<const std::string> flags_;
  size_t next_ = 0;
  ParsedNodeFlags parsed_;
  std::set<std::string, std::less<>> seen_;
  std::set<std::string> wanted_;
  std::set<std::string> unwanted_;
  bool disable_defaults_ = false;
};

}  // namespace

bool IsLoopbackAddress(const std::string& text) {
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

NodeOptions DefaultNodeOptions() {
  NodeOptions options;
  for (const CollectorEntry& entry : CollectorTable()) {
    if (entry.is_default) options.collectors.emplace(entry.name);
  }
  SEXTANT_CHECK(SetBackendLabels(options.ipvs_backend_labels,
                                 "local_address,local_mark,local_port,proto,remote_address,remote_port"));
  options.diskstats_devices.exclude = BuiltinPattern(kDiskstatsExclude);
  options.filesystem_mount_points.exclude = BuiltinPattern(kMountPointsExclude);
  options.filesystem_types.exclude = BuiltinPattern(kFilesystemTypesExclude);
  options.ethtool_metrics = BuiltinPattern(".*");
  options.netclass_ignored_devices = BuiltinPattern("^$");
  options.powersupply_ignored = BuiltinPattern("^$");
  options.systemd_units.include = BuiltinPattern("^(?:.+)$");
  options.systemd_units.exclude = BuiltinPattern(R"(^(?:.+\.(automount|device|mount|scope|slice))$)");
  options.tapestats_ignored = BuiltinPattern("^$");
  options.netstat_fields = BuiltinPattern(kNetstatFields);
  options.vmstat_fields = BuiltinPattern(kVmstatFields);
  return options;
}

core::Result<ParsedNodeFlags> ParseNodeFlags(std::span<const std::string> flags) {
  return FlagParser(flags).Parse();
}

std::vector<std::string_view> CollectorNames() {
  std::vector<std::string_view> names;
  for (const CollectorEntry& entry : CollectorTable()) names.push_back(entry.name);
  return names;
}

}  // namespace sextant::node
