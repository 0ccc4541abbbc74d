#include "alerting/notification_log.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace sextant::alerting {
namespace {

constexpr std::string_view kMagic = "SXNL";
constexpr uint32_t kVersion = 1;

bool IsSubset(const AlertSet& part, const AlertSet& whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

// Takes integers from the front of bytes; remembers when there were too few.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Integer() {
    const std::string_view raw = Bytes(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < raw.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    return static_cast<T>(value);
  }

  std::string_view Bytes(size_t size) {
    if (size > bytes_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }

  AlertSet Set() {
    const auto count = Integer<uint32_t>();
    if (failed_ || count > bytes_.size() / 8) {
      failed_ = true;
      return {};
    }
    AlertSet set(count);
    for (uint64_t& hash : set) hash = Integer<uint64_t>();
    return set;
  }

  bool failed() const { return failed_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

using Entries = std::vector<std::pair<std::string, LogEntry>>;

tl::unexpected<core::Error> Corrupt(std::string_view what) {
  return core::Fail(core::Code::kCorruption, "notification log: {}", what);
}

// The format of earlier versions.
core::Result<Entries> ReadOldFormat(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + 20) return Corrupt("cut off");
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (Reader(bytes.substr(body.size())).Integer<uint64_t>() != XXH64(body.data(), body.size(), 0)) {
    return Corrupt("checksum does not match");
  }
  Reader reader(body.substr(kMagic.size()));
  const auto version = reader.Integer<uint32_t>();
  if (version != kVersion) return Corrupt("written by another version");
  const auto count = reader.Integer<uint64_t>();
  Entries entries;
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const auto key_size = reader.Integer<uint32_t>();
    std::string key(reader.Bytes(key_size));
    LogEntry entry;
    entry.time_ms = reader.Integer<int64_t>();
    entry.expires_ms = reader.Integer<int64_t>();
    entry.firing = reader.Set();
    entry.resolved = reader.Set();
    entries.emplace_back(std::move(key), std::move(entry));
  }
  if (reader.failed() || !reader.empty()) return Corrupt("entries are cut off");
  return entries;
}

core::Result<Entries> ReadEntries(std::string_view bytes) {
  Entries entries;
  while (!bytes.empty()) {
    SEXTANT_ASSIGN(wire::MeshEntry message, wire::TakeMeshEntry(bytes));
    LogEntry entry{message.time_ms, message.expires_at_ms, std::move(message.firing),
                   std::move(message.resolved), std::move(message.receiver_data)};
    std::sort(entry.firing.begin(), entry.firing.end());
    std::sort(entry.resolved.begin(), entry.resolved.end());
    entries.emplace_back(LogKey(message.group_key, message.receiver, message.integration, message.index),
                         std::move(entry));
  }
  return entries;
}

// Takes the parts out of a key again. The group's key has no line feed; integration and index have no slash.
wire::MeshEntry ToMessage(const std::string& key, const LogEntry& entry) {
  wire::MeshEntry message;
  const size_t line = key.find('\n');
  const size_t last = key.rfind('/');
  const size_t before = last == 0 || last == std::string::npos ? std::string::npos : key.rfind('/', last - 1);
  if (line != std::string::npos && before != std::string::npos && before > line) {
    message.group_key = key.substr(0, line);
    message.receiver = key.substr(line + 1, before - line - 1);
    message.integration = key.substr(before + 1, last - before - 1);
    message.index = static_cast<uint32_t>(std::strtoul(key.c_str() + last + 1, nullptr, 10));
  } else {
    message.group_key = key;
  }
  message.time_ms = entry.time_ms;
  message.expires_at_ms = entry.expires_ms;
  message.firing = entry.firing;
  message.resolved = entry.resolved;
  message.receiver_data = entry.receiver_data;
  return message;
}

// Which of two entries made in the same millisecond counts; any fixed order will do.
bool IsLater(const LogEntry& a, const LogEntry& b) {
  if (a.time_ms != b.time_ms) return a.time_ms > b.time_ms;
  return std::tie(a.firing, a.resolved, a.expires_ms, a.receiver_data) >
         std::tie(b.firing, b.resolved, b.expires_ms, b.receiver_data);
}

}  // namespace

std::string_view ReasonText(Reason reason) {
  switch (reason) {
    case Reason::kNothingNew:
      return "";
    case Reason::kFirst:
      return "first notification";
    case Reason::kNewAlerts:
      return "new alerts added";
    case Reason::kSomeResolved:
      return "some alerts resolved";
    case Reason::kAllResolved:
      return "all alerts resolved";
    case Reason::kRepeat:
      return "repeat interval elapsed";
  }
  return "";
}

Reason DecideNotification(const LogEntry* last, const AlertSet& firing, const AlertSet& resolved,
                          bool send_resolved, core::DurationMs repeat_interval_ms, core::TimestampMs now_ms) {
  // Nobody needs to hear of the end of what nobody heard of.
  if (last == nullptr) return firing.empty() ? Reason::kNothingNew : Reason::kFirst;
  if (!IsSubset(firing, last->firing)) return Reason::kNewAlerts;
  // Also for receivers that do not want to know: it clears the log, so that the next alert counts as new.
  if (firing.empty()) return last->firing.empty() ? Reason::kNothingNew : Reason::kAllResolved;
  if (send_resolved && !IsSubset(resolved, last->resolved)) return Reason::kSomeResolved;
  return last->time_ms < now_ms - repeat_interval_ms ? Reason::kRepeat : Reason::kNothingNew;
}

const LogEntry* NotificationLog::Find(const std::string& key, core::TimestampMs now_ms) const {
  const auto found = entries_.find(key);
  return found == entries_.end() || found->second.expires_ms <= now_ms ? nullptr : &found->second;
}

bool NotificationLog::Keep(const std::string& key, LogEntry entry) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    if (!IsLater(entry, found->second)) return false;
    found->second = std::move(entry);
    return true;
  }
  // Full only when groups come and go faster than they expire: better to repeat one message than to grow
  // for ever.
  if (entries_.size() >= max_entries_) entries_.erase(entries_.begin());
  entries_.emplace(key, std::move(entry));
  return true;
}

void NotificationLog::Put(std::string key, LogEntry entry) {
  entry.expires_ms = std::min(entry.expires_ms, entry.time_ms + retention_ms_);
  if (!Keep(key, entry)) return;
  std::string record;
  wire::AppendMeshEntry(record, ToMessage(key, entry));
  records_.push_back(std::move(record));
}

size_t NotificationLog::Collect(core::TimestampMs now_ms) {
  return std::erase_if(entries_, [now_ms](const auto& item) { return item.second.expires_ms <= now_ms; });
}

std::string NotificationLog::Serialize() const {
  std::string out;
  for (const auto& [key, entry] : entries_) wire::AppendMeshEntry(out, ToMessage(key, entry));
  return out;
}

core::Status NotificationLog::Restore(std::string_view bytes) {
  SEXTANT_ASSIGN(Entries entries, bytes.starts_with(kMagic) ? ReadOldFormat(bytes) : ReadEntries(bytes));
  for (auto& [key, entry] : entries) Keep(key, std::move(entry));
  return {};
}

std::string LogKey(std::string_view group_key, std::string_view receiver, std::string_view integration,
                   size_t index) {
  return fmt::format("{}\n{}/{}/{}", group_key, receiver, integration, index);
}

}  // namespace sextant::alerting
