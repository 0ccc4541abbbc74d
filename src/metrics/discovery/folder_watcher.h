// Tells its users when something in their folders changes, and at regular intervals anyway (a network file
// system says nothing, and a folder may be made later). One thread for all users, which calls them back:
// calls never overlap.
//
// A burst of changes (an editor writes, renames and deletes) is told once, a moment after its first event.
// Without inotify, the intervals remain.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

namespace sextant::discovery {

class FolderWatcher {
 public:
  // References must outlive the watcher.
  FolderWatcher(const core::Clock& clock, core::Registry& registry, core::Logger logger);
  ~FolderWatcher();
  FolderWatcher(const FolderWatcher&) = delete;
  FolderWatcher& operator=(const FolderWatcher&) = delete;

  // Calls `look` soon, then at changes and intervals. Returns a key for Remove. Not from a callback.
  uint64_t Add(std::set<std::string> folders, core::DurationMs interval_ms, std::function<void()> look);
  // `look` is not running and will not run when it returns. Not from a callback.
  void Remove(uint64_t key);

 private:
  struct User {
    std::set<std::string> folders;
    int64_t interval_ns = 0;
    int64_t due_ns = 0;
    std::function<void()> look;
  };

  void Run();
  void ReadEvents();
  void WatchFolders(const User& user);
  void ForgetFolders();
  int64_t WaitMs() const;

  const core::Clock& clock_;
  const core::Logger logger_;
  core::Counter& errors_;
  int inotify_ = -1;
  int wake_ = -1;  // an eventfd

  std::mutex mutex_;
  std::condition_variable idle_;
  std::map<uint64_t, std::shared_ptr<User>> users_;  // guarded by mutex_, as everything below
  std::map<std::string, int> watches_;               // of folders
  uint64_t next_key_ = 1;
  uint64_t running_key_ = 0;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace sextant::discovery
