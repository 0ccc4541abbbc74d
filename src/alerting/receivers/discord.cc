// A message with one embed for Discord's webhooks.
// Specification: https://discord.com/developers/docs/resources/webhook#execute-webhook
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxTitleRunes = 256;
constexpr size_t kMaxDescriptionRunes = 4096;
constexpr size_t kMaxContentRunes = 2000;
constexpr int kRed = 0x992D22;
constexpr int kGreen = 0x2ECC71;

}  // namespace

ConversationPtr StartDiscord(const Notification& notification, const DiscordConfig& discord,
                             const MessageContext& context) {
  Draft draft(notification, context);
  core::JsonWriter json;
  json.BeginObject();
  json.Key("content").String(TruncateRunes(draft.Text(discord.content), kMaxContentRunes));
  json.Key("embeds").BeginArray().BeginObject();
  json.Key("title").String(TruncateRunes(draft.Text(discord.title), kMaxTitleRunes));
  json.Key("description").String(TruncateRunes(draft.Text(discord.message), kMaxDescriptionRunes));
  json.Key("color").Int(draft.is_firing() ? kRed : kGreen);
  json.EndObject().EndArray();
  WriteUnlessEmpty(json, "username", discord.username);
  WriteUnlessEmpty(json, "avatar_url", discord.avatar_url);
  json.EndObject();
  if (!draft.error().empty()) return SayNothing(Verdict::GivenUp(draft.error(), "clientError"));
  auto url = SecretOf(discord.webhook_url, discord.webhook_url_file);
  if (!url) return SayNothing(url.error());
  auto request = MakeRequest(draft, "POST", std::move(*url), discord.http, std::move(json).Take() + "\n");
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {});
}

}  // namespace sextant::alerting
