#include "alerting/notification_log.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace sextant::alerting {
namespace {

constexpr std::string_view kMagic = "SXNL";
constexpr uint32_t kVersion = 1;

bool IsSubset(const AlertSet& part, const AlertSet& whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

template <typename T>
void AppendInteger(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
}

void AppendSet(std::string& out, const AlertSet& set) {
  AppendInteger(out, static_cast<uint32_t>(set.size()));
  for (const uint64_t hash : set) AppendInteger(out, hash);
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

void NotificationLog::Put(std::string key, LogEntry entry) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    if (found->second.time_ms > entry.time_ms) return;
    found->second = std::move(entry);
  } else {
    // Full only when groups come and go faster than they expire: better to repeat one message than to grow
    // for ever.
    if (entries_.size() >= max_entries_) entries_.erase(entries_.begin());
    entries_.emplace(std::move(key), std::move(entry));
  }
  is_dirty_ = true;
}

void NotificationLog::Collect(core::TimestampMs now_ms) {
  const size_t removed =
      std::erase_if(entries_, [now_ms](const auto& item) { return item.second.expires_ms <= now_ms; });
  if (removed > 0) is_dirty_ = true;
}

std::string NotificationLog::Serialize() {
  std::string out(kMagic);
  AppendInteger(out, kVersion);
  AppendInteger(out, static_cast<uint64_t>(entries_.size()));
  for (const auto& [key, entry] : entries_) {
    AppendInteger(out, static_cast<uint32_t>(key.size()));
    out += key;
    AppendInteger(out, entry.time_ms);
    AppendInteger(out, entry.expires_ms);
    AppendSet(out, entry.firing);
    AppendSet(out, entry.resolved);
  }
  AppendInteger(out, static_cast<uint64_t>(XXH64(out.data(), out.size(), 0)));
  is_dirty_ = false;
  return out;
}

core::Status NotificationLog::Restore(std::string_view bytes) {
  const auto corrupt = [](std::string_view what) {
    return core::Fail(core::Code::kCorruption, "notification log: {}", what);
  };
  if (!bytes.starts_with(kMagic)) return corrupt("not a notification log");
  if (bytes.size() < kMagic.size() + 20) return corrupt("cut off");
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (Reader(bytes.substr(body.size())).Integer<uint64_t>() != XXH64(body.data(), body.size(), 0)) {
    return corrupt("checksum does not match");
  }
  Reader reader(body.substr(kMagic.size()));
  const auto version = reader.Integer<uint32_t>();
  if (version != kVersion) return corrupt("written by another version");
  const auto count = reader.Integer<uint64_t>();
  std::vector<std::pair<std::string, LogEntry>> entries;
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
  if (reader.failed() || !reader.empty()) return corrupt("entries are cut off");
  const bool was_dirty = is_dirty_;
  for (auto& [key, entry] : entries) Put(std::move(key), std::move(entry));
  is_dirty_ = was_dirty;
  return {};
}

}  // namespace sextant::alerting
