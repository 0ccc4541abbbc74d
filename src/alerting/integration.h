// The places that notifications go to, as the state machine sees them: a kind, and where in the
// configuration its settings stand. Plain values.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "alerting/config.h"

namespace sextant::alerting {

// In the order in which a receiver's integrations are notified.
enum class IntegrationKind : uint8_t {
  kWebhook,
  kEmail,
  kPagerduty,
  kOpsgenie,
  kWechat,
  kSlack,
  kVictorops,
  kPushover,
  kSns,
  kTelegram,
  kDiscord,
  kWebex,
  kMsteams,
  kMsteamsV2,
  kJira,
  kIncidentio,
  kRocketchat,
  kMattermost,
  kLog,
};

// "webhook", "slack", …: the label `integration` of metrics.
std::string_view IntegrationName(IntegrationKind kind);
const std::vector<IntegrationKind>& AllIntegrationKinds();

// One place that notifications go to.
struct Integration {
  size_t receiver = 0;  // in Config::receivers
  IntegrationKind kind = IntegrationKind::kLog;
  size_t index = 0;  // among the receiver's of this kind
  bool send_resolved = false;
};

// All integrations of a configuration, by receiver, kind and place.
std::vector<Integration> ListIntegrations(const Config& config);

}  // namespace sextant::alerting
