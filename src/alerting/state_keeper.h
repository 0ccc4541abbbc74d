// Brings a store's changes to disk: a journal of them at once, a snapshot of the whole now and then.
//
//   StateKeeper keeper(files, dir, "silences", "alertmanager_silences", true, logger, registry, take_records,
//   serialize); SEXTANT_TRY(keeper.Load(take_snapshot, take_record));
//   ... the store changes under its own lock ...
//   keeper.Write();      // without that lock: what was changed before is on disk now, or the failure is
//   counted
//
// A disk that is full or broken stops nothing: the failure is logged and counted, the change counts in
// memory, and the whole is written again as soon as that works, tried by Write every ten seconds. Callers
// that come while one writes wait for it and share its write. Methods may be called from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "alerting/state_file.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

namespace sextant::alerting {

class StateKeeper {
 public:
  // The callbacks take the store's lock: the changes since the last call, and the whole. With `sync` a change
  // waits until it is on the device. Metrics are named `metric_prefix`_maintenance_total and so on.
  // References must outlive this.
  StateKeeper(core::FileSystem& files, const core::Clock& clock, const std::string& dir,
              const std::string& name, const std::string& metric_prefix, bool sync, core::Logger logger,
              core::Registry& registry, std::function<std::vector<std::string>()> take_records,
              std::function<std::string()> serialize);

  // Before anything else, once.
  core::Status Load(const StateFile::Take& take_snapshot, const StateFile::Take& take_record);
  void Write();
  // Writes the whole, for maintenance and at the end.
  void WriteSnapshot();
  // Whether something could not be written, so that Write should be called until it could.
  bool has_failed() const { return needs_snapshot_.load(); }

 private:
  void Take(bool snapshot);
  void WriteChanges();
  void Replace();
  void Fail(const core::Error& error);

  StateFile file_;
  const core::Clock& clock_;
  const std::string name_;
  const bool sync_;
  const core::Logger logger_;
  const std::function<std::vector<std::string>()> take_records_;
  const std::function<std::string()> serialize_;
  core::Counter& maintenances_;
  core::Counter& maintenance_errors_;
  core::Counter& write_errors_;
  core::Gauge& snapshot_bytes_;

  std::mutex mutex_;
  std::condition_variable done_;
  bool is_writing_ = false;  // guarded by mutex_, as what follows; the writer owns what comes after
  uint64_t wanted_ = 0;
  uint64_t written_ = 0;

  std::atomic<bool> needs_snapshot_ = false;
  int64_t retry_at_ns_ = 0;
  size_t last_snapshot_bytes_ = 0;
};

}  // namespace sextant::alerting
