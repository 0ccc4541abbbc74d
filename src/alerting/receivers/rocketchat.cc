// A message with one attachment for Rocket.Chat.
// Specification: https://developer.rocket.chat/apidocs/post-message
#include "alerting/receivers/answer_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;

constexpr size_t kMaxTitleRunes = 1024;
constexpr size_t kShownAnswerBytes = 512;

void WriteFields(JsonWriter& json, Draft& draft, const RocketchatConfig& rocketchat) {
  if (rocketchat.fields.empty()) return;
  json.Key("fields").BeginArray();
  for (const RocketchatField& field : rocketchat.fields) {
    json.BeginObject().Key("short").Bool(field.is_short.value_or(rocketchat.short_fields));
    WriteUnlessEmpty(json, "title", draft.Text(field.title));
    WriteUnlessEmpty(json, "value", draft.Text(field.value));
    json.EndObject();
  }
  json.EndArray();
}

void WriteActions(JsonWriter& json, Draft& draft, const RocketchatConfig& rocketchat) {
  if (rocketchat.actions.empty()) return;
  json.Key("actions").BeginArray();
  for (const RocketchatAction& action : rocketchat.actions) {
    json.BeginObject().Key("type").String("button");  // the only type there is
    WriteUnlessEmpty(json, "text", draft.Text(action.text));
    WriteUnlessEmpty(json, "url", draft.Text(action.url));
    json.Key("is_webview").Bool(false);
    WriteUnlessEmpty(json, "msg", draft.Text(action.msg));
    json.Key("msg_in_chat_window").Bool(false).EndObject();
  }
  json.EndArray();
}

std::string Body(Draft& draft, const RocketchatConfig& rocketchat, const std::string& channel) {
  JsonWriter json;
  json.BeginObject();
  WriteUnlessEmpty(json, "channel", channel);
  WriteUnlessEmpty(json, "emoji", draft.Text(rocketchat.emoji));
  WriteUnlessEmpty(json, "avatar", draft.Text(rocketchat.icon_url));
  json.Key("attachments").BeginArray().BeginObject();
  WriteUnlessEmpty(json, "title", TruncateRunes(draft.Text(rocketchat.title), kMaxTitleRunes));
  WriteUnlessEmpty(json, "title_link", draft.Text(rocketchat.title_link));
  WriteUnlessEmpty(json, "text", draft.Text(rocketchat.text));
  WriteUnlessEmpty(json, "image_url", draft.Text(rocketchat.image_url));
  WriteUnlessEmpty(json, "thumb_url", draft.Text(rocketchat.thumb_url));
  WriteUnlessEmpty(json, "color", draft.Text(rocketchat.color));
  WriteFields(json, draft, rocketchat);
  WriteActions(json, draft, rocketchat);
  json.EndObject().EndArray().EndObject();
  return std::move(json).Take() + "\n";
}

// Errors come with status 200, too.
Verdict JudgeBody(const net::FetchResponse& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (parser.parse(answer.body).get(json) != simdjson::SUCCESS) {
    return {.may_retry = true,
            .error = "could not unmarshal JSON response " +
                     gotemplate::Quote(answer.body.substr(0, kShownAnswerBytes)),
            .reason = "clientError"};
  }
  if (IsTrueIn(json, "success")) return Verdict::Delivered();
  return Verdict::GivenUp("error response from Rocketchat: " + TextIn(json, "error"), "clientError");
}

}  // namespace

ConversationPtr StartRocketchat(const Notification& notification, const RocketchatConfig& rocketchat,
                                const MessageContext& context) {
  Draft draft(notification, context);
  const std::string channel = draft.Text(rocketchat.channel);
  std::string body = Body(draft, rocketchat, channel);
  if (!draft.error().empty()) return SayNothing(Verdict::GivenUp(draft.error(), "clientError"));
  const auto token = SecretOf(rocketchat.token, rocketchat.token_file);
  if (!token) return SayNothing(token.error());
  const auto token_id = SecretOf(rocketchat.token_id, rocketchat.token_id_file);
  if (!token_id) return SayNothing(token_id.error());
  auto request = MakeRequest(draft, "POST", JoinUrl(rocketchat.api_url, "api/v1/chat.postMessage"),
                             rocketchat.http, std::move(body));
  if (!request) return SayNothing(request.error());
  request->headers.Set("X-Auth-Token", *token);
  request->headers.Set("X-User-Id", *token_id);
  return SayOnce(std::move(*request), {.prefix = fmt::format("channel {}: ", gotemplate::Quote(channel)),
                                       .judge_success = JudgeBody});
}

}  // namespace sextant::alerting
