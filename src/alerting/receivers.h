// The messages of the integrations: what request a notification becomes, and what an answer means. No I/O
// here but reading the secret files that a configuration names; any thread may call.
#pragma once

#include <memory>
#include <string>

#include "alerting/dispatcher.h"
#include "core/clock.h"
#include "core/result.h"
#include "gotemplate/template.h"
#include "net/http_client.h"

namespace sextant::alerting {

// What messages are made with.
struct MessageContext {
  std::shared_ptr<const gotemplate::TemplateSet> templates;
  std::string external_url;
  core::TimestampMs now_ms = 0;
};

struct OutgoingMessage {
  net::FetchRequest request;
  core::DurationMs timeout_ms = 0;  // of one attempt; 0: until the deadline
  // A template failed: the message says so in plain words instead of being lost.
  std::string template_error;
};

// A POST of Alertmanager's JSON, version 4.
// Specification: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
core::Result<OutgoingMessage> MakeWebhookMessage(const Notification& notification,
                                                 const MessageContext& context);
// A message for Slack's incoming webhooks.
core::Result<OutgoingMessage> MakeSlackMessage(const Notification& notification,
                                               const MessageContext& context);
// By the notification's integration; not for kLog.
core::Result<OutgoingMessage> MakeMessage(const Notification& notification, const MessageContext& context);

// What an answer means for the notification.
struct Verdict {
  bool delivered = false;
  bool may_retry = false;
  core::DurationMs retry_after_ms = 0;  // the peer's wish
  std::string error;
  std::string reason;  // of the failure, as the label of alertmanager_notifications_failed_total
};
Verdict JudgeAnswer(IntegrationKind kind, const core::Result<net::FetchResponse>& answer);

// The first `max_runes` characters, the last of them an ellipsis when the text was longer; 3 or fewer without
// one.
std::string TruncateRunes(std::string text, size_t max_runes);

}  // namespace sextant::alerting
