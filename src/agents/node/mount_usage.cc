#include "agents/node/mount_usage.h"

#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

namespace sextant::node {

namespace {

constexpr size_t kStuckLimit = 64;
constexpr core::DurationMs kPatienceMs = 5;  // many times what local file systems take together

}  // namespace

// Mount points that a call hangs on.
class MountUsages::StuckMounts {
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

// The mounts of one asking. Shared between the threads that ask and the caller, so that the caller can walk
// away.
class MountUsages::Batch {
 public:
  Batch(std::vector<Request> requests, UsageReader read_usage, std::shared_ptr<StuckMounts> stuck)
      : requests_(std::move(requests)),
        read_usage_(std::move(read_usage)),
        stuck_(std::move(stuck)),
        results_(requests_.size()) {}

  // Asks for one mount after the other until none is left. False when the caller walked away from a call
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
      results_[i] = usage ? MountUsage{*usage, ""} : MountUsage{{}, usage.error().message()};
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
  std::vector<std::optional<MountUsage>> Take() {
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
  size_t next_ = 0;                                 // guarded by mutex_: the first that nobody asks for
  size_t done_ = 0;                                 // guarded by mutex_
  std::vector<std::optional<MountUsage>> results_;  // guarded by mutex_
  bool is_abandoned_ = false;                       // guarded by mutex_
};

// A thread that works on batches, one after the other; it ends when a batch was abandoned or it is stopped.
class MountUsages::Worker {
 public:
  static std::shared_ptr<Worker> Start() {
    auto worker = std::make_shared<Worker>();
    std::thread([worker] { worker->Run(); }).detach();
    return worker;
  }

  void Post(std::shared_ptr<Batch> batch) {
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
      std::shared_ptr<Batch> batch;
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
  std::shared_ptr<Batch> next_;  // guarded by mutex_
  bool is_stopped_ = false;      // guarded by mutex_
};

MountUsages::MountUsages(UsageReader read_usage, core::DurationMs timeout_ms, size_t workers)
    : read_usage_(std::move(read_usage)),
      timeout_ms_(timeout_ms),
      workers_(workers),
      stuck_(std::make_shared<StuckMounts>()) {}

MountUsages::~MountUsages() {
  if (idle_worker_ != nullptr) idle_worker_->Stop();
}

std::vector<MountUsage> MountUsages::Ask(const std::vector<std::string>& mount_points,
                                         const HostPaths& paths) {
  std::vector<Request> requests;
  for (const std::string& mount_point : mount_points) {
    if (stuck_->Contains(mount_point)) continue;
    requests.push_back({mount_point, paths.Root(mount_point)});
  }
  std::vector<std::optional<MountUsage>> asked;
  if (!requests.empty()) asked = AskAll(requests);
  std::vector<MountUsage> usages;
  size_t next = 0;
  for (const std::string& mount_point : mount_points) {
    const bool was_asked = next < requests.size() && requests[next].mount_point == mount_point;
    usages.push_back(was_asked && asked[next] ? *asked[next] : MountUsage{{}, "mountpoint timeout"});
    if (was_asked) ++next;
  }
  return usages;
}

std::vector<std::optional<MountUsage>> MountUsages::AskAll(const std::vector<Request>& requests) {
  const auto batch = std::make_shared<Batch>(requests, read_usage_, stuck_);
  std::shared_ptr<Worker> worker = TakeWorker();
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

std::shared_ptr<MountUsages::Worker> MountUsages::TakeWorker() {
  const std::lock_guard lock(mutex_);
  return idle_worker_ != nullptr ? std::exchange(idle_worker_, nullptr) : Worker::Start();
}

void MountUsages::ReturnWorker(std::shared_ptr<Worker> worker) {
  const std::lock_guard lock(mutex_);
  if (idle_worker_ == nullptr) {
    idle_worker_ = std::move(worker);
  } else {
    worker->Stop();
  }
}

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

}  // namespace sextant::node
