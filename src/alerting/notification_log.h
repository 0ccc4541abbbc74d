// What was last told to whom: per group and integration the alerts that were firing and resolved, and when.
// It decides whether a flush has anything new to say, and it survives a restart.
//
// Owned and called by one thread at a time. Two logs of the same groups can be merged entry by entry: the
// later one wins.
//
// On disk it is one file that is replaced as a whole. Version 1, all integers little endian:
//   "SXNL" · u32 version · u64 entry count · entries · u64 XXH64 (seed 0) of everything before
//   entry: u32 length of the key · key · i64 time_ms · i64 expires_ms · u32 n · n × u64 firing · u32 m · m ×
//   u64 resolved
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::alerting {

// Why a notification is sent, in Alertmanager's words.
enum class Reason : uint8_t {
  kNothingNew,  // do not send
  kFirst,
  kNewAlerts,
  kSomeResolved,
  kAllResolved,
  kRepeat,
};
std::string_view ReasonText(Reason reason);

// Sorted alert hashes.
using AlertSet = std::vector<uint64_t>;

struct LogEntry {
  core::TimestampMs time_ms = 0;
  core::TimestampMs expires_ms = 0;
  AlertSet firing;
  AlertSet resolved;
};

// Whether a group that looks like this must be notified, given what was said last (null: nothing).
Reason DecideNotification(const LogEntry* last, const AlertSet& firing, const AlertSet& resolved,
                          bool send_resolved, core::DurationMs repeat_interval_ms, core::TimestampMs now_ms);

class NotificationLog {
 public:
  explicit NotificationLog(size_t max_entries) : max_entries_(max_entries) {}

  // Null when nothing was sent, or so long ago that it does not count any more.
  const LogEntry* Find(const std::string& key, core::TimestampMs now_ms) const;
  // Keeps the later of what is there and this.
  void Put(std::string key, LogEntry entry);
  // Forgets what has expired.
  void Collect(core::TimestampMs now_ms);

  size_t size() const { return entries_.size(); }
  // Whether something changed since the last Serialize.
  bool is_dirty() const { return is_dirty_; }
  // What Serialize gave could not be stored.
  void MarkDirty() { is_dirty_ = true; }

  std::string Serialize();
  // Merges a serialized log in. kCorruption when the bytes are not what Serialize wrote; then nothing
  // changes.
  core::Status Restore(std::string_view bytes);

 private:
  size_t max_entries_;
  bool is_dirty_ = false;
  std::unordered_map<std::string, LogEntry> entries_;
};

}  // namespace sextant::alerting
