// A message for Mattermost's incoming webhooks.
// Specification: https://developers.mattermost.com/integrate/webhooks/incoming/
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;

constexpr size_t kMaxTextRunes = 16383;

void WriteAttachment(JsonWriter& json, Draft& draft, const MattermostAttachment& attachment) {
  json.BeginObject();
  WriteUnlessEmpty(json, "fallback", draft.Text(attachment.fallback));
  WriteUnlessEmpty(json, "color", draft.Text(attachment.color));
  WriteUnlessEmpty(json, "pretext", draft.Text(attachment.pretext));
  WriteUnlessEmpty(json, "text", TruncateRunes(draft.Text(attachment.text), kMaxTextRunes));
  WriteUnlessEmpty(json, "author_name", draft.Text(attachment.author_name));
  WriteUnlessEmpty(json, "author_link", draft.Text(attachment.author_link));
  WriteUnlessEmpty(json, "author_icon", draft.Text(attachment.author_icon));
  WriteUnlessEmpty(json, "title", draft.Text(attachment.title));
  WriteUnlessEmpty(json, "title_link", draft.Text(attachment.title_link));
  if (!attachment.fields.empty()) {
    json.Key("fields").BeginArray();
    for (const MattermostField& field : attachment.fields) {
      json.BeginObject();
      WriteUnlessEmpty(json, "title", draft.Text(field.title));
      WriteUnlessEmpty(json, "value", draft.Text(field.value));
      if (field.is_short) json.Key("short").Bool(*field.is_short);
      json.EndObject();
    }
    json.EndArray();
  }
  WriteUnlessEmpty(json, "thumb_url", draft.Text(attachment.thumb_url));
  WriteUnlessEmpty(json, "footer", draft.Text(attachment.footer));
  WriteUnlessEmpty(json, "footer_icon", draft.Text(attachment.footer_icon));
  WriteUnlessEmpty(json, "image_url", draft.Text(attachment.image_url));
  json.EndObject();
}

// An unknown priority is a standard one; acknowledgement and persistence need more than that.
void WritePriority(JsonWriter& json, Draft& draft, const MattermostPriority& wanted) {
  std::string priority = gotemplate::ToLower(draft.Text(wanted.priority));
  if (priority != "urgent" && priority != "important") priority = "standard";
  json.Key("priority").BeginObject().Key("priority").String(priority);
  if (wanted.requested_ack && priority != "standard") json.Key("requested_ack").Bool(true);
  if (wanted.persistent_notifications && priority == "urgent")
    json.Key("persistent_notifications").Bool(true);
  json.EndObject();
}

std::string Body(Draft& draft, const MattermostConfig& mattermost, const std::string& channel) {
  JsonWriter json;
  json.BeginObject();
  if (!mattermost.attachments.empty())
    WriteUnlessEmpty(json, "text", TruncateRunes(draft.Text(mattermost.message.text), kMaxTextRunes));
  WriteUnlessEmpty(json, "channel", channel);
  WriteUnlessEmpty(json, "username", draft.Text(mattermost.username));
  WriteUnlessEmpty(json, "icon_url", draft.Text(mattermost.icon_url));
  WriteUnlessEmpty(json, "icon_emoji", draft.Text(mattermost.icon_emoji));
  json.Key("attachments").BeginArray();
  if (mattermost.attachments.empty()) WriteAttachment(json, draft, mattermost.message);
  for (const MattermostAttachment& attachment : mattermost.attachments)
    WriteAttachment(json, draft, attachment);
  json.EndArray();
  WriteUnlessEmpty(json, "type", draft.Text(mattermost.type));
  if (mattermost.props && !mattermost.props->card.empty())
    json.Key("props").BeginObject().Key("card").String(draft.Text(mattermost.props->card)).EndObject();
  if (mattermost.priority && !mattermost.priority->priority.empty())
    WritePriority(json, draft, *mattermost.priority);
  json.EndObject();
  return std::move(json).Take() + "\n";
}

}  // namespace

ConversationPtr StartMattermost(const Notification& notification, const MattermostConfig& mattermost,
                                const MessageContext& context) {
  Draft draft(notification, context);
  const auto url = SecretOf(mattermost.webhook_url, mattermost.webhook_url_file);
  if (!url) return SayNothing(url.error());
  if (url->empty()) return SayNothing(Verdict::GivenUp("webhook url missing"));
  const std::string channel = draft.Text(mattermost.channel);
  std::string body = Body(draft, mattermost, channel);
  if (!draft.error().empty()) return SayNothing(Verdict::GivenUp(draft.error(), "clientError"));
  auto request = MakeRequest(draft, "POST", *url, mattermost.http, std::move(body));
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {.prefix = fmt::format("channel {}: ", gotemplate::Quote(channel))});
}

}  // namespace sextant::alerting
