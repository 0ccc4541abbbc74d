// node_exporter's own end-to-end fixtures: our collectors on its /proc and /sys must print its expected
// output, series by series with values, labels and types. Help texts are our own.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "agents/node/node_agent.h"
#include "agents/node/test_tree.h"

namespace sextant::node {
namespace {

namespace fs = std::filesystem;

fs::path FixturePath() {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return fs::path(folder != nullptr ? folder : SEXTANT_CONFORMANCE_DEFAULT) / "kube/node_exporter/fixtures";
}

// An exposition as a text per family, without the help texts.
std::map<std::string, std::string> SplitFamilies(const std::string& text) {
  std::map<std::string, std::string> families;
  std::istringstream lines(text);
  std::string line;
  std::string name;
  while (std::getline(lines, line)) {
    if (line.starts_with("# HELP ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
    } else if (line.starts_with("# TYPE ") || (!line.empty() && !line.starts_with("#"))) {
      families[name] += line + "\n";
    }
  }
  return families;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What is of the runtime, this host and this moment, and not of the fixtures.
bool IsElsewhere(const std::string& name) {
  static const std::regex elsewhere(
      "(go|process|promhttp)_.*|node_exporter_build_info|node_scrape_collector_duration_seconds|"
      "node_textfile_mtime_seconds");
  return std::regex_match(name, elsewhere);
}

// Only the types of these can be the same.
bool IsLive(const std::string& name) {
  static const std::regex live(
      "node_network_(receive|transmit)_.*_total|node_time_(seconds|zone_offset_seconds)");
  return std::regex_match(name, live);
}

// The flags of node_exporter's own end-to-end test.
std::vector<std::string> EndToEndFlags(const fs::path& fixtures, const fs::path& unpacked) {
  std::vector<std::string> flags = {
      "--path.rootfs=" + fixtures.string(),
      "--path.procfs=" + (unpacked / "proc").string(),
      "--path.sysfs=" + (unpacked / "sys").string(),
      "--path.udev.data=" + (unpacked / "udev/data").string(),
      "--no-collector.selinux",
      "--no-collector.filesystem",
      "--no-collector.timex",
      "--no-collector.uname",
      "--collector.cpu.info",
      "--collector.arp.device-exclude=nope",
      "--no-collector.arp.netlink",
      "--collector.bcache.priorityStats",
      "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
      "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
      "--collector.hwmon.chip-include=(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)",
      "--collector.netclass.ignore-invalid-speed",
      "--collector.netclass.ignored-devices=(dmz|int)",
      "--collector.netdev.device-include=lo",
      "--collector.qdisc.device-include=(wlan0|eth0)",
      "--collector.qdisc.fixtures=" + (fixtures / "qdisc").string(),
      "--collector.stat.softirq",
      "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
      "--collector.sysctl.include=fs.file-nr",
      "--collector.sysctl.include=fs.file-nr:total,current,max",
      "--collector.sysctl.include=kernel.threads-max",
      "--collector.textfile.directory=" + (fixtures / "textfile/two_metric_files/").string(),
      "--collector.wifi.fixtures=" + (fixtures / "wifi").string(),
  };
  for (const char* name : {"arp",
                           "bcache",
                           "bcachefs",
                           "bonding",
                           "btrfs",
                           "buddyinfo",
                           "cgroups",
                           "conntrack",
                           "cpu",
                           "cpufreq",
                           "cpu_vulnerabilities",
                           "diskstats",
                           "dmi",
                           "dmmultipath",
                           "drbd",
                           "edac",
                           "entropy",
                           "fibrechannel",
                           "filefd",
                           "hwmon",
                           "infiniband",
                           "interrupts",
                           "ipvs",
                           "kernel_hung",
                           "ksmd",
                           "lnstat",
                           "loadavg",
                           "mdadm",
                           "meminfo",
                           "meminfo_numa",
                           "mountstats",
                           "netdev",
                           "netstat",
                           "nfs",
                           "nfsd",
                           "pcidevice",
                           "pressure",
                           "processes",
                           "qdisc",
                           "rapl",
                           "schedstat",
                           "slabinfo",
                           "sockstat",
                           "softirqs",
                           "stat",
                           "sysctl",
                           "textfile",
                           "thermal_zone",
                           "udp_queues",
                           "vmstat",
                           "watchdog",
                           "wifi",
                           "xfrm",
                           "xfs",
                           "zfs",
                           "zoneinfo"}) {
    flags.push_back(std::string("--collector.") + name);
  }
  return flags;
}

// An exposition of a new agent with these flags.
std::string Render(const std::vector<std::string>& flags) {
  auto parsed = ParseNodeFlags(flags);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message();
    return "";
  }
  const core::SystemClock clock;
  NodeAgent agent(std::move(parsed->options), {}, clock, core::Logger::Discard());
  return agent.RenderText();
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(NodeConformance, PrintsWhatNodeExporterPrints) {
  const fs::path fixtures = FixturePath();
  if (!fs::exists(fixtures)) GTEST_SKIP() << "no conformance data at " << fixtures;
  const TestTree tree;
  ASSERT_TRUE(tree.UnpackTtar(fixtures / "sys.ttar"));
  ASSERT_TRUE(tree.UnpackTtar(fixtures / "udev.ttar"));
  fs::copy(fixtures / "proc", tree.path() / "proc", fs::copy_options::recursive);
  fs::permissions(tree.path() / "proc", fs::perms::owner_all);
  fs::remove(tree.path() / "proc/self");  // a link to process 10 that did not survive the copying
  fs::create_symlink("10", tree.path() / "proc/self");

  const std::string text = Render(EndToEndFlags(fixtures, tree.path()));
  // The original runs in the folder of the fixtures' folder.
  auto ours = SplitFamilies(Replace(text, (tree.path() / "sys").string(), "collector/fixtures/sys"));
  auto expected = SplitFamilies(ReadAll(fixtures / "e2e-output.txt"));
  ASSERT_GT(expected.size(), 1'000u);

  size_t compared = 0;
  for (const auto& [name, lines] : expected) {
    if (IsElsewhere(name)) continue;
    if (IsLive(name)) {
      const std::string type = lines.substr(0, lines.find('\n'));
      EXPECT_TRUE(ours[name].starts_with(type)) << ours[name] << lines;
    } else {
      EXPECT_EQ(ours[name], lines);
    }
    ++compared;
  }
  EXPECT_GT(compared, 1'150u);
  for (const auto& [name, lines] : ours) {
    if (!IsElsewhere(name)) {
      EXPECT_TRUE(expected.contains(name)) << "more than node_exporter has: " << lines;
    }
  }
}

// Off by default in the original, whose own test of it says this of the same files.
TEST(NodeConformance, ReadsNvmeSubsystems) {
  const fs::path fixtures = FixturePath();
  if (!fs::exists(fixtures)) GTEST_SKIP() << "no conformance data at " << fixtures;
  const TestTree tree;
  ASSERT_TRUE(tree.UnpackTtar(fixtures / "sys.ttar"));
  auto ours = SplitFamilies(Render({"--path.sysfs=" + (tree.path() / "sys").string(),
                                    "--collector.disable-defaults", "--collector.nvmesubsystem"}));
  EXPECT_EQ(
      ours["node_nvmesubsystem_info"],
      "# TYPE node_nvmesubsystem_info gauge\n"
      "node_nvmesubsystem_info{iopolicy=\"round-robin\",model=\"Dell PowerStore\",nqn=\"nqn.2014-08.org."
      "nvmexpress:uuid:a34c4f3a-0d6f-5cec-dead-beefcafebabe\",serial=\"SN12345678\",subsystem=\"nvme-"
      "subsys0\"} "
      "1\n");
  EXPECT_TRUE(ours["node_nvmesubsystem_namespace_info"].ends_with(
      "node_nvmesubsystem_namespace_info{device=\"nvme0n1\",subsystem=\"nvme-subsys0\"} 1\n"));
  EXPECT_TRUE(ours["node_nvmesubsystem_paths"].ends_with("{subsystem=\"nvme-subsys0\"} 4\n"));
  EXPECT_TRUE(ours["node_nvmesubsystem_paths_live"].ends_with("{subsystem=\"nvme-subsys0\"} 3\n"));
  const std::string& states = ours["node_nvmesubsystem_path_state"];
  EXPECT_EQ(std::count(states.begin(), states.end(), '\n'), 1 + 4 * 7);
  EXPECT_NE(
      states.find("{controller=\"nvme3\",state=\"dead\",subsystem=\"nvme-subsys0\",transport=\"fc\"} 1\n"),
      std::string::npos);
}

TEST(NodeConformance, NamesPciDevices) {
  const fs::path fixtures = FixturePath();
  if (!fs::exists(fixtures)) GTEST_SKIP() << "no conformance data at " << fixtures;
  const TestTree tree;
  ASSERT_TRUE(tree.UnpackTtar(fixtures / "sys.ttar"));
  auto ours =
      SplitFamilies(Render({"--path.sysfs=" + (tree.path() / "sys").string(), "--collector.disable-defaults",
                            "--collector.pcidevice", "--collector.pcidevice.names",
                            "--collector.pcidevice.idsfile=" + (fixtures / "pci.ids").string()}));
  for (const auto& [name, lines] : SplitFamilies(ReadAll(fixtures / "pcidevice-names-output.txt"))) {
    if (!name.starts_with("node_pcidevice_")) continue;
    EXPECT_EQ(ours[name], lines);
  }
}

// Each folder of files for the textfile collector has what it must give beside it.
TEST(NodeConformance, ReadsTextfilesAsNodeExporterDoes) {
  const fs::path textfiles = FixturePath() / "textfile";
  if (!fs::exists(textfiles)) GTEST_SKIP() << "no conformance data at " << textfiles;
  size_t compared = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(textfiles)) {
    if (entry.path().extension() != ".out") continue;
    const std::string name = entry.path().stem().string();
    const std::string folder = name == "glob_extra_dimension" ? "*_extra_dimension" : name;
    std::string text = Render({"--collector.disable-defaults", "--collector.textfile",
                               "--collector.textfile.directory=" + (textfiles / folder).string()});
    text = Replace(text, textfiles.string(), "fixtures/textfile");
    text = std::regex_replace(text, std::regex("(node_textfile_mtime_seconds.*\\}) .*"), "$1 1");
    auto ours = SplitFamilies(text);
    const auto expected = SplitFamilies(ReadAll(entry.path()));
    for (const auto& [family, lines] : expected) EXPECT_EQ(ours[family], lines) << name;
    for (const auto& [family, lines] : ours) {
      const bool is_ours = family.starts_with("node_scrape_") || family == "node_exporter_build_info";
      EXPECT_TRUE(is_ours || expected.contains(family)) << name << ": " << lines;
    }
    ++compared;
  }
  EXPECT_GT(compared, 10u);
}

TEST(NodeConformance, GroupsIpvsBackendsByTheWantedLabels) {
  const fs::path fixtures = FixturePath();
  if (!fs::exists(fixtures)) GTEST_SKIP() << "no conformance data at " << fixtures;
  const std::pair<const char*, const char*> cases[] = {
      {"local_address,local_mark,local_port,proto,remote_address,remote_port", "ip_vs_result.txt"},
      {"", "ip_vs_result_lbs_none.txt"},
      {"local_port", "ip_vs_result_lbs_local_port.txt"},
      {"local_address,local_port", "ip_vs_result_lbs_local_address_local_port.txt"},
  };
  for (const auto& [labels, file] : cases) {
    auto ours =
        SplitFamilies(Render({"--path.procfs=" + (fixtures / "proc").string(), "--collector.disable-defaults",
                              "--collector.ipvs", std::string("--collector.ipvs.backend-labels=") + labels}));
    for (const auto& [name, lines] : SplitFamilies(ReadAll(fixtures / file))) {
      if (!name.starts_with("node_ipvs_")) continue;
      EXPECT_EQ(ours[name], lines) << file;
    }
  }
}

}  // namespace
}  // namespace sextant::node
