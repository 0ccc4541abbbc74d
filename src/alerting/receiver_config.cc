#include "alerting/receiver_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "alerting/any_value.h"
#include "alerting/receiver_checks.h"
#include "config/text.h"
#include "gotemplate/template.h"

namespace sextant::alerting {

const config::Struct& FieldsOf(const WebhookConfig*);
const config::Struct& FieldsOf(const SlackConfirm*);
const config::Struct& FieldsOf(const SlackAction*);
const config::Struct& FieldsOf(const SlackField*);
const config::Struct& FieldsOf(const SlackConfig*);
const config::Struct& FieldsOf(const EmailThreading*);
const config::Struct& FieldsOf(const EmailConfig*);
const config::Struct& FieldsOf(const PagerdutyImage*);
const config::Struct& FieldsOf(const PagerdutyLink*);
const config::Struct& FieldsOf(const PagerdutyConfig*);
const config::Struct& FieldsOf(const OpsgenieResponder*);
const config::Struct& FieldsOf(const OpsgenieConfig*);
const config::Struct& FieldsOf(const VictoropsConfig*);
const config::Struct& FieldsOf(const PushoverConfig*);
const config::Struct& FieldsOf(const SnsConfig*);
const config::Struct& FieldsOf(const TelegramConfig*);
const config::Struct& FieldsOf(const DiscordConfig*);
const config::Struct& FieldsOf(const WebexConfig*);
const config::Struct& FieldsOf(const MsteamsConfig*);
const config::Struct& FieldsOf(const MsteamsV2Config*);
const config::Struct& FieldsOf(const JiraConfig*);
const config::Struct& FieldsOf(const IncidentioConfig*);
const config::Struct& FieldsOf(const RocketchatField*);
const config::Struct& FieldsOf(const RocketchatAction*);
const config::Struct& FieldsOf(const RocketchatConfig*);
const config::Struct& FieldsOf(const WechatConfig*);
const config::Struct& FieldsOf(const MattermostField*);
const config::Struct& FieldsOf(const MattermostAttachment*);
const config::Struct& FieldsOf(const MattermostProps*);
const config::Struct& FieldsOf(const MattermostPriority*);
const config::Struct& FieldsOf(const MattermostConfig*);

namespace {

using config::Node;
using core::Result;
using core::Status;
using gotemplate::Value;
using namespace config;

constexpr std::string_view kChatPostMessage = "https://slack.com/api/chat.postMessage";

// --- values that only receivers have ---

// Go's time.ParseDuration: "1h30m", "1.5s", "300ms".
Result<core::DurationMs> ParseGoDuration(std::string_view text) {
  const auto invalid = [text] {
    return core::Fail(core::Code::kInvalidArgument, "time: invalid duration {}", Quote(text));
  };
  std::string_view rest = text;
  const bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  double total_ms = 0;
  while (!rest.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) return invalid();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const size_t unit_size = std::min(rest.find_first_of("0123456789.+-"), rest.size());
    const std::string_view unit = rest.substr(0, unit_size);
    if (unit.empty()) {
      return core::Fail(core::Code::kInvalidArgument, "time: missing unit in duration {}", Quote(text));
    }
    static constexpr std::pair<std::string_view, double> kUnits[] = {{"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3},
                                                                     {"μs", 1e-3}, {"ms", 1},    {"s", 1e3},
                                                                     {"m", 6e4},   {"h", 3.6e6}};
    const auto* found =
        std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) { return u.first == unit; });
    if (found == std::end(kUnits)) {
      return core::Fail(core::Code::kInvalidArgument, "time: unknown unit {} in duration {}", Quote(unit),
                        Quote(text));
    }
    total_ms += number * found->second;
    rest.remove_prefix(unit_size);
  }
  if (total_ms > 9.2e12) return invalid();
  const auto rounded = static_cast<core::DurationMs>(std::ceil(total_ms));
  return is_negative ? -rounded : rounded;
}

std::string FormatGoDuration(core::DurationMs duration_ms) {
  if (duration_ms == 0) return "0s";
  std::string out = duration_ms < 0 ? "-" : "";
  const core::DurationMs ms = duration_ms < 0 ? -duration_ms : duration_ms;
  if (ms < 1'000) return out + fmt::format("{}ms", ms);
  if (ms >= 3'600'000) out += fmt::format("{}h", ms / 3'600'000);
  if (ms >= 60'000) out += fmt::format("{}m", ms / 60'000 % 60);
  if (ms % 1'000 == 0) return out + fmt::format("{}s", ms / 1'000 % 60);
  std::string seconds = fmt::format("{}.{:03}", ms / 1'000 % 60, ms % 1'000);
  seconds.erase(seconds.find_last_not_of('0') + 1);
  return out + seconds + "s";
}

CodecFor<int64_t> GoDuration() {
  return Custom<int64_t>(
      [](Node node) -> Result<int64_t> {
        SEXTANT_ASSIGN(const std::string text, node.AsText());
        auto duration_ms = ParseGoDuration(text);
        if (!duration_ms) return node.Fail("{}", duration_ms.error().message());
        return *duration_ms;
      },
      [](const int64_t& duration_ms, YamlWriter& out) { out.Text(FormatGoDuration(duration_ms)); },
      [](const int64_t& duration_ms) { return duration_ms == 0; });
}

CodecFor<Value> AnyCodec() {
  return Custom<Value>([](Node node) -> Result<Value> { return AnyValueOf(node); }, WriteAnyValue,
                       [](const Value& value) { return value.IsMissing(); });
}

CodecFor<JiraText> JiraTextCodec() {
  return Custom<JiraText>(
      [](Node node) -> Result<JiraText> {
        JiraText out;
        if (!node.IsMapping()) {
          SEXTANT_ASSIGN(out.text, node.AsText());
          return out;
        }
        for (const Node child : node.children()) {
          if (child.key() == "template") {
            SEXTANT_ASSIGN(out.text, child.AsText());
          } else if (child.key() == "enable_update") {
            SEXTANT_ASSIGN(out.is_updated, child.AsBool());
          } else {
            return child.FailAtKey(core::Code::kInvalidArgument, "unknown field");
          }
        }
        return out;
      },
      [](const JiraText& text, YamlWriter& out) {
        if (text.is_updated) return out.Text(text.text.value_or(""));
        out.BeginMapping();
        out.Key("template");
        out.Text(text.text.value_or(""));
        out.Key("enable_update");
        out.Bool(false);
        out.EndMapping();
      });
}

Result<std::vector<std::string>> Texts(Node node) {
  if (!node.IsSequence()) return node.Fail("must be a list of texts, not {}", node.Describe());
  std::vector<std::string> out;
  for (const Node child : node.children()) {
    SEXTANT_ASSIGN(out.emplace_back(), child.AsText());
  }
  return out;
}

CodecFor<JiraLabels> JiraLabelsCodec() {
  return Custom<JiraLabels>(
      [](Node node) -> Result<JiraLabels> {
        JiraLabels out;
        if (!node.IsMapping()) {
          SEXTANT_ASSIGN(out.values, Texts(node));
          return out;
        }
        for (const Node child : node.children()) {
          if (child.key() == "values") {
            SEXTANT_ASSIGN(out.values, Texts(child));
          } else if (child.key() == "enable_update") {
            SEXTANT_ASSIGN(out.is_updated, child.AsBool());
          } else {
            return child.FailAtKey(core::Code::kInvalidArgument, "unknown field");
          }
        }
        return out;
      },
      [](const JiraLabels& labels, YamlWriter& out) {
        const auto write_values = [&] {
          out.BeginSequence();
          for (const std::string& value : labels.values) out.Text(value);
          out.EndSequence();
        };
        if (labels.is_updated) return write_values();
        out.BeginMapping();
        out.Key("values");
        write_values();
        out.Key("enable_update");
        out.Bool(false);
        out.EndMapping();
      },
      [](const JiraLabels& labels) { return labels.values.empty() && labels.is_updated; });
}

// --- checks ---

// The pair that most chats have.
Status FinishWebhookUrl(const std::string& url, std::string& file, Node node) {
  if (url.empty() && file.empty())
    return node.Fail("one of webhook_url or webhook_url_file must be configured");
  SEXTANT_TRY(AtMostOne(url, file, node, "webhook_url"));
  SEXTANT_TRY(CheckUrl(url, node, "webhook_url"));
  MakeRelative(node, file);
  return {};
}

Status FinishWebhook(WebhookConfig& webhook, Node node) {
  if (webhook.url.empty() && webhook.url_file.empty())
    return node.Fail("one of url or url_file must be configured");
  SEXTANT_TRY(AtMostOne(webhook.url, webhook.url_file, node, "url"));
  MakeRelative(node, webhook.url_file);
  // A template becomes a URL only when it is filled in.
  if (webhook.url.find("{{") == std::string::npos) SEXTANT_TRY(CheckUrl(webhook.url, node, "url"));
  return {};
}

Status FinishSlackConfirm(SlackConfirm& confirm, Node node) {
  if (confirm.text.empty()) return node.Fail("missing text in Slack confirmation configuration");
  return {};
}

Status FinishSlackAction(SlackAction& action, Node node) {
  if (action.type.empty()) return node.Fail("missing type in Slack action configuration");
  if (action.text.empty()) return node.Fail("missing text in Slack action configuration");
  if (!action.url.empty()) {
    // A link needs nothing else; what only message buttons have is dropped, as Alertmanager does.
    action.name.clear();
    action.value.clear();
    action.confirm.reset();
  } else if (action.name.empty()) {
    return node.Fail("missing name or url in Slack action configuration");
  }
  return {};
}

template <typename FieldConfig>
Status CheckField(const FieldConfig& field, Node node, std::string_view service) {
  if (field.title.empty()) return node.Fail("missing title in {} field configuration", service);
  if (field.value.empty()) return node.Fail("missing value in {} field configuration", service);
  return {};
}

Status FinishSlackField(SlackField& field, Node node) { return CheckField(field, node, "Slack"); }
Status FinishMattermostField(MattermostField& field, Node node) {
  return CheckField(field, node, "Mattermost");
}

Status FinishSlack(SlackConfig& slack, Node node) {
  SEXTANT_TRY(AtMostOne(slack.api_url, slack.api_url_file, node, "api_url"));
  SEXTANT_TRY(AtMostOne(slack.app_token, slack.app_token_file, node, "app_token"));
  const bool has_url = !slack.api_url.empty() || !slack.api_url_file.empty();
  const bool has_token = !slack.app_token.empty() || !slack.app_token_file.empty();
  if (has_url && has_token) {
    return node.Fail("at most one of api_url/api_url_file & app_token/app_token_file must be configured");
  }
  if (slack.update_message && slack.api_url != kChatPostMessage) {
    return node.Fail("update_message can only be used with bot tokens. api_url must be set to {}",
                     kChatPostMessage);
  }
  SEXTANT_TRY(CheckUrl(slack.api_url, node, "api_url"));
  SEXTANT_TRY(CheckUrl(slack.app_url, node, "app_url"));
  MakeRelative(node, slack.api_url_file);
  MakeRelative(node, slack.app_token_file);
  return {};
}

// "x-custom" → "X-Custom".
std::string CanonicalHeader(std::string_view name) {
  std::string out(name);
  bool at_start = true;
  for (char& c : out) {
    if (at_start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!at_start && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    at_start = c == '-';
  }
  return out;
}

Status FinishEmail(EmailConfig& email, Node node) {
  TextFields headers;
  for (auto& [name, value] : email.headers) {
    std::string canonical = CanonicalHeader(name);
    if (headers.contains(canonical))
      return node.Fail("duplicate header {} in email config", Quote(canonical));
    headers.emplace(std::move(canonical), std::move(value));
  }
  email.headers = std::move(headers);
  if (email.to.empty()) return node.Fail("missing to address in email config");
  SEXTANT_TRY(AtMostOne(email.auth_password, email.auth_password_file, node, "auth_password"));
  SEXTANT_TRY(AtMostOne(email.auth_secret, email.auth_secret_file, node, "auth_secret"));
  SEXTANT_TRY(CheckSmarthost(email.smarthost, node, "smarthost"));
  if (email.threading.enabled) {
    for (const char* name : {"References", "In-Reply-To"}) {
      if (email.headers.contains(name))
        return node.Fail("conflicting configuration: threading.enabled conflicts with custom {} header",
                         name);
    }
    if (email.threading.by_date != "none" && email.threading.by_date != "daily")
      return node.Fail("threading.thread_by_date must be either 'none' or 'daily'");
  }
  MakeRelative(node, email.auth_password_file);
  MakeRelative(node, email.auth_secret_file);
  return {};
}

Status FinishPagerduty(PagerdutyConfig& pagerduty, Node node) {
  if (pagerduty.routing_key.empty() && pagerduty.service_key.empty() && pagerduty.routing_key_file.empty() &&
      pagerduty.service_key_file.empty()) {
    return node.Fail("missing service or routing key in PagerDuty config");
  }
  SEXTANT_TRY(AtMostOne(pagerduty.routing_key, pagerduty.routing_key_file, node, "routing_key"));
  SEXTANT_TRY(AtMostOne(pagerduty.service_key, pagerduty.service_key_file, node, "service_key"));
  SEXTANT_TRY(CheckUrl(pagerduty.url, node, "url"));
  MakeRelative(node, pagerduty.routing_key_file);
  MakeRelative(node, pagerduty.service_key_file);
  if (pagerduty.source.empty()) pagerduty.source = pagerduty.client;
  static constexpr std::pair<const char*, const char*> kDetails[] = {
      {"firing", "{{ .Alerts.Firing | toJson }}"},
      {"resolved", "{{ .Alerts.Resolved | toJson }}"},
      {"num_firing", "{{ .Alerts.Firing | len }}"},
      {"num_resolved", "{{ .Alerts.Resolved | len }}"}};
  for (const auto& [name, text] : kDetails) pagerduty.details.emplace(name, Value::String(text));
  return {};
}

Status FinishOpsgenieResponder(OpsgenieResponder& responder, Node node) {
  if (responder.id.empty() && responder.username.empty() && responder.name.empty())
    return node.Fail("opsGenieConfig responder has to have at least one of id, username or name specified");
  if (responder.type.find("{{") != std::string::npos) {
    gotemplate::TemplateSet set(nullptr);
    const Status parsed = set.Parse("", responder.type);
    if (!parsed) {
      return node.Fail("opsGenieConfig responder type contains invalid template syntax: {}",
                       parsed.error().message());
    }
    return {};
  }
  std::string type = responder.type;
  for (char& c : type) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  for (const char* known : {"team", "teams", "user", "escalation", "schedule"}) {
    if (type == known) return {};
  }
  return node.Fail(
      "opsGenieConfig responder type does not match valid options ^(team|teams|user|escalation|schedule)$");
}

Status FinishOpsgenie(OpsgenieConfig& opsgenie, Node node) {
  SEXTANT_TRY(AtMostOne(opsgenie.api_key, opsgenie.api_key_file, node, "api_key"));
  SEXTANT_TRY(CheckUrl(opsgenie.api_url, node, "api_url"));
  MakeRelative(node, opsgenie.api_key_file);
  return {};
}

Status FinishVictorops(VictoropsConfig& victorops, Node node) {
  if (victorops.routing_key.empty()) return node.Fail("missing Routing key in VictorOps config");
  SEXTANT_TRY(AtMostOne(victorops.api_key, victorops.api_key_file, node, "api_key"));
  for (const char* reserved : {"routing_key", "message_type", "state_message", "entity_display_name",
                               "monitoring_tool", "entity_id", "entity_state"}) {
    if (victorops.custom_fields.contains(reserved)) {
      return node.Fail(
          "victorOps config contains custom field {} which cannot be used as it conflicts with the "
          "fixed/static fields",
          reserved);
    }
  }
  SEXTANT_TRY(CheckUrl(victorops.api_url, node, "api_url"));
  MakeRelative(node, victorops.api_key_file);
  return {};
}

Status FinishPushover(PushoverConfig& pushover, Node node) {
  if (pushover.user_key.empty() && pushover.user_key_file.empty())
    return node.Fail("one of user_key or user_key_file must be configured");
  SEXTANT_TRY(AtMostOne(pushover.user_key, pushover.user_key_file, node, "user_key"));
  if (pushover.token.empty() && pushover.token_file.empty())
    return node.Fail("one of token or token_file must be configured");
  SEXTANT_TRY(AtMostOne(pushover.token, pushover.token_file, node, "token"));
  if (pushover.html && pushover.monospace)
    return node.Fail("at most one of monospace & html must be configured");
  MakeRelative(node, pushover.user_key_file);
  MakeRelative(node, pushover.token_file);
  return {};
}

Status FinishSns(SnsConfig& sns, Node node) {
  // All three together pass, as they do in Alertmanager.
  if (sns.target_arn.empty() != (sns.topic_arn.empty() != sns.phone_number.empty()))
    return node.Fail("must provide either a Target ARN, Topic ARN, or Phone Number for SNS config");
  return {};
}

Status FinishTelegram(TelegramConfig& telegram, Node node) {
  SEXTANT_TRY(AtMostOne(telegram.bot_token, telegram.bot_token_file, node, "bot_token"));
  if (telegram.chat_id == 0 && telegram.chat_id_file.empty())
    return node.Fail("missing chat_id or chat_id_file on telegram_config");
  if (telegram.chat_id != 0 && !telegram.chat_id_file.empty())
    return node.Fail("at most one of chat_id & chat_id_file must be configured");
  const std::string& mode = telegram.parse_mode;
  if (!mode.empty() && mode != "Markdown" && mode != "MarkdownV2" && mode != "HTML") {
    return node.Fail(
        "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string");
  }
  SEXTANT_TRY(CheckUrl(telegram.api_url, node, "api_url"));
  MakeRelative(node, telegram.bot_token_file);
  MakeRelative(node, telegram.chat_id_file);
  return {};
}

Status FinishWebex(WebexConfig& webex, Node node) {
  if (webex.room_id.empty()) return node.Fail("missing room_id on webex_config");
  if (!webex.http || !webex.http->authorization)
    return node.Fail("missing webex_configs.http_config.authorization");
  return CheckUrl(webex.api_url, node, "api_url");
}

Status FinishDiscord(DiscordConfig& c, Node node) {
  return FinishWebhookUrl(c.webhook_url, c.webhook_url_file, node);
}
Status FinishMsteams(MsteamsConfig& c, Node node) {
  return FinishWebhookUrl(c.webhook_url, c.webhook_url_file, node);
}
Status FinishMsteamsV2(MsteamsV2Config& c, Node node) {
  return FinishWebhookUrl(c.webhook_url, c.webhook_url_file, node);
}

Status FinishJira(JiraConfig& jira, Node node) {
  if (jira.project.empty()) return node.Fail("missing project in jira_config");
  if (jira.issue_type.empty()) return node.Fail("missing issue_type in jira_config");
  if (jira.api_type != "auto" && jira.api_type != "cloud" && jira.api_type != "datacenter")
    return node.Fail("unknown api_type on jira_config, must be auto, cloud or datacenter");
  if (!jira.summary.text) jira.summary.text = R"({{ template "jira.default.summary" . }})";
  if (!jira.description.text) jira.description.text = R"({{ template "jira.default.description" . }})";
  return CheckUrl(jira.api_url, node, "api_url");
}

Status FinishIncidentio(IncidentioConfig& incidentio, Node node) {
  if (incidentio.url.empty() && incidentio.url_file.empty())
    return node.Fail("one of url or url_file must be configured");
  SEXTANT_TRY(AtMostOne(incidentio.url, incidentio.url_file, node, "url"));
  SEXTANT_TRY(AtMostOne(incidentio.alert_source_token, incidentio.alert_source_token_file, node,
                        "alert_source_token"));
  const bool has_token =
      !incidentio.alert_source_token.empty() || !incidentio.alert_source_token_file.empty();
  if (incidentio.http && incidentio.http->authorization && has_token) {
    return node.Fail(
        "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization");
  }
  if (incidentio.http && !incidentio.http->authorization && !has_token) {
    return node.Fail(
        "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be "
        "configured");
  }
  SEXTANT_TRY(CheckUrl(incidentio.url, node, "url"));
  MakeRelative(node, incidentio.url_file);
  MakeRelative(node, incidentio.alert_source_token_file);
  return {};
}

Status FinishRocketchat(RocketchatConfig& rocketchat, Node node) {
  SEXTANT_TRY(AtMostOne(rocketchat.token, rocketchat.token_file, node, "token"));
  SEXTANT_TRY(AtMostOne(rocketchat.token_id, rocketchat.token_id_file, node, "token_id"));
  SEXTANT_TRY(CheckUrl(rocketchat.api_url, node, "api_url"));
  MakeRelative(node, rocketchat.token_file);
  MakeRelative(node, rocketchat.token_id_file);
  return {};
}

Status FinishWechat(WechatConfig& wechat, Node node) {
  if (wechat.message_type.empty()) wechat.message_type = "text";
  if (wechat.message_type != "text" && wechat.message_type != "markdown") {
    return node.Fail("weChat message type {} does not match valid options ^(text|markdown)$",
                     Quote(wechat.message_type));
  }
  SEXTANT_TRY(AtMostOne(wechat.api_secret, wechat.api_secret_file, node, "api_secret"));
  SEXTANT_TRY(CheckUrl(wechat.api_url, node, "api_url"));
  MakeRelative(node, wechat.api_secret_file);
  return {};
}

Status FinishMattermost(MattermostConfig& mattermost, Node node) {
  SEXTANT_TRY(AtMostOne(mattermost.webhook_url, mattermost.webhook_url_file, node, "webhook_url"));
  SEXTANT_TRY(CheckUrl(mattermost.webhook_url, node, "webhook_url"));
  MakeRelative(node, mattermost.webhook_url_file);
  return {};
}

Status FinishReceiver(ReceiverConfig& receiver, Node node) {
  if (receiver.name.empty()) return node.Fail("missing name in receiver");
  if (const auto name = receiver.labels.find("name");
      name != receiver.labels.end() && name->second != receiver.name) {
    return node.Fail("receiver label \"name\" must match receiver name {}, got {}", Quote(receiver.name),
                     Quote(name->second));
  }
  receiver.labels["name"] = receiver.name;
  return {};
}

}  // namespace

// --- tables ---

const Struct& FieldsOf(const WebhookConfig*) {
  static const Struct kFields = Struct::Of<WebhookConfig>(
      {
          Member<&WebhookConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&WebhookConfig::http>("http_config"),
          Member<&WebhookConfig::url>("url", HiddenText()),
          Member<&WebhookConfig::url_file>("url_file"),
          Member<&WebhookConfig::max_alerts>("max_alerts"),
          Member<&WebhookConfig::timeout_ms>("timeout", GoDuration()),
          Member<&WebhookConfig::payload>("payload", AnyCodec()),
      },
      FinishWebhook);
  return kFields;
}

const Struct& FieldsOf(const SlackConfirm*) {
  static const Struct kFields = Struct::Of<SlackConfirm>(
      {
          Member<&SlackConfirm::text>("text"),
          Member<&SlackConfirm::title>("title"),
          Member<&SlackConfirm::ok_text>("ok_text"),
          Member<&SlackConfirm::dismiss_text>("dismiss_text"),
      },
      FinishSlackConfirm);
  return kFields;
}

const Struct& FieldsOf(const SlackAction*) {
  static const Struct kFields = Struct::Of<SlackAction>(
      {
          Member<&SlackAction::type>("type"),
          Member<&SlackAction::text>("text"),
          Member<&SlackAction::url>("url"),
          Member<&SlackAction::style>("style"),
          Member<&SlackAction::name>("name"),
          Member<&SlackAction::value>("value"),
          Member<&SlackAction::confirm>("confirm"),
      },
      FinishSlackAction);
  return kFields;
}

const Struct& FieldsOf(const SlackField*) {
  static const Struct kFields = Struct::Of<SlackField>(
      {
          Member<&SlackField::title>("title"),
          Member<&SlackField::value>("value"),
          Member<&SlackField::is_short>("short"),
      },
      FinishSlackField);
  return kFields;
}

const Struct& FieldsOf(const SlackConfig*) {
  static const Struct kFields = Struct::Of<SlackConfig>(
      {
          Member<&SlackConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&SlackConfig::http>("http_config"),
          Member<&SlackConfig::api_url>("api_url", HiddenText()),
          Member<&SlackConfig::api_url_file>("api_url_file"),
          Member<&SlackConfig::app_token>("app_token"),
          Member<&SlackConfig::app_token_file>("app_token_file"),
          Member<&SlackConfig::app_url>("app_url"),
          Member<&SlackConfig::channel>("channel"),
          Member<&SlackConfig::username>("username"),
          Member<&SlackConfig::color>("color"),
          Member<&SlackConfig::title>("title"),
          Member<&SlackConfig::title_link>("title_link"),
          Member<&SlackConfig::pretext>("pretext"),
          Member<&SlackConfig::text>("text"),
          Member<&SlackConfig::message_text>("message_text"),
          Member<&SlackConfig::fields>("fields"),
          Member<&SlackConfig::short_fields>("short_fields"),
          Member<&SlackConfig::footer>("footer"),
          Member<&SlackConfig::fallback>("fallback"),
          Member<&SlackConfig::callback_id>("callback_id"),
          Member<&SlackConfig::icon_emoji>("icon_emoji"),
          Member<&SlackConfig::icon_url>("icon_url"),
          Member<&SlackConfig::image_url>("image_url"),
          Member<&SlackConfig::thumb_url>("thumb_url"),
          Member<&SlackConfig::link_names>("link_names"),
          Member<&SlackConfig::mrkdwn_in>("mrkdwn_in"),
          Member<&SlackConfig::actions>("actions"),
          Member<&SlackConfig::update_message>("update_message"),
          Member<&SlackConfig::timeout_ms>("timeout", GoDuration()),
      },
      FinishSlack);
  return kFields;
}

const Struct& FieldsOf(const EmailThreading*) {
  static const Struct kFields = Struct::Of<EmailThreading>({
      Member<&EmailThreading::enabled>("enabled"),
      Member<&EmailThreading::by_date>("thread_by_date"),
  });
  return kFields;
}

const Struct& FieldsOf(const EmailConfig*) {
  static const Struct kFields = Struct::Of<EmailConfig>(
      {
          Member<&EmailConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&EmailConfig::to>("to"),
          Member<&EmailConfig::from>("from"),
          Member<&EmailConfig::hello>("hello"),
          Member<&EmailConfig::smarthost>("smarthost"),
          Member<&EmailConfig::auth_username>("auth_username"),
          Member<&EmailConfig::auth_password>("auth_password"),
          Member<&EmailConfig::auth_password_file>("auth_password_file"),
          Member<&EmailConfig::auth_secret>("auth_secret"),
          Member<&EmailConfig::auth_secret_file>("auth_secret_file"),
          Member<&EmailConfig::auth_identity>("auth_identity"),
          Member<&EmailConfig::headers>("headers"),
          Member<&EmailConfig::html>("html"),
          Member<&EmailConfig::text>("text"),
          Member<&EmailConfig::require_tls>("require_tls"),
          Member<&EmailConfig::tls>("tls_config"),
          Member<&EmailConfig::force_implicit_tls>("force_implicit_tls"),
          Member<&EmailConfig::threading>("threading"),
      },
      FinishEmail);
  return kFields;
}

const Struct& FieldsOf(const PagerdutyImage*) {
  static const Struct kFields = Struct::Of<PagerdutyImage>({
      Member<&PagerdutyImage::src>("src"),
      Member<&PagerdutyImage::alt>("alt"),
      Member<&PagerdutyImage::href>("href"),
  });
  return kFields;
}

const Struct& FieldsOf(const PagerdutyLink*) {
  static const Struct kFields = Struct::Of<PagerdutyLink>({
      Member<&PagerdutyLink::href>("href"),
      Member<&PagerdutyLink::text>("text"),
  });
  return kFields;
}

const Struct& FieldsOf(const PagerdutyConfig*) {
  static const Struct kFields = Struct::Of<PagerdutyConfig>(
      {
          Member<&PagerdutyConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&PagerdutyConfig::http>("http_config"),
          Member<&PagerdutyConfig::service_key>("service_key"),
          Member<&PagerdutyConfig::service_key_file>("service_key_file"),
          Member<&PagerdutyConfig::routing_key>("routing_key"),
          Member<&PagerdutyConfig::routing_key_file>("routing_key_file"),
          Member<&PagerdutyConfig::url>("url"),
          Member<&PagerdutyConfig::client>("client"),
          Member<&PagerdutyConfig::client_url>("client_url"),
          Member<&PagerdutyConfig::description>("description"),
          Member<&PagerdutyConfig::details>("details", AnyCodec()),
          Member<&PagerdutyConfig::images>("images"),
          Member<&PagerdutyConfig::links>("links"),
          Member<&PagerdutyConfig::source>("source"),
          Member<&PagerdutyConfig::severity>("severity"),
          Member<&PagerdutyConfig::class_name>("class"),
          Member<&PagerdutyConfig::component>("component"),
          Member<&PagerdutyConfig::group>("group"),
          Member<&PagerdutyConfig::timeout_ms>("timeout", GoDuration()),
      },
      FinishPagerduty);
  return kFields;
}

const Struct& FieldsOf(const OpsgenieResponder*) {
  static const Struct kFields = Struct::Of<OpsgenieResponder>(
      {
          Member<&OpsgenieResponder::id>("id"),
          Member<&OpsgenieResponder::name>("name"),
          Member<&OpsgenieResponder::username>("username"),
          Member<&OpsgenieResponder::type>("type"),
      },
      FinishOpsgenieResponder);
  return kFields;
}

const Struct& FieldsOf(const OpsgenieConfig*) {
  static const Struct kFields = Struct::Of<OpsgenieConfig>(
      {
          Member<&OpsgenieConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&OpsgenieConfig::http>("http_config"),
          Member<&OpsgenieConfig::api_key>("api_key"),
          Member<&OpsgenieConfig::api_key_file>("api_key_file"),
          Member<&OpsgenieConfig::api_url>("api_url"),
          Member<&OpsgenieConfig::message>("message"),
          Member<&OpsgenieConfig::description>("description"),
          Member<&OpsgenieConfig::source>("source"),
          Member<&OpsgenieConfig::details>("details"),
          Member<&OpsgenieConfig::entity>("entity"),
          Member<&OpsgenieConfig::responders>("responders"),
          Member<&OpsgenieConfig::actions>("actions"),
          Member<&OpsgenieConfig::tags>("tags"),
          Member<&OpsgenieConfig::note>("note"),
          Member<&OpsgenieConfig::priority>("priority"),
          Member<&OpsgenieConfig::update_alerts>("update_alerts"),
      },
      FinishOpsgenie);
  return kFields;
}

const Struct& FieldsOf(const VictoropsConfig*) {
  static const Struct kFields = Struct::Of<VictoropsConfig>(
      {
          Member<&VictoropsConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&VictoropsConfig::http>("http_config"),
          Member<&VictoropsConfig::api_key>("api_key"),
          Member<&VictoropsConfig::api_key_file>("api_key_file"),
          Member<&VictoropsConfig::api_url>("api_url"),
          Member<&VictoropsConfig::routing_key>("routing_key"),
          Member<&VictoropsConfig::message_type>("message_type"),
          Member<&VictoropsConfig::state_message>("state_message"),
          Member<&VictoropsConfig::entity_display_name>("entity_display_name"),
          Member<&VictoropsConfig::monitoring_tool>("monitoring_tool"),
          Member<&VictoropsConfig::custom_fields>("custom_fields"),
      },
      FinishVictorops);
  return kFields;
}

const Struct& FieldsOf(const PushoverConfig*) {
  static const Struct kFields = Struct::Of<PushoverConfig>(
      {
          Member<&PushoverConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&PushoverConfig::http>("http_config"),
          Member<&PushoverConfig::user_key>("user_key"),
          Member<&PushoverConfig::user_key_file>("user_key_file"),
          Member<&PushoverConfig::token>("token"),
          Member<&PushoverConfig::token_file>("token_file"),
          Member<&PushoverConfig::title>("title"),
          Member<&PushoverConfig::message>("message"),
          Member<&PushoverConfig::url>("url"),
          Member<&PushoverConfig::url_title>("url_title"),
          Member<&PushoverConfig::device>("device"),
          Member<&PushoverConfig::sound>("sound"),
          Member<&PushoverConfig::priority>("priority"),
          Member<&PushoverConfig::retry_ms>("retry", GoDuration()),
          Member<&PushoverConfig::expire_ms>("expire", GoDuration()),
          Member<&PushoverConfig::ttl_ms>("ttl", GoDuration()),
          Member<&PushoverConfig::html>("html"),
          Member<&PushoverConfig::monospace>("monospace"),
      },
      FinishPushover);
  return kFields;
}

const Struct& FieldsOf(const SnsConfig*) {
  static const Struct kFields = Struct::Of<SnsConfig>(
      {
          Member<&SnsConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&SnsConfig::http>("http_config"),
          Member<&SnsConfig::api_url>("api_url"),
          Member<&SnsConfig::sigv4>("sigv4"),
          Member<&SnsConfig::topic_arn>("topic_arn"),
          Member<&SnsConfig::phone_number>("phone_number"),
          Member<&SnsConfig::target_arn>("target_arn"),
          Member<&SnsConfig::subject>("subject"),
          Member<&SnsConfig::message>("message"),
          Member<&SnsConfig::attributes>("attributes"),
          NotYet("use_aws_http_client").Allowing({"false"}),
      },
      FinishSns);
  return kFields;
}

const Struct& FieldsOf(const TelegramConfig*) {
  static const Struct kFields = Struct::Of<TelegramConfig>(
      {
          Member<&TelegramConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&TelegramConfig::http>("http_config"),
          Member<&TelegramConfig::api_url>("api_url"),
          Member<&TelegramConfig::bot_token>("bot_token"),
          Member<&TelegramConfig::bot_token_file>("bot_token_file"),
          Member<&TelegramConfig::chat_id>("chat_id"),
          Member<&TelegramConfig::chat_id_file>("chat_id_file"),
          Member<&TelegramConfig::message_thread_id>("message_thread_id"),
          Member<&TelegramConfig::message>("message"),
          Member<&TelegramConfig::disable_notifications>("disable_notifications"),
          Member<&TelegramConfig::parse_mode>("parse_mode"),
          Member<&TelegramConfig::timeout_ms>("timeout", GoDuration()),
      },
      FinishTelegram);
  return kFields;
}

const Struct& FieldsOf(const DiscordConfig*) {
  static const Struct kFields = Struct::Of<DiscordConfig>(
      {
          Member<&DiscordConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&DiscordConfig::http>("http_config"),
          Member<&DiscordConfig::webhook_url>("webhook_url", HiddenText()),
          Member<&DiscordConfig::webhook_url_file>("webhook_url_file"),
          Member<&DiscordConfig::content>("content"),
          Member<&DiscordConfig::title>("title"),
          Member<&DiscordConfig::message>("message"),
          Member<&DiscordConfig::username>("username"),
          Member<&DiscordConfig::avatar_url>("avatar_url"),
      },
      FinishDiscord);
  return kFields;
}

const Struct& FieldsOf(const WebexConfig*) {
  static const Struct kFields = Struct::Of<WebexConfig>(
      {
          Member<&WebexConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&WebexConfig::http>("http_config"),
          Member<&WebexConfig::api_url>("api_url"),
          Member<&WebexConfig::message>("message"),
          Member<&WebexConfig::room_id>("room_id"),
      },
      FinishWebex);
  return kFields;
}

const Struct& FieldsOf(const MsteamsConfig*) {
  static const Struct kFields = Struct::Of<MsteamsConfig>(
      {
          Member<&MsteamsConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&MsteamsConfig::http>("http_config"),
          Member<&MsteamsConfig::webhook_url>("webhook_url", HiddenText()),
          Member<&MsteamsConfig::webhook_url_file>("webhook_url_file"),
          Member<&MsteamsConfig::title>("title"),
          Member<&MsteamsConfig::summary>("summary"),
          Member<&MsteamsConfig::text>("text"),
      },
      FinishMsteams);
  return kFields;
}

const Struct& FieldsOf(const MsteamsV2Config*) {
  static const Struct kFields = Struct::Of<MsteamsV2Config>(
      {
          Member<&MsteamsV2Config::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&MsteamsV2Config::http>("http_config"),
          Member<&MsteamsV2Config::webhook_url>("webhook_url", HiddenText()),
          Member<&MsteamsV2Config::webhook_url_file>("webhook_url_file"),
          Member<&MsteamsV2Config::title>("title"),
          Member<&MsteamsV2Config::text>("text"),
      },
      FinishMsteamsV2);
  return kFields;
}

const Struct& FieldsOf(const JiraConfig*) {
  static const Struct kFields = Struct::Of<JiraConfig>(
      {
          Member<&JiraConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&JiraConfig::http>("http_config"),
          Member<&JiraConfig::api_url>("api_url"),
          Member<&JiraConfig::api_type>("api_type"),
          Member<&JiraConfig::project>("project"),
          Member<&JiraConfig::summary>("summary", JiraTextCodec()),
          Member<&JiraConfig::description>("description", JiraTextCodec()),
          Member<&JiraConfig::labels>("labels", JiraLabelsCodec()),
          Member<&JiraConfig::priority>("priority"),
          Member<&JiraConfig::issue_type>("issue_type"),
          Member<&JiraConfig::reopen_transition>("reopen_transition"),
          Member<&JiraConfig::resolve_transition>("resolve_transition"),
          Member<&JiraConfig::wont_fix_resolution>("wont_fix_resolution"),
          Member<&JiraConfig::reopen_duration_ms>("reopen_duration", Duration()),
          Member<&JiraConfig::fields>("fields", AnyCodec()),
      },
      FinishJira);
  return kFields;
}

const Struct& FieldsOf(const IncidentioConfig*) {
  static const Struct kFields = Struct::Of<IncidentioConfig>(
      {
          Member<&IncidentioConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&IncidentioConfig::http>("http_config"),
          Member<&IncidentioConfig::url>("url"),
          Member<&IncidentioConfig::url_file>("url_file"),
          Member<&IncidentioConfig::alert_source_token>("alert_source_token"),
          Member<&IncidentioConfig::alert_source_token_file>("alert_source_token_file"),
          Member<&IncidentioConfig::max_alerts>("max_alerts"),
          Member<&IncidentioConfig::timeout_ms>("timeout", GoDuration()),
      },
      FinishIncidentio);
  return kFields;
}

const Struct& FieldsOf(const RocketchatField*) {
  static const Struct kFields = Struct::Of<RocketchatField>({
      Member<&RocketchatField::is_short>("short"),
      Member<&RocketchatField::title>("title"),
      Member<&RocketchatField::value>("value"),
  });
  return kFields;
}

const Struct& FieldsOf(const RocketchatAction*) {
  static const Struct kFields = Struct::Of<RocketchatAction>({
      Member<&RocketchatAction::type>("type"),
      Member<&RocketchatAction::text>("text"),
      Member<&RocketchatAction::url>("url"),
      Member<&RocketchatAction::image_url>("imageurl"),
      Member<&RocketchatAction::is_webview>("iswebview"),
      Member<&RocketchatAction::webview_height_ratio>("webviewheightratio"),
      Member<&RocketchatAction::msg>("msg"),
      Member<&RocketchatAction::msg_in_chat_window>("msginchatwindow"),
      Member<&RocketchatAction::msg_processing_type>("msgprocessingtype"),
  });
  return kFields;
}

const Struct& FieldsOf(const RocketchatConfig*) {
  static const Struct kFields = Struct::Of<RocketchatConfig>(
      {
          Member<&RocketchatConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&RocketchatConfig::http>("http_config"),
          Member<&RocketchatConfig::api_url>("api_url"),
          Member<&RocketchatConfig::token_id>("token_id"),
          Member<&RocketchatConfig::token_id_file>("token_id_file"),
          Member<&RocketchatConfig::token>("token"),
          Member<&RocketchatConfig::token_file>("token_file"),
          Member<&RocketchatConfig::channel>("channel"),
          Member<&RocketchatConfig::color>("color"),
          Member<&RocketchatConfig::title>("title"),
          Member<&RocketchatConfig::title_link>("title_link"),
          Member<&RocketchatConfig::text>("text"),
          Member<&RocketchatConfig::fields>("fields"),
          Member<&RocketchatConfig::short_fields>("short_fields"),
          Member<&RocketchatConfig::emoji>("emoji"),
          Member<&RocketchatConfig::icon_url>("icon_url"),
          Member<&RocketchatConfig::image_url>("image_url"),
          Member<&RocketchatConfig::thumb_url>("thumb_url"),
          Member<&RocketchatConfig::link_names>("link_names"),
          Member<&RocketchatConfig::actions>("actions"),
      },
      FinishRocketchat);
  return kFields;
}

const Struct& FieldsOf(const WechatConfig*) {
  static const Struct kFields = Struct::Of<WechatConfig>(
      {
          Member<&WechatConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&WechatConfig::http>("http_config"),
          Member<&WechatConfig::api_secret>("api_secret"),
          Member<&WechatConfig::api_secret_file>("api_secret_file"),
          Member<&WechatConfig::corp_id>("corp_id"),
          Member<&WechatConfig::message>("message"),
          Member<&WechatConfig::api_url>("api_url"),
          Member<&WechatConfig::to_user>("to_user"),
          Member<&WechatConfig::to_party>("to_party"),
          Member<&WechatConfig::to_tag>("to_tag"),
          Member<&WechatConfig::agent_id>("agent_id"),
          Member<&WechatConfig::message_type>("message_type"),
      },
      FinishWechat);
  return kFields;
}

const Struct& FieldsOf(const MattermostField*) {
  static const Struct kFields = Struct::Of<MattermostField>(
      {
          Member<&MattermostField::title>("title"),
          Member<&MattermostField::value>("value"),
          Member<&MattermostField::is_short>("short"),
      },
      FinishMattermostField);
  return kFields;
}

const Struct& FieldsOf(const MattermostAttachment*) {
  static const Struct kFields = Struct::Of<MattermostAttachment>({
      Member<&MattermostAttachment::fallback>("fallback"),
      Member<&MattermostAttachment::color>("color"),
      Member<&MattermostAttachment::pretext>("pretext"),
      Member<&MattermostAttachment::text>("text"),
      Member<&MattermostAttachment::author_name>("author_name"),
      Member<&MattermostAttachment::author_link>("author_link"),
      Member<&MattermostAttachment::author_icon>("author_icon"),
      Member<&MattermostAttachment::title>("title"),
      Member<&MattermostAttachment::title_link>("title_link"),
      Member<&MattermostAttachment::fields>("fields"),
      Member<&MattermostAttachment::thumb_url>("thumb_url"),
      Member<&MattermostAttachment::footer>("footer"),
      Member<&MattermostAttachment::footer_icon>("footer_icon"),
      Member<&MattermostAttachment::image_url>("image_url"),
  });
  return kFields;
}

const Struct& FieldsOf(const MattermostProps*) {
  static const Struct kFields = Struct::Of<MattermostProps>({
      Member<&MattermostProps::card>("card"),
  });
  return kFields;
}

const Struct& FieldsOf(const MattermostPriority*) {
  static const Struct kFields = Struct::Of<MattermostPriority>({
      Member<&MattermostPriority::priority>("priority"),
      Member<&MattermostPriority::requested_ack>("requested_ack"),
      Member<&MattermostPriority::persistent_notifications>("persistent_notifications"),
  });
  return kFields;
}

const Struct& FieldsOf(const MattermostConfig*) {
  static const Struct kFields = Struct::Of<MattermostConfig>(
      {
          Member<&MattermostConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&MattermostConfig::http>("http_config"),
          Member<&MattermostConfig::webhook_url>("webhook_url", HiddenText()),
          Member<&MattermostConfig::webhook_url_file>("webhook_url_file"),
          Member<&MattermostConfig::channel>("channel"),
          Member<&MattermostConfig::username>("username"),
          Inline<&MattermostConfig::message>(),
          Member<&MattermostConfig::icon_url>("icon_url"),
          Member<&MattermostConfig::icon_emoji>("icon_emoji"),
          Member<&MattermostConfig::attachments>("attachments"),
          Member<&MattermostConfig::type>("type"),
          Member<&MattermostConfig::props>("props"),
          Member<&MattermostConfig::priority>("priority"),
      },
      FinishMattermost);
  return kFields;
}

const Struct& FieldsOf(const ReceiverConfig*) {
  static const Struct kFields = Struct::Of<ReceiverConfig>(
      {
          Member<&ReceiverConfig::name>("name"),
          Member<&ReceiverConfig::labels>("labels"),
          Member<&ReceiverConfig::discords>("discord_configs").NullItem("missing discord config"),
          Member<&ReceiverConfig::emails>("email_configs").NullItem("missing email config"),
          Member<&ReceiverConfig::incidentios>("incidentio_configs").NullItem("missing incidentio config"),
          Member<&ReceiverConfig::pagerduties>("pagerduty_configs").NullItem("missing pagerduty config"),
          Member<&ReceiverConfig::slacks>("slack_configs"),
          Member<&ReceiverConfig::webhooks>("webhook_configs").NullItem("missing webhook config"),
          Member<&ReceiverConfig::opsgenies>("opsgenie_configs"),
          Member<&ReceiverConfig::wechats>("wechat_configs"),
          Member<&ReceiverConfig::pushovers>("pushover_configs").NullItem("missing pushover config"),
          Member<&ReceiverConfig::victorops>("victorops_configs").NullItem("missing victorops config"),
          Member<&ReceiverConfig::sns>("sns_configs").NullItem("missing sns config"),
          Member<&ReceiverConfig::telegrams>("telegram_configs").NullItem("missing telegram config"),
          Member<&ReceiverConfig::webexes>("webex_configs").NullItem("missing webex config"),
          Member<&ReceiverConfig::msteams>("msteams_configs").NullItem("missing msteams config"),
          Member<&ReceiverConfig::msteams_v2>("msteamsv2_configs").NullItem("missing msteamsv2 config"),
          Member<&ReceiverConfig::jiras>("jira_configs").NullItem("missing jira config"),
          Member<&ReceiverConfig::rocketchats>("rocketchat_configs"),
          Member<&ReceiverConfig::mattermosts>("mattermost_configs").NullItem("missing mattermost config"),
      },
      FinishReceiver);
  return kFields;
}

}  // namespace sextant::alerting
