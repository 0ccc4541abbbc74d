// The `receivers` of alertmanager.yml and the settings under `global` that they fall back to, as typed
// values: one struct per integration of Alertmanager 0.34 with its defaults. Texts are templates unless a
// comment says otherwise; a pair of `x` and `x_file` holds at most one.
//
// Values are immutable once loaded and may be shared between threads. Paths are already relative to the
// working folder.
//
// Specification: https://prometheus.io/docs/alerting/latest/configuration/#receiver-integration-settings
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/http_client_config.h"
#include "config/secret.h"
#include "core/clock.h"
#include "gotemplate/value.h"

namespace sextant::alerting {

using TextFields = std::map<std::string, std::string>;
// Free-form YAML: lists, maps, texts (templates), numbers and booleans.
using AnyFields = std::map<std::string, gotemplate::Value>;
using HttpOverride = std::optional<config::HttpClientConfig>;  // else the global one

// What stands under `global` for integrations that do not say it themselves.
struct ReceiverDefaults {
  std::string slack_api_url;
  std::string slack_api_url_file;
  config::Secret slack_app_token;
  std::string slack_app_token_file;
  std::string slack_app_url = "https://slack.com/api/chat.postMessage";
  std::string smtp_from;
  std::string smtp_hello = "localhost";
  std::string smtp_smarthost;
  std::string smtp_auth_username;
  config::Secret smtp_auth_password;
  std::string smtp_auth_password_file;
  config::Secret smtp_auth_secret;
  std::string smtp_auth_secret_file;
  std::string smtp_auth_identity;
  bool smtp_require_tls = true;
  config::TlsConfig smtp_tls;
  std::optional<bool> smtp_force_implicit_tls;
  std::string pagerduty_url = "https://events.pagerduty.com/v2/enqueue";
  std::string opsgenie_api_url = "https://api.opsgenie.com/";
  config::Secret opsgenie_api_key;
  std::string opsgenie_api_key_file;
  std::string wechat_api_url = "https://qyapi.weixin.qq.com/cgi-bin/";
  config::Secret wechat_api_secret;
  std::string wechat_api_secret_file;
  std::string wechat_api_corp_id;
  std::string victorops_api_url = "https://alert.victorops.com/integrations/generic/20131114/alert/";
  config::Secret victorops_api_key;
  std::string victorops_api_key_file;
  std::string telegram_api_url = "https://api.telegram.org";
  config::Secret telegram_bot_token;
  std::string telegram_bot_token_file;
  std::string webex_api_url = "https://webexapis.com/v1/messages";
  std::string rocketchat_api_url = "https://open.rocket.chat/";
  config::Secret rocketchat_token;
  std::string rocketchat_token_file;
  config::Secret rocketchat_token_id;
  std::string rocketchat_token_id_file;
  std::string jira_api_url;
  std::string mattermost_webhook_url;
  std::string mattermost_webhook_url_file;
};

struct WebhookConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string url;
  std::string url_file;
  uint64_t max_alerts = 0;          // 0: all
  core::DurationMs timeout_ms = 0;  // of one attempt; 0: until the next flush
  gotemplate::Value payload;        // sent in place of Alertmanager's message; missing: that one
};

struct SlackConfirm {
  std::string text;
  std::string title;
  std::string ok_text;
  std::string dismiss_text;
};

struct SlackAction {
  std::string type;
  std::string text;
  std::string url;
  std::string style;
  std::string name;
  std::string value;
  std::optional<SlackConfirm> confirm;
};

struct SlackField {
  std::string title;
  std::string value;
  std::optional<bool> is_short;  // else short_fields of the message
};

struct SlackConfig {
  bool send_resolved = false;
  HttpOverride http;
  std::string api_url;
  std::string api_url_file;
  config::Secret app_token;
  std::string app_token_file;
  std::string app_url;
  std::string channel;
  std::string username = R"({{ template "slack.default.username" . }})";
  std::string color = R"({{ template "slack.default.color" . }})";
  std::string title = R"({{ template "slack.default.title" . }})";
  std::string title_link = R"({{ template "slack.default.titlelink" . }})";
  std::string pretext = R"({{ template "slack.default.pretext" . }})";
  std::string text = R"({{ template "slack.default.text" . }})";
  std::string message_text;
  std::vector<SlackField> fields;
  bool short_fields = false;
  std::string footer = R"({{ template "slack.default.footer" . }})";
  std::string fallback = R"({{ template "slack.default.fallback" . }})";
  std::string callback_id = R"({{ template "slack.default.callbackid" . }})";
  std::string icon_emoji = R"({{ template "slack.default.iconemoji" . }})";
  std::string icon_url = R"({{ template "slack.default.iconurl" . }})";
  std::string image_url;
  std::string thumb_url;
  bool link_names = false;
  std::vector<std::string> mrkdwn_in;
  std::vector<SlackAction> actions;
  bool update_message = false;  // later notifications of a group change its first message
  core::DurationMs timeout_ms = 0;
};

struct EmailThreading {
  bool enabled = false;
  std::string by_date;  // "none" or "daily"
};

struct EmailConfig {
  bool send_resolved = false;
  std::string to;
  std::string from;
  std::string hello;      // not a template
  std::string smarthost;  // "host:port"
  std::string auth_username;
  config::Secret auth_password;
  std::string auth_password_file;
  config::Secret auth_secret;
  std::string auth_secret_file;
  std::string auth_identity;
  TextFields headers;  // names in canonical case
  std::string html = R"({{ template "email.default.html" . }})";
  std::string text;
  std::optional<bool> require_tls;
  std::optional<config::TlsConfig> tls;
  std::optional<bool> force_implicit_tls;  // else by the port
  EmailThreading threading;
};

struct PagerdutyImage {
  std::string src;
  std::string alt;
  std::string href;
};

struct PagerdutyLink {
  std::string href;
  std::string text;
};

struct PagerdutyConfig {
  bool send_resolved = true;
  HttpOverride http;
  config::Secret service_key;
  std::string service_key_file;
  config::Secret routing_key;
  std::string routing_key_file;
  std::string url;
  std::string client = R"({{ template "pagerduty.default.client" . }})";
  std::string client_url = R"({{ template "pagerduty.default.clientURL" . }})";
  std::string description = R"({{ template "pagerduty.default.description" . }})";
  AnyFields details;
  std::vector<PagerdutyImage> images;
  std::vector<PagerdutyLink> links;
  std::string source;  // empty: the client
  std::string severity;
  std::string class_name;
  std::string component;
  std::string group;
  core::DurationMs timeout_ms = 0;
};

struct OpsgenieResponder {
  std::string id;
  std::string name;
  std::string username;
  std::string type;
};

struct OpsgenieConfig {
  bool send_resolved = true;
  HttpOverride http;
  config::Secret api_key;
  std::string api_key_file;
  std::string api_url;
  std::string message = R"({{ template "opsgenie.default.message" . }})";
  std::string description = R"({{ template "opsgenie.default.description" . }})";
  std::string source = R"({{ template "opsgenie.default.source" . }})";
  TextFields details;
  std::string entity;
  std::vector<OpsgenieResponder> responders;
  std::string actions;
  std::string tags;
  std::string note;
  std::string priority;
  bool update_alerts = false;
};

struct VictoropsConfig {
  bool send_resolved = true;
  HttpOverride http;
  config::Secret api_key;
  std::string api_key_file;
  std::string api_url;
  std::string routing_key;
  std::string message_type = "CRITICAL";
  std::string state_message = R"({{ template "victorops.default.state_message" . }})";
  std::string entity_display_name = R"({{ template "victorops.default.entity_display_name" . }})";
  std::string monitoring_tool = R"({{ template "victorops.default.monitoring_tool" . }})";
  TextFields custom_fields;
};

struct PushoverConfig {
  bool send_resolved = true;
  HttpOverride http;
  config::Secret user_key;
  std::string user_key_file;
  config::Secret token;
  std::string token_file;
  std::string title = R"({{ template "pushover.default.title" . }})";
  std::string message = R"({{ template "pushover.default.message" . }})";
  std::string url = R"({{ template "pushover.default.url" . }})";
  std::string url_title;
  std::string device;
  std::string sound;
  std::string priority = R"({{ if eq .Status "firing" }}2{{ else }}0{{ end }})";
  core::DurationMs retry_ms = 60'000;
  core::DurationMs expire_ms = 3'600'000;
  core::DurationMs ttl_ms = 0;
  bool html = false;
  bool monospace = false;
};

struct SnsConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string api_url;
  config::SigV4Config sigv4;  // not templates
  std::string topic_arn;
  std::string phone_number;
  std::string target_arn;
  std::string subject = R"({{ template "sns.default.subject" . }})";
  std::string message = R"({{ template "sns.default.message" . }})";
  TextFields attributes;
  // As AWS' own client would ask: authorities of AWS_CA_BUNDLE or the profile, proxies of the environment,
  // nothing of `http`.
  bool use_aws_http_client = false;
};

struct TelegramConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string api_url;
  config::Secret bot_token;
  std::string bot_token_file;
  int64_t chat_id = 0;
  std::string chat_id_file;
  int64_t message_thread_id = 0;
  std::string message = R"({{ template "telegram.default.message" . }})";
  bool disable_notifications = false;
  std::string parse_mode = "HTML";
  core::DurationMs timeout_ms = 0;
};

struct DiscordConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string webhook_url;
  std::string webhook_url_file;
  std::string content;
  std::string title = R"({{ template "discord.default.title" . }})";
  std::string message = R"({{ template "discord.default.message" . }})";
  std::string username;    // not a template
  std::string avatar_url;  // not a template
};

struct WebexConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string api_url;
  std::string message = R"({{ template "webex.default.message" . }})";
  std::string room_id;
};

struct MsteamsConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string webhook_url;
  std::string webhook_url_file;
  std::string title = R"({{ template "msteams.default.title" . }})";
  std::string summary = R"({{ template "msteams.default.summary" . }})";
  std::string text = R"({{ template "msteams.default.text" . }})";
};

struct MsteamsV2Config {
  bool send_resolved = true;
  HttpOverride http;
  std::string webhook_url;
  std::string webhook_url_file;
  std::string title = R"({{ template "msteamsv2.default.title" . }})";
  std::string text = R"({{ template "msteamsv2.default.text" . }})";
};

// A text of an issue, written as a text alone or as {template, enable_update}.
struct JiraText {
  std::optional<std::string> text;  // there after decoding
  bool is_updated = true;           // also in an issue that exists
};

// Labels of an issue, written as a list or as {values, enable_update}.
struct JiraLabels {
  std::vector<std::string> values;
  bool is_updated = true;
};

struct JiraConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string api_url;
  std::string api_type = "auto";
  std::string project;
  JiraText summary;
  JiraText description;
  JiraLabels labels;
  std::string priority = R"({{ template "jira.default.priority" . }})";
  std::string issue_type;
  std::string reopen_transition;
  std::string resolve_transition;
  std::string wont_fix_resolution;
  core::DurationMs reopen_duration_ms = 0;
  AnyFields fields;
};

struct IncidentioConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string url;
  std::string url_file;
  config::Secret alert_source_token;
  std::string alert_source_token_file;
  uint64_t max_alerts = 0;
  core::DurationMs timeout_ms = 0;
};

struct RocketchatField {
  std::optional<bool> is_short;
  std::string title;
  std::string value;
};

struct RocketchatAction {
  std::string type;
  std::string text;
  std::string url;
  std::string image_url;
  bool is_webview = false;
  std::string webview_height_ratio;
  std::string msg;
  bool msg_in_chat_window = false;
  std::string msg_processing_type;
};

struct RocketchatConfig {
  bool send_resolved = false;
  HttpOverride http;
  std::string api_url;
  config::Secret token_id;
  std::string token_id_file;
  config::Secret token;
  std::string token_file;
  std::string channel;
  std::string color = R"({{ if eq .Status "firing" }}red{{ else }}green{{ end }})";
  std::string title = R"({{ template "rocketchat.default.title" . }})";
  std::string title_link = R"({{ template "rocketchat.default.titlelink" . }})";
  std::string text = R"({{ template "rocketchat.default.text" . }})";
  std::vector<RocketchatField> fields;
  bool short_fields = false;
  std::string emoji = R"({{ template "rocketchat.default.emoji" . }})";
  std::string icon_url = R"({{ template "rocketchat.default.iconurl" . }})";
  std::string image_url;
  std::string thumb_url;
  bool link_names = false;
  std::vector<RocketchatAction> actions;
};

struct WechatConfig {
  bool send_resolved = false;
  HttpOverride http;
  config::Secret api_secret;
  std::string api_secret_file;
  std::string corp_id;
  std::string api_url;
  std::string message = R"({{ template "wechat.default.message" . }})";
  std::string to_user = R"({{ template "wechat.default.to_user" . }})";
  std::string to_party = R"({{ template "wechat.default.to_party" . }})";
  std::string to_tag = R"({{ template "wechat.default.to_tag" . }})";
  std::string agent_id = R"({{ template "wechat.default.agent_id" . }})";
  std::string message_type;  // "text" or "markdown"
};

struct MattermostField {
  std::string title;
  std::string value;
  std::optional<bool> is_short;
};

struct MattermostAttachment {
  std::string fallback;
  std::string color;
  std::string pretext;
  std::string text;
  std::string author_name;
  std::string author_link;
  std::string author_icon;
  std::string title;
  std::string title_link;
  std::vector<MattermostField> fields;
  std::string thumb_url;
  std::string footer;
  std::string footer_icon;
  std::string image_url;
};

struct MattermostProps {
  std::string card;
};

struct MattermostPriority {
  std::string priority;
  bool requested_ack = false;
  bool persistent_notifications = false;
};

struct MattermostConfig {
  bool send_resolved = true;
  HttpOverride http;
  std::string webhook_url;
  std::string webhook_url_file;
  std::string channel;
  std::string username = R"({{ template "mattermost.default.username" . }})";
  std::string icon_url;
  std::string icon_emoji;
  // The one attachment of a message whose `attachments` are empty; else only its text counts.
  MattermostAttachment message = {.fallback = R"({{ template "mattermost.default.fallback" . }})",
                                  .color = R"({{ template "mattermost.default.color" . }})",
                                  .pretext = {},
                                  .text = R"({{ template "mattermost.default.text" . }})",
                                  .author_name = {},
                                  .author_link = {},
                                  .author_icon = {},
                                  .title = R"({{ template "mattermost.default.title" . }})",
                                  .title_link = R"({{ template "mattermost.default.titlelink" . }})",
                                  .fields = {},
                                  .thumb_url = {},
                                  .footer = {},
                                  .footer_icon = {},
                                  .image_url = {}};
  std::vector<MattermostAttachment> attachments;
  std::string type;
  std::optional<MattermostProps> props;
  std::optional<MattermostPriority> priority;
};

struct ReceiverConfig {
  std::string name;
  TextFields labels;  // `name` among them, whenever there are any
  std::vector<WebhookConfig> webhooks;
  std::vector<EmailConfig> emails;
  std::vector<PagerdutyConfig> pagerduties;
  std::vector<OpsgenieConfig> opsgenies;
  std::vector<WechatConfig> wechats;
  std::vector<SlackConfig> slacks;
  std::vector<VictoropsConfig> victorops;
  std::vector<PushoverConfig> pushovers;
  std::vector<SnsConfig> sns;
  std::vector<TelegramConfig> telegrams;
  std::vector<DiscordConfig> discords;
  std::vector<WebexConfig> webexes;
  std::vector<MsteamsConfig> msteams;
  std::vector<MsteamsV2Config> msteams_v2;
  std::vector<JiraConfig> jiras;
  std::vector<IncidentioConfig> incidentios;
  std::vector<RocketchatConfig> rocketchats;
  std::vector<MattermostConfig> mattermosts;
  bool logs_only = false;  // of the built-in configuration: a notification is a line in the log
};

const config::Struct& FieldsOf(const ReceiverDefaults*);
const config::Struct& FieldsOf(const ReceiverConfig*);

// Fills in what the receiver's integrations leave to `global`, and checks that nothing is missing then.
// `http` is the global http_config.
core::Status ApplyDefaults(const ReceiverDefaults& defaults, const config::HttpClientConfig& http,
                           ReceiverConfig& receiver, config::Node node);

}  // namespace sextant::alerting
