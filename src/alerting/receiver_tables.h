// The tables of single integrations, for those of receivers, and the values that only they have. Private to
// this module.
#pragma once

#include "alerting/receiver_config.h"
#include "config/decode.h"

namespace sextant::alerting {

// Go's time.ParseDuration: "1h30m", "1.5s", "300ms".
config::CodecFor<int64_t> GoDuration();
// Anything that YAML can say.
config::CodecFor<gotemplate::Value> AnyCodec();
// A text, or a mapping with `template` and `enable_update`.
config::CodecFor<JiraText> JiraTextCodec();
// A list of texts, or a mapping with `values` and `enable_update`.
config::CodecFor<JiraLabels> JiraLabelsCodec();

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

}  // namespace sextant::alerting
