#include "alerting/receiver_checks.h"
#include "alerting/receiver_config.h"
#include "config/text.h"
#include "net/url.h"

namespace sextant::alerting {

using config::Node;
using core::Status;
using namespace config;

Status CheckUrl(const std::string& url, Node node, std::string_view field) {
  // A configuration that was shown has no secrets.
  if (url == config::kHiddenSecret) return {};
  if (url.empty()) return {};
  auto parsed = net::ParseUrl(url);
  if (!parsed) return node.Fail("{}: {}", field, parsed.error().message());
  if (parsed->scheme != "http" && parsed->scheme != "https") {
    return node.Fail("{}: unsupported scheme {} for URL", field, Quote(parsed->scheme));
  }
  return {};
}

Status CheckSmarthost(const std::string& smarthost, Node node, std::string_view field) {
  if (smarthost.empty()) return {};
  const size_t colon = smarthost.rfind(':');
  if (colon == std::string::npos || smarthost.ends_with(']')) {
    return node.Fail("{}: address {}: missing port in address", field, smarthost);
  }
  if (colon + 1 == smarthost.size())
    return node.Fail("{}: address {}: port cannot be empty", field, Quote(smarthost));
  if (const auto parsed = net::ParseHostPort(smarthost); !parsed)
    return node.Fail("{}: {}", field, parsed.error().message());
  return {};
}

namespace {

Status FinishDefaults(ReceiverDefaults& d, Node node) {
  SEXTANT_TRY(AtMostOne(d.slack_app_token, d.slack_app_token_file, node, "slack_app_token"));
  SEXTANT_TRY(AtMostOne(d.slack_api_url, d.slack_api_url_file, node, "slack_api_url"));
  const bool has_token = !d.slack_app_token.empty() || !d.slack_app_token_file.empty();
  const bool has_url = !d.slack_api_url.empty() || !d.slack_api_url_file.empty();
  // A URL that is the application's own is how tokens were used before there was a field for them.
  if (has_token && has_url && d.slack_api_url != d.slack_app_url) {
    return node.Fail(
        "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be "
        "configured");
  }
  SEXTANT_TRY(AtMostOne(d.opsgenie_api_key, d.opsgenie_api_key_file, node, "opsgenie_api_key"));
  SEXTANT_TRY(AtMostOne(d.victorops_api_key, d.victorops_api_key_file, node, "victorops_api_key"));
  SEXTANT_TRY(AtMostOne(d.telegram_bot_token, d.telegram_bot_token_file, node, "telegram_bot_token"));
  SEXTANT_TRY(AtMostOne(d.smtp_auth_password, d.smtp_auth_password_file, node, "smtp_auth_password"));
  SEXTANT_TRY(AtMostOne(d.rocketchat_token, d.rocketchat_token_file, node, "rocketchat_token"));
  SEXTANT_TRY(AtMostOne(d.rocketchat_token_id, d.rocketchat_token_id_file, node, "rocketchat_token_id"));
  SEXTANT_TRY(AtMostOne(d.smtp_auth_secret, d.smtp_auth_secret_file, node, "smtp_auth_secret"));
  SEXTANT_TRY(AtMostOne(d.wechat_api_secret, d.wechat_api_secret_file, node, "wechat_api_secret"));
  SEXTANT_TRY(
      AtMostOne(d.mattermost_webhook_url, d.mattermost_webhook_url_file, node, "mattermost_webhook_url"));
  SEXTANT_TRY(CheckSmarthost(d.smtp_smarthost, node, "smtp_smarthost"));
  const std::pair<const char*, const std::string*> urls[] = {
      {"slack_api_url", &d.slack_api_url},
      {"slack_app_url", &d.slack_app_url},
      {"pagerduty_url", &d.pagerduty_url},
      {"opsgenie_api_url", &d.opsgenie_api_url},
      {"wechat_api_url", &d.wechat_api_url},
      {"victorops_api_url", &d.victorops_api_url},
      {"telegram_api_url", &d.telegram_api_url},
      {"webex_api_url", &d.webex_api_url},
      {"rocketchat_api_url", &d.rocketchat_api_url},
      {"jira_api_url", &d.jira_api_url},
      {"mattermost_webhook_url", &d.mattermost_webhook_url}};
  for (const auto& [name, url] : urls) SEXTANT_TRY(CheckUrl(*url, node, name));
  for (std::string* file : {&d.slack_api_url_file, &d.slack_app_token_file, &d.smtp_auth_password_file,
                            &d.smtp_auth_secret_file, &d.opsgenie_api_key_file, &d.wechat_api_secret_file,
                            &d.victorops_api_key_file, &d.telegram_bot_token_file, &d.rocketchat_token_file,
                            &d.rocketchat_token_id_file, &d.mattermost_webhook_url_file}) {
    MakeRelative(node, *file);
  }
  return {};
}

// --- what receivers leave to `global` ---

template <typename T>
void Or(T& value, const T& fallback) {
  if (value.empty()) value = fallback;
}

// A secret that stands here or in a file, unless either is given already.
template <typename T>
void OrPair(T& value, std::string& file, const T& fallback, const std::string& fallback_file) {
  if (!value.empty() || !file.empty()) return;
  value = fallback;
  file = fallback_file;
}

void EndWithSlash(std::string& url) {
  auto parsed = net::ParseUrl(url);
  if (!parsed || parsed->path.ends_with('/')) return;
  parsed->path += '/';
  url = parsed->ToString();
}

Status ApplyEmail(const ReceiverDefaults& d, EmailConfig& email, Node node) {
  if (!email.tls) email.tls = d.smtp_tls;
  Or(email.smarthost, d.smtp_smarthost);
  if (email.smarthost.empty()) return node.Fail("no global SMTP smarthost set");
  Or(email.from, d.smtp_from);
  if (email.from.empty()) return node.Fail("no global SMTP from set");
  Or(email.hello, d.smtp_hello);
  Or(email.auth_username, d.smtp_auth_username);
  OrPair(email.auth_password, email.auth_password_file, d.smtp_auth_password, d.smtp_auth_password_file);
  OrPair(email.auth_secret, email.auth_secret_file, d.smtp_auth_secret, d.smtp_auth_secret_file);
  Or(email.auth_identity, d.smtp_auth_identity);
  if (!email.require_tls) email.require_tls = d.smtp_require_tls;
  if (!email.force_implicit_tls) email.force_implicit_tls = d.smtp_force_implicit_tls;
  return {};
}

Status ApplySlack(const ReceiverDefaults& d, const HttpClientConfig& http, SlackConfig& slack, Node node) {
  Or(slack.app_url, d.slack_app_url);
  const bool is_authorized = slack.http && slack.http->authorization;
  if (slack.app_token.empty() && slack.app_token_file.empty() && !is_authorized && slack.api_url.empty()) {
    slack.app_token = d.slack_app_token;
    slack.app_token_file = d.slack_app_token_file;
  }
  OrPair(slack.api_url, slack.api_url_file, d.slack_api_url, d.slack_api_url_file);
  const bool has_token = !slack.app_token.empty() || !slack.app_token_file.empty();
  if (slack.api_url.empty() && slack.api_url_file.empty() && !has_token)
    return node.Fail("no Slack API URL nor App token set either inline or in a file");
  if (has_token) {
    if (!slack.http) slack.http = http;
    if (slack.http->authorization)
      return node.Fail("http authorization can't be set when using Slack App tokens");
    slack.http->authorization =
        AuthorizationConfig{.credentials = slack.app_token, .credentials_file = slack.app_token_file};
    slack.api_url = slack.app_url;
    slack.api_url_file.clear();
  }
  return {};
}

Status ApplyOpsgenie(const ReceiverDefaults& d, OpsgenieConfig& opsgenie, Node node) {
  Or(opsgenie.api_url, d.opsgenie_api_url);
  if (opsgenie.api_url.empty()) return node.Fail("no global OpsGenie URL set");
  EndWithSlash(opsgenie.api_url);
  OrPair(opsgenie.api_key, opsgenie.api_key_file, d.opsgenie_api_key, d.opsgenie_api_key_file);
  if (opsgenie.api_key.empty() && opsgenie.api_key_file.empty())
    return node.Fail("no global OpsGenie API Key set either inline or in a file");
  return {};
}

Status ApplyWechat(const ReceiverDefaults& d, WechatConfig& wechat, Node node) {
  Or(wechat.api_url, d.wechat_api_url);
  if (wechat.api_url.empty()) return node.Fail("no global Wechat URL set");
  OrPair(wechat.api_secret, wechat.api_secret_file, d.wechat_api_secret, d.wechat_api_secret_file);
  if (wechat.api_secret.empty() && wechat.api_secret_file.empty())
    return node.Fail("no global Wechat Api Secret set either inline or in a file");
  Or(wechat.corp_id, d.wechat_api_corp_id);
  if (wechat.corp_id.empty()) return node.Fail("no global Wechat CorpID set");
  EndWithSlash(wechat.api_url);
  return {};
}

Status ApplyVictorops(const ReceiverDefaults& d, VictoropsConfig& victorops, Node node) {
  Or(victorops.api_url, d.victorops_api_url);
  if (victorops.api_url.empty()) return node.Fail("no global VictorOps URL set");
  EndWithSlash(victorops.api_url);
  OrPair(victorops.api_key, victorops.api_key_file, d.victorops_api_key, d.victorops_api_key_file);
  if (victorops.api_key.empty() && victorops.api_key_file.empty())
    return node.Fail("no global VictorOps API Key set");
  return {};
}

Status ApplyTelegram(const ReceiverDefaults& d, TelegramConfig& telegram, Node node) {
  Or(telegram.api_url, d.telegram_api_url);
  OrPair(telegram.bot_token, telegram.bot_token_file, d.telegram_bot_token, d.telegram_bot_token_file);
  if (telegram.bot_token.empty() && telegram.bot_token_file.empty())
    return node.Fail("missing bot_token or bot_token_file on telegram_config");
  return {};
}

Status ApplyRocketchat(const ReceiverDefaults& d, RocketchatConfig& rocketchat, Node node) {
  Or(rocketchat.api_url, d.rocketchat_api_url);
  OrPair(rocketchat.token_id, rocketchat.token_id_file, d.rocketchat_token_id, d.rocketchat_token_id_file);
  if (rocketchat.token_id.empty() && rocketchat.token_id_file.empty())
    return node.Fail("no global Rocketchat TokenID set either inline or in a file");
  OrPair(rocketchat.token, rocketchat.token_file, d.rocketchat_token, d.rocketchat_token_file);
  if (rocketchat.token.empty() && rocketchat.token_file.empty())
    return node.Fail("no global Rocketchat Token set either inline or in a file");
  return {};
}

}  // namespace

Status ApplyDefaults(const ReceiverDefaults& d, const HttpClientConfig& http, ReceiverConfig& receiver,
                     Node node) {
  for (EmailConfig& email : receiver.emails) SEXTANT_TRY(ApplyEmail(d, email, node));
  for (SlackConfig& slack : receiver.slacks) SEXTANT_TRY(ApplySlack(d, http, slack, node));
  for (PagerdutyConfig& pagerduty : receiver.pagerduties) {
    Or(pagerduty.url, d.pagerduty_url);
    if (pagerduty.url.empty()) return node.Fail("no global PagerDuty URL set");
  }
  for (OpsgenieConfig& opsgenie : receiver.opsgenies) SEXTANT_TRY(ApplyOpsgenie(d, opsgenie, node));
  for (WechatConfig& wechat : receiver.wechats) SEXTANT_TRY(ApplyWechat(d, wechat, node));
  for (VictoropsConfig& victorops : receiver.victorops) SEXTANT_TRY(ApplyVictorops(d, victorops, node));
  for (TelegramConfig& telegram : receiver.telegrams) SEXTANT_TRY(ApplyTelegram(d, telegram, node));
  for (WebexConfig& webex : receiver.webexes) {
    Or(webex.api_url, d.webex_api_url);
    if (webex.api_url.empty()) return node.Fail("no global Webex URL set");
  }
  for (JiraConfig& jira : receiver.jiras) {
    Or(jira.api_url, d.jira_api_url);
    if (jira.api_url.empty()) return node.Fail("no global Jira Cloud URL set");
  }
  for (RocketchatConfig& rocketchat : receiver.rocketchats) SEXTANT_TRY(ApplyRocketchat(d, rocketchat, node));
  for (MattermostConfig& mattermost : receiver.mattermosts) {
    OrPair(mattermost.webhook_url, mattermost.webhook_url_file, d.mattermost_webhook_url,
           d.mattermost_webhook_url_file);
    if (mattermost.webhook_url.empty() && mattermost.webhook_url_file.empty())
      return node.Fail("missing webhook_url or webhook_url_file on mattermost_config");
  }
  return {};
}

const Struct& FieldsOf(const ReceiverDefaults*) {
  static const Struct kFields = Struct::Of<ReceiverDefaults>(
      {
          Member<&ReceiverDefaults::jira_api_url>("jira_api_url"),
          Member<&ReceiverDefaults::smtp_from>("smtp_from"),
          Member<&ReceiverDefaults::smtp_hello>("smtp_hello"),
          Member<&ReceiverDefaults::smtp_smarthost>("smtp_smarthost"),
          Member<&ReceiverDefaults::smtp_auth_username>("smtp_auth_username"),
          Member<&ReceiverDefaults::smtp_auth_password>("smtp_auth_password"),
          Member<&ReceiverDefaults::smtp_auth_password_file>("smtp_auth_password_file"),
          Member<&ReceiverDefaults::smtp_auth_secret>("smtp_auth_secret"),
          Member<&ReceiverDefaults::smtp_auth_secret_file>("smtp_auth_secret_file"),
          Member<&ReceiverDefaults::smtp_auth_identity>("smtp_auth_identity"),
          Member<&ReceiverDefaults::smtp_require_tls>("smtp_require_tls").AlwaysWritten(),
          Member<&ReceiverDefaults::smtp_tls>("smtp_tls_config"),
          Member<&ReceiverDefaults::smtp_force_implicit_tls>("smtp_force_implicit_tls"),
          Member<&ReceiverDefaults::slack_api_url>("slack_api_url", HiddenText()),
          Member<&ReceiverDefaults::slack_api_url_file>("slack_api_url_file"),
          Member<&ReceiverDefaults::slack_app_token>("slack_app_token"),
          Member<&ReceiverDefaults::slack_app_token_file>("slack_app_token_file"),
          Member<&ReceiverDefaults::slack_app_url>("slack_app_url"),
          Member<&ReceiverDefaults::pagerduty_url>("pagerduty_url"),
          Member<&ReceiverDefaults::opsgenie_api_url>("opsgenie_api_url"),
          Member<&ReceiverDefaults::opsgenie_api_key>("opsgenie_api_key"),
          Member<&ReceiverDefaults::opsgenie_api_key_file>("opsgenie_api_key_file"),
          Member<&ReceiverDefaults::wechat_api_url>("wechat_api_url"),
          Member<&ReceiverDefaults::wechat_api_secret>("wechat_api_secret"),
          Member<&ReceiverDefaults::wechat_api_secret_file>("wechat_api_secret_file"),
          Member<&ReceiverDefaults::wechat_api_corp_id>("wechat_api_corp_id"),
          Member<&ReceiverDefaults::victorops_api_url>("victorops_api_url"),
          Member<&ReceiverDefaults::victorops_api_key>("victorops_api_key"),
          Member<&ReceiverDefaults::victorops_api_key_file>("victorops_api_key_file"),
          Member<&ReceiverDefaults::telegram_api_url>("telegram_api_url"),
          Member<&ReceiverDefaults::telegram_bot_token>("telegram_bot_token"),
          Member<&ReceiverDefaults::telegram_bot_token_file>("telegram_bot_token_file"),
          Member<&ReceiverDefaults::webex_api_url>("webex_api_url"),
          Member<&ReceiverDefaults::rocketchat_api_url>("rocketchat_api_url"),
          Member<&ReceiverDefaults::rocketchat_token>("rocketchat_token"),
          Member<&ReceiverDefaults::rocketchat_token_file>("rocketchat_token_file"),
          Member<&ReceiverDefaults::rocketchat_token_id>("rocketchat_token_id"),
          Member<&ReceiverDefaults::rocketchat_token_id_file>("rocketchat_token_id_file"),
          Member<&ReceiverDefaults::mattermost_webhook_url>("mattermost_webhook_url", HiddenText()),
          Member<&ReceiverDefaults::mattermost_webhook_url_file>("mattermost_webhook_url_file"),
      },
      FinishDefaults);
  return kFields;
}

}  // namespace sextant::alerting
