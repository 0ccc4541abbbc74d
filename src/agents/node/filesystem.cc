// node_filesystem_*: the mounts in /proc/1/mountinfo and what statfs(2) says of each.
//
// Mounts are asked on a thread of their own, one after the other; when that takes longer than kPatienceMs,
// more threads join, up to --collector.filesystem.stat-workers. statfs on a dead network mount never returns:
// after the timeout the collector goes on without those that are not done. A mount that a call hangs on is
// then left alone (reported as an error) until that call comes back, which bounds the lost threads by the
// number of dead mounts; above kStuckLimit of them, nothing is asked any more.
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "agents/node/collectors.h"
#include "agents/node/mounts.h"

namespace sextant::node {
namespace {

constexpr size_t kStuckLimit = 64;
constexpr core::DurationMs kPatienceMs = 5;  // many times what local file systems take together

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

// The mounts of one collection. Shared between the threads that ask and the collector, so that the collector
// can walk away.
class UsageBatch {
 public:
  UsageBatch(std::vector<Request> requests, UsageReader read_usage, std::shared_ptr<StuckMounts> stuck)
      : requests_(std::move(requests)),
        read_usage_(std::move(read_usage)),
        stuck_(std::move(stuck)),
        results_(requests_.size()) {}

  // Asks for one mount after the other until none is left. False when the collector walked away from a call
  // of this thread.
  bool Work() {
    for (;;) {
      size_t i = 0;
      {
        const std::lock_guard lock(mutex_);
        if (is_abandoned_ || next_ == requests_.size()) return true;
        i = next_++;
      }
      const auto usage = read_usage_(requests_[i].path);
      const std::lock_guard lock(mutex_);
      if (is_abandoned_) {
        stuck_->Remove(requests_[i].mount_point);
        return false;
      }
      results_[i] = usage ? Usage{*usage, ""} : Usage{{}, usage.error().message()};
      if (++done_ == requests_.size()) wake_.notify_all();
    }
  }

  // Waits until all are done. False when that took too long.
  bool WaitFor(core::DurationMs timeout_ms) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                          [&] { return done_ == requests_.size(); });
  }

  // How many nobody asks for yet.
  size_t Left() const {
    const std::lock_guard lock(mutex_);
    return requests_.size() - next_;
  }

  // The results that are there, in the order of the requests; walks away from the calls that are not done.
  std::vector<std::optional<Usage>> Take() {
    const std::lock_guard lock(mutex_);
    is_abandoned_ = true;
    for (size_t i = 0; i < next_; ++i) {
      if (!results_[i]) stuck_->Add(requests_[i].mount_point);
    }
    return std::move(results_);
  }

 private:
  const std::vector<Request> requests_;
  const UsageReader read_usage_;
  const std::shared_ptr<StuckMounts> stuck_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  size_t next_ = 0;                            // guarded by mutex_: the first that nobody asks for
  size_t done_ = 0;                            // guarded by mutex_
  std::vector<std::optional<Usage>> results_;  // guarded by mutex_
  bool is_abandoned_ = false;                  // guarded by mutex_
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
        workers_(static_cast<size_t>(options.filesystem_stat_workers)),
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
    std::vector<std::optional<Usage>> usages;
    if (!requests.empty()) usages = Ask(requests);
    const Usage missing{{}, "mountpoint timeout"};
    size_t next = 0;
    for (const Mount& mount : mounts) {
      const bool was_asked = next < requests.size() && requests[next].mount_point == mount.mount_point;
      Add(mount, was_asked && usages[next] ? *usages[next] : missing, sink);
      if (was_asked) ++next;
    }
    return {};
  }

 private:
  std::vector<std::optional<Usage>> Ask(const std::vector<Request>& requests) {
    const auto batch = std::make_shared<UsageBatch>(requests, read_usage_, stuck_);
    std::shared_ptr<UsageWorker> worker = TakeWorker();
    worker->Post(batch);
    const core::DurationMs patience_ms = std::min(kPatienceMs, timeout_ms_);
    bool is_done = batch->WaitFor(patience_ms);
    if (!is_done) {
      const size_t helpers = std::min(workers_ - 1, batch->Left());
      for (size_t i = 0; i < helpers; ++i) std::thread([batch] { batch->Work(); }).detach();
      is_done = batch->WaitFor(timeout_ms_ - patience_ms);
    }
    if (is_done) {
      ReturnWorker(std::move(worker));
    } else {
      worker->Stop();  // when it comes back, if it hangs
    }
    return batch->Take();
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
  const size_t workers_;  // at least 1
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
