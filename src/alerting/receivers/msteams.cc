// A message card for Microsoft Teams' older connectors, and an adaptive card for its workflows.
// Specification: https://learn.microsoft.com/outlook/actionable-messages/message-card-reference and
// https://learn.microsoft.com/connectors/teams/
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"

namespace sextant::alerting {
namespace {

ConversationPtr Post(Draft& draft, const std::string& url, const std::string& url_file,
                     const HttpOverride& http, core::JsonWriter json) {
  if (!draft.error().empty()) return SayNothing(Verdict::GivenUp(draft.error(), "clientError"));
  auto address = SecretOf(url, url_file);
  if (!address) return SayNothing(address.error());
  auto request = MakeRequest(draft, "POST", std::move(*address), http, std::move(json).Take() + "\n");
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {});
}

}  // namespace

ConversationPtr StartMsteams(const Notification& notification, const MsteamsConfig& msteams,
                             const MessageContext& context) {
  Draft draft(notification, context);
  core::JsonWriter json;
  json.BeginObject();
  json.Key("@context").String("http://schema.org/extensions");
  json.Key("type").String("MessageCard");
  json.Key("title").String(draft.Text(msteams.title));
  json.Key("summary").String(draft.Text(msteams.summary));
  json.Key("text").String(draft.Text(msteams.text));
  json.Key("themeColor").String(draft.is_firing() ? "8C1A1A" : "2DC72D");
  json.EndObject();
  return Post(draft, msteams.webhook_url, msteams.webhook_url_file, msteams.http, std::move(json));
}

ConversationPtr StartMsteamsV2(const Notification& notification, const MsteamsV2Config& msteams,
                               const MessageContext& context) {
  Draft draft(notification, context);
  core::JsonWriter json;
  json.BeginObject().Key("type").String("message").Key("attachments").BeginArray().BeginObject();
  json.Key("contentType").String("application/vnd.microsoft.card.adaptive");
  json.Key("contentUrl").Null();
  json.Key("content").BeginObject();
  json.Key("$schema").String("http://adaptivecards.io/schemas/adaptive-card.json");
  json.Key("type").String("AdaptiveCard").Key("version").String("1.2");
  json.Key("body").BeginArray();
  json.BeginObject().Key("type").String("TextBlock").Key("text").String(draft.Text(msteams.title));
  json.Key("weight").String("Bolder").Key("size").String("Medium").Key("wrap").Bool(true);
  json.Key("style").String("heading").Key("color").String(draft.is_firing() ? "Attention" : "Good");
  json.EndObject();
  json.BeginObject().Key("type").String("TextBlock").Key("text").String(draft.Text(msteams.text));
  json.Key("wrap").Bool(true).EndObject();
  json.EndArray();
  json.Key("msteams").BeginObject().Key("width").String("full").EndObject();
  json.EndObject().EndObject().EndArray().EndObject();
  return Post(draft, msteams.webhook_url, msteams.webhook_url_file, msteams.http, std::move(json));
}

}  // namespace sextant::alerting
