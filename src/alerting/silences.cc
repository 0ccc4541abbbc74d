#include "alerting/silences.h"

#include <algorithm>
#include <random>

#include "config/text.h"

namespace sextant::alerting {
namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using core::TimestampMs;

// What holds without limits, too.
constexpr size_t kMaxSilences = 1'000'000;
constexpr size_t kMaxSilenceBytes = 1 << 20;

size_t Effective(size_t limit, size_t most) { return limit == 0 ? most : std::min(limit, most); }

wire::SilenceMatcherType ToWire(MatcherType type) {
  switch (type) {
    case MatcherType::kEqual:
      return wire::SilenceMatcherType::kEqual;
    case MatcherType::kNotEqual:
      return wire::SilenceMatcherType::kNotEqual;
    case MatcherType::kRegexp:
      return wire::SilenceMatcherType::kRegexp;
    case MatcherType::kNotRegexp:
      return wire::SilenceMatcherType::kNotRegexp;
  }
  return wire::SilenceMatcherType::kEqual;
}

MatcherType FromWire(wire::SilenceMatcherType type) {
  switch (type) {
    case wire::SilenceMatcherType::kEqual:
      return MatcherType::kEqual;
    case wire::SilenceMatcherType::kNotEqual:
      return MatcherType::kNotEqual;
    case wire::SilenceMatcherType::kRegexp:
      return MatcherType::kRegexp;
    case wire::SilenceMatcherType::kNotRegexp:
      return MatcherType::kNotRegexp;
  }
  return MatcherType::kEqual;
}

Result<Silence> FromMessage(const wire::MeshSilence& message) {
  Silence silence{.id = message.id,
                  .starts_at_ms = message.starts_at_ms,
                  .ends_at_ms = message.ends_at_ms,
                  .updated_at_ms = message.updated_at_ms,
                  .created_by = message.created_by,
                  .comment = message.comment,
                  .annotations = message.annotations};
  if (message.id.empty()) return Fail(Code::kInvalidArgument, "silence without an id");
  for (const auto& set : message.matcher_sets) {
    Matchers matchers;
    for (const wire::SilenceMatcher& from : set) {
      SEXTANT_ASSIGN(Matcher matcher, Matcher::Make(FromWire(from.type), from.name, from.pattern));
      matchers.push_back(std::move(matcher));
    }
    silence.matcher_sets.push_back(std::move(matchers));
  }
  return silence;
}

// Only times that people see as different count: they are given to the second.
int64_t Seconds(TimestampMs time_ms) { return time_ms / 1000; }

// Whether a silence may become `to` without changing what it has silenced so far.
bool CanUpdate(const Silence& from, const Silence& to, TimestampMs now_ms) {
  if (from.matcher_sets != to.matcher_sets) return false;
  switch (from.StateAt(now_ms)) {
    case SilenceState::kActive:
      return Seconds(to.starts_at_ms) == Seconds(from.starts_at_ms) && to.ends_at_ms >= now_ms;
    case SilenceState::kPending:
      return to.starts_at_ms >= now_ms;
    case SilenceState::kExpired:
      break;
  }
  return false;
}

}  // namespace

std::string_view SilenceStateName(SilenceState state) {
  switch (state) {
    case SilenceState::kActive:
      return "active";
    case SilenceState::kPending:
      return "pending";
    case SilenceState::kExpired:
      return "expired";
  }
  return "";
}

bool Silence::Matches(const model::Labels& labels) const {
  return std::any_of(matcher_sets.begin(), matcher_sets.end(),
                     [&](const Matchers& matchers) { return MatchesAll(matchers, labels); });
}

std::string RandomUuid() {
  std::random_device random;
  std::array<unsigned char, 16> bytes;
  for (size_t i = 0; i < bytes.size(); i += 4) {
    const uint32_t word = random();
    for (size_t k = 0; k < 4; ++k) bytes[i + k] = static_cast<unsigned char>(word >> (8 * k));
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

Status SilenceStore::Validate(const Silence& silence) const {
  const auto invalid = [](const std::string& what) {
    return Fail(Code::kInvalidArgument, "invalid silence: {}", what);
  };
  if (silence.matcher_sets.empty()) return invalid("at least one matcher set required");
  for (const Matchers& matchers : silence.matcher_sets) {
    if (matchers.empty()) return invalid("at least one matcher required");
    bool all_match_empty = true;
    for (size_t i = 0; i < matchers.size(); ++i) {
      const Matcher& matcher = matchers[i];
      if (!IsValidLabelName(matcher.name(), limits_.syntax)) {
        return invalid(
            fmt::format("invalid label matcher {}: invalid label name {}", i, config::Quote(matcher.name())));
      }
      if (!config::IsUtf8(matcher.value())) {
        return invalid(fmt::format("invalid label matcher {}: invalid label value {}", i,
                                   config::Quote(matcher.value())));
      }
      // Negative ones hold for what has no such label anyway.
      const bool is_positive =
          matcher.type() == MatcherType::kEqual || matcher.type() == MatcherType::kRegexp;
      all_match_empty = all_match_empty && is_positive && matcher.Matches("");
    }
    if (all_match_empty) return invalid("at least one matcher must not match the empty string");
  }
  if (silence.ends_at_ms == 0) return invalid("invalid zero end timestamp");
  if (silence.ends_at_ms < silence.starts_at_ms) return invalid("end time must not be before start time");
  return {};
}

wire::MeshSilence SilenceStore::ToMessage(const Silence& silence) const {
  wire::MeshSilence message{.id = silence.id,
                            .matcher_sets = {},
                            .starts_at_ms = silence.starts_at_ms,
                            .ends_at_ms = silence.ends_at_ms,
                            .updated_at_ms = silence.updated_at_ms,
                            .created_by = silence.created_by,
                            .comment = silence.comment,
                            .annotations = silence.annotations,
                            .expires_at_ms = silence.ends_at_ms + limits_.retention_ms};
  for (const Matchers& matchers : silence.matcher_sets) {
    auto& set = message.matcher_sets.emplace_back();
    for (const Matcher& matcher : matchers)
      set.push_back({ToWire(matcher.type()), matcher.name(), matcher.value()});
  }
  return message;
}

Status SilenceStore::CheckSize(const wire::MeshSilence& message) const {
  const size_t limit = Effective(limits_.max_silence_bytes, kMaxSilenceBytes);
  std::string bytes;
  wire::AppendMeshSilence(bytes, message);
  // Upstream's size is that of the message without its length in front.
  size_t size = bytes.size() - 1;
  for (size_t rest = size; rest >= 0x80; rest >>= 7) --size;
  if (size <= limit) return {};
  return Fail(Code::kResourceExhausted, "silence exceeded maximum size: {} bytes (limit: {} bytes)", size,
              limit);
}

void SilenceStore::Store(wire::MeshSilence message, Silence silence) {
  std::string record;
  wire::AppendMeshSilence(record, message);
  records_.push_back(std::move(record));
  Stored& stored = silences_[message.id];
  if (stored.version != 0) by_version_.erase(stored.version);
  stored.version = ++version_;
  by_version_[stored.version] = message.id;
  stored.message = std::move(message);
  stored.silence = std::move(silence);
}

Result<std::string> SilenceStore::Set(Silence silence, TimestampMs now_ms) {
  if (silence.starts_at_ms == 0) silence.starts_at_ms = now_ms;
  SEXTANT_TRY(Validate(silence));
  const auto previous = silences_.find(silence.id);
  if (!silence.id.empty() && previous == silences_.end()) return Fail(Code::kNotFound, "silence not found");
  silence.updated_at_ms = now_ms;
  if (previous != silences_.end() && CanUpdate(previous->second.silence, silence, now_ms)) {
    // A clock that stands still or went back must not make an edit look old.
    silence.updated_at_ms = std::max(now_ms, previous->second.silence.updated_at_ms + 1);
    wire::MeshSilence message = ToMessage(silence);
    SEXTANT_TRY(CheckSize(message));
    std::string id = silence.id;
    Store(std::move(message), std::move(silence));
    return id;
  }
  const size_t limit = Effective(limits_.max_silences, kMaxSilences);
  if (silences_.size() + 1 > limit) {
    return Fail(Code::kResourceExhausted, "exceeded maximum number of silences: {} (limit: {})",
                silences_.size(), limit);
  }
  silence.id = RandomUuid();
  silence.starts_at_ms = std::max(silence.starts_at_ms, now_ms);
  wire::MeshSilence message = ToMessage(silence);
  SEXTANT_TRY(CheckSize(message));
  // The old one stays as the history of what was silenced before.
  if (previous != silences_.end()) SEXTANT_TRY(ExpireStored(previous->second, now_ms));
  std::string id = silence.id;
  Store(std::move(message), std::move(silence));
  return id;
}

Status SilenceStore::ExpireStored(const Stored& stored, TimestampMs now_ms) {
  Silence silence = stored.silence;
  const SilenceState state = silence.StateAt(now_ms);
  if (state == SilenceState::kExpired) return {};
  if (state == SilenceState::kPending) silence.starts_at_ms = now_ms;
  silence.ends_at_ms = now_ms;
  silence.updated_at_ms = std::max(now_ms, stored.silence.updated_at_ms + 1);
  wire::MeshSilence message = ToMessage(silence);
  Store(std::move(message), std::move(silence));
  return {};
}

Status SilenceStore::Expire(const std::string& id, TimestampMs now_ms) {
  const auto found = silences_.find(id);
  if (found == silences_.end()) return Fail(Code::kNotFound, "silence not found");
  return ExpireStored(found->second, now_ms);
}

const Silence* SilenceStore::Find(const std::string& id) const {
  const auto found = silences_.find(id);
  return found == silences_.end() ? nullptr : &found->second.silence;
}

std::vector<Silence> SilenceStore::List() const {
  std::vector<Silence> out;
  out.reserve(silences_.size());
  for (const auto& [id, stored] : silences_) out.push_back(stored.silence);
  return out;
}

std::vector<std::string> SilenceStore::Silencing(uint64_t fingerprint, const model::Labels& labels,
                                                 TimestampMs now_ms) {
  std::vector<std::string> active;
  const auto known = matched_.find(fingerprint);
  if (known == matched_.end() && silences_.empty()) return active;
  Matched& matched = known == matched_.end() ? matched_[fingerprint] : known->second;
  // What changed since comes anew; what is gone or over is not asked again.
  for (auto it = by_version_.upper_bound(matched.version); it != by_version_.end(); ++it) {
    const Stored& stored = silences_.at(it->second);
    std::erase(matched.ids, it->second);
    if (stored.silence.StateAt(now_ms) != SilenceState::kExpired && stored.silence.Matches(labels))
      matched.ids.push_back(it->second);
  }
  matched.version = version_;
  std::erase_if(matched.ids, [&](const std::string& id) {
    const Silence* silence = Find(id);
    if (silence == nullptr || silence->StateAt(now_ms) == SilenceState::kExpired) return true;
    if (silence->StateAt(now_ms) == SilenceState::kActive) active.push_back(id);
    return false;
  });
  std::sort(active.begin(), active.end());
  return active;
}

Result<bool> SilenceStore::Merge(const wire::MeshSilence& message, TimestampMs now_ms) {
  if (message.expires_at_ms < now_ms) return false;
  const auto found = silences_.find(message.id);
  if (found != silences_.end()) {
    const wire::MeshSilence& have = found->second.message;
    if (have.updated_at_ms > message.updated_at_ms || have == message) return false;
    if (have.updated_at_ms == message.updated_at_ms) {
      // Two edits in the same millisecond: every instance must choose the same.
      std::string ours;
      std::string theirs;
      wire::AppendMeshSilence(ours, have);
      wire::AppendMeshSilence(theirs, message);
      if (ours >= theirs) return false;
    }
  }
  SEXTANT_ASSIGN(Silence silence, FromMessage(message));
  Store(message, std::move(silence));
  return true;
}

Status SilenceStore::MergeBytes(std::string_view bytes, TimestampMs now_ms) {
  Status first_error;
  while (!bytes.empty()) {
    SEXTANT_ASSIGN(const wire::MeshSilence message, wire::TakeMeshSilence(bytes));
    const Result<bool> merged = Merge(message, now_ms);
    if (!merged && first_error) first_error = tl::unexpected(merged.error());
  }
  return first_error;
}

size_t SilenceStore::Collect(TimestampMs now_ms) {
  return std::erase_if(silences_, [&](const auto& item) {
    if (item.second.message.expires_at_ms > now_ms) return false;
    by_version_.erase(item.second.version);
    return true;
  });
}

size_t SilenceStore::Count(SilenceState state, TimestampMs now_ms) const {
  return static_cast<size_t>(std::count_if(silences_.begin(), silences_.end(), [&](const auto& item) {
    return item.second.silence.StateAt(now_ms) == state;
  }));
}

std::string SilenceStore::Serialize() const {
  std::string out;
  for (const auto& [id, stored] : silences_) wire::AppendMeshSilence(out, stored.message);
  return out;
}

}  // namespace sextant::alerting
