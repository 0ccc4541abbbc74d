// What was last told to whom: per group and integration the alerts that were firing and resolved, and when.
// It decides whether a flush has anything new to say, and it survives a restart.
//
// Owned and called by one thread at a time. Two logs of the same groups can be merged entry by entry: the
// later one wins, whoever merges first.
//
// No I/O: TakeRecords gives what a journal must keep, Serialize the whole in the format of Alertmanager's
// file `nflog`. What earlier versions of ours saved there is still read:
//   "SXNL" · u32 version · u64 entry count · entries · u64 XXH64 (seed 0) of everything before (little
//   endian) entry: u32 length of the key · key · i64 time_ms · i64 expires_ms · u32 n · n × u64 firing · u32
//   m · m × u64 resolved
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "wire/alertmanager_state.h"

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

// What an integration must know of its last message to change it later, by names that are the original's.
using ReceiverData = std::map<std::string, wire::ReceiverDataValue>;

struct LogEntry {
  core::TimestampMs time_ms = 0;
  core::TimestampMs expires_ms = 0;
  AlertSet firing;
  AlertSet resolved;
  ReceiverData receiver_data = {};

  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// The name of an entry: group, receiver, integration and its place among the receiver's of the kind.
std::string LogKey(std::string_view group_key, std::string_view receiver, std::string_view integration,
                   size_t index);

// Whether a group that looks like this must be notified, given what was said last (null: nothing).
Reason DecideNotification(const LogEntry* last, const AlertSet& firing, const AlertSet& resolved,
                          bool send_resolved, core::DurationMs repeat_interval_ms, core::TimestampMs now_ms);

class NotificationLog {
 public:
  // Entries are kept for at most `retention_ms` after they were made.
  explicit NotificationLog(size_t max_entries, core::DurationMs retention_ms = 120LL * 3'600'000)
      : max_entries_(max_entries), retention_ms_(retention_ms) {}

  // Null when nothing was sent, or so long ago that it does not count any more.
  const LogEntry* Find(const std::string& key, core::TimestampMs now_ms) const;
  // Keeps the later of what is there and this. Commutative, and the same twice is the same as once.
  void Put(std::string key, LogEntry entry);
  // Forgets what has expired; how many.
  size_t Collect(core::TimestampMs now_ms);

  size_t size() const { return entries_.size(); }

  std::string Serialize() const;
  // One record per change since the last call.
  std::vector<std::string> TakeRecords() { return std::exchange(records_, {}); }
  bool has_records() const { return !records_.empty(); }
  // Merges a record or a serialized log in. kCorruption or kInvalidArgument when the bytes are none; then
  // nothing changes.
  core::Status Restore(std::string_view bytes);

 private:
  // Whether it changed anything.
  bool Keep(const std::string& key, LogEntry entry);

  size_t max_entries_;
  core::DurationMs retention_ms_;
  std::unordered_map<std::string, LogEntry> entries_;
  std::vector<std::string> records_;
};

}  // namespace sextant::alerting
