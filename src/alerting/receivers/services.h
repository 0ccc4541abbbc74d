// One function per service: a notification as the conversation with it. What a service's messages look like
// stands in the file of its name.
#pragma once

#include "alerting/receivers/conversation.h"

namespace sextant::alerting {

ConversationPtr StartWebhook(const Notification&, const WebhookConfig&, const MessageContext&);
ConversationPtr StartEmail(const Notification&, const EmailConfig&, const MessageContext&);
ConversationPtr StartPagerduty(const Notification&, const PagerdutyConfig&, const MessageContext&);
ConversationPtr StartOpsgenie(const Notification&, const OpsgenieConfig&, const MessageContext&);
ConversationPtr StartWechat(const Notification&, const WechatConfig&, const MessageContext&);
ConversationPtr StartSlack(const Notification&, const SlackConfig&, const MessageContext&);
ConversationPtr StartVictorops(const Notification&, const VictoropsConfig&, const MessageContext&);
ConversationPtr StartPushover(const Notification&, const PushoverConfig&, const MessageContext&);
ConversationPtr StartSns(const Notification&, const SnsConfig&, const MessageContext&);
ConversationPtr StartTelegram(const Notification&, const TelegramConfig&, const MessageContext&);
ConversationPtr StartDiscord(const Notification&, const DiscordConfig&, const MessageContext&);
ConversationPtr StartWebex(const Notification&, const WebexConfig&, const MessageContext&);
ConversationPtr StartMsteams(const Notification&, const MsteamsConfig&, const MessageContext&);
ConversationPtr StartMsteamsV2(const Notification&, const MsteamsV2Config&, const MessageContext&);
ConversationPtr StartJira(const Notification&, const JiraConfig&, const MessageContext&);
ConversationPtr StartIncidentio(const Notification&, const IncidentioConfig&, const MessageContext&);
ConversationPtr StartRocketchat(const Notification&, const RocketchatConfig&, const MessageContext&);
ConversationPtr StartMattermost(const Notification&, const MattermostConfig&, const MessageContext&);

}  // namespace sextant::alerting
