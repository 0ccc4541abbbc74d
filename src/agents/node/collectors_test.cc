// Collectors that node_exporter's fixtures leave out, and what all do with files that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agents/node/as_nobody.h"
#include "agents/node/host_files.h"
#include "agents/node/metric_sink.h"
#include "agents/node/node_agent.h"
#include "agents/node/test_tree.h"
#include "agents/node/usage/process_test_files.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Exposition {
  std::string text;
  std::string log;
};

// What one collector makes of a tree.
Exposition Collect(const TestTree& tree, const std::string& collector, std::vector<std::string> flags = {}) {
  flags.push_back("--path.procfs=" + (tree.path() / "proc").string());
  flags.push_back("--path.sysfs=" + (tree.path() / "sys").string());
  flags.push_back("--path.rootfs=" + tree.path().string());
  flags.push_back("--collector.disable-defaults");
  flags.push_back("--collector." + collector);
  auto parsed = ParseNodeFlags(flags);
  EXPECT_TRUE(parsed) << parsed.error().message();
  Exposition result;
  core::LogOptions log;
  log.writer = [&](std::string_view line) { result.log += line; };
  const core::ManualClock clock{1'700'000'000'500};
  NodeAgent agent(std::move(parsed->options), {}, clock, core::Logger(clock, log));
  agent.RenderText();
  result.text = agent.RenderText();
  return result;
}

std::string Success(const std::string& collector, int value) {
  return "node_scrape_collector_success{collector=\"" + collector + "\"} " + std::to_string(value) + "\n";
}

TEST(Collectors, AWrongFileFailsItsCollectorAndIsLoggedOnce) {
  const std::pair<const char*, const char*> cases[] = {
      {"buddyinfo", "proc/buddyinfo"},
      {"cgroups", "proc/cgroups"},
      {"kernel_hung", "proc/sys/kernel/hung_task_detect_count"},
      {"lnstat", "proc/net/stat/arp_cache"},
      {"mdadm", "proc/mdstat"},
      {"slabinfo", "proc/slabinfo"},
      {"softirqs", "proc/softirqs"},
      {"swap", "proc/swaps"},
      {"udp_queues", "proc/net/udp"},
      {"xfrm", "proc/net/xfrm_stat"},
      {"zfs", "proc/spl/kstat/zfs/arcstats"},
      {"edac", "sys/devices/system/edac/mc/mc0/ce_count"},
      {"meminfo_numa", "sys/devices/system/node/node0/meminfo"},
      {"nfs", "proc/net/rpc/nfs"},
      {"nfsd", "proc/net/rpc/nfsd"},
  };
  for (const auto& [collector, file] : cases) {
    const TestTree tree;
    tree.Write(file, "net x\nXfrmInError x\nnet x y z w\n\x01\xff");
    const Exposition exposition = Collect(tree, collector);
    EXPECT_THAT(exposition.text, HasSubstr(Success(collector, 0)));
    EXPECT_THAT(exposition.log, HasSubstr("collector failed")) << collector;
    EXPECT_EQ(exposition.log.find("collector failed"), exposition.log.rfind("collector failed")) << collector;
  }
}

TEST(Collectors, WithoutFilesThereIsNoDataAndNoWarning) {
  const TestTree tree;
  for (const char* collector : {"bcachefs",
                                "bonding",
                                "buddyinfo",
                                "dmi",
                                "dmmultipath",
                                "nvmesubsystem",
                                "drbd",
                                "drm",
                                "fibrechannel",
                                "hwmon",
                                "infiniband",
                                "ipvs",
                                "kernel_hung",
                                "ksmd",
                                "mdadm",
                                "nfs",
                                "nfsd",
                                "nvme",
                                "powersupplyclass",
                                "rapl",
                                "swap",
                                "tapestats",
                                "thermal_zone",
                                "udp_queues",
                                "watchdog",
                                "zfs"}) {
    const Exposition exposition = Collect(tree, collector);
    EXPECT_THAT(exposition.text, HasSubstr(Success(collector, 0)));
    EXPECT_THAT(exposition.log, Not(HasSubstr("level=warn"))) << collector;
  }
  // In the original these succeed with nothing to say.
  for (const char* collector : {"bcache", "btrfs", "edac", "textfile", "xfs"}) {
    EXPECT_THAT(Collect(tree, collector).text, HasSubstr(Success(collector, 1)));
  }
}

// Nothing is denied to root; reading a folder as a file fails for everybody.
TEST(Collectors, AFileThatCannotBeReadFailsItsCollectorAlone) {
  const TestTree tree;
  tree.Write("proc/loadavg", "1 2 3 1/2 3\n");
  for (const char* file :
       {"proc/buddyinfo", "proc/mdstat", "proc/swaps", "proc/vmstat", "proc/sys/fs/file-nr"}) {
    std::filesystem::create_directories(tree.path() / file);
  }
  const std::pair<const char*, const char*> cases[] = {{"buddyinfo", "buddyinfo"},
                                                       {"mdadm", "mdstat"},
                                                       {"swap", "swaps"},
                                                       {"vmstat", "vmstat"},
                                                       {"filefd", "file-nr"}};
  for (const auto& [collector, file] : cases) {
    const Exposition exposition = Collect(tree, collector, {"--collector.loadavg"});
    EXPECT_THAT(exposition.text, AllOf(HasSubstr(Success(collector, 0)), HasSubstr(Success("loadavg", 1)),
                                       HasSubstr("node_load1 1\n")));
    EXPECT_THAT(exposition.log, HasSubstr(file)) << collector;
    EXPECT_EQ(exposition.log.find("collector failed"), exposition.log.rfind("collector failed")) << collector;
  }
}

TEST(Collectors, AFileThatIsDeniedFailsItsCollectorAlone) {
  const TestTree tree;
  tree.Write("proc/loadavg", "1 2 3 1/2 3\n");
  const std::pair<const char*, const char*> cases[] = {
      {"buddyinfo", "proc/buddyinfo"},
      {"filefd", "proc/sys/fs/file-nr"},
      {"mdadm", "proc/mdstat"},
      {"meminfo", "proc/meminfo"},
      {"netstat", "proc/net/netstat"},
      {"processes", "proc/sys/kernel/threads-max"},
      {"schedstat", "proc/schedstat"},
      {"slabinfo", "proc/slabinfo"},
      {"softnet", "proc/net/softnet_stat"},
      {"stat", "proc/stat"},
      {"swap", "proc/swaps"},
      {"vmstat", "proc/vmstat"},
      {"zoneinfo", "proc/zoneinfo"},
  };
  std::filesystem::permissions(tree.path(), std::filesystem::perms(0755));
  for (const auto& [collector, file] : cases) {
    tree.Write(file, "");
    std::filesystem::permissions(tree.path() / file, std::filesystem::perms::none);
  }
  RunAsNobody([&] {
    for (const auto& [collector, file] : cases) {
      const Exposition exposition = Collect(tree, collector, {"--collector.loadavg"});
      EXPECT_THAT(exposition.text, AllOf(HasSubstr(Success(collector, 0)), HasSubstr(Success("loadavg", 1)),
                                         HasSubstr("node_load1 1\n")));
      EXPECT_THAT(exposition.log, AllOf(HasSubstr(file), HasSubstr("Permission denied"))) << collector;
      EXPECT_EQ(exposition.log.find("collector failed"), exposition.log.rfind("collector failed"))
          << collector;
    }
  });
}

// What another user's processes read and write is hidden from who is not root; with hidepid all of them is.
TEST(Collectors, ProcessesThatAreHiddenTakeNothingElseAlong) {
  const TestTree tree;
  tree.Write("proc/sys/kernel/threads-max", "1000\n");
  tree.Write("proc/sys/kernel/pid_max", "2000\n");
  for (int pid = 1; pid <= 4; ++pid) {
    WriteProcess(tree, {.pid = pid, .name = "shop", .ticks = 100});
    WriteProcessIo(tree, pid, 4'096, 4'096);
    tree.Write(fmt::format("proc/{}/task/{}/stat", pid, pid), "");
  }
  std::filesystem::permissions(tree.path(), std::filesystem::perms(0755));
  const auto deny = [&](const char* file) {
    std::filesystem::permissions(tree.path() / "proc" / file, std::filesystem::perms::none);
  };
  deny("1/io");
  deny("2/stat");
  deny("3/task");
  RunAsNobody([&] {
    const Exposition usage = Collect(tree, "process_usage");
    EXPECT_THAT(usage.text,
                AllOf(HasSubstr(Success("process_usage", 1)), HasSubstr("sextant_processes_io_denied 1\n")));
    EXPECT_THAT(usage.log, Not(HasSubstr("level=warn")));
    const Exposition processes = Collect(tree, "processes");
    EXPECT_THAT(processes.text,
                AllOf(HasSubstr(Success("processes", 1)), HasSubstr("node_processes_pids 3\n")));
  });
}

// Listed, and gone when it is read.
TEST(Collectors, DevicesThatVanishTakeNothingElseAlong) {
  const TestTree tree;
  const auto vanish = [&](const std::string& device) {
    std::filesystem::create_directories((tree.path() / device).parent_path());
    std::filesystem::create_symlink("/none", tree.path() / device);
  };
  for (const char* device :
       {"sys/class/thermal/thermal_zone1", "sys/class/power_supply/BAT1", "sys/class/hwmon/hwmon1",
        "sys/class/net/eth1", "sys/class/nvme/nvme1", "sys/class/powercap/intel-rapl:1",
        "sys/class/infiniband/mlx1", "sys/class/fc_host/host1", "sys/class/watchdog/watchdog1",
        "sys/class/drm/card1", "sys/class/nvme-subsystem/nvme-subsys1", "sys/block/dm-1",
        "sys/devices/system/edac/mc/mc1", "proc/net/stat/gone"}) {
    vanish(device);
  }
  tree.Write("sys/class/thermal/thermal_zone0/temp", "42000\n");
  tree.Write("sys/class/thermal/thermal_zone0/type", "cpu\n");
  tree.Write("sys/class/power_supply/BAT0/capacity", "81\n");
  tree.Write("sys/class/nvme/nvme0/model", "M\n");
  EXPECT_THAT(
      Collect(tree, "thermal_zone").text,
      AllOf(HasSubstr("node_thermal_zone_temp{type=\"cpu\",zone=\"0\"} 42\n"), Not(HasSubstr("zone=\"1\""))));
  EXPECT_THAT(
      Collect(tree, "powersupplyclass").text,
      AllOf(HasSubstr("node_power_supply_capacity{power_supply=\"BAT0\"} 81\n"), Not(HasSubstr("BAT1\"} "))));
  for (const char* collector : {"hwmon", "netclass", "nvme", "rapl", "infiniband", "fibrechannel", "watchdog",
                                "drm", "dmmultipath", "edac", "lnstat"}) {
    EXPECT_THAT(Collect(tree, collector).log, Not(HasSubstr("level=error"))) << collector;
    EXPECT_THAT(Collect(tree, collector).text, HasSubstr("node_scrape_collector_success")) << collector;
  }
}

TEST(Collectors, ReadsInfinibandHardwareCountersOfChosenDevices) {
  const TestTree tree;
  for (const char* device : {"mlx5_0", "mlx5_1"}) {
    const auto write = [&](const char* file, const char* content) {
      tree.Write(fmt::format("sys/class/infiniband/{}/{}", device, file), content);
    };
    write("fw_ver", "1.2\n");
    write("ports/1/state", "4: ACTIVE\n");
    write("ports/1/counters/symbol_error", "3\n");
    write("ports/1/counters/VL15_dropped", "4\n");
    write("ports/1/counters/excessive_buffer_overrun_errors", "N/A (no PMA)\n");
    write("ports/1/hw_counters/lifespan", "2500\n");
    write("ports/1/hw_counters/rnr_nak_retry_err", "7\n");
    write("ports/1/hw_counters/roce_slow_restart", "8\n");
    write("ports/1/hw_counters/roce_slow_restart_trans", "9\n");
  }
  const std::string text = Collect(tree, "infiniband", {"--collector.infiniband.device-exclude=_1$"}).text;
  EXPECT_THAT(
      text,
      AllOf(
          HasSubstr("node_infiniband_symbol_error_total{device=\"mlx5_0\",port=\"1\"} 3\n"),
          HasSubstr("node_infiniband_vl15_dropped_total{device=\"mlx5_0\",port=\"1\"} 4\n"),
          HasSubstr("# TYPE node_infiniband_lifespan_seconds gauge\n"),
          HasSubstr("node_infiniband_lifespan_seconds{device=\"mlx5_0\",port=\"1\"} 2\n"),
          HasSubstr("node_infiniband_rnr_nak_retry_packets_received_total{device=\"mlx5_0\",port=\"1\"} 7\n"),
          HasSubstr("node_infiniband_roce_slow_restart_used_total{device=\"mlx5_0\",port=\"1\"} 8\n"),
          HasSubstr("node_infiniband_roce_slow_restart_total{device=\"mlx5_0\",port=\"1\"} 9\n"),
          Not(HasSubstr("overrun")), Not(HasSubstr("mlx5_1"))));
  EXPECT_THAT(Collect(tree, "infiniband", {"--collector.infiniband.device-include=_1$"}).text,
              AllOf(HasSubstr("mlx5_1"), Not(HasSubstr("mlx5_0"))));
}

TEST(Collectors, ReadsNvmeSubsystems) {
  const TestTree tree;
  const auto write = [&](const char* file, const char* content) {
    tree.Write(std::string("sys/class/nvme-subsystem/nvme-subsys0/") + file, content);
  };
  write("subsysnqn", "nqn.x\n");
  write("model", "Disk\n");
  write("serial", "S1\n");
  write("nvme0/state", "live\n");
  write("nvme0/transport", "tcp\n");
  write("nvme1/state", "deleting (no IO)\n");
  write("nvme1/transport", "tcp\n");
  write("nvme2/state", "on holiday\n");
  write("nvme0n1/size", "1\n");
  write("nvme0c1n1/size", "1\n");
  write("power/state", "live\n");
  const std::string text = Collect(tree, "nvmesubsystem").text;
  EXPECT_THAT(
      text,
      AllOf(
          HasSubstr(Success("nvmesubsystem", 1)),
          HasSubstr(
              "node_nvmesubsystem_info{iopolicy=\"\",model=\"Disk\",nqn=\"nqn.x\",serial=\"S1\",subsystem="
              "\"nvme-subsys0\"} 1\n"),
          HasSubstr("node_nvmesubsystem_namespace_info{device=\"nvme0n1\",subsystem=\"nvme-subsys0\"} 1\n"),
          HasSubstr("node_nvmesubsystem_paths{subsystem=\"nvme-subsys0\"} 3\n"),
          HasSubstr("node_nvmesubsystem_paths_live{subsystem=\"nvme-subsys0\"} 1\n"),
          HasSubstr("{controller=\"nvme0\",state=\"live\",subsystem=\"nvme-subsys0\",transport=\"tcp\"} 1\n"),
          HasSubstr("{controller=\"nvme0\",state=\"dead\",subsystem=\"nvme-subsys0\",transport=\"tcp\"} 0\n"),
          HasSubstr(
              "{controller=\"nvme1\",state=\"deleting\",subsystem=\"nvme-subsys0\",transport=\"tcp\"} 1\n"),
          HasSubstr(
              "{controller=\"nvme2\",state=\"unknown\",subsystem=\"nvme-subsys0\",transport=\"\"} 1\n")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("nvme0c1n1")), Not(HasSubstr("power"))));
}

TEST(Collectors, ReadsAverageFrequencies) {
  const TestTree tree;
  tree.Write("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_avg_freq", "1456572\n");
  EXPECT_THAT(Collect(tree, "cpufreq").text,
              HasSubstr("# TYPE node_cpu_frequency_avg_hertz gauge\n"
                        "node_cpu_frequency_avg_hertz{cpu=\"0\"} 1.456572e+09\n"));
}

TEST(Collectors, ReadsSelinux) {
  const TestTree tree;
  EXPECT_THAT(Collect(tree, "selinux").text,
              AllOf(HasSubstr("node_selinux_enabled 0\n"), Not(HasSubstr("mode"))));
  tree.Write("sys/fs/selinux/enforce", "0");
  tree.Write("etc/selinux/config", "# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=targeted\n");
  EXPECT_THAT(Collect(tree, "selinux").text,
              AllOf(HasSubstr("node_selinux_enabled 1\n"), HasSubstr("node_selinux_config_mode 1\n"),
                    HasSubstr("node_selinux_current_mode 0\n")));
}

TEST(Collectors, ReadsSwapDevices) {
  const TestTree tree;
  tree.Write("proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 8388604 76 -2\n");
  EXPECT_THAT(
      Collect(tree, "swap").text,
      AllOf(HasSubstr("node_swap_size_bytes{device=\"/dev/zram0\",type=\"partition\"} 8.589930496e+09\n"),
            HasSubstr("node_swap_used_bytes{device=\"/dev/zram0\",type=\"partition\"} 77824\n"),
            HasSubstr("node_swap_priority{device=\"/dev/zram0\",type=\"partition\"} -2\n")));
}

TEST(Collectors, LabelsRaplZonesWhenAsked) {
  const TestTree tree;
  tree.Write("sys/class/powercap/intel-rapl:0/name", "package-0\n");
  tree.Write("sys/class/powercap/intel-rapl:0/energy_uj", "1500000\n");
  tree.Write("sys/class/powercap/intel-rapl:0:0/name", "dram\n");
  tree.Write("sys/class/powercap/intel-rapl:0:0/energy_uj", "2000000\n");
  const std::string folder = (tree.path() / "sys/class/powercap/intel-rapl:0").string();
  EXPECT_THAT(Collect(tree, "rapl", {"--collector.rapl.enable-zone-label"}).text,
              AllOf(HasSubstr("node_rapl_joules_total{index=\"0\",path=\"" + folder +
                              "\",rapl_zone=\"package\"} 1.5\n"),
                    HasSubstr("node_rapl_joules_total{index=\"0\",path=\"" + folder +
                              ":0\",rapl_zone=\"dram\"} 2\n")));
}

TEST(Collectors, CountsThreadsOfProcesses) {
  const TestTree tree;
  const std::string tail = " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ";
  tree.Write("proc/sys/kernel/threads-max", "1000\n");
  tree.Write("proc/sys/kernel/pid_max", "2000\n");
  tree.Write("proc/7/stat", "7 (a ) b) S" + tail + "0 2 0\n");
  tree.Write("proc/7/task/7/stat", "7 (a ) b) S" + tail + "0 2 0\n");
  tree.Write("proc/7/task/8/stat", "8 (a ) b) R" + tail + "0 2 0\n");
  tree.Write("proc/9/stat", "9 (c) Z" + tail + "0 1 0\n");
  tree.Write("proc/9/task/9/stat", "");
  EXPECT_THAT(Collect(tree, "processes").text,
              AllOf(HasSubstr("node_processes_pids 2\n"), HasSubstr("node_processes_threads 3\n"),
                    HasSubstr("node_processes_state{state=\"S\"} 1\n"),
                    HasSubstr("node_processes_threads_state{thread_state=\"R\"} 1\n"),
                    HasSubstr("node_processes_threads_state{thread_state=\"Z\"} 1\n"),
                    HasSubstr("node_processes_max_threads 1000\n")));
}

TEST(Collectors, ReadsGraphicsCards) {
  const TestTree tree;
  tree.Write("sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\n");
  tree.Write("sys/class/drm/card0/device/gpu_busy_percent", "4\n");
  tree.Write("sys/class/drm/card0/device/unique_id", "0123456789abcdef\n");
  tree.Write("sys/class/drm/card1/device/uevent", "DRIVER=i915\n");
  tree.Write("sys/class/drm/card0-DP-1/status", "connected\n");
  EXPECT_THAT(Collect(tree, "drm").text,
              AllOf(HasSubstr("node_drm_card_info{card=\"card0\",memory_vendor=\"\",power_performance_level="
                              "\"\",unique_id=\"0123456789abcdef\",vendor=\"amd\"} 1\n"),
                    HasSubstr("node_drm_gpu_busy_percent{card=\"card0\"} 4\n"), Not(HasSubstr("card1"))));
}

// Where the files are this machine's, most of what is said comes over netlink: it must be what the files say.
TEST(Collectors, NetclassSaysWhatTheFilesSay) {
  const TestTree tree;
  std::filesystem::create_directory_symlink("/sys", tree.path() / "sys");
  const auto names = ListDirectory("/sys/class/net");
  if (!names) GTEST_SKIP() << names.error().message();
  const std::string text = Collect(tree, "netclass").text;
  const std::pair<const char*, const char*> metrics[] = {
      {"addr_assign_type", "address_assign_type"},
      {"carrier", "carrier"},
      {"carrier_changes", "carrier_changes_total"},
      {"carrier_down_count", "carrier_down_changes_total"},
      {"carrier_up_count", "carrier_up_changes_total"},
      {"dev_id", "device_id"},
      {"dormant", "dormant"},
      {"flags", "flags"},
      {"ifindex", "iface_id"},
      {"iflink", "iface_link"},
      {"link_mode", "iface_link_mode"},
      {"mtu", "mtu_bytes"},
      {"name_assign_type", "name_assign_type"},
      {"netdev_group", "net_dev_group"},
      {"type", "protocol_type"},
      {"tx_queue_len", "transmit_queue_length"},
  };
  for (const std::string& name : *names) {
    const std::string folder = "/sys/class/net/" + name + "/";
    if (!IsDirectory(folder)) continue;
    for (const auto& [file, metric] : metrics) {
      const std::string head = std::string("node_network_") + metric + "{device=\"" + name + "\"} ";
      const auto value = ReadNumber(folder + file);
      std::string line = head;
      if (value) AppendGoFloat(static_cast<double>(*value), line);
      EXPECT_EQ(text.find(head) != std::string::npos, value.has_value()) << head;
      if (value) {
        EXPECT_THAT(text, HasSubstr(line + "\n"));
      }
    }
    const auto attribute = [&](const char* file) { return ReadAttribute(folder + file).value_or(""); };
    EXPECT_THAT(text, ::testing::ContainsRegex(
                          "node_network_info.address=\"" + attribute("address") +
                          "\",adminstate=\"[a-z]*\",broadcast=\"" + attribute("broadcast") + "\",device=\"" +
                          name + "\",duplex=\"" + attribute("duplex") + "\",ifalias=\"" +
                          attribute("ifalias") + "\",operstate=\"" + attribute("operstate") + "\". 1\n"));
  }
}

// The kernel answers these; what it says is this machine's.
TEST(Collectors, AskTheKernel) {
  const TestTree tree;
  for (const char* collector : {"arp", "netdev", "network_route", "qdisc", "tcpstat"}) {
    EXPECT_THAT(Collect(tree, collector).text, HasSubstr(Success(collector, 1)));
  }
  EXPECT_THAT(
      Collect(tree, "netdev", {"--collector.netdev.address-info"}).text,
      HasSubstr("node_network_address_info{address=\"127.0.0.1\",device=\"lo\",netmask=\"8\",scope=\"link-"
                "local\"} 1\n"));
  EXPECT_THAT(Collect(tree, "netdev", {"--collector.netdev.enable-detailed-metrics"}).text,
              HasSubstr("node_network_receive_crc_errors_total{device=\"lo\"} "));
  EXPECT_THAT(Collect(tree, "netdev", {"--collector.netdev.label-ifalias"}).text,
              HasSubstr("node_network_receive_bytes_total{device=\"lo\",ifalias=\"\"} "));
}

}  // namespace
}  // namespace sextant::node
