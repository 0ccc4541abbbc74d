// node_filesystem_*: the mounts in /proc/1/mountinfo and what statfs(2) says of each.
//
// statfs on a dead network mount never returns, so it runs on a thread of its own that is given up after the
// timeout. The mount that it hangs on is then left alone (reported as an error) until that call comes back,
// which bounds the lost threads by the number of dead mounts; above kStuckLimit of them, nothing is asked any
// more.
#include <sys/statfs.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "agents/node/collectors.h"
#include "agents/node/mounts.h"

namespace sextant::node {
namespace {

constexpr size_t kStuckLimit = 64;

struct Usage {
  FilesystemUsage usage;
  std::string error;  // empty: usage holds
};

// Mount points that a call hangs on.
class StuckMounts {
 public:
  bool Contains(const std::string& mount_point) const {
    const std::lock_guard lock(mutex_);
    return mount_points_.contains(mount_point) || mount_points_.size() >= kStuckLimit;
  }
  void Add(const std::string& mount_point) {
    const std::lock_guard lock(mutex_);
    mount_points_.insert(mount_point);
  }
  void Remove(const std::string& mount_point) {
    const std::lock_guard lock(mutex_);
    mount_points_.erase(mount_point);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> mount_points_;
};

// Asks for mounts one after the other on its own thread. Shared between that thread and the collector, so
// that the collector can walk away.
class UsageBatch {
 public:
  struct Request {
    std::string mount_point;
    std::string path;
  };

  UsageBatch(std::vector<Request> requests, UsageReader read_usage, std::shared_ptr<StuckMounts> stuck)
      : requests_(std::move(requests)), read_usage_(std::move(read_usage)), stuck_(std::move(stuck)) {}

  // The results that were there in time; the rest is missing at the end.
  static std::vector<Usage> Run(const std::shared_ptr<UsageBatch>& batch, core::DurationMs timeout_ms) {
    std::thread([batch] { batch->Work(); }).detach();
    std::unique_lock lock(batch->mutex_);
    const bool is_done = batch->wake_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
      return batch->results_.size() == batch->requests_.size();
    });
    if (!is_done) {
      batch->is_abandoned_ = true;
      batch->stuck_->Add(batch->requests_[batch->results_.size()].mount_point);
    }
    return std::move(batch->results_);
  }

 private:
  void Work() {
    for (const Request& request : requests_) {
      const auto usage = read_usage_(request.path);
      const std::lock_guard lock(mutex_);
      if (is_abandoned_) {
        stuck_->Remove(request.mount_point);
        return;
      }
      results_.push_back(usage ? Usage{*usage, ""} : Usage{{}, usage.error().message()});
      if (results_.size() == requests_.size()) wake_.notify_one();
    }
  }

  const std::vector<Request> requests_;
  const UsageReader read_usage_;
  const std::shared_ptr<StuckMounts> stuck_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Usage> results_;  // guarded by mutex_
  bool is_abandoned_ = false;   // guarded by mutex_
};

class FilesystemCollector final : public Collector {
 public:
  FilesystemCollector(const NodeOptions& options, UsageReader read_usage)
      : mount_points_(options.filesystem_mount_points),
        types_(options.filesystem_types),
        timeout_ms_(options.filesystem_mount_timeout_ms),
        read_usage_(std::move(read_usage)) {}

  std::string_view name() const override { return "filesystem"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    SEXTANT_ASSIGN(const std::vector<Mount> mounts, ChooseMounts(paths));
    std::vector<UsageBatch::Request> requests;
    for (const Mount& mount : mounts) {
      if (stuck_->Contains(mount.mount_point)) continue;
      requests.push_back({mount.mount_point, paths.Root(mount.mount_point)});
    }
    std::vector<Usage> usages;
    if (!requests.empty()) {
      usages = UsageBatch::Run(std::make_shared<UsageBatch>(requests, read_usage_, stuck_), timeout_ms_);
    }
    const Usage missing{{}, "mountpoint timeout"};
    size_t next = 0;
    for (const Mount& mount : mounts) {
      const bool was_asked = next < requests.size() && requests[next].mount_point == mount.mount_point;
      Add(mount, was_asked && next < usages.size() ? usages[next] : missing, sink);
      if (was_asked) ++next;
    }
    return {};
  }

 private:
  core::Result<std::vector<Mount>> ChooseMounts(const HostPaths& paths) const {
    SEXTANT_ASSIGN(std::vector<Mount> mounts, ReadMounts(paths));
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(mounts, [&](const Mount& mount) {
      if (mount_points_.IsIgnored(mount.mount_point) || types_.IsIgnored(mount.type)) return true;
      return !seen.emplace(mount.device, mount.mount_point).second;  // mounted over itself
    });
    return mounts;
  }

  static void Add(const Mount& mount, const Usage& usage, MetricSink& sink) {
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
  const core::DurationMs timeout_ms_;
  const UsageReader read_usage_;
  const std::shared_ptr<StuckMounts> stuck_ = std::make_shared<StuckMounts>();
};

}  // namespace

core::Result<FilesystemUsage> ReadFilesystemUsage(const std::string& path) {
  struct statfs stats{};
  if (::statfs(path.c_str(), &stats) != 0) return core::Fail(core::Code::kIo, "{}", std::strerror(errno));
  const double block_bytes = static_cast<double>(stats.f_bsize);
  return FilesystemUsage{.size_bytes = static_cast<double>(stats.f_blocks) * block_bytes,
                         .free_bytes = static_cast<double>(stats.f_bfree) * block_bytes,
                         .available_bytes = static_cast<double>(stats.f_bavail) * block_bytes,
                         .files = static_cast<double>(stats.f_files),
                         .files_free = static_cast<double>(stats.f_ffree)};
}

std::unique_ptr<Collector> MakeFilesystemCollector(const NodeOptions& options, UsageReader read_usage) {
  return std::make_unique<FilesystemCollector>(options, std::move(read_usage));
}

}  // namespace sextant::node
