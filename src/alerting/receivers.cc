#include "alerting/receivers.h"

#include <simdjson.h>

#include <charconv>

#include "alerting/template_data.h"
#include "config/node.h"
#include "core/json_writer.h"
#include "gotemplate/alertmanager.h"
#include "gotemplate/unicode.h"
#include "httpclient/settings.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;
using core::Result;

constexpr size_t kMaxSecretBytes = 64 << 10;
constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kMaxMessageBytes = 32 << 20;
constexpr size_t kMaxSlackTitleRunes = 1024;
constexpr size_t kShownAnswerBytes = 512;
constexpr core::DurationMs kMaxRetryAfterMs = 3'600'000;

Result<std::string> ReadSecretFile(const std::string& path) {
  SEXTANT_ASSIGN(const std::string text, config::ReadTextFile(path, kMaxSecretBytes));
  return std::string(gotemplate::TrimSpace(text));
}

// A JSON POST to a URL that stands in the configuration or in a file.
Result<net::FetchRequest> MakePost(std::string url, const std::string& url_file,
                                   const std::optional<config::HttpClientConfig>& http, const Config& config,
                                   std::string body) {
  net::FetchRequest request;
  request.method = "POST";
  request.url = std::move(url);
  if (!url_file.empty()) {
    SEXTANT_ASSIGN(request.url, ReadSecretFile(url_file));
  }
  request.headers.Set("Content-Type", "application/json");
  request.body = std::move(body);
  request.max_body_bytes = kMaxAnswerBytes;
  const config::HttpClientConfig& settings = http ? *http : config.global.http;
  httpclient::ApplyHttpConfig(settings, request);
  SEXTANT_TRY(httpclient::ReadSecretFiles(settings, request));
  return request;
}

// Fills templates in; the first error is kept and later texts come out empty.
class TemplateFiller {
 public:
  TemplateFiller(const MessageContext& context, const MessageData& data)
      : set_(*context.templates), value_(ToTemplateValue(data)) {
    environment_.now_ms = context.now_ms;
    environment_.route_labels = data.route_labels;
  }

  std::string Fill(const std::string& text) {
    if (!error_.empty()) return {};
    // Most texts of a receiver are plain or empty.
    if (text.find("{{") == std::string::npos) return text;
    auto filled = set_.ExecuteText("", text, value_, &environment_);
    if (filled) return std::move(*filled);
    error_ = filled.error().message();
    return {};
  }

  const std::string& error() const { return error_; }

 private:
  const gotemplate::TemplateSet& set_;
  gotemplate::Value value_;
  gotemplate::AlertmanagerEnvironment environment_;
  std::string error_;
};

void WriteUnlessEmpty(JsonWriter& json, std::string_view key, const std::string& value) {
  if (!value.empty()) json.Key(key).String(value);
}

void WriteSlackFields(JsonWriter& json, const SlackConfig& slack, TemplateFiller& filler) {
  if (slack.fields.empty()) return;
  json.Key("fields").BeginArray();
  for (const SlackField& field : slack.fields) {
    json.BeginObject();
    WriteUnlessEmpty(json, "title", filler.Fill(field.title));
    WriteUnlessEmpty(json, "value", filler.Fill(field.value));
    json.Key("short").Bool(field.is_short.value_or(slack.short_fields)).EndObject();
  }
  json.EndArray();
}

void WriteSlackActions(JsonWriter& json, const SlackConfig& slack, TemplateFiller& filler) {
  if (slack.actions.empty()) return;
  json.Key("actions").BeginArray();
  for (const SlackAction& action : slack.actions) {
    json.BeginObject();
    WriteUnlessEmpty(json, "type", filler.Fill(action.type));
    WriteUnlessEmpty(json, "text", filler.Fill(action.text));
    WriteUnlessEmpty(json, "url", filler.Fill(action.url));
    WriteUnlessEmpty(json, "style", filler.Fill(action.style));
    WriteUnlessEmpty(json, "name", filler.Fill(action.name));
    WriteUnlessEmpty(json, "value", filler.Fill(action.value));
    if (action.confirm) {
      json.Key("confirm").BeginObject();
      WriteUnlessEmpty(json, "text", filler.Fill(action.confirm->text));
      WriteUnlessEmpty(json, "title", filler.Fill(action.confirm->title));
      WriteUnlessEmpty(json, "ok_text", filler.Fill(action.confirm->ok_text));
      WriteUnlessEmpty(json, "dismiss_text", filler.Fill(action.confirm->dismiss_text));
      json.EndObject();
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteSlackAttachment(JsonWriter& json, const SlackConfig& slack, TemplateFiller& filler) {
  json.BeginObject();
  WriteUnlessEmpty(json, "title", TruncateRunes(filler.Fill(slack.title), kMaxSlackTitleRunes));
  WriteUnlessEmpty(json, "title_link", filler.Fill(slack.title_link));
  WriteUnlessEmpty(json, "pretext", filler.Fill(slack.pretext));
  json.Key("text").String(filler.Fill(slack.text));
  json.Key("fallback").String(filler.Fill(slack.fallback));
  json.Key("callback_id").String(filler.Fill(slack.callback_id));
  WriteSlackFields(json, slack, filler);
  WriteSlackActions(json, slack, filler);
  WriteUnlessEmpty(json, "image_url", filler.Fill(slack.image_url));
  WriteUnlessEmpty(json, "thumb_url", filler.Fill(slack.thumb_url));
  json.Key("footer").String(filler.Fill(slack.footer));
  WriteUnlessEmpty(json, "color", filler.Fill(slack.color));
  json.Key("mrkdwn_in").BeginArray();
  static const std::vector<std::string> kDefaultMarkdown = {"fallback", "pretext", "text"};
  for (const std::string& name : slack.mrkdwn_in.empty() ? kDefaultMarkdown : slack.mrkdwn_in)
    json.String(name);
  json.EndArray().EndObject();
}

std::string SlackBody(const SlackConfig& slack, TemplateFiller& filler) {
  JsonWriter json;
  json.BeginObject();
  WriteUnlessEmpty(json, "channel", filler.Fill(slack.channel));
  WriteUnlessEmpty(json, "username", filler.Fill(slack.username));
  WriteUnlessEmpty(json, "icon_emoji", filler.Fill(slack.icon_emoji));
  WriteUnlessEmpty(json, "icon_url", filler.Fill(slack.icon_url));
  if (slack.link_names) json.Key("link_names").Bool(true);
  WriteUnlessEmpty(json, "text", filler.Fill(slack.message_text));
  json.Key("attachments").BeginArray();
  WriteSlackAttachment(json, slack, filler);
  json.EndArray().EndObject();
  return std::move(json).Take() + "\n";
}

// What is sent when a template of the message is broken: less pretty, but nobody stays uninformed.
std::string PlainSlackBody(const SlackConfig& slack, const MessageData& data, const std::string& error) {
  std::string text = fmt::format("[{}] {} alerts", data.status, data.alerts.size());
  for (const auto& [name, value] : data.group_labels) text += fmt::format(" {}={}", name, value);
  text += fmt::format("\n(a template of receiver {} failed: {})", data.receiver, error);
  JsonWriter json;
  json.BeginObject();
  const bool has_plain_channel = slack.channel.find("{{") == std::string::npos;
  if (has_plain_channel) WriteUnlessEmpty(json, "channel", slack.channel);
  json.Key("text").String(text).Key("attachments").BeginArray().EndArray().EndObject();
  return std::move(json).Take() + "\n";
}

std::string ShownAnswer(const net::FetchResponse& answer) {
  if (answer.body.empty()) return {};
  return ": " + answer.body.substr(0, kShownAnswerBytes);
}

std::string FailureReason(int status) {
  if (status == 401 || status == 403) return "authError";
  if (status == 429) return "rateLimited";
  if (status / 100 == 4) return "clientError";
  if (status / 100 == 5) return "serverError";
  return "other";
}

core::DurationMs RetryAfter(const net::FetchResponse& answer) {
  const std::string_view text = answer.headers.Get("Retry-After");
  int64_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || rest != text.data() + text.size() || seconds < 0) return 0;
  return std::min<core::DurationMs>(std::min<int64_t>(seconds, 86'400) * 1000, kMaxRetryAfterMs);
}

// Slack says "ok" with status 200 in two formats, and errors with status 200, too.
Verdict JudgeSlackBody(const net::FetchResponse& answer) {
  const auto refused = [](std::string error, bool may_retry) {
    return Verdict{.delivered = false,
                   .may_retry = may_retry,
                   .retry_after_ms = 0,
                   .error = std::move(error),
                   .reason = "clientError"};
  };
  if (answer.headers.Get("Content-Type").starts_with("application/json")) {
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    if (parser.parse(answer.body).get(json) != simdjson::SUCCESS) {
      return refused(
          "could not unmarshal JSON response " + gotemplate::Quote(answer.body.substr(0, kShownAnswerBytes)),
          true);
    }
    bool ok = false;
    if (json["ok"].get(ok) == simdjson::SUCCESS && ok) return {.delivered = true, .error = {}, .reason = {}};
    std::string_view error;
    if (json["error"].get(error) != simdjson::SUCCESS) error = "unknown";
    return refused(fmt::format("error response from Slack: {}", error), false);
  }
  if (answer.body == "ok") return {.delivered = true, .error = {}, .reason = {}};
  return refused("error response from Slack: " + answer.body.substr(0, kShownAnswerBytes), false);
}

}  // namespace

Result<OutgoingMessage> MakeWebhookMessage(const Notification& notification, const MessageContext& context) {
  const Config& config = *notification.config;
  const WebhookConfig& webhook =
      config.receivers[notification.integration.receiver].webhooks[notification.integration.index];
  const MessageData data = DescribeNotification(notification, context.external_url, webhook.max_alerts);
  gotemplate::BoundedText body(kMaxMessageBytes);
  gotemplate::AppendJson(body, ToTemplateValue(data));
  if (body.exceeded()) {
    return core::Fail(core::Code::kResourceExhausted, "message exceeds {} bytes; set max_alerts",
                      kMaxMessageBytes);
  }
  std::string text = body.Take();
  text.pop_back();  // the object goes on
  text += ",\"version\":\"4\",\"groupKey\":";
  core::AppendJsonString(text, notification.group_key);
  text += fmt::format(",\"truncatedAlerts\":{}}}\n", notification.alerts.size() - data.alerts.size());

  std::string url = webhook.url;
  if (url.find("{{") != std::string::npos) {
    TemplateFiller filler(context, data);
    url = filler.Fill(url);
    if (!filler.error().empty()) {
      return core::Fail(core::Code::kInvalidArgument, "failed to template webhook URL: {}", filler.error());
    }
    if (url.empty()) return core::Fail(core::Code::kInvalidArgument, "webhook URL is empty after templating");
  }
  SEXTANT_ASSIGN(net::FetchRequest request,
                 MakePost(std::move(url), webhook.url_file, webhook.http, config, std::move(text)));
  return OutgoingMessage{std::move(request), webhook.timeout_ms, {}};
}

Result<OutgoingMessage> MakeSlackMessage(const Notification& notification, const MessageContext& context) {
  const Config& config = *notification.config;
  const SlackConfig& slack =
      config.receivers[notification.integration.receiver].slacks[notification.integration.index];
  const MessageData data = DescribeNotification(notification, context.external_url);
  TemplateFiller filler(context, data);
  std::string body = SlackBody(slack, filler);
  if (!filler.error().empty()) body = PlainSlackBody(slack, data, filler.error());
  SEXTANT_ASSIGN(net::FetchRequest request,
                 MakePost(slack.api_url, slack.api_url_file, slack.http, config, std::move(body)));
  return OutgoingMessage{std::move(request), slack.timeout_ms, filler.error()};
}

Result<OutgoingMessage> MakeMessage(const Notification& notification, const MessageContext& context) {
  switch (notification.integration.kind) {
    case IntegrationKind::kWebhook:
      return MakeWebhookMessage(notification, context);
    case IntegrationKind::kSlack:
      return MakeSlackMessage(notification, context);
    case IntegrationKind::kLog:
      break;
  }
  return core::Fail(core::Code::kInternal, "notifications to the log have no message");
}

Verdict JudgeAnswer(IntegrationKind kind, const Result<net::FetchResponse>& answer) {
  if (!answer) {
    const core::Code code = answer.error().code();
    const bool may_retry = code != core::Code::kInvalidArgument && code != core::Code::kCancelled;
    return {.delivered = false,
            .may_retry = may_retry,
            .retry_after_ms = 0,
            .error = answer.error().message(),
            .reason = code == core::Code::kDeadlineExceeded ? "contextDeadlineExceeded" : "other"};
  }
  const int status = answer->status;
  if (status / 100 == 2) {
    if (kind == IntegrationKind::kSlack) return JudgeSlackBody(*answer);
    return {.delivered = true, .error = {}, .reason = {}};
  }
  // 5xx may pass; 429 always will, and upstream's Slack thinks so too.
  return {.delivered = false,
          .may_retry = status / 100 == 5 || status == 429,
          .retry_after_ms = RetryAfter(*answer),
          .error = fmt::format("unexpected status code {}{}", status, ShownAnswer(*answer)),
          .reason = FailureReason(status)};
}

std::string TruncateRunes(std::string text, size_t max_runes) {
  if (gotemplate::CountRunes(text) <= max_runes) return text;
  const bool has_ellipsis = max_runes > 3;
  size_t end = 0;
  for (size_t i = 0; i < (has_ellipsis ? max_runes - 1 : max_runes); ++i) {
    end += gotemplate::DecodeRune(std::string_view(text).substr(end)).size;
  }
  text.resize(end);
  if (has_ellipsis) text += "…";
  return text;
}

}  // namespace sextant::alerting
