// A POST of Alertmanager's JSON, version 4, or of a payload that the configuration describes.
// Specification: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
#include "alerting/receivers/alert_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/format.h"

namespace sextant::alerting {
namespace {

core::Result<std::string> Body(Draft& draft, const WebhookConfig& webhook) {
  if (webhook.payload.IsMissing()) return AlertJson(draft, "4");
  auto payload = draft.Fill(webhook.payload);
  if (!payload) {
    return core::Fail(core::Code::kInvalidArgument, "failed to render webhook payload: {}",
                      payload.error().message());
  }
  gotemplate::BoundedText body(kMaxMessageBytes);
  if (!gotemplate::AppendJson(body, *payload) || body.exceeded()) {
    return core::Fail(core::Code::kInvalidArgument, "webhook payload cannot be written as JSON");
  }
  return body.Take() + "\n";
}

core::Result<std::string> Address(Draft& draft, const WebhookConfig& webhook) {
  if (!webhook.url_file.empty()) return SecretOf(webhook.url, webhook.url_file);
  std::string url = draft.Text(webhook.url);
  if (!draft.error().empty()) {
    return core::Fail(core::Code::kInvalidArgument, "failed to template webhook URL: {}", draft.error());
  }
  if (url.empty()) return core::Fail(core::Code::kInvalidArgument, "webhook URL is empty after templating");
  return url;
}

core::Result<net::FetchRequest> Request(Draft& draft, const WebhookConfig& webhook) {
  SEXTANT_ASSIGN(std::string body, Body(draft, webhook));
  SEXTANT_ASSIGN(std::string url, Address(draft, webhook));
  return MakeRequest(draft, "POST", std::move(url), webhook.http, std::move(body));
}

}  // namespace

ConversationPtr StartWebhook(const Notification& notification, const WebhookConfig& webhook,
                             const MessageContext& context) {
  Draft draft(notification, context, webhook.max_alerts);
  auto request = Request(draft, webhook);
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {}, webhook.timeout_ms);
}

}  // namespace sextant::alerting
