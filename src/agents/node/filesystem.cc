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
#include "model/labels.h"

namespace sextant::node {
namespace {

constexpr size_t kMountLimit = 10'000;
constexpr size_t kStuckLimit = 64;

struct Mount {
  std::string device;
  std::string mount_point;
  std::string type;
  std::string device_major;
  std::string device_minor;
  bool is_read_only = false;
};

struct Usage {
  FilesystemUsage usage;
  std::string error;  // empty: usage holds
};

// The octal escapes of mountinfo: \040 for a space and so on.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      const auto code = ParseUnsigned(text.substr(i + 1, 3), 8);
      if (code && *code < 256) {
        out += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

bool HasOption(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
  }
  return false;
}

// A line of mountinfo, see proc_pid_mountinfo(5):
// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
core::Result<Mount> ParseMount(std::string_view line) {
  std::vector<std::string_view> fields;
  SplitFields(line, fields);
  size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 2 >= fields.size()) {
    return core::Fail(core::Code::kInvalidArgument, "not a mount: {}", model::QuoteGo(line.substr(0, 200)));
  }
  Mount mount;
  const size_t colon = fields[2].find(':');
  mount.device_major = fields[2].substr(0, colon);
  if (colon != std::string_view::npos) mount.device_minor = fields[2].substr(colon + 1);
  mount.mount_point = Unescape(fields[4]);
  mount.type = fields[dash + 1];
  mount.device = Unescape(fields[dash + 2]);
  const std::string_view super_options = dash + 3 < fields.size() ? fields[dash + 3] : std::string_view();
  mount.is_read_only = HasOption(fields[5], "ro") || HasOption(super_options, "ro");
  return mount;
}

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
    SEXTANT_ASSIGN(const std::vector<Mount> mounts, ReadMounts(paths));
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
  core::Result<std::vector<Mount>> ReadMounts(const HostPaths& paths) const {
    // Process 1 sees the host's mounts, unlike us in a container; without the right to look, our own have to
    // do.
    auto text = ReadHostFile(paths.Proc("1/mountinfo"));
    if (!text) text = ReadHostFile(paths.Proc("self/mountinfo"));
    SEXTANT_TRY(text);
    std::vector<Mount> mounts;
    std::set<std::pair<std::string, std::string>> seen;
    std::string_view rest = *text;
    std::string_view line;
    while (NextLine(rest, line)) {
      SEXTANT_ASSIGN(Mount mount, ParseMount(line));
      StripRoot(paths.rootfs, mount.mount_point);
      if (mount_points_.IsIgnored(mount.mount_point) || types_.IsIgnored(mount.type)) continue;
      if (!seen.emplace(mount.device, mount.mount_point).second) continue;  // mounted over itself
      if (mounts.size() >= kMountLimit) {
        return core::Fail(core::Code::kResourceExhausted, "more than {} mounts", kMountLimit);
      }
      mounts.push_back(std::move(mount));
    }
    return mounts;
  }

  static void StripRoot(const std::string& rootfs, std::string& mount_point) {
    if (rootfs == "/" || !mount_point.starts_with(rootfs)) return;
    mount_point.erase(0, rootfs.size());
    if (mount_point.empty()) mount_point = "/";
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
