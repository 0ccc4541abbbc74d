// node_btrfs_*: /sys/fs/btrfs, and what the file system itself says of its devices where we may ask
// (BTRFS_IOC_FS_INFO and others on its mount points).
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "agents/node/collectors.h"
#include "agents/node/mounts.h"

namespace sextant::node {
namespace {

constexpr uint64_t kDeviceIdLimit = 10'000;
constexpr double kSectorBytes = 512;

struct Device {
  std::string name;
  std::string uuid;
  double size_bytes = 0;
  double used_bytes = 0;
  double errors[BTRFS_DEV_STAT_VALUES_MAX] = {};
};
// By the file system's UUID without dashes.
using DevicesByUuid = std::map<std::string, std::vector<Device>, std::less<>>;

constexpr std::string_view kErrorTypes[BTRFS_DEV_STAT_VALUES_MAX] = {"write", "read", "flush", "corruption",
                                                                     "generation"};

struct FdCloser {
  int fd;
  ~FdCloser() { ::close(fd); }
};

std::string Hex(const uint8_t* bytes, size_t size, bool with_dashes) {
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    if (with_dashes && (i == 4 || i == 6 || i == 8 || i == 10)) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  }
  return text;
}

// Nothing when one of the devices does not answer: then sysfs has to do.
std::optional<std::vector<Device>> AskDevices(int fd, const btrfs_ioctl_fs_info_args& info) {
  std::vector<Device> devices;
  for (uint64_t id = 0; id <= std::min<uint64_t>(info.max_id, kDeviceIdLimit); ++id) {
    btrfs_ioctl_dev_info_args device_info{};
    device_info.devid = id;
    if (::ioctl(fd, BTRFS_IOC_DEV_INFO, &device_info) < 0) {
      if (errno == ENODEV) continue;  // numbers have gaps
      return std::nullopt;
    }
    btrfs_ioctl_get_dev_stats stats{};
    stats.devid = id;
    stats.nr_items = BTRFS_DEV_STAT_VALUES_MAX;
    if (::ioctl(fd, BTRFS_IOC_GET_DEV_STATS, &stats) < 0) return std::nullopt;
    Device& device = devices.emplace_back();
    const auto* path = reinterpret_cast<const char*>(device_info.path);
    const std::string_view full_path(path, ::strnlen(path, sizeof device_info.path));
    device.name = full_path.substr(full_path.rfind('/') + 1);
    device.uuid = Hex(device_info.uuid, sizeof device_info.uuid, /*with_dashes=*/true);
    device.size_bytes = static_cast<double>(device_info.total_bytes);
    device.used_bytes = static_cast<double>(device_info.bytes_used);
    for (size_t i = 0; i < BTRFS_DEV_STAT_VALUES_MAX; ++i) {
      device.errors[i] = static_cast<double>(stats.values[i]);
    }
    if (devices.size() == info.num_devices) break;
  }
  return devices;
}

DevicesByUuid AskFilesystems(const HostPaths& paths) {
  DevicesByUuid result;
  const auto mounts = ReadMounts(paths);
  if (!mounts) return result;
  for (const Mount& mount : *mounts) {
    if (mount.type != "btrfs") continue;
    const int fd = ::open(paths.Root(mount.mount_point).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) continue;
    const FdCloser closer{fd};
    btrfs_ioctl_fs_info_args info{};
    if (::ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) continue;
    const std::string uuid = Hex(info.fsid, sizeof info.fsid, /*with_dashes=*/false);
    if (result.contains(uuid)) continue;  // mounted more than once
    if (auto devices = AskDevices(fd, info)) result[uuid] = *std::move(devices);
  }
  return result;
}

void AddDevices(const std::vector<Device>& devices, std::string_view uuid, MetricSink& sink) {
  for (const Device& device : devices) {
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      const LabelPair labels[] = {{"btrfs_dev_uuid", device.uuid}, {"device", device.name}, {"uuid", uuid}};
      sink.GetOpenFamily(name, help, MetricType::kGauge).AddOpen(labels, name, value);
    };
    add("node_btrfs_device_size_bytes", "Size of a device of the file system.", device.size_bytes);
    add("node_btrfs_device_unused_bytes", "Bytes of a device that the file system has not allocated.",
        device.size_bytes - device.used_bytes);
    auto& errors = sink.GetFamily("node_btrfs_device_errors_total", "Errors of a device by their type.",
                                  MetricType::kCounter, {"btrfs_dev_uuid", "device", "type", "uuid"});
    for (size_t i = 0; i < BTRFS_DEV_STAT_VALUES_MAX; ++i) {
      errors.Add({device.uuid, device.name, kErrorTypes[i], uuid}, device.errors[i]);
    }
  }
}

void AddSysfsDevices(const std::string& base, std::string_view uuid, MetricSink& sink) {
  static constexpr std::string_view kName = "node_btrfs_device_size_bytes";
  const auto names = ListDirectory(base + "/devices");
  if (!names) return;
  for (const std::string& name : *names) {
    const auto sectors = ReadNumber(base + "/devices/" + name + "/size");
    const LabelPair labels[] = {{"device", name}, {"uuid", uuid}};
    sink.GetOpenFamily(kName, "Size of a device of the file system.", MetricType::kGauge)
        .AddOpen(labels, kName, static_cast<double>(sectors.value_or(0)) * kSectorBytes);
  }
}

// Bytes on the devices per byte of data.
double AllocationRatio(std::string_view mode, double device_count) {
  if (mode == "raid1" || mode == "dup" || mode == "raid10") return 2;
  if (mode == "raid1c3") return 3;
  if (mode == "raid1c4") return 4;
  if (mode == "raid5") return device_count / (device_count - 1);
  if (mode == "raid6") return device_count / (device_count - 2);
  return 1;
}

void AddAllocation(const std::string& base, std::string_view type, double device_count, std::string_view uuid,
                   MetricSink& sink) {
  const std::string path = fmt::format("{}/allocation/{}", base, type);
  const AttributeFolder folder(path);
  if (!folder.exists()) return;
  sink.GetFamily("node_btrfs_reserved_bytes", "Space reserved for a type of data.", MetricType::kGauge,
                 {"block_group_type", "uuid"})
      .Add({type, uuid}, static_cast<double>(folder.Number("bytes_reserved").value_or(0)));
  const auto names = ListDirectory(path);
  if (!names) return;
  for (const std::string& mode : *names) {
    if (!IsDirectory(path + "/" + mode)) continue;
    const AttributeFolder layout(path + "/" + mode);
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"block_group_type", "mode", "uuid"})
          .Add({type, mode, uuid}, value);
    };
    add("node_btrfs_used_bytes", "Space in use, by type of data and layout.",
        static_cast<double>(layout.Number("used_bytes").value_or(0)));
    add("node_btrfs_size_bytes", "Space allocated, by type of data and layout.",
        static_cast<double>(layout.Number("total_bytes").value_or(0)));
    add("node_btrfs_allocation_ratio", "Bytes on the devices per byte of data in a layout.",
        AllocationRatio(mode, device_count));
  }
}

// "commits 12" lines, times in milliseconds.
void AddCommits(const AttributeFolder& folder, std::string_view uuid, MetricSink& sink) {
  std::map<std::string_view, double> values;
  const std::string text = folder.Text("commit_stats").value_or("");
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    const std::string_view key = NextField(line);
    if (const auto value = ParseUnsigned(TrimSpace(line))) values[key] = static_cast<double>(*value);
  }
  sink.GetFamily("node_btrfs_commits_total", "Commits since the file system was mounted.",
                 MetricType::kCounter, {"uuid"})
      .Add({uuid}, values["commits"]);
  sink.GetFamily("node_btrfs_last_commit_seconds", "How long the last commit took.", MetricType::kGauge,
                 {"uuid"})
      .Add({uuid}, values["last_commit_ms"] / 1'000);
  sink.GetFamily("node_btrfs_max_commit_seconds", "How long the longest commit took.", MetricType::kGauge,
                 {"uuid"})
      .Add({uuid}, values["max_commit_ms"] / 1'000);
  sink.GetFamily("node_btrfs_commit_seconds_total", "How long all commits together took.",
                 MetricType::kCounter, {"uuid"})
      .Add({uuid}, values["total_commit_ms"] / 1'000);
}

core::Status CollectBtrfs(const HostPaths& paths, MetricSink& sink) {
  const std::string root = paths.Sys("fs/btrfs");
  const auto names = ListDirectory(root);
  if (!names) return {};  // no btrfs here
  std::optional<DevicesByUuid> asked;
  for (const std::string& uuid : *names) {
    if (uuid.find('-') == std::string::npos) continue;  // "features"
    const std::string base = root + "/" + uuid;
    const AttributeFolder folder(base);
    sink.GetFamily("node_btrfs_info", "A btrfs file system.", MetricType::kGauge, {"label", "uuid"})
        .Add({folder.Text("label").value_or(""), uuid}, 1);
    sink.GetFamily("node_btrfs_global_rsv_size_bytes", "Size of the global reserve.", MetricType::kGauge,
                   {"uuid"})
        .Add({uuid}, static_cast<double>(folder.Number("allocation/global_rsv_size").value_or(0)));
    AddCommits(folder, uuid, sink);
    const auto devices = ListDirectory(base + "/devices");
    const double device_count = devices ? static_cast<double>(devices->size()) : 0;
    for (std::string_view type : {"data", "metadata", "system"}) {
      AddAllocation(base, type, device_count, uuid, sink);
    }
    if (!asked) asked = AskFilesystems(paths);
    std::string plain_uuid = uuid;
    std::erase(plain_uuid, '-');
    if (const auto found = asked->find(plain_uuid); found != asked->end()) {
      AddDevices(found->second, uuid, sink);
    } else {
      AddSysfsDevices(base, uuid, sink);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeBtrfsCollector() {
  return std::make_unique<StatelessCollector>("btrfs", CollectBtrfs);
}

}  // namespace sextant::node
