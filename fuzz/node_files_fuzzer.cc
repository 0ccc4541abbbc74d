// What the host agent takes apart: lines and fields, flags, netlink and D-Bus messages, text files, and the
// files of each collector. The first line of an input names the collector that finds the rest in all of its
// files.
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/bcache_numbers.h"
#include "agents/node/collectors.h"
#include "agents/node/dbus_message.h"
#include "agents/node/host_files.h"
#include "agents/node/kernel_answers.h"
#include "agents/node/mdstat.h"
#include "agents/node/metric_sink.h"
#include "agents/node/net_links.h"
#include "agents/node/netlink.h"
#include "agents/node/ntp_answer.h"
#include "agents/node/options.h"
#include "agents/node/pci_ids.h"
#include "agents/node/plain_http.h"
#include "agents/node/proc_stat.h"
#include "agents/node/runit_status.h"
#include "agents/node/textfile_parser.h"
#include "agents/node/usage/cgroup_names.h"
#include "agents/node/usage/cgroup_reader.h"
#include "agents/node/usage/container_names.h"
#include "agents/node/usage/host_watch.h"
#include "agents/node/usage/process_reader.h"
#include "agents/node/xml_rpc.h"

namespace {

namespace fs = std::filesystem;
using namespace sextant::node;

// Trees of /proc and /sys whose files are all the same one.
class OneFileTree {
 public:
  OneFileTree() {
    std::string name = (fs::temp_directory_path() / "sextant-fuzz-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    base_ = name;
    input_ = base_ / "input";
    std::ofstream(input_) << "";
    for (const char* file : {"proc/10/stat",
                             "proc/10/io",
                             "proc/10/cgroup",
                             "proc/10/mountinfo",
                             "proc/buddyinfo",
                             "proc/cgroups",
                             "proc/cpuinfo",
                             "proc/diskstats",
                             "proc/drbd",
                             "proc/interrupts",
                             "proc/loadavg",
                             "proc/mdstat",
                             "proc/meminfo",
                             "proc/net/arp",
                             "proc/net/bonding",
                             "proc/net/dev",
                             "proc/net/ip_vs",
                             "proc/net/ip_vs_stats",
                             "proc/net/netstat",
                             "proc/net/rpc/nfs",
                             "proc/net/rpc/nfsd",
                             "proc/net/snmp",
                             "proc/net/snmp6",
                             "proc/net/sockstat",
                             "proc/net/sockstat6",
                             "proc/net/softnet_stat",
                             "proc/net/stat/arp_cache",
                             "proc/net/stat/nf_conntrack",
                             "proc/net/udp",
                             "proc/net/udp6",
                             "proc/net/xfrm_stat",
                             "proc/pressure/cpu",
                             "proc/pressure/io",
                             "proc/pressure/memory",
                             "proc/schedstat",
                             "proc/self/mountstats",
                             "proc/slabinfo",
                             "proc/softirqs",
                             "proc/spl/kstat/zfs/arcstats",
                             "proc/spl/kstat/zfs/pool/io",
                             "proc/spl/kstat/zfs/pool/objset-1",
                             "proc/spl/kstat/zfs/pool/state",
                             "proc/stat",
                             "proc/swaps",
                             "proc/sys/fs/file-nr",
                             "proc/sys/kernel/hung_task_detect_count",
                             "proc/sys/kernel/pid_max",
                             "proc/sys/kernel/threads-max",
                             "proc/sys/kernel/random/entropy_avail",
                             "proc/sys/kernel/random/poolsize",
                             "proc/sys/net/netfilter/nf_conntrack_count",
                             "proc/sys/net/netfilter/nf_conntrack_max",
                             "proc/vmstat",
                             "proc/zoneinfo",
                             "sys/block/dm-0/dm/uuid",
                             "sys/block/dm-0/dm/name",
                             "sys/block/md0/md/raid_disks",
                             "sys/bus/pci/devices/0000:00:02.1/max_link_speed",
                             "sys/bus/pci/devices/0000:00:02.1/vendor",
                             "sys/class/fc_host/host0/statistics/rx_frames",
                             "sys/class/hwmon/hwmon0/name",
                             "sys/class/hwmon/hwmon0/freq1_input",
                             "sys/class/hwmon/hwmon0/freq1_label",
                             "sys/class/hwmon/hwmon0/temp1_input",
                             "sys/class/infiniband/i0/ports/1/rate",
                             "sys/class/net/bonding_masters",
                             "sys/class/net/eth0/speed",
                             "sys/class/nvme/nvme0/model",
                             "sys/class/powercap/intel-rapl:0/name",
                             "sys/class/powercap/intel-rapl:0/energy_uj",
                             "sys/class/power_supply/BAT0/capacity",
                             "sys/class/power_supply/BAT0/model_name",
                             "sys/class/thermal/thermal_zone0/temp",
                             "sys/class/watchdog/watchdog0/status",
                             "sys/devices/system/cpu/isolated",
                             "sys/devices/system/cpu/vulnerabilities/mds",
                             "sys/devices/system/edac/mc/mc0/ce_count",
                             "sys/devices/system/node/node0/meminfo",
                             "sys/devices/system/node/node0/numastat",
                             "sys/fs/bcache/a-b/bdev0/writeback_rate_debug",
                             "sys/fs/bcache/a-b/cache0/priority_stats",
                             "sys/fs/bcachefs/u/btree_write_stats",
                             "sys/fs/bcachefs/u/compression_stats",
                             "sys/fs/bcachefs/u/counters/c",
                             "sys/fs/bcachefs/u/dev-0/io_done",
                             "sys/fs/bcachefs/u/dev-0/io_errors",
                             "sys/fs/bcachefs/u/errors",
                             "sys/fs/btrfs/a-b/commit_stats",
                             "sys/fs/cgroup/cgroup.controllers",
                             "sys/fs/cgroup/a.service/cpu.stat",
                             "sys/fs/cgroup/a.service/io.stat",
                             "sys/fs/cgroup/a.service/memory.current",
                             "sys/fs/selinux/enforce",
                             "sys/fs/xfs/sda1/stats/stats",
                             "sys/kernel/mm/ksm/run",
                             "text/a.prom",
                             "wifi/interfaces.json",
                             "qdisc/results.json",
                             "etc/os-release",
                             "etc/selinux/config"}) {
      fs::create_directories((base_ / file).parent_path());
      fs::create_symlink(input_, base_ / file);
    }
    std::vector<std::string> flags = {"--path.procfs=" + (base_ / "proc").string(),
                                      "--path.sysfs=" + (base_ / "sys").string(),
                                      "--path.rootfs=" + base_.string(),
                                      "--no-collector.arp.netlink",
                                      "--no-collector.netdev.netlink",
                                      "--collector.bcache.priorityStats",
                                      "--collector.sysctl.include=fs.file-nr",
                                      "--collector.qdisc.fixtures=" + (base_ / "qdisc").string(),
                                      "--collector.wifi.fixtures=" + (base_ / "wifi").string(),
                                      "--collector.textfile.directory=" + (base_ / "text").string()};
    for (std::string_view collector : CollectorNames())
      flags.push_back("--collector." + std::string(collector));
    // These ask the kernel and the network, not files.
    for (const char* collector : {"filesystem", "logind", "network_route", "ntp", "perf", "runit",
                                  "supervisord", "systemd", "tcpstat", "timex"}) {
      std::erase(flags, std::string("--collector.") + collector);
      flags.push_back(std::string("--no-collector.") + collector);
    }
    auto parsed = ParseNodeFlags(flags);
    if (!parsed) std::abort();
    paths_ = parsed->options.paths;
    collectors_ = MakeCollectors(parsed->options, clock_);
    watch_ = std::make_unique<HostWatch>(parsed->options, clock_);
  }
  ~OneFileTree() {
    std::error_code error;
    fs::remove_all(base_, error);
  }

  // The name "recent" is that of the last hour, which is no collector.
  void Collect(std::string_view name, std::string_view content) {
    if (name == "recent") {
      std::ofstream(input_, std::ios::binary | std::ios::trunc) << content;
      watch_->recent().Sample();
      static_cast<void>(watch_->cgroups().FindProcess(10));
    }
    for (const auto& collector : collectors_) {
      if (collector->name() != name) continue;
      std::ofstream(input_, std::ios::binary | std::ios::trunc) << content;
      MetricSink sink;
      static_cast<void>(collector->Collect(paths_, sink));
      static_cast<void>(sink.RenderText());
    }
  }

 private:
  fs::path base_;
  fs::path input_;
  HostPaths paths_;
  sextant::core::SystemClock clock_;
  std::vector<std::unique_ptr<Collector>> collectors_;
  std::unique_ptr<HostWatch> watch_;
};

// What says who uses the machine.
void ParseUsage(std::string_view text) {
  ProcessSample sample;
  static_cast<void>(ParseProcessStat(text, sample));
  static_cast<void>(PrintableText(sample.name()));
  static_cast<void>(ParseProcessIo(text, sample));
  Usage usage;
  static_cast<void>(ParseCgroupCpuStat(text, usage));
  static_cast<void>(ParseCgroupIoStat(text, usage));
  static_cast<void>(ParseCgroupServiceBytes(text, usage));
  static_cast<void>(NameInDockerConfig(text));
  static_cast<void>(NameInContainerdConfig(text));
  static_cast<void>(NameInStorageList(text, "a"));
  static_cast<void>(NameOfKubeletLog(text, "a"));
  std::string_view line;
  while (NextLine(text, line)) {
    const std::string path = "/" + std::string(line);
    static_cast<void>(IdentifyCgroup(path));
    static_cast<void>(IsCgroupWhole(path));
  }
}

void ParseMessages(std::string_view text) {
  static_cast<void>(ParseNetLink(text));
  NetlinkAttributes attributes(text);
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) static_cast<void>(NetlinkText(value));
  if (const auto message = DecodeDbusMessage(text)) {
    DbusReader reader = message->Reader();
    std::string_view signature = message->signature;
    while (!signature.empty() && !reader.IsBroken()) reader.Skip(signature);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ParseProcStat(text));
  static_cast<void>(ParseMdstat(text));
  static_cast<void>(ParseBcacheNumber(text));
  static_cast<void>(FindPciNames(text, {"1022", "1634", "17aa", "5095", "060400"}));
  ParseMessages(text);
  ParseUsage(text);
  static_cast<void>(ParseRunitStatus(text));
  static_cast<void>(ParseXmlRpcStructs(text));
  static_cast<void>(BodyOfAnswer(text));
  if (const auto answer = ParseNtpAnswer(text, 0, 0, 0)) static_cast<void>(answer->IsSane());
  MetricSink sink;
  TcpTotals sockets;
  sockets.Count(text);
  sockets.AddTo(sink);
  if (const auto families = ParseTextfile(text)) {
    for (const TextfileFamily& family : *families) AddTextfileFamily(family, "Help.", sink);
  }
  std::vector<std::string> flags;
  std::vector<std::string_view> fields;
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    flags.emplace_back(line);
    SplitFields(line, fields);
    for (const std::string_view field : fields) {
      const auto number = ParseFloat(field);
      sink.GetFamily(field, line, MetricType::kGauge).Add(number ? *number : 0);
      sink.GetFamily("labelled", "Help.", MetricType::kCounter, {"line"}).Add({line}, 1);
    }
  }
  static_cast<void>(ParseNodeFlags(flags));
  static_cast<void>(sink.RenderText());

  static OneFileTree tree;
  rest = text;
  if (NextLine(rest, line)) tree.Collect(line, rest);
  return 0;
}
