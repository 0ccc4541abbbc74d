// node_exporter's own end-to-end fixtures: our collectors on its /proc and /sys must print its expected
// output, byte for byte, for every family of theirs.
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

// An exposition as a text per family.
std::map<std::string, std::string> SplitFamilies(const std::string& text) {
  std::map<std::string, std::string> families;
  std::istringstream lines(text);
  std::string line;
  std::string name;
  while (std::getline(lines, line)) {
    if (line.starts_with("# HELP ")) name = line.substr(7, line.find(' ', 7) - 7);
    families[name] += line + "\n";
  }
  return families;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Families of the collectors that we have; the alternatives are sorted by collector.
const std::regex& OurFamilies() {
  static const std::regex ours(
      "node_nf_conntrack_.*|node_cpu_(?!vulnerabilities).*|node_disk_.*|node_entropy_.*|node_filefd_.*|node_"
      "load.*|"
      "node_memory_(?!numa).*|node_netstat_.*|node_network_.*|node_os_.*|node_pressure_.*|node_schedstat_.*|"
      "node_sockstat_.*|node_softnet_.*|node_(boot_time_seconds|context_switches_total|forks_total|intr_"
      "total)|"
      "node_procs_.*|node_softirqs_total|node_time_.*|node_vmstat_.*");
  return ours;
}

// Values that come from this host and this moment, not from the fixtures.
bool IsLive(const std::string& name) {
  static const std::regex live(
      "node_network_(receive|transmit)_.*_total|node_time_(seconds|zone_offset_seconds)");
  return std::regex_match(name, live);
}

TEST(NodeConformance, PrintsWhatNodeExporterPrints) {
  const fs::path fixtures = FixturePath();
  if (!fs::exists(fixtures)) GTEST_SKIP() << "no conformance data at " << fixtures;
  const TestTree tree;
  ASSERT_TRUE(tree.UnpackTtar(fixtures / "sys.ttar"));
  ASSERT_TRUE(tree.UnpackTtar(fixtures / "udev.ttar"));
  const std::vector<std::string> flags = {
      "--path.rootfs=" + fixtures.string(),
      "--path.procfs=" + (fixtures / "proc").string(),
      "--path.sysfs=" + (tree.path() / "sys").string(),
      "--path.udev.data=" + (tree.path() / "udev/data").string(),
      "--no-collector.filesystem",
      "--no-collector.timex",
      "--no-collector.uname",
      "--no-collector.selinux",
      "--collector.cpu.info",
      "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
      "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
      "--collector.netclass.ignore-invalid-speed",
      "--collector.netclass.ignored-devices=(dmz|int)",
      "--collector.netdev.device-include=lo",
      "--collector.stat.softirq",
  };
  auto parsed = ParseNodeFlags(flags);
  ASSERT_TRUE(parsed) << parsed.error().message();
  const core::SystemClock clock;
  NodeAgent agent(std::move(parsed->options), {}, clock, core::Logger::Discard());

  auto ours = SplitFamilies(agent.RenderText());
  auto expected = SplitFamilies(ReadAll(fixtures / "e2e-output.txt"));
  ASSERT_GT(expected.size(), 1'000u);

  EXPECT_EQ(ours["node_scrape_collector_success"].find("} 0"), std::string::npos)
      << ours["node_scrape_collector_success"];
  size_t compared = 0;
  for (const auto& [name, text] : expected) {
    if (!std::regex_match(name, OurFamilies())) continue;
    if (!IsLive(name)) {
      EXPECT_EQ(ours[name], text);
    } else {
      // Only the heading can be the same.
      const std::string heading = text.substr(0, text.find('\n', text.find("# TYPE")));
      EXPECT_TRUE(ours[name].starts_with(heading)) << ours[name] << text;
    }
    ++compared;
  }
  EXPECT_GT(compared, 200u);
  for (const auto& [name, text] : ours) {
    if (name != "node_exporter_build_info" && !name.starts_with("node_scrape_")) {
      EXPECT_TRUE(expected.contains(name)) << "more than node_exporter has: " << text;
    }
  }
}

}  // namespace
}  // namespace sextant::node
