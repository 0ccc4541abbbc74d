// The events of the event recorder as JSON, field by field as Alertmanager 0.34 writes them (its
// eventrecorderpb.EventData in protobuf's JSON: numbers of 64 bits are texts, what is empty is left out).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/alert.h"
#include "alerting/config.h"
#include "alerting/dispatcher.h"
#include "alerting/silences.h"

namespace sextant::alerting {

struct RecordedEvent {
  std::string_view type;  // "alert_created": as metrics name it
  std::string data;       // `{"alertCreated":{…}}`
};

RecordedEvent StartupEvent(std::string_view version);
RecordedEvent ShutdownEvent();
RecordedEvent AlertCreatedEvent(const Alert& alert, core::TimestampMs now_ms);
RecordedEvent AlertGroupedEvent(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms);
RecordedEvent AlertResolvedEvent(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms);
// Of a notification that was delivered; it must have its flush's facts.
RecordedEvent NotificationEvent(const Notification& notification, core::TimestampMs now_ms);
RecordedEvent SilenceEvent(bool is_new, const Silence& silence);
RecordedEvent SilenceMutedEvent(const Silence& silence, uint64_t fingerprint, const model::Labels& labels);
RecordedEvent InhibitionMutedEvent(const InhibitRuleConfig& rule, uint64_t fingerprint,
                                   const model::Labels& labels, const std::vector<uint64_t>& sources);

// The line of an event: when and where it happened, and what.
std::string EventLine(const RecordedEvent& event, std::string_view instance, core::TimestampMs now_ms);

}  // namespace sextant::alerting
