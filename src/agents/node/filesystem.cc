// node_filesystem_*: the mounts in /proc/1/mountinfo and what statfs(2) says of each, by way of
// mount_usage.h.
#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "agents/node/collectors.h"
#include "agents/node/mount_usage.h"
#include "agents/node/mounts.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

class FilesystemCollector final : public Collector {
 public:
  FilesystemCollector(const NodeOptions& options, UsageReader read_usage)
      : mount_points_(options.filesystem_mount_points),
        types_(options.filesystem_types),
        usages_(std::move(read_usage), options.filesystem_mount_timeout_ms,
                static_cast<size_t>(options.filesystem_stat_workers)) {}

  std::string_view name() const override { return "filesystem"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    SEXTANT_ASSIGN(const auto chosen, ChooseMounts(paths));
    std::vector<std::string> mount_points;
    for (const Mount& mount : *chosen) mount_points.push_back(mount.mount_point);
    const std::vector<MountUsage> usages = usages_.Ask(mount_points, paths);
    for (size_t i = 0; i < chosen->size(); ++i) Add((*chosen)[i], usages[i], sink);
    return {};
  }

 private:
  // The mounts to ask, which are found once and kept while the host's table of mounts stays the same.
  core::Result<std::shared_ptr<const std::vector<Mount>>> ChooseMounts(const HostPaths& paths) {
    SEXTANT_ASSIGN(std::string text, ReadMountInfo(files_, paths));
    {
      const std::lock_guard lock(mutex_);
      if (chosen_ != nullptr && text == chosen_text_) return chosen_;
    }
    SEXTANT_ASSIGN(std::vector<Mount> mounts, ParseMountInfo(text, paths));
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(mounts, [&](const Mount& mount) {
      if (mount_points_.IsIgnored(mount.mount_point) || types_.IsIgnored(mount.type)) return true;
      return !seen.emplace(mount.device, mount.mount_point).second;  // mounted over itself
    });
    auto chosen = std::make_shared<const std::vector<Mount>>(std::move(mounts));
    const std::lock_guard lock(mutex_);
    chosen_text_ = std::move(text);
    chosen_ = chosen;
    return chosen;
  }

  static void Add(const Mount& mount, const MountUsage& usage, MetricSink& sink) {
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"device", "device_error", "fstype", "mountpoint"})
          .Add({mount.device, usage.error, mount.type, mount.mount_point}, value);
    };
    add("node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
        usage.error.empty() ? 0 : 1);
    add("node_filesystem_readonly", "Filesystem read-only status.", mount.is_read_only ? 1 : 0);
    if (!usage.error.empty()) return;
    add("node_filesystem_size_bytes", "Filesystem size in bytes.", usage.usage.size_bytes);
    add("node_filesystem_free_bytes", "Filesystem free space in bytes.", usage.usage.free_bytes);
    add("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.",
        usage.usage.available_bytes);
    add("node_filesystem_files", "Filesystem total file nodes.", usage.usage.files);
    add("node_filesystem_files_free", "Filesystem total free file nodes.", usage.usage.files_free);
    sink.GetFamily("node_filesystem_mount_info", "Filesystem mount information.", MetricType::kGauge,
                   {"device", "major", "minor", "mountpoint"})
        .Add({mount.device, mount.device_major, mount.device_minor, mount.mount_point}, 1);
  }

  const NameFilter mount_points_;
  const NameFilter types_;
  MountUsages usages_;
  OpenFiles files_;
  std::mutex mutex_;
  std::string chosen_text_;                           // guarded by mutex_: the table that they are of
  std::shared_ptr<const std::vector<Mount>> chosen_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Collector> MakeFilesystemCollector(const NodeOptions& options, UsageReader read_usage) {
  return std::make_unique<FilesystemCollector>(options, std::move(read_usage));
}

}  // namespace sextant::node
