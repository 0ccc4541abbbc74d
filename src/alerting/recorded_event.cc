#include "alerting/recorded_event.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "core/json_writer.h"
#include "gotemplate/go_time.h"

namespace sextant::alerting {

namespace {

using core::JsonWriter;
using core::TimestampMs;

std::string Time(TimestampMs time_ms) {
  return gotemplate::FormatRfc3339Nano(gotemplate::Time::FromUnixMs(time_ms));
}

std::string Number(uint64_t value) { return fmt::format("{}", value); }

void PutText(JsonWriter& json, std::string_view key, std::string_view text) {
  if (!text.empty()) json.Key(key).String(text);
}

// A LabelSet: pairs sorted by name.
template <typename Pairs>
void PutLabels(JsonWriter& json, std::string_view key, const Pairs& pairs, bool is_empty) {
  json.Key(key).BeginObject();
  if (!is_empty) {
    json.Key("labels").BeginArray();
    for (const auto& [name, value] : pairs) {
      json.BeginObject();
      PutText(json, "key", name);
      PutText(json, "value", value);
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

void PutAlert(JsonWriter& json, std::string_view key, const Alert& alert, TimestampMs now_ms) {
  json.Key(key).BeginObject().Key("fingerprint").String(Number(Fingerprint(alert.labels)));
  PutText(json, "name", alert.labels.Get("alertname"));
  PutLabels(json, "labels", alert.labels, alert.labels.size() == 0);
  PutLabels(json, "annotations", alert.annotations, alert.annotations.empty());
  json.Key("startsAt").String(Time(alert.starts_at_ms)).Key("endsAt").String(Time(alert.ends_at_ms));
  if (alert.IsResolvedAt(now_ms)) json.Key("resolved").Bool(true);
  json.EndObject();
}

// A GroupedAlert with all that is known of it.
void PutGroupedAlert(JsonWriter& json, const Alert& alert, TimestampMs now_ms) {
  json.BeginObject().Key("hash").String(Number(AlertHash(alert.labels)));
  PutAlert(json, "details", alert, now_ms);
  json.EndObject();
}

void PutMatcher(JsonWriter& json, const Matcher& matcher) {
  std::string_view type = "TYPE_EQUAL";
  if (matcher.type() == MatcherType::kRegexp) type = "TYPE_REGEXP";
  if (matcher.type() == MatcherType::kNotEqual) type = "TYPE_NOT_EQUAL";
  if (matcher.type() == MatcherType::kNotRegexp) type = "TYPE_NOT_REGEXP";
  json.BeginObject().Key("type").String(type).Key("name").String(matcher.name());
  PutText(json, "pattern", matcher.value());
  json.Key("rendered").String(matcher.ToString()).EndObject();
}

void PutMatchers(JsonWriter& json, std::string_view key, const Matchers& matchers) {
  if (matchers.empty()) return;
  json.Key(key).BeginArray();
  for (const Matcher& matcher : matchers) PutMatcher(json, matcher);
  json.EndArray();
}

std::string GroupId(std::string_view key) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  std::string id;
  for (const unsigned char byte : digest) id += fmt::format("{:02x}", byte);
  return id;
}

void PutGroup(JsonWriter& json, const GroupFacts& group) {
  json.Key("groupInfo").BeginObject().Key("groupKey").String(group.key);
  PutLabels(json, "groupLabels", group.labels, group.labels.size() == 0);
  json.Key("groupId").String(GroupId(group.key)).Key("receiverName").String(group.receiver);
  PutMatchers(json, "matchers", group.matchers);
  json.Key("groupUuid").String(group.uuid).EndObject();
}

// Alerts by their hashes alone.
template <typename Keep>
void PutHashes(JsonWriter& json, std::string_view key, const std::vector<Alert>& alerts, Keep&& keep) {
  bool has_any = false;
  for (const Alert& alert : alerts) {
    if (!keep(alert)) continue;
    if (!std::exchange(has_any, true)) json.Key(key).BeginArray();
    json.BeginObject().Key("hash").String(Number(AlertHash(alert.labels))).EndObject();
  }
  if (has_any) json.EndArray();
}

std::string_view ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kFirst:
      return "NOTIFY_REASON_FIRST_NOTIFICATION";
    case Reason::kNewAlerts:
      return "NOTIFY_REASON_NEW_ALERTS_IN_GROUP";
    case Reason::kSomeResolved:
      return "NOTIFY_REASON_NEW_RESOLVED_ALERTS";
    case Reason::kAllResolved:
      return "NOTIFY_REASON_ALL_ALERTS_RESOLVED";
    case Reason::kRepeat:
      return "NOTIFY_REASON_REPEAT_INTERVAL_ELAPSED";
    case Reason::kNothingNew:
      break;
  }
  return "";
}

// protobuf's Duration: seconds, with as many digits as it needs of three.
std::string DurationText(core::DurationMs duration_ms) {
  if (duration_ms % 1'000 == 0) return fmt::format("{}s", duration_ms / 1'000);
  return fmt::format("{}.{:03}s", duration_ms / 1'000, duration_ms % 1'000);
}

void PutSilence(JsonWriter& json, const Silence& silence) {
  json.Key("silence").BeginObject().Key("id").String(silence.id);
  if (!silence.matcher_sets.empty()) PutMatchers(json, "matchers", silence.matcher_sets.front());
  json.Key("startsAt").String(Time(silence.starts_at_ms)).Key("endsAt").String(Time(silence.ends_at_ms));
  json.Key("updatedAt").String(Time(silence.updated_at_ms));
  PutText(json, "createdBy", silence.created_by);
  PutText(json, "comment", silence.comment);
  if (!silence.matcher_sets.empty()) {
    json.Key("matcherSets").BeginArray();
    for (const Matchers& matchers : silence.matcher_sets) {
      json.BeginObject();
      PutMatchers(json, "matchers", matchers);
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

void PutMutedAlert(JsonWriter& json, uint64_t fingerprint, const model::Labels& labels) {
  json.Key("mutedAlert").BeginObject();
  PutLabels(json, "labels", labels, labels.size() == 0);
  json.Key("fingerprint").String(Number(fingerprint)).EndObject();
}

// `{"alertCreated":{…}}`
template <typename Put>
RecordedEvent Make(std::string_view type, std::string_view field, Put&& put) {
  JsonWriter json;
  json.BeginObject().Key(field).BeginObject();
  put(json);
  json.EndObject().EndObject();
  return {type, std::move(json).Take()};
}

RecordedEvent GroupEvent(std::string_view type, std::string_view field, const Alert& alert,
                         const GroupFacts& group, TimestampMs now_ms) {
  return Make(type, field, [&](JsonWriter& json) {
    json.Key("alert");
    PutGroupedAlert(json, alert, now_ms);
    PutGroup(json, group);
  });
}

}  // namespace

RecordedEvent StartupEvent(std::string_view version) {
  return Make("alertmanager_startup_event", "alertmanagerStartupEvent", [&](JsonWriter& json) {
    json.Key("version").String(version).Key("buildContext").String("(sextant)");
  });
}

RecordedEvent ShutdownEvent() {
  return Make("alertmanager_shutdown_event", "alertmanagerShutdownEvent", [](JsonWriter&) {});
}

RecordedEvent AlertCreatedEvent(const Alert& alert, TimestampMs now_ms) {
  return Make("alert_created", "alertCreated",
              [&](JsonWriter& json) { PutAlert(json, "alert", alert, now_ms); });
}

RecordedEvent AlertGroupedEvent(const Alert& alert, const GroupFacts& group, TimestampMs now_ms) {
  return GroupEvent("alert_grouped", "alertGrouped", alert, group, now_ms);
}

RecordedEvent AlertResolvedEvent(const Alert& alert, const GroupFacts& group, TimestampMs now_ms) {
  return GroupEvent("alert_resolved", "alertResolved", alert, group, now_ms);
}

RecordedEvent NotificationEvent(const Notification& notification, TimestampMs now_ms) {
  const FlushFacts& flush = *notification.flush;
  return Make("notification", "notification", [&](JsonWriter& json) {
    json.Key("alerts").BeginArray();
    for (const Alert& alert : notification.alerts) PutGroupedAlert(json, alert, now_ms);
    json.EndArray();
    const auto is_firing = [](const Alert& alert) { return alert.ends_at_ms == kZeroTimeMs; };
    PutHashes(json, "firingAlerts", notification.alerts, is_firing);
    PutHashes(json, "resolvedAlerts", notification.alerts,
              [&](const Alert& alert) { return !is_firing(alert); });
    PutHashes(json, "mutedAlerts", flush.muted, [](const Alert&) { return true; });
    PutGroup(json, flush.group);
    json.Key("repeatInterval").String(DurationText(flush.repeat_interval_ms));
    json.Key("reason").String(ReasonName(notification.reason));
    json.Key("flushId").String(Number(flush.id));
    json.Key("integration").BeginObject();
    json.Key("name").String(IntegrationName(notification.integration.kind));
    if (notification.integration.index != 0) json.Key("index").String(Number(notification.integration.index));
    json.EndObject();
  });
}

RecordedEvent SilenceEvent(bool is_new, const Silence& silence) {
  return Make(is_new ? "silence_created" : "silence_updated", is_new ? "silenceCreated" : "silenceUpdated",
              [&](JsonWriter& json) { PutSilence(json, silence); });
}

RecordedEvent SilenceMutedEvent(const Silence& silence, uint64_t fingerprint, const model::Labels& labels) {
  return Make("silence_muted_alert", "silenceMutedAlert", [&](JsonWriter& json) {
    PutSilence(json, silence);
    PutMutedAlert(json, fingerprint, labels);
  });
}

RecordedEvent InhibitionMutedEvent(const InhibitRuleConfig& rule, uint64_t fingerprint,
                                   const model::Labels& labels, const std::vector<uint64_t>& sources) {
  return Make("inhibition_muted_alert", "inhibitionMutedAlert", [&](JsonWriter& json) {
    Matchers source_matchers = rule.source_matchers;
    std::vector<std::string> equal = rule.equal;
    for (const InhibitSourceConfig& source : rule.sources) {
      const Matchers& matchers = source.matchers_field.matchers;
      source_matchers.insert(source_matchers.end(), matchers.begin(), matchers.end());
      equal.insert(equal.end(), source.equal.begin(), source.equal.end());
    }
    std::sort(equal.begin(), equal.end());
    equal.erase(std::unique(equal.begin(), equal.end()), equal.end());
    json.Key("inhibitRules").BeginArray().BeginObject();
    PutMatchers(json, "sourceMatchers", source_matchers);
    PutMatchers(json, "targetMatchers", rule.target_matchers);
    if (!equal.empty()) {
      json.Key("equalLabels").BeginArray();
      for (const std::string& name : equal) json.String(name);
      json.EndArray();
    }
    PutText(json, "name", rule.name);
    json.EndObject().EndArray();
    PutMutedAlert(json, fingerprint, labels);
    json.Key("inhibitingFingerprints").BeginArray();
    for (const uint64_t source : sources) json.String(Number(source));
    json.EndArray();
  });
}

std::string EventLine(const RecordedEvent& event, std::string_view instance, TimestampMs now_ms) {
  JsonWriter json;
  json.BeginObject().Key("@timestamp").String(Time(now_ms)).Key("instance").String(instance);
  json.Key("data").Raw(event.data).EndObject();
  return std::move(json).Take();
}

}  // namespace sextant::alerting
