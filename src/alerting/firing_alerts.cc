#include "alerting/firing_alerts.h"

#include <algorithm>

#include "alerting/record_bytes.h"

namespace sextant::alerting {
namespace {

constexpr uint8_t kAdded = 1;
constexpr uint8_t kRemoved = 2;
constexpr uint8_t kTold = 3;
// A sender that gave more time than this is not waited for any longer.
constexpr core::DurationMs kMaxWaitMs = 3'600'000;

std::string Framed(const std::string& body) {
  std::string out;
  PutNumber(out, static_cast<uint32_t>(body.size()));
  return out + body;
}

std::string AddedRecord(const Alert& alert, core::DurationMs valid_for_ms) {
  std::string body;
  PutNumber(body, kAdded);
  PutNumber(body, alert.starts_at_ms);
  PutNumber(body, alert.has_timeout ? kZeroTimeMs : alert.ends_at_ms);
  PutNumber(body, valid_for_ms);
  PutText(body, alert.generator_url);
  PutNumber(body, static_cast<uint32_t>(alert.labels.size()));
  for (const model::LabelView label : alert.labels) {
    PutText(body, label.name);
    PutText(body, label.value);
  }
  PutNumber(body, static_cast<uint32_t>(alert.annotations.size()));
  for (const auto& [name, value] : alert.annotations) {
    PutText(body, name);
    PutText(body, value);
  }
  return Framed(body);
}

std::string ShortRecord(uint8_t kind, uint64_t fingerprint) {
  std::string body;
  PutNumber(body, kind);
  PutNumber(body, fingerprint);
  return Framed(body);
}

core::DurationMs ValidFor(const Alert& alert) {
  return std::max<core::DurationMs>(0, alert.ends_at_ms - alert.updated_at_ms);
}

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
  RecordReader reader{bytes};
  while (!reader.rest.empty()) {
    const std::string_view record = reader.Text();
    if (!reader.ok) return Damaged("a record is cut off");
    SEXTANT_TRY(RestoreOne(record));
  }
  return {};
}

core::Status FiringAlerts::RestoreOne(std::string_view record) {
  RecordReader reader{record};
  const auto kind = reader.Number<uint8_t>();
  if (kind == kRemoved || kind == kTold) {
    const auto fingerprint = reader.Number<uint64_t>();
    if (!reader.ok) return Damaged("a record is cut off");
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
  for (auto left = reader.Number<uint32_t>(); left > 0 && reader.ok; --left) {
    const std::string_view name = reader.Text();
    labels.Set(name, reader.Text());
  }
  restored.alert.labels = labels.Build();
  for (auto left = reader.Number<uint32_t>(); left > 0 && reader.ok; --left) {
    std::string name(reader.Text());
    restored.alert.annotations[std::move(name)] = reader.Text();
  }
  if (!reader.ok || restored.alert.labels.empty()) return Damaged("an alert is cut off");
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
