// A message for Slack's incoming webhooks, or for its API with a token; that may also change the group's
// first message in place of sending more. Specification:
// https://api.slack.com/reference/messaging/attachments
#include "alerting/receivers/answer_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;

constexpr size_t kMaxTitleRunes = 1024;
constexpr size_t kShownAnswerBytes = 512;
constexpr const char* kUpdateUrl = "https://slack.com/api/chat.update";

void WriteFields(JsonWriter& json, const SlackConfig& slack, Draft& draft) {
  if (slack.fields.empty()) return;
  json.Key("fields").BeginArray();
  for (const SlackField& field : slack.fields) {
    json.BeginObject();
    WriteUnlessEmpty(json, "title", draft.Text(field.title));
    WriteUnlessEmpty(json, "value", draft.Text(field.value));
    json.Key("short").Bool(field.is_short.value_or(slack.short_fields)).EndObject();
  }
  json.EndArray();
}

void WriteActions(JsonWriter& json, const SlackConfig& slack, Draft& draft) {
  if (slack.actions.empty()) return;
  json.Key("actions").BeginArray();
  for (const SlackAction& action : slack.actions) {
    json.BeginObject();
    WriteUnlessEmpty(json, "type", draft.Text(action.type));
    WriteUnlessEmpty(json, "text", draft.Text(action.text));
    WriteUnlessEmpty(json, "url", draft.Text(action.url));
    WriteUnlessEmpty(json, "style", draft.Text(action.style));
    WriteUnlessEmpty(json, "name", draft.Text(action.name));
    WriteUnlessEmpty(json, "value", draft.Text(action.value));
    if (action.confirm) {
      json.Key("confirm").BeginObject();
      WriteUnlessEmpty(json, "text", draft.Text(action.confirm->text));
      WriteUnlessEmpty(json, "title", draft.Text(action.confirm->title));
      WriteUnlessEmpty(json, "ok_text", draft.Text(action.confirm->ok_text));
      WriteUnlessEmpty(json, "dismiss_text", draft.Text(action.confirm->dismiss_text));
      json.EndObject();
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteAttachment(JsonWriter& json, const SlackConfig& slack, Draft& draft) {
  json.BeginObject();
  WriteUnlessEmpty(json, "title", TruncateRunes(draft.Text(slack.title), kMaxTitleRunes));
  WriteUnlessEmpty(json, "title_link", draft.Text(slack.title_link));
  WriteUnlessEmpty(json, "pretext", draft.Text(slack.pretext));
  json.Key("text").String(draft.Text(slack.text));
  json.Key("fallback").String(draft.Text(slack.fallback));
  json.Key("callback_id").String(draft.Text(slack.callback_id));
  WriteFields(json, slack, draft);
  WriteActions(json, slack, draft);
  WriteUnlessEmpty(json, "image_url", draft.Text(slack.image_url));
  WriteUnlessEmpty(json, "thumb_url", draft.Text(slack.thumb_url));
  json.Key("footer").String(draft.Text(slack.footer));
  WriteUnlessEmpty(json, "color", draft.Text(slack.color));
  json.Key("mrkdwn_in").BeginArray();
  static const std::vector<std::string> kDefaultMarkdown = {"fallback", "pretext", "text"};
  for (const std::string& name : slack.mrkdwn_in.empty() ? kDefaultMarkdown : slack.mrkdwn_in)
    json.String(name);
  json.EndArray().EndObject();
}

// A message that was sent before and is to be changed.
struct SentMessage {
  std::string channel;
  std::string timestamp;
};

std::string Body(const SlackConfig& slack, Draft& draft, const std::string& channel,
                 const SentMessage& earlier) {
  JsonWriter json;
  json.BeginObject();
  WriteUnlessEmpty(json, "channel", earlier.timestamp.empty() ? channel : earlier.channel);
  WriteUnlessEmpty(json, "ts", earlier.timestamp);
  WriteUnlessEmpty(json, "username", draft.Text(slack.username));
  WriteUnlessEmpty(json, "icon_emoji", draft.Text(slack.icon_emoji));
  WriteUnlessEmpty(json, "icon_url", draft.Text(slack.icon_url));
  if (slack.link_names) json.Key("link_names").Bool(true);
  WriteUnlessEmpty(json, "text", draft.Text(slack.message_text));
  json.Key("attachments").BeginArray();
  WriteAttachment(json, slack, draft);
  json.EndArray().EndObject();
  return std::move(json).Take() + "\n";
}

// What is sent when a template of the message is broken: less pretty, but nobody stays uninformed.
std::string PlainBody(const SlackConfig& slack, const Draft& draft) {
  const MessageData& data = draft.data();
  std::string text = fmt::format("[{}] {} alerts", data.status, data.alerts.size());
  for (const auto& [name, value] : data.group_labels) text += fmt::format(" {}={}", name, value);
  text += fmt::format("\n(a template of receiver {} failed: {})", data.receiver, draft.error());
  JsonWriter json;
  json.BeginObject();
  const bool has_plain_channel = slack.channel.find("{{") == std::string::npos;
  if (has_plain_channel) WriteUnlessEmpty(json, "channel", slack.channel);
  json.Key("text").String(text).Key("attachments").BeginArray().EndArray().EndObject();
  return std::move(json).Take() + "\n";
}

// Slack says "ok" with status 200 in two formats, and errors with status 200, too.
Verdict JudgeBody(const net::FetchResponse& answer) {
  if (!answer.headers.Get("Content-Type").starts_with("application/json")) {
    if (answer.body == "ok") return Verdict::Delivered();
    return Verdict::GivenUp(
        "received an error response from Slack: " + answer.body.substr(0, kShownAnswerBytes), "clientError");
  }
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (parser.parse(answer.body).get(json) != simdjson::SUCCESS) {
    return {.may_retry = true,
            .error = "could not unmarshal JSON response " +
                     gotemplate::Quote(answer.body.substr(0, kShownAnswerBytes)),
            .reason = "clientError"};
  }
  if (IsTrueIn(json, "ok")) return Verdict::Delivered();
  const std::string error = TextIn(json, "error");
  // The one error that passes; Slack's API says it with status 200 now and then.
  const bool is_rate_limited = error == "rate_limited" || error == "ratelimited";
  return {.may_retry = is_rate_limited,
          .is_rate_limited = is_rate_limited,
          .error = fmt::format("error response from Slack: {}", error),
          .reason = is_rate_limited ? "rateLimited" : "clientError"};
}

// Under these names the original keeps them, too.
constexpr const char* kChannelKey = "channelId";
constexpr const char* kTimestampKey = "threadTs";

std::string TextOf(const ReceiverData& data, const std::string& key) {
  const auto found = data.find(key);
  const auto* text = found == data.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string() : *text;
}

class SlackMessage final : public Conversation {
 public:
  SlackMessage(net::FetchRequest request, std::string prefix, bool is_kept)
      : request_(std::move(request)), prefix_(std::move(prefix)), is_kept_(is_kept) {}

  Step Begin() override { return std::move(request_); }
  Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) override {
    Verdict verdict = JudgeAnswer(answer, now_ms, {.prefix = prefix_, .judge_success = JudgeBody});
    if (verdict.delivered && is_kept_) verdict.receiver_data = WhatToKeep(answer->body);
    return verdict;
  }

 private:
  static ReceiverData WhatToKeep(const std::string& body) {
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    if (parser.parse(body).get(json) != simdjson::SUCCESS) return {};
    const std::string channel = TextIn(json, "channel");
    const std::string timestamp = TextIn(json, "ts");
    if (channel.empty() || timestamp.empty()) return {};
    return {{kChannelKey, channel}, {kTimestampKey, timestamp}};
  }

  net::FetchRequest request_;
  std::string prefix_;
  bool is_kept_;
};

}  // namespace

ConversationPtr StartSlack(const Notification& notification, const SlackConfig& slack,
                           const MessageContext& context) {
  Draft draft(notification, context);
  SentMessage earlier;
  if (slack.update_message) {
    earlier = {TextOf(notification.receiver_data, kChannelKey),
               TextOf(notification.receiver_data, kTimestampKey)};
    if (earlier.channel.empty()) earlier = {};
  }
  const std::string channel = draft.Text(slack.channel);
  std::string body = Body(slack, draft, channel, earlier);
  if (!draft.error().empty()) body = PlainBody(slack, draft);
  auto url = earlier.timestamp.empty() ? SecretOf(slack.api_url, slack.api_url_file) : kUpdateUrl;
  if (!url) return SayNothing(url.error());
  auto request = MakeRequest(draft, "POST", std::move(*url), slack.http, std::move(body));
  if (!request) return SayNothing(request.error());
  auto conversation = std::make_unique<SlackMessage>(
      std::move(*request), fmt::format("channel {}: ", gotemplate::Quote(channel)), slack.update_message);
  conversation->timeout_ms = slack.timeout_ms;
  conversation->template_error = draft.error();
  return conversation;
}

}  // namespace sextant::alerting
