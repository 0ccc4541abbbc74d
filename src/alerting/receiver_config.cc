#include "alerting/receiver_config.h"

#include <algorithm>

#include "alerting/receiver_checks.h"
#include "alerting/receiver_tables.h"
#include "config/text.h"
#include "gotemplate/template.h"

namespace sextant::alerting {

using config::Node;
using core::Status;
using namespace config;

namespace {

Status FinishWebhook(WebhookConfig& webhook, Node node) {
  if (webhook.url.empty() && webhook.url_file.empty())
    return node.Fail("one of url or url_file must be configured");
  SEXTANT_TRY(AtMostOne(webhook.url, webhook.url_file, node, "url"));
  MakeRelative(node, webhook.url_file);
  // A template becomes a URL only when it is filled in.
  if (webhook.url.find("{{") == std::string::npos) SEXTANT_TRY(CheckUrl(webhook.url, node, "url"));
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

Status FinishSns(SnsConfig& sns, Node node) {
  // All three together pass, as they do in Alertmanager.
  if (sns.target_arn.empty() != (sns.topic_arn.empty() != sns.phone_number.empty()))
    return node.Fail("must provide either a Target ARN, Topic ARN, or Phone Number for SNS config");
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
          Member<&SnsConfig::use_aws_http_client>("use_aws_http_client"),
      },
      FinishSns);
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
