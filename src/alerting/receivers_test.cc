#include "alerting/receivers.h"

#include "alerting/default_templates.h"
#include "alerting/template_data.h"
#include "alerting/test_util.h"
#include "gotemplate/alertmanager.h"

namespace sextant::alerting {
namespace {

namespace fs = std::filesystem;
using simdjson::dom::element;
using testing::MustParse;
using testing::Text;

std::shared_ptr<const gotemplate::TemplateSet> DefaultSet() {
  return LoadTemplates(*BuiltInConfig()).value();
}

MessageContext Context(const std::string& external_url) {
  return {DefaultSet(), external_url, 1767323045678};
}

// JSON without the spaces that a person put in.
std::string Minified(const element& json) { return simdjson::minify(json); }

std::string Minified(const std::string& text) {
  simdjson::dom::parser parser;
  return simdjson::minify(element(parser.parse(text)));
}

// Sends alerts through a dispatcher and gives the body of each notification that comes out at `now_ms`.
class Sender {
 public:
  Sender(std::shared_ptr<const Config> config, std::string external_url)
      : dispatcher_(std::move(config), {}), context_(Context(external_url)) {}

  void Put(const Alert& alert, core::TimestampMs now_ms) {
    EXPECT_TRUE(dispatcher_.Put(std::span(&alert, 1), now_ms).errors.empty());
  }

  std::map<std::string, std::string> Bodies(core::TimestampMs now_ms) {
    std::map<std::string, std::string> bodies;
    for (const Notification& notification : dispatcher_.Advance(now_ms)) {
      auto message = MakeMessage(notification, context_);
      EXPECT_TRUE(message) << message.error().message();
      if (message) {
        EXPECT_EQ(message->template_error, "");
        EXPECT_EQ(message->request.method, "POST");
        EXPECT_EQ(message->request.headers.Get("Content-Type"), "application/json");
        bodies[std::string(IntegrationName(notification.integration.kind))] = message->request.body;
      }
      dispatcher_.Finish(notification.id, true, now_ms);
    }
    return bodies;
  }

 private:
  Dispatcher dispatcher_;
  MessageContext context_;
};

// The requests that Alertmanager sent for the same alerts in the same four phases, byte by byte but for white
// space.
TEST(Wire, WebhookAndSlackInFourPhases) {
  const fs::path dir = testing::ConformanceDir() / "alertmanager/wire";
  if (!fs::exists(dir)) GTEST_SKIP() << dir;
  Sender sender(MustParse(R"(
global: {slack_api_url: 'http://127.0.0.1:18080/slack/webhook'}
route: {receiver: all, group_by: [alertname, namespace], group_wait: 1s, group_interval: 3s, repeat_interval: 1h}
receivers:
- name: all
  webhook_configs: [{url: 'http://127.0.0.1:18080/webhook', send_resolved: true}]
  slack_configs:
  - channel: '#alerts'
    send_resolved: true
    fields: [{title: Severity, value: '{{ .CommonLabels.severity }}', short: true}]
    actions:
    - {type: button, text: Runbook, url: '{{ (index .Alerts 0).Annotations.runbook_url }}'}
)"),
                "http://alertmanager.example.org");
  simdjson::dom::parser parser;
  std::vector<Alert> alerts;
  for (const element alert : simdjson::dom::array(parser.load((dir / "alerts.json").string()))) {
    alerts.push_back(testing::AlertOf(alert));
  }
  core::TimestampMs now = testing::TimeOf("2026-01-02T03:30:00Z");
  simdjson::dom::parser webhook_parser;
  simdjson::dom::parser slack_parser;
  const element webhook = webhook_parser.load((dir / "webhook.json").string());
  const element slack = slack_parser.load((dir / "slack.json").string());
  const auto expect_phase = [&](const char* phase) {
    SCOPED_TRACE(phase);
    const auto bodies = sender.Bodies(now);
    ASSERT_EQ(bodies.size(), 2);
    EXPECT_EQ(bodies.at("webhook").back(), '\n');
    EXPECT_EQ(Minified(bodies.at("webhook")), Minified(element(webhook[phase].at(0)["body"])));
    EXPECT_EQ(Minified(bodies.at("slack")), Minified(element(slack[phase].at(0)["body"])));
  };
  sender.Put(alerts[0], now);
  expect_phase("1-first-notification");
  sender.Put(alerts[1], now);
  now += 3'000;
  expect_phase("2-new-alerts-added");
  alerts[0].ends_at_ms = testing::TimeOf("2026-01-02T04:00:00Z");
  now = testing::TimeOf("2026-01-02T04:05:00Z");
  sender.Put(alerts[0], now);
  sender.Put(alerts[1], now);
  expect_phase("3-some-alerts-resolved");
  alerts[1].ends_at_ms = testing::TimeOf("2026-01-02T04:10:00Z");
  now = testing::TimeOf("2026-01-02T04:15:00Z");
  sender.Put(alerts[1], now);
  expect_phase("4-all-alerts-resolved");
}

// The reference deployment's own configuration and alerts, against what Alertmanager sent to Slack for them.
TEST(Wire, ReferenceDeploymentsSlackMessages) {
  const fs::path dir = testing::ConformanceDir() / "article";
  if (!fs::exists(dir)) GTEST_SKIP() << dir;
  for (const char* name : {"1-firing-single", "2-mixed-namespace-group", "3-watchdog-and-inhibitor"}) {
    SCOPED_TRACE(name);
    auto config = LoadConfig((dir / "alertmanager.effective.yml").string());
    ASSERT_TRUE(config) << config.error().message();
    Sender sender(*config, "http://alertmanager-local.cloud-diplomats.com");
    simdjson::dom::parser parser;
    core::TimestampMs now = testing::TimeOf("2027-01-02T03:30:00Z");
    for (const element json : simdjson::dom::array(
             parser.load((dir / "payloads" / (std::string(name) + ".alerts.json")).string()))) {
      sender.Put(testing::AlertOf(json), now);
    }
    simdjson::dom::parser expected_parser;
    std::vector<std::string> expected;
    for (const element request : simdjson::dom::array(expected_parser.load(
             (dir / "payloads/expected-slack" / (std::string(name) + ".json")).string()))) {
      expected.push_back(Minified(element(request["body"])));
    }
    std::vector<std::string> ours;
    for (const core::DurationMs wait : {0, 30'000}) {
      for (const auto& [kind, body] : sender.Bodies(now + wait)) ours.push_back(Minified(body));
    }
    EXPECT_EQ(ours, expected);
  }
}

AlertData AlertDataOf(const element& json) {
  return {Text(json, "status"),
          testing::StringMap(json["labels"]),
          testing::StringMap(json["annotations"]),
          testing::TimeOf(Text(json, "startsAt")),
          testing::TimeOf(Text(json, "endsAt")),
          Text(json, "generatorURL"),
          Text(json, "fingerprint")};
}

MessageData MessageDataOf(const element& json) {
  MessageData data{Text(json, "receiver"),
                   Text(json, "status"),
                   {},
                   Text(json, "notification_reason"),
                   testing::StringMap(json["groupLabels"]),
                   testing::StringMap(json["commonLabels"]),
                   testing::StringMap(json["commonAnnotations"]),
                   testing::StringMap(json["routeLabels"]),
                   Text(json, "externalURL")};
  for (const element alert : simdjson::dom::array(json["alerts"])) data.alerts.push_back(AlertDataOf(alert));
  return data;
}

// Alertmanager's own engine on 100 templates, all of its default templates among them.
TEST(Templates, AlertmanagerOracle) {
  const fs::path path = testing::ConformanceDir() / "alertmanager/oracle/templates.json";
  if (!fs::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  const auto set = DefaultSet();
  int run = 0;
  for (const element c : simdjson::dom::array(parser.load(path.string()))) {
    if (Text(c, "engine") != "am-text" || Text(c, "dataType") != "am") continue;
    SCOPED_TRACE(Text(c, "name") + " " + Text(c, "template"));
    const MessageData data = MessageDataOf(c["data"]);
    gotemplate::AlertmanagerEnvironment environment;
    environment.now_ms = 1767323045678;
    environment.route_labels = data.route_labels;
    const auto result = set->ExecuteText("", Text(c, "template"), ToTemplateValue(data), &environment);
    std::string_view error;
    ++run;
    if (c["error"].get(error) == simdjson::SUCCESS) {
      EXPECT_FALSE(result) << *result;
      continue;
    }
    if (result) {
      EXPECT_EQ(*result, Text(c, "expected"));
    } else {
      ADD_FAILURE() << result.error().message();
    }
  }
  EXPECT_EQ(run, 100);
}

Notification SlackNotification(const std::shared_ptr<const Config>& config) {
  Notification notification;
  notification.config = config;
  notification.integration = ListIntegrations(*config)[0];
  notification.receiver_name = config->receivers[0].name;
  notification.group_labels = testing::LabelsOf({{"alertname", "Disk"}});
  notification.alerts.emplace_back();
  notification.alerts[0].labels = testing::LabelsOf({{"alertname", "Disk"}});
  return notification;
}

TEST(Slack, BrokenTemplateSendsPlainWords) {
  const auto config = MustParse(R"(
route: {receiver: s}
receivers: [{name: s, slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: '#c', title: '{{ .Nope }}'}]}]
)");
  const auto message = MakeSlackMessage(SlackNotification(config), Context("http://x"));
  ASSERT_TRUE(message);
  EXPECT_NE(message->template_error.find("can't evaluate field Nope"), std::string::npos);
  EXPECT_NE(message->request.body.find("[firing] 1 alerts alertname=Disk"), std::string::npos)
      << message->request.body;
  EXPECT_NE(message->request.body.find("\"channel\":\"#c\""), std::string::npos);
}

TEST(Slack, EndlessTemplateIsCutOff) {
  const auto config = MustParse(R"(
route: {receiver: s}
receivers: [{name: s, slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: '#c', text: '{{ range 1000000000 }}xxxxxxxx{{ end }}'}]}]
)");
  const auto message = MakeSlackMessage(SlackNotification(config), Context("http://x"));
  ASSERT_TRUE(message);
  EXPECT_NE(message->template_error.find("output exceeds"), std::string::npos) << message->template_error;
}

TEST(Webhook, MaxAlertsTruncates) {
  const auto config = MustParse(R"(
route: {receiver: w}
receivers: [{name: w, webhook_configs: [{url: 'http://127.0.0.1:1/', max_alerts: 1}]}]
)");
  Notification notification = SlackNotification(config);
  notification.alerts.push_back(notification.alerts[0]);
  notification.alerts.push_back(notification.alerts[0]);
  const auto message = MakeWebhookMessage(notification, Context("http://x"));
  ASSERT_TRUE(message);
  EXPECT_NE(message->request.body.find("\"truncatedAlerts\":2}"), std::string::npos) << message->request.body;
}

TEST(Webhook, UrlIsATemplate) {
  const auto make = [](const std::string& url) {
    const auto config =
        MustParse("route: {receiver: w}\nreceivers: [{name: w, webhook_configs: [{url: '" + url + "'}]}]\n");
    return MakeWebhookMessage(SlackNotification(config), Context("http://x"));
  };
  EXPECT_EQ(make("http://h/{{ .GroupLabels.alertname }}")->request.url, "http://h/Disk");
  EXPECT_NE(make("http://h/{{ .InvalidField }}").error().message().find("failed to template webhook URL"),
            std::string::npos);
  EXPECT_EQ(make("{{ if .CommonLabels.nonexistent }}http://example.com{{ end }}").error().message(),
            "webhook URL is empty after templating");
}

TEST(Verdicts, SlackAnswers) {
  const auto judge = [](int status, const std::string& type, const std::string& body) {
    net::FetchResponse answer;
    answer.status = status;
    answer.headers.Set("Content-Type", type);
    answer.body = body;
    return JudgeAnswer(IntegrationKind::kSlack, answer);
  };
  EXPECT_EQ(judge(401, "", "").reason, "authError");
  EXPECT_FALSE(judge(401, "", "").may_retry);
  EXPECT_EQ(judge(500, "", "x").error, "unexpected status code 500: x");
  EXPECT_TRUE(judge(500, "", "").may_retry);
  EXPECT_FALSE(judge(307, "", "").may_retry);
  EXPECT_TRUE(judge(429, "", "").may_retry);
  EXPECT_TRUE(judge(200, "application/json", "{\"not valid json\"}").may_retry);
  EXPECT_EQ(judge(200, "application/json", "{\"ok\":false,\"error\":\"error_message\"}").error,
            "error response from Slack: error_message");
  EXPECT_EQ(judge(200, "text/plain", "no_channel").error, "error response from Slack: no_channel");
  EXPECT_TRUE(judge(200, "application/json", "{\"ok\":true}").delivered);
  EXPECT_TRUE(judge(200, "text/plain", "ok").delivered);
}

TEST(Verdicts, RetryAfterIsHonouredWithinReason) {
  net::FetchResponse answer;
  answer.status = 429;
  answer.headers.Set("Retry-After", "7");
  EXPECT_EQ(JudgeAnswer(IntegrationKind::kWebhook, answer).retry_after_ms, 7'000);
  answer.headers.Set("Retry-After", "99999999999999");
  EXPECT_EQ(JudgeAnswer(IntegrationKind::kWebhook, answer).retry_after_ms, 3'600'000);
  answer.headers.Set("Retry-After", "soon");
  EXPECT_EQ(JudgeAnswer(IntegrationKind::kWebhook, answer).retry_after_ms, 0);
}

TEST(Slack, TitlesAreTruncatedByCharacters) {
  EXPECT_EQ(TruncateRunes("abcde", 5), "abcde");
  EXPECT_EQ(TruncateRunes("abcde", 4), "abc…");
  EXPECT_EQ(TruncateRunes("a⌘cdef", 5), "a⌘cd…");
  EXPECT_EQ(TruncateRunes("abcde", 2), "ab");
}

}  // namespace
}  // namespace sextant::alerting
