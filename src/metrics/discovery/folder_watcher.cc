#include "metrics/discovery/folder_watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace sextant::discovery {

namespace {

constexpr int64_t kSettleNs = 100'000'000;  // from the first event of a burst to looking
constexpr int64_t kMaxWaitMs = 60'000;
// Everything but a changed mode and mere reading.
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM |
                             IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

FolderWatcher::FolderWatcher(const core::Clock& clock, core::Registry& registry, core::Logger logger)
    : clock_(clock),
      logger_(std::move(logger)),
      errors_(registry.AddCounter("prometheus_sd_file_watcher_errors_total",
                                  "The number of File-SD errors caused by filesystem watch failures.")),
      inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (inotify_ < 0) {
    errors_.Increment();
    logger_.Error("files are not watched, only read at intervals", {{"error", std::strerror(errno)}});
  }
  SEXTANT_CHECK(wake_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

FolderWatcher::~FolderWatcher() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  eventfd_write(wake_, 1);
  thread_.join();
  if (inotify_ >= 0) close(inotify_);
  close(wake_);
}

uint64_t FolderWatcher::Add(std::set<std::string> folders, core::DurationMs interval_ms,
                            std::function<void()> look) {
  auto user = std::make_shared<User>();
  user->folders = std::move(folders);
  user->interval_ns = interval_ms * 1'000'000;
  user->due_ns = clock_.MonotonicNs();
  user->look = std::move(look);
  uint64_t key = 0;
  {
    std::lock_guard lock(mutex_);
    key = next_key_++;
    users_.emplace(key, std::move(user));
  }
  eventfd_write(wake_, 1);
  return key;
}

void FolderWatcher::Remove(uint64_t key) {
  std::unique_lock lock(mutex_);
  users_.erase(key);
  ForgetFolders();
  idle_.wait(lock, [&] { return running_key_ != key; });
}

int64_t FolderWatcher::WaitMs() const {
  int64_t due_ns = std::numeric_limits<int64_t>::max();
  for (const auto& [key, user] : users_) due_ns = std::min(due_ns, user->due_ns);
  if (users_.empty()) return kMaxWaitMs;
  return std::clamp<int64_t>((due_ns - clock_.MonotonicNs() + 999'999) / 1'000'000, 0, kMaxWaitMs);
}

void FolderWatcher::Run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    int64_t wait_ms = WaitMs();
    lock.unlock();
    pollfd fds[2] = {{wake_, POLLIN, 0}, {inotify_, POLLIN, 0}};
    poll(fds, inotify_ >= 0 ? 2 : 1, static_cast<int>(wait_ms));
    eventfd_t woken = 0;
    eventfd_read(wake_, &woken);
    lock.lock();
    ReadEvents();
    int64_t now_ns = clock_.MonotonicNs();
    auto due =
        std::ranges::find_if(users_, [&](const auto& entry) { return entry.second->due_ns <= now_ns; });
    if (due == users_.end() || is_stopping_) continue;
    std::shared_ptr<User> user = due->second;
    user->due_ns = now_ns + user->interval_ns;
    running_key_ = due->first;
    WatchFolders(*user);  // before looking, so that no change falls between the two
    lock.unlock();
    user->look();
    lock.lock();
    running_key_ = 0;
    idle_.notify_all();
  }
}

void FolderWatcher::ReadEvents() {
  if (inotify_ < 0) return;
  alignas(inotify_event) char bytes[16 << 10];
  while (true) {
    ssize_t count = read(inotify_, bytes, sizeof bytes);
    if (count <= 0) return;
    for (ssize_t at = 0; at < count;) {
      inotify_event event{};
      std::memcpy(&event, bytes + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event + event.len);
      bool is_overflow = (event.mask & IN_Q_OVERFLOW) != 0;
      auto watch =
          std::ranges::find_if(watches_, [&](const auto& entry) { return entry.second == event.wd; });
      if (watch == watches_.end() && !is_overflow) continue;
      int64_t due_ns = clock_.MonotonicNs() + kSettleNs;
      for (auto& [key, user] : users_) {
        if (is_overflow || user->folders.contains(watch->first))
          user->due_ns = std::min(user->due_ns, due_ns);
      }
      if (!is_overflow && (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        inotify_rm_watch(inotify_, watch->second);
        watches_.erase(watch);
      }
    }
  }
}

// A folder that is not there yet is tried again each time.
void FolderWatcher::WatchFolders(const User& user) {
  if (inotify_ < 0) return;
  for (const std::string& folder : user.folders) {
    if (watches_.contains(folder)) continue;
    int watch = inotify_add_watch(inotify_, folder.c_str(), kEvents);
    if (watch >= 0) {
      watches_.emplace(folder, watch);
    } else {
      errors_.Increment();
      logger_.Error("error adding file watch", {{"path", folder}, {"error", std::strerror(errno)}});
    }
  }
}

void FolderWatcher::ForgetFolders() {
  std::erase_if(watches_, [&](const auto& watch) {
    bool is_used = std::ranges::any_of(
        users_, [&](const auto& entry) { return entry.second->folders.contains(watch.first); });
    if (!is_used) inotify_rm_watch(inotify_, watch.second);
    return !is_used;
  });
}

}  // namespace sextant::discovery
