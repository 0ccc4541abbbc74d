// An alert as it comes in from rules or from the API, and the identities that Alertmanager derives from
// labels.
//
// Values only; nothing here is shared or locked. Times are milliseconds since the Unix epoch; an unset time
// is kZeroTimeMs, Go's zero time, which is also how it is written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/labels.h"

namespace sextant::alerting {

// 0001-01-01 00:00:00 UTC.
inline constexpr core::TimestampMs kZeroTimeMs = -62'135'596'800'000;

// Unlike labels, annotations may be empty texts.
using Annotations = std::map<std::string, std::string>;

struct Alert {
  model::Labels labels;
  Annotations annotations;
  core::TimestampMs starts_at_ms = kZeroTimeMs;
  core::TimestampMs ends_at_ms = kZeroTimeMs;  // unset: still firing
  std::string generator_url;
  // Set by the state machine when the alert comes in.
  core::TimestampMs updated_at_ms = kZeroTimeMs;
  bool has_timeout = false;  // ends_at_ms was not given but is when we stop waiting for an update

  bool IsResolvedAt(core::TimestampMs now_ms) const {
    return ends_at_ms != kZeroTimeMs && ends_at_ms <= now_ms;
  }
};

using AlertPtr = std::shared_ptr<const Alert>;

// What a call of Put did.
struct PutReport {
  size_t accepted = 0;
  size_t limited = 0;                      // dropped without an error by the limit per alertname
  std::vector<std::string> limited_names;  // the alertnames of those
  std::vector<std::string> errors;         // one per invalid alert, in order
  std::vector<std::string> limit_errors;   // one per valid alert that another limit of ours refused
};

// Where alerts go. Rules and the API hand them over here; implementations say which threads may call.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  // Takes all valid alerts as one step: no notification is decided between the first and the last of them.
  virtual PutReport Put(std::span<const Alert> alerts) = 0;
};

// Alertmanager's identity of an alert: FNV-1a 64 of names and values, each followed by 0xFF, sorted by name.
uint64_t Fingerprint(const model::Labels& labels);
// As the API and messages write it: 16 hexadecimal digits.
std::string FingerprintText(uint64_t fingerprint);
// The hash by which the notification log knows an alert: XXH64 of the same bytes.
uint64_t AlertHash(const model::Labels& labels);
// `{a="b", c="d"}` as Go's model.LabelSet prints: names are never quoted. Part of group keys.
std::string LabelSetText(const model::Labels& labels);

// Go's order of label sets: fewer labels first, then label by label.
bool LabelSetComesBefore(const model::Labels& a, const model::Labels& b);
// The order of alerts in a message: by job, then instance, then fewer labels first, then label by label.
bool ComesBefore(const Alert& a, const Alert& b);

// One alert out of two reports of the same alert whose times overlap; `newer` was updated later.
Alert Merge(const Alert& older, const Alert& newer, core::TimestampMs now_ms);
// Whether the activity of two reports overlaps, so that they are the same occurrence.
bool Overlaps(const Alert& older, const Alert& newer);

}  // namespace sextant::alerting
