// How full mounted file systems are, without waiting for ever: statfs on a dead network mount never returns.
//
// Mounts are asked on a thread of their own, one after the other; when that takes longer than kPatienceMs,
// more threads join. After the timeout the caller goes on without those that are not done. A mount that a
// call hangs on is then left alone (an error) until that call comes back, which bounds the lost threads by
// the number of dead mounts; above kStuckLimit of them, nothing is asked any more.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agents/node/collectors.h"
#include "agents/node/host_files.h"
#include "core/clock.h"

namespace sextant::node {

struct MountUsage {
  FilesystemUsage usage;
  std::string error;  // empty: usage holds
};

class MountUsages {
 public:
  // `workers`: at least 1, how many threads may ask at once.
  MountUsages(UsageReader read_usage, core::DurationMs timeout_ms, size_t workers);
  ~MountUsages();
  MountUsages(const MountUsages&) = delete;
  MountUsages& operator=(const MountUsages&) = delete;

  // Of each mount point, as the host sees it, in their order. Any thread.
  std::vector<MountUsage> Ask(const std::vector<std::string>& mount_points, const HostPaths& paths);

 private:
  class StuckMounts;
  class Batch;
  class Worker;
  struct Request {
    std::string mount_point;
    std::string path;
  };

  std::vector<std::optional<MountUsage>> AskAll(const std::vector<Request>& requests);
  std::shared_ptr<Worker> TakeWorker();
  void ReturnWorker(std::shared_ptr<Worker> worker);

  const UsageReader read_usage_;
  const core::DurationMs timeout_ms_;
  const size_t workers_;
  const std::shared_ptr<StuckMounts> stuck_;
  std::mutex mutex_;
  std::shared_ptr<Worker> idle_worker_;  // guarded by mutex_; kept from one asking to the next
};

}  // namespace sextant::node
