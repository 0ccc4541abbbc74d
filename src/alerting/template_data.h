// What notification templates and webhooks see: Alertmanager's template.Data, its maps of labels and lists of
// alerts with their methods (.Alerts.Firing, .CommonLabels.SortedPairs, .Remove, .Names, …).
//
// Plain values; any thread may make and use them.
// Specification: https://prometheus.io/docs/alerting/latest/notifications/
#pragma once

#include <map>
#include <string>
#include <vector>

#include "alerting/dispatcher.h"
#include "gotemplate/value.h"

namespace sextant::alerting {

using TextMap = std::map<std::string, std::string>;

struct AlertData {
  std::string status;  // "firing" or "resolved"
  TextMap labels;
  TextMap annotations;
  core::TimestampMs starts_at_ms = kZeroTimeMs;
  core::TimestampMs ends_at_ms = kZeroTimeMs;
  std::string generator_url;
  std::string fingerprint;
};

struct MessageData {
  std::string receiver;  // with the characters of regular expressions escaped, as upstream has it
  std::string status;
  std::vector<AlertData> alerts;
  std::string reason;
  TextMap group_labels;
  TextMap common_labels;
  TextMap common_annotations;
  TextMap route_labels;
  std::string external_url;
};

// The data of a notification's first `max_alerts` alerts (0: all).
MessageData DescribeNotification(const Notification& notification, const std::string& external_url,
                                 size_t max_alerts = 0);

// As a template's dot; encodes to JSON with Alertmanager's field names and order.
gotemplate::Value ToTemplateValue(const MessageData& data);

}  // namespace sextant::alerting
