// Keeps rule groups evaluated: knows when each is due, carries state over reloads, and shows how they are.
//
// It has no thread and no timer. The wiring asks for what is due and runs it where it likes:
//
//   manager.Update(options, rule_files);                        // at start and at each reload
//   for (auto& evaluation : manager.TakeDue(clock.NowMs()))     // when a timer for NextDueMs() fires
//     executor.Submit(core::Priority::kAlerting, std::move(evaluation));
//
// and a test, or a program without executor, calls Tick, which does both on the calling thread.
//
// A group is due once per interval, at a phase that its file and name decide, so that groups are spread over
// time. It is never evaluated twice at once; slots that pass while it is under way, or while nobody asks, are
// counted as missed.
//
// Thread-safe. Update waits for evaluations under way; no lock is held while one runs. The destructor must
// not run before all evaluations that were taken have been run or destroyed.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "metrics/rules/group.h"
#include "metrics/rules/rule_context.h"
#include "metrics/rules/rule_file.h"
#include "metrics/rules/rule_status.h"

namespace sextant::rules {

class RuleManager {
 public:
  explicit RuleManager(RuleContext context);
  ~RuleManager();
  RuleManager(const RuleManager&) = delete;
  RuleManager& operator=(const RuleManager&) = delete;

  // Replaces the groups. Unchanged groups go on as they are; changed ones take over the state of rules with
  // the same name and labels; series of rules that are gone are marked stale. The first call after
  // construction makes the groups restore the `for` state of alerts from ALERTS_FOR_STATE. `files` have been
  // checked (LoadRuleFile).
  void Update(const RuleOptions& options, std::span<const RuleFile> files);

  // One evaluation of a group: call it once, on any thread. Destroying it uncalled gives the slot up.
  using Evaluation = std::function<void()>;
  // Evaluations of all groups whose slot has come and that are not under way.
  std::vector<Evaluation> TakeDue(core::TimestampMs now_ms);
  // When the next slot comes of any group; a far future when there are none. Ask again after Update.
  core::TimestampMs NextDueMs() const;
  // Runs what is due on the calling thread.
  void Tick(core::TimestampMs now_ms);

  // Groups ordered by file and name.
  std::vector<GroupStatus> Status() const;
  // Pending and firing alerts of all groups.
  std::vector<ActiveAlert> ActiveAlerts() const;

 private:
  struct Entry;
  struct Retired;
  using Entries = std::map<std::string, std::shared_ptr<Entry>>;  // by group key

  // The entry of a group from now on: the one before when nothing changed, else a new one with its state.
  std::shared_ptr<Entry> Continue(const std::shared_ptr<Entry>& before, const RuleOptions& options,
                                  const std::string& path, const RuleGroupConfig& config, bool restores);
  void Retire(const std::shared_ptr<Entry>& entry);
  void WaitUntilIdle(const Entry& entry);
  void RunGroup(const std::shared_ptr<Entry>& entry, core::TimestampMs slot_ms);
  void Release(Entry& entry);
  void CleanUpRetired(core::TimestampMs now_ms);

  const RuleContext context_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;  // an evaluation or an update has ended
  Entries entries_;               // guarded by mutex_
  std::vector<Retired> retired_;  // guarded by mutex_
  bool has_loaded_ = false;       // guarded by mutex_
  bool is_updating_ = false;      // guarded by mutex_
};

}  // namespace sextant::rules
