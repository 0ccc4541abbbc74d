// Receivers that are chats.
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

constexpr std::string_view kChatPostMessage = "https://slack.com/api/chat.postMessage";

// The pair that most chats have.
Status FinishWebhookUrl(const std::string& url, std::string& file, Node node) {
  if (url.empty() && file.empty())
    return node.Fail("one of webhook_url or webhook_url_file must be configured");
  SEXTANT_TRY(AtMostOne(url, file, node, "webhook_url"));
  SEXTANT_TRY(CheckUrl(url, node, "webhook_url"));
  MakeRelative(node, file);
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

}  // namespace

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

}  // namespace sextant::alerting
