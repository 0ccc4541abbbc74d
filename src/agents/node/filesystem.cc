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
#include <utility>

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

struct Request {
  std::string mount_point;
  std::string path;
};

// Asks for mounts one after the other. Shared between the thread that asks and the collector, so that the
// collector can walk away.
class UsageBatch {
 public:
  UsageBatch(std::vector<Request> requests, UsageReader read_usage, std::shared_ptr<StuckMounts> stuck)
      : requests_(std::move(requests)), read_usage_(std::move(read_usage)), stuck_(std::move(stuck)) {}

  // False when the collector has walked away meanwhile.
  bool Work() {
    for (const Request& request : requests_) {
      const auto usage = read_usage_(request.path);
      const std::lock_guard lock(mutex_);
      if (is_abandoned_) {
        stuck_->Remove(request.mount_point);
        return false;
      }
      results_.push_back(usage ? Usage{*usage, ""} : Usage{{}, usage.error().message()});
      if (results_.size() == requests_.size()) wake_.notify_one();
    }
    return true;
  }

  // The results that were there in time; the rest is missing at the end.
  std::vector<Usage> Wait(core::DurationMs timeout_ms) {
    std::unique_lock lock(mutex_);
    const bool is_done = wake_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                        [&] { return results_.size() == requests_.size(); });
    if (!is_done) {
      is_abandoned_ = true;
      stuck_->Add(requests_[results_.size()].mount_point);
    }
    return std::move(results_);
  }

 private:
  const std::vector<Request> requests_;
  const UsageReader read_usage_;
  const std::shared_ptr<StuckMounts> stuck_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Usage> results_;  // guarded by mutex_
  bool is_abandoned_ = false;   // guarded by mutex_
};

// A thread that works on batches, one after the other; it ends when a batch was abandoned or it is stopped.
class UsageWorker {
 public:
  static std::shared_ptr<UsageWorker> Start() {
    auto worker = std::make_shared<UsageWorker>();
    std::thread([worker] { worker->Run(); }).detach();
    return worker;
  }

  void Post(std::shared_ptr<UsageBatch> batch) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(batch);
    wake_.notify_one();
  }
  void Stop() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    wake_.notify_one();
  }

 private:
  void Run() {
    for (;;) {
      std::shared_ptr<UsageBatch> batch;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return is_stopped_ || next_ != nullptr; });
        if (is_stopped_) return;
        batch = std::move(next_);
      }
      if (!batch->Work()) return;
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<UsageBatch> next_;  // guarded by mutex_
  bool is_stopped_ = false;           // guarded by mutex_
};

class FilesystemCollector final : public Collector {
 public:
  FilesystemCollector(const NodeOptions& options, UsageReader read_usage)
      : mount_points_(options.filesystem_mount_points),
        types_(options.filesystem_types),
        timeout_ms_(options.filesystem_mount_timeout_ms),
        read_usage_(std::move(read_usage)) {}
  ~FilesystemCollector() override {
    if (idle_worker_ != nullptr) idle_worker_->Stop();
  }

  std::string_view name() const override { return "filesystem"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    SEXTANT_ASSIGN(const auto chosen, ChooseMounts(paths));
    const std::vector<Mount>& mounts = *chosen;
    std::vector<Request> requests;
    for (const Mount& mount : mounts) {
      if (stuck_->Contains(mount.mount_point)) continue;
      requests.push_back({mount.mount_point, paths.Root(mount.mount_point)});
    }
    std::vector<Usage> usages;
    if (!requests.empty()) {
      usages = Ask(requests);
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
  std::vector<Usage> Ask(const std::vector<Request>& requests) {
    const auto batch = std::make_shared<UsageBatch>(requests, read_usage_, stuck_);
    std::shared_ptr<UsageWorker> worker = TakeWorker();
    worker->Post(batch);
    std::vector<Usage> usages = batch->Wait(timeout_ms_);
    if (usages.size() == requests.size()) ReturnWorker(std::move(worker));  // else it hangs and will end
    return usages;
  }

  std::shared_ptr<UsageWorker> TakeWorker() {
    const std::lock_guard lock(mutex_);
    return idle_worker_ != nullptr ? std::exchange(idle_worker_, nullptr) : UsageWorker::Start();
  }

  void ReturnWorker(std::shared_ptr<UsageWorker> worker) {
    const std::lock_guard lock(mutex_);
    if (idle_worker_ == nullptr) {
      idle_worker_ = std::move(worker);
    } else {
      worker->Stop();
    }
  }

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
  OpenFiles files_;
  std::mutex mutex_;
  std::string chosen_text_;                           // guarded by mutex_: the table that they are of
  std::shared_ptr<const std::vector<Mount>> chosen_;  // guarded by mutex_
  std::shared_ptr<UsageWorker> idle_worker_;  // guarded by mutex_; kept from one collection to the next
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
