#include "alerting/firing_alerts.h"

#include <algorithm>

namespace sextant::alerting {
namespace {

constexpr uint8_t kAdded = 1;
constexpr uint8_t kRemoved = 2;
constexpr uint8_t kTold = 3;
// A sender that gave more time than this is not waited for any longer.
constexpr core::DurationMs kMaxWaitMs = 3'600'000;

template <typename T>
void Put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
}

void PutText(std::string& out, std::string_view text) {
  Put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

std::string Framed(const std::string& body) {
  std::string out;
  Put(out, static_cast<uint32_t>(body.size()));
  return out + body;
}

std::string AddedRecord(const Alert& alert, core::DurationMs valid_for_ms) {
  std::string body;
  Put(body, kAdded);
  Put(body, alert.starts_at_ms);
  Put(body, alert.has_timeout ? kZeroTimeMs : alert.ends_at_ms);
  Put(body, valid_for_ms);
  PutText(body, alert.generator_url);
  Put(body, static_cast<uint32_t>(alert.labels.size()));
  for (const model::LabelView label : alert.labels) {
    PutText(body, label.name);
    PutText(body, label.value);
  }
  Put(body, static_cast<uint32_t>(alert.annotations.size()));
  for (const auto& [name, value] : alert.annotations) {
    PutText(body, name);
    PutText(body, value);
  }
  return Framed(body);
}

std::string ShortRecord(uint8_t kind, uint64_t fingerprint) {
  std::string body;
  Put(body, kind);
  Put(body, fingerprint);
  return Framed(body);
}

core::DurationMs ValidFor(const Alert& alert) {
  return std::max<core::DurationMs>(0, alert.ends_at_ms - alert.updated_at_ms);
}

// Takes values from the front of a record; remembers when there were too few bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Number() {
    const std::string_view raw = Bytes(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < raw.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    return static_cast<T>(value);
  }

  std::string_view Text() { return Bytes(Number<uint32_t>()); }

  std::string_view Bytes(size_t size) {
    if (size > bytes_.size()) {
      has_failed_ = true;
      return {};
    }
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }

  bool has_failed() const { return has_failed_; }
  bool is_at_end() const { return bytes_.empty() || has_failed_; }

 private:
  std::string_view bytes_;
  bool has_failed_ = false;
};

tl::unexpected<core::Error> Damaged(std::string_view what) {
  return core::Fail(core::Code::kCorruption, "firing alerts: {}", what);
}

}  // namespace

void FiringAlerts::Add(const Alert& alert) {
  if (is_recording_) records_.push_back(AddedRecord(alert, ValidFor(alert)));
}

std::string FiringAlerts::Serialize(const Alert& alert, uint64_t fingerprint) const {
  std::string out = AddedRecord(alert, ValidFor(alert));
  if (told_.contains(fingerprint)) out += ShortRecord(kTold, fingerprint);
  return out;
}

void FiringAlerts::NoteTold(uint64_t fingerprint) {
  if (is_recording_ && told_.insert(fingerprint).second) records_.push_back(ShortRecord(kTold, fingerprint));
}

void FiringAlerts::Remove(uint64_t fingerprint) {
  told_.erase(fingerprint);
  if (is_recording_) records_.push_back(ShortRecord(kRemoved, fingerprint));
}

core::Status FiringAlerts::Restore(std::string_view bytes) {
  Reader reader(bytes);
  while (!reader.is_at_end()) {
    const std::string_view record = reader.Text();
    if (reader.has_failed()) return Damaged("a record is cut off");
    SEXTANT_TRY(RestoreOne(record));
  }
  return {};
}

core::Status FiringAlerts::RestoreOne(std::string_view record) {
  Reader reader(record);
  const auto kind = reader.Number<uint8_t>();
  if (kind == kRemoved || kind == kTold) {
    const auto fingerprint = reader.Number<uint64_t>();
    if (reader.has_failed()) return Damaged("a record is cut off");
    const auto found = restored_.find(fingerprint);
    if (found == restored_.end()) return {};
    if (kind == kTold) {
      found->second.may_be_told = true;
    } else {
      restored_.erase(found);
    }
    return {};
  }
  if (kind != kAdded) return Damaged("a record of an unknown kind");
  Restored restored;
  restored.alert.starts_at_ms = reader.Number<int64_t>();
  restored.alert.ends_at_ms = reader.Number<int64_t>();
  restored.valid_for_ms = std::clamp<core::DurationMs>(reader.Number<int64_t>(), 0, kMaxWaitMs);
  restored.alert.generator_url = reader.Text();
  model::LabelsBuilder labels;
  for (auto left = reader.Number<uint32_t>(); left > 0 && !reader.has_failed(); --left) {
    const std::string_view name = reader.Text();
    labels.Set(name, reader.Text());
  }
  restored.alert.labels = labels.Build();
  for (auto left = reader.Number<uint32_t>(); left > 0 && !reader.has_failed(); --left) {
    std::string name(reader.Text());
    restored.alert.annotations[std::move(name)] = reader.Text();
  }
  if (reader.has_failed() || restored.alert.labels.empty()) return Damaged("an alert is cut off");
  const uint64_t fingerprint = Fingerprint(restored.alert.labels);
  const auto known = restored_.find(fingerprint);
  if (known != restored_.end()) restored.may_be_told = known->second.may_be_told;
  restored_.insert_or_assign(fingerprint, std::move(restored));
  return {};
}

void FiringAlerts::BeginWaiting(core::TimestampMs now_ms) {
  for (auto& [fingerprint, restored] : restored_) {
    const bool has_later_end = restored.alert.ends_at_ms > now_ms;
    restored.due_ms = has_later_end ? now_ms : now_ms + restored.valid_for_ms;
  }
  FindNextDue();
}

std::vector<FiringAlerts::Due> FiringAlerts::TakeDue(core::TimestampMs now_ms) {
  std::vector<Due> due;
  if (now_ms < next_due_ms_) return due;
  for (auto it = restored_.begin(); it != restored_.end();) {
    Restored& restored = it->second;
    if (restored.due_ms > now_ms) {
      ++it;
      continue;
    }
    if (restored.alert.ends_at_ms <= now_ms)
      restored.alert.ends_at_ms = std::max(now_ms, restored.alert.starts_at_ms);
    due.push_back({std::move(restored.alert), restored.may_be_told});
    it = restored_.erase(it);
  }
  FindNextDue();
  return due;
}

void FiringAlerts::FindNextDue() {
  next_due_ms_ = std::numeric_limits<core::TimestampMs>::max();
  for (const auto& [fingerprint, restored] : restored_)
    next_due_ms_ = std::min(next_due_ms_, restored.due_ms);
}

std::string FiringAlerts::SerializeRestored() const {
  std::string out;
  for (const auto& [fingerprint, restored] : restored_) {
    out += AddedRecord(restored.alert, restored.valid_for_ms);
    if (restored.may_be_told) out += ShortRecord(kTold, fingerprint);
  }
  return out;
}

}  // namespace sextant::alerting
