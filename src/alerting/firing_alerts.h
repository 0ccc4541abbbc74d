// The alerts that people may have to hear the end of, over a restart: every alert from when it joins its
// groups until the last of them has told of its end.
//
// After a restart the alerts themselves come back as their rules or senders repeat them. One that nobody
// repeats has ended meanwhile: it waits here for as long as its sender had given it, and then counts as
// resolved, so that its end is told although nobody was there to see it. One that was given a later end keeps
// it. Somebody may have been told of an alert without our knowing, when we were killed before the answer was
// noted: of such a one the end is told also when the notification log knows nothing.
//
// No I/O: TakeRecords gives what a journal must keep; a snapshot is a sequence of such records. Owned and
// called by one thread at a time. A record, little endian, strings and lists with a u32 count in front:
//   u32 length of what follows · u8 1 · i64 starts_at_ms · i64 ends_at_ms · i64 valid_for_ms · string URL ·
//     list of labels (name, value) · list of annotations (name, value)
//   u32 length of what follows · u8 2 (forgotten) or 3 (being told) · u64 fingerprint
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "alerting/alert.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::alerting {

class FiringAlerts {
 public:
  // From here on there are records; before, and for ever when nobody keeps them, there are none.
  void StartRecording() { is_recording_ = true; }
  // An alert has joined a group, or has ended: killed after its end was told, we must not take it for firing.
  void Add(const Alert& alert);
  // It was repeated, or is given up: what was restored of it counts no more.
  void Confirm(uint64_t fingerprint) { restored_.erase(fingerprint); }
  // Somebody is about to be told that it fires.
  void NoteTold(uint64_t fingerprint);
  // The last group has let go of it.
  void Remove(uint64_t fingerprint);

  // Takes records back, of a journal or a snapshot. kCorruption when they are none; what came before counts.
  core::Status Restore(std::string_view bytes);
  // Once, when all was restored: from now on they wait.
  void BeginWaiting(core::TimestampMs now_ms);
  struct Due {
    Alert alert;
    bool may_be_told = false;
  };
  // Alerts that waited in vain, as resolved now, and those whose end was given and lies ahead, as firing.
  std::vector<Due> TakeDue(core::TimestampMs now_ms);
  // When there will be some; a far future for never.
  core::TimestampMs next_due_ms() const { return next_due_ms_; }

  // Those that still wait, as a snapshot needs them.
  std::string SerializeRestored() const;
  std::string Serialize(const Alert& alert, uint64_t fingerprint) const;

  std::vector<std::string> TakeRecords() { return std::exchange(records_, {}); }

 private:
  struct Restored {
    Alert alert;
    core::DurationMs valid_for_ms = 0;
    bool may_be_told = false;
    core::TimestampMs due_ms = 0;
  };

  core::Status RestoreOne(std::string_view record);

  void FindNextDue();

  bool is_recording_ = false;
  std::map<uint64_t, Restored> restored_;  // by fingerprint
  // Of those restored, or earlier when one of them was repeated.
  core::TimestampMs next_due_ms_ = std::numeric_limits<core::TimestampMs>::max();
  std::unordered_set<uint64_t> told_;  // fingerprints, until they are removed
  std::vector<std::string> records_;
};

}  // namespace sextant::alerting
