// Which integrations there are: the one place that lists them.
#include <algorithm>

#include "alerting/integration.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"

namespace sextant::alerting {
namespace {

struct Service {
  IntegrationKind kind;
  std::string_view name;
  size_t (*count)(const ReceiverConfig& receiver);
  bool (*send_resolved)(const ReceiverConfig& receiver, size_t index);
  ConversationPtr (*start)(const Notification& notification, const ReceiverConfig& receiver, size_t index,
                           const MessageContext& context);
};

template <auto Configs, auto Start>
constexpr Service Row(IntegrationKind kind, std::string_view name) {
  return {kind, name, [](const ReceiverConfig& receiver) { return (receiver.*Configs).size(); },
          [](const ReceiverConfig& receiver, size_t i) { return (receiver.*Configs)[i].send_resolved; },
          [](const Notification& notification, const ReceiverConfig& receiver, size_t i,
             const MessageContext& context) { return Start(notification, (receiver.*Configs)[i], context); }};
}

ConversationPtr StartLog(const Notification&, const ReceiverConfig&, size_t, const MessageContext&) {
  return SayNothing(Verdict::GivenUp("notifications to the log have no message"));
}

constexpr Service kServices[] = {
    Row<&ReceiverConfig::webhooks, StartWebhook>(IntegrationKind::kWebhook, "webhook"),
    Row<&ReceiverConfig::emails, StartEmail>(IntegrationKind::kEmail, "email"),
    Row<&ReceiverConfig::pagerduties, StartPagerduty>(IntegrationKind::kPagerduty, "pagerduty"),
    Row<&ReceiverConfig::opsgenies, StartOpsgenie>(IntegrationKind::kOpsgenie, "opsgenie"),
    Row<&ReceiverConfig::wechats, StartWechat>(IntegrationKind::kWechat, "wechat"),
    Row<&ReceiverConfig::slacks, StartSlack>(IntegrationKind::kSlack, "slack"),
    Row<&ReceiverConfig::victorops, StartVictorops>(IntegrationKind::kVictorops, "victorops"),
    Row<&ReceiverConfig::pushovers, StartPushover>(IntegrationKind::kPushover, "pushover"),
    Row<&ReceiverConfig::sns, StartSns>(IntegrationKind::kSns, "sns"),
    Row<&ReceiverConfig::telegrams, StartTelegram>(IntegrationKind::kTelegram, "telegram"),
    Row<&ReceiverConfig::discords, StartDiscord>(IntegrationKind::kDiscord, "discord"),
    Row<&ReceiverConfig::webexes, StartWebex>(IntegrationKind::kWebex, "webex"),
    Row<&ReceiverConfig::msteams, StartMsteams>(IntegrationKind::kMsteams, "msteams"),
    Row<&ReceiverConfig::msteams_v2, StartMsteamsV2>(IntegrationKind::kMsteamsV2, "msteamsv2"),
    Row<&ReceiverConfig::jiras, StartJira>(IntegrationKind::kJira, "jira"),
    Row<&ReceiverConfig::incidentios, StartIncidentio>(IntegrationKind::kIncidentio, "incidentio"),
    Row<&ReceiverConfig::rocketchats, StartRocketchat>(IntegrationKind::kRocketchat, "rocketchat"),
    Row<&ReceiverConfig::mattermosts, StartMattermost>(IntegrationKind::kMattermost, "mattermost"),
    {IntegrationKind::kLog, "log",
     [](const ReceiverConfig& receiver) -> size_t { return receiver.logs_only; },
     [](const ReceiverConfig&, size_t) { return true; }, StartLog},
};

const Service& ServiceOf(IntegrationKind kind) { return *std::ranges::find(kServices, kind, &Service::kind); }

}  // namespace

std::string_view IntegrationName(IntegrationKind kind) { return ServiceOf(kind).name; }

const std::vector<IntegrationKind>& AllIntegrationKinds() {
  static const std::vector<IntegrationKind> kKinds = [] {
    std::vector<IntegrationKind> kinds;
    for (const Service& service : kServices) kinds.push_back(service.kind);
    return kinds;
  }();
  return kKinds;
}

std::vector<Integration> ListIntegrations(const Config& config) {
  std::vector<Integration> out;
  for (size_t r = 0; r < config.receivers.size(); ++r) {
    const ReceiverConfig& receiver = config.receivers[r];
    for (const Service& service : kServices) {
      for (size_t i = 0; i < service.count(receiver); ++i)
        out.push_back({r, service.kind, i, service.send_resolved(receiver, i)});
    }
  }
  return out;
}

ConversationPtr StartConversation(const Notification& notification, const MessageContext& context) {
  const Integration& integration = notification.integration;
  return ServiceOf(integration.kind)
      .start(notification, notification.config->receivers[integration.receiver], integration.index, context);
}

}  // namespace sextant::alerting
