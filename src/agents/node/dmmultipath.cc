// node_dmmultipath_*: device-mapper devices in /sys/block that bundle several paths to one disk.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr double kSectorBytes = 512;
constexpr std::string_view kUuidPrefix = "mpath-";

void CollectPaths(const std::string& block, const std::string& name, std::string_view device,
                  MetricSink& sink) {
  double path_count = 0;
  double active_count = 0;
  auto& states = sink.GetFamily("node_dmmultipath_path_state", "State of the device behind a path; always 1.",
                                MetricType::kGauge, {"device", "path", "state"});
  const auto paths = ListDirectory(fmt::format("{}/{}/slaves", block, name));
  for (const std::string& path : paths ? *paths : std::vector<std::string>()) {
    const auto state = ReadAttribute(fmt::format("{}/{}/device/state", block, path));
    ++path_count;
    // SCSI devices say "running", NVMe devices "live".
    if (state == "running" || state == "live") ++active_count;
    states.Add({device, path, state.value_or("unknown")}, 1);
  }
  const auto add = [&](std::string_view metric, std::string_view help, double value) {
    sink.GetFamily(metric, help, MetricType::kGauge, {"device", "sysfs_name"}).Add({device, name}, value);
  };
  add("node_dmmultipath_device_paths", "Paths of a multipath device.", path_count);
  add("node_dmmultipath_device_paths_active", "Paths of a multipath device that work.", active_count);
  add("node_dmmultipath_device_paths_failed", "Paths of a multipath device that do not work.",
      path_count - active_count);
}

core::Status CollectDmMultipath(const HostPaths& paths, MetricSink& sink) {
  const std::string block = paths.Sys("block");
  SEXTANT_TRY(ListDirectory(block));
  for (const std::string& name : ListNumbered(block, "dm-")) {
    const AttributeFolder folder(block + "/" + name);
    const auto uuid = folder.Text("dm/uuid");
    if (!uuid || !uuid->starts_with(kUuidPrefix)) continue;
    const std::string device = folder.Text("dm/name").value_or("");
    sink.GetFamily("node_dmmultipath_device_info", "A multipath device.", MetricType::kGauge,
                   {"device", "sysfs_name", "uuid"})
        .Add({device, name, *uuid}, 1);
    const auto add = [&](std::string_view metric, std::string_view help, double value) {
      sink.GetFamily(metric, help, MetricType::kGauge, {"device", "sysfs_name"}).Add({device, name}, value);
    };
    add("node_dmmultipath_device_active", "Whether a multipath device is active (1) or suspended (0).",
        folder.Number("dm/suspended").value_or(0) == 0 ? 1 : 0);
    add("node_dmmultipath_device_size_bytes", "Size of a multipath device.",
        static_cast<double>(folder.Number("size").value_or(0)) * kSectorBytes);
    CollectPaths(block, name, device, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeDmmultipathCollector() {
  return std::make_unique<StatelessCollector>("dmmultipath", CollectDmMultipath);
}

}  // namespace sextant::node
