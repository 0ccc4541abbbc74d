#include <regex>

#include "alerting/default_templates.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/mail_text.h"
#include "alerting/receivers/telegram_text.h"
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

// With a memory of its own.
MessageContext Context(const std::string& external_url) {
  static const core::SystemClock kClock;
  return {DefaultSet(), external_url, 1767323045678, std::make_shared<ServiceMemory>(kClock)};
}

// JSON without the spaces that a person put in.
std::string Minified(const element& json) { return simdjson::minify(json); }

std::string Minified(const std::string& text) {
  simdjson::dom::parser parser;
  return simdjson::minify(element(parser.parse(text)));
}

net::FetchRequest FirstRequest(const Notification& notification, const MessageContext& context) {
  Step step = StartConversation(notification, context)->Begin();
  if (auto* request = std::get_if<net::FetchRequest>(&step)) return std::move(*request);
  ADD_FAILURE() << std::get<Verdict>(step).error;
  return {};
}

// What ends a conversation before it has begun.
Verdict Refusal(const Notification& notification) {
  Step step = StartConversation(notification, Context("http://x"))->Begin();
  if (auto* verdict = std::get_if<Verdict>(&step)) return std::move(*verdict);
  ADD_FAILURE() << "a request was made";
  return {};
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
      const net::FetchRequest request = FirstRequest(notification, context_);
      EXPECT_EQ(request.method, "POST");
      EXPECT_EQ(request.headers.Get("Content-Type"), "application/json");
      bodies[std::string(IntegrationName(notification.integration.kind))] = request.body;
      dispatcher_.Finish(notification.id, true, now_ms);
    }
    return bodies;
  }

 private:
  Dispatcher dispatcher_;
  MessageContext context_;
};

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

// What a person reads of a page, and where it leads.
std::string Visible(std::string html) {
  html = std::regex_replace(html, std::regex("<style[^>]*>[^<]*</style>"), "");
  html = std::regex_replace(html, std::regex("<a [^>]*href=\"([^\"]*)\"[^>]*>"), " [$1] ");
  html = std::regex_replace(html, std::regex("<[^>]*>"), " ");
  return std::regex_replace(html, std::regex("\\s+"), " ");
}

// Alertmanager's own engines on 146 templates, all of its default templates among them.
TEST(Templates, AlertmanagerOracle) {
  const fs::path path = testing::ConformanceDir() / "alertmanager/oracle/templates.json";
  if (!fs::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  const auto set = DefaultSet();
  int run = 0;
  for (const element c : simdjson::dom::array(parser.load(path.string()))) {
    const bool is_html = Text(c, "engine") == "am-html";
    if ((!is_html && Text(c, "engine") != "am-text") || Text(c, "dataType") != "am") continue;
    const std::string text = Text(c, "template");
    SCOPED_TRACE(Text(c, "name") + " " + text);
    const MessageData data = MessageDataOf(c["data"]);
    gotemplate::AlertmanagerEnvironment environment;
    environment.now_ms = 1767323045678;
    environment.route_labels = data.route_labels;
    const auto result = is_html ? set->ExecuteHtmlText("", text, ToTemplateValue(data), &environment)
                                : set->ExecuteText("", text, ToTemplateValue(data), &environment);
    std::string_view error;
    ++run;
    if (c["error"].get(error) == simdjson::SUCCESS) {
      EXPECT_FALSE(result) << *result;
      continue;
    }
    if (!result) {
      ADD_FAILURE() << result.error().message();
    } else if (text.find("email.default.html") != std::string::npos) {
      EXPECT_EQ(Visible(*result), Visible(Text(c, "expected")));  // the page is of our own design
    } else {
      EXPECT_EQ(*result, Text(c, "expected"));
    }
  }
  EXPECT_EQ(run, 146);
}

Notification OneAlert(const std::shared_ptr<const Config>& config) {
  Notification notification;
  notification.config = config;
  notification.integration = ListIntegrations(*config)[0];
  notification.receiver_name = config->receivers[0].name;
  notification.group_labels = testing::LabelsOf({{"alertname", "Disk"}});
  notification.alerts.emplace_back();
  notification.alerts[0].labels = testing::LabelsOf({{"alertname", "Disk"}});
  return notification;
}

Notification OneAlert(const std::string& receiver_yaml) {
  return OneAlert(MustParse("route: {receiver: r}\nreceivers: [{name: r, " + receiver_yaml + "}]\n"));
}

TEST(Slack, BrokenTemplateSendsPlainWords) {
  const Notification notification =
      OneAlert("slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: '#c', title: '{{ .Nope }}'}]");
  const MessageContext context = Context("http://x");
  const ConversationPtr conversation = StartConversation(notification, context);
  EXPECT_NE(conversation->template_error.find("can't evaluate field Nope"), std::string::npos);
  const std::string body = std::get<net::FetchRequest>(conversation->Begin()).body;
  EXPECT_NE(body.find("[firing] 1 alerts alertname=Disk"), std::string::npos) << body;
  EXPECT_NE(body.find("\"channel\":\"#c\""), std::string::npos);
}

TEST(Slack, EndlessTemplateIsCutOff) {
  const Notification notification = OneAlert(
      "slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: '#c', text: '{{ range 1000000000 "
      "}}xxxxxxxx{{ "
      "end }}'}]");
  const ConversationPtr conversation = StartConversation(notification, Context("http://x"));
  EXPECT_NE(conversation->template_error.find("output exceeds"), std::string::npos)
      << conversation->template_error;
}

Verdict Answered(const Notification& notification, const Answer& answer) {
  const MessageContext context = Context("http://x");
  const ConversationPtr conversation = StartConversation(notification, context);
  static_cast<void>(conversation->Begin());
  Step step = conversation->OnAnswer(answer, context.now_ms);
  if (auto* verdict = std::get_if<Verdict>(&step)) return std::move(*verdict);
  ADD_FAILURE() << "another request was made";
  return {};
}

net::FetchResponse Response(int status, const std::string& body = "",
                            const std::string& type = "text/plain") {
  net::FetchResponse answer;
  answer.status = status;
  answer.headers.Set("Content-Type", type);
  answer.body = body;
  return answer;
}

TEST(Slack, Answers) {
  const Notification notification = OneAlert("slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: c}]");
  const auto judge = [&](int status, const std::string& type, const std::string& body) {
    return Answered(notification, Response(status, body, type));
  };
  EXPECT_EQ(judge(401, "", "").reason, "authError");
  EXPECT_FALSE(judge(401, "", "").may_retry);
  EXPECT_EQ(judge(500, "", "x").error, "channel \"c\": unexpected status code 500: x");
  EXPECT_TRUE(judge(500, "", "").may_retry);
  EXPECT_FALSE(judge(307, "", "").may_retry);
  EXPECT_TRUE(judge(429, "", "").may_retry);
  EXPECT_TRUE(judge(429, "", "").is_rate_limited);
  EXPECT_TRUE(judge(200, "application/json", "{\"not valid json\"}").may_retry);
  EXPECT_EQ(judge(200, "application/json", "{\"ok\":false,\"error\":\"error_message\"}").error,
            "channel \"c\": error response from Slack: error_message");
  EXPECT_EQ(judge(200, "text/plain", "no_channel").error,
            "channel \"c\": received an error response from Slack: no_channel");
  EXPECT_TRUE(judge(200, "application/json", "{\"ok\":false,\"error\":\"ratelimited\"}").is_rate_limited);
  EXPECT_TRUE(judge(200, "application/json", "{\"ok\":true}").delivered);
  EXPECT_TRUE(judge(200, "text/plain", "ok").delivered);
}

TEST(Slack, AppTokensAndUpdatedMessages) {
  Notification notification = OneAlert(MustParse(R"(
global: {slack_app_token: xoxb-1}
route: {receiver: r}
receivers:
- name: r
  slack_configs:
  - {channel: '#c', api_url: 'https://slack.com/api/chat.postMessage', update_message: true,
     http_config: {authorization: {credentials: xoxb-2}}}
  - {channel: '#d'}
)"));
  const MessageContext context = Context("http://x");
  const ConversationPtr first = StartConversation(notification, context);
  net::FetchRequest request = std::get<net::FetchRequest>(first->Begin());
  EXPECT_EQ(request.url, "https://slack.com/api/chat.postMessage");
  EXPECT_EQ(request.bearer_token, "xoxb-2");
  const Step last = first->OnAnswer(
      Response(200, R"({"ok":true,"channel":"C1","ts":"12.5"})", "application/json"), context.now_ms);
  notification.receiver_data = std::get<Verdict>(last).receiver_data;
  request = FirstRequest(notification, context);
  EXPECT_EQ(request.url, "https://slack.com/api/chat.update");
  EXPECT_NE(request.body.find(R"("channel":"C1","ts":"12.5")"), std::string::npos) << request.body;
  notification.integration.index = 1;
  request = FirstRequest(notification, context);
  EXPECT_EQ(request.url, "https://slack.com/api/chat.postMessage");
  EXPECT_EQ(request.bearer_token, "xoxb-1");
}

// A token is fetched once for all messages of a configuration, not once for each.
TEST(Http, AuthorizersAreKeptPerSettingsAndConfiguration) {
  const std::string yaml =
      "webhook_configs: [{url: 'http://h/', http_config: {oauth2: {client_id: a, client_secret: b, "
      "token_url: "
      "'http://t/'}}}]";
  const Notification notification = OneAlert(yaml);
  const MessageContext context = Context("http://x");
  const auto first = FirstRequest(notification, context).authorizer;
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(FirstRequest(notification, context).authorizer, first);
  EXPECT_NE(FirstRequest(OneAlert(yaml), context).authorizer, first);
}

TEST(Webhook, MaxAlertsTruncates) {
  Notification notification = OneAlert("webhook_configs: [{url: 'http://127.0.0.1:1/', max_alerts: 1}]");
  notification.alerts.push_back(notification.alerts[0]);
  notification.alerts.push_back(notification.alerts[0]);
  const std::string body = FirstRequest(notification, Context("http://x")).body;
  EXPECT_NE(body.find("\"truncatedAlerts\":2}"), std::string::npos) << body;
}

TEST(Webhook, UrlIsATemplate) {
  const auto with = [](const std::string& url) {
    return OneAlert("webhook_configs: [{url: '" + url + "'}]");
  };
  EXPECT_EQ(FirstRequest(with("http://h/{{ .GroupLabels.alertname }}"), Context("http://x")).url,
            "http://h/Disk");
  EXPECT_NE(Refusal(with("http://h/{{ .InvalidField }}")).error.find("failed to template webhook URL"),
            std::string::npos);
  EXPECT_EQ(Refusal(with("{{ if .CommonLabels.nonexistent }}http://example.com{{ end }}")).error,
            "webhook URL is empty after templating");
}

TEST(Webhook, PayloadOfOnesOwn) {
  const Notification notification = OneAlert(
      "webhook_configs: [{url: 'http://h/', payload: {name: '{{ .GroupLabels.alertname }}', n: 1, "
      "labels: '{{ .CommonLabels | toJson }}', list: ['{{ .Status }}', true]}}]");
  EXPECT_EQ(FirstRequest(notification, Context("http://x")).body,
            "{\"labels\":{\"alertname\":\"Disk\"},\"list\":[\"firing\",true],\"n\":1,\"name\":\"Disk\"}\n");
}

TEST(Secrets, ComeFromFilesAndStayOutOfErrors) {
  const fs::path file = fs::path(::testing::TempDir()) / "receiver_secret";
  std::ofstream(file) << "http://127.0.0.1:1/T0/secret\n";
  const Notification notification =
      OneAlert("slack_configs: [{api_url_file: '" + file.string() + "', channel: c}]");
  EXPECT_EQ(FirstRequest(notification, Context("http://x")).url, "http://127.0.0.1:1/T0/secret");
  const Verdict verdict =
      Answered(notification,
               core::Fail(core::Code::kUnavailable,
                          "Post \"http://127.0.0.1:1/T0/secret\": dial tcp 127.0.0.1:1: connect: refused"));
  EXPECT_EQ(verdict.error, "Post \"<redacted>\": dial tcp 127.0.0.1:1: connect: refused");
  EXPECT_TRUE(verdict.may_retry);
  fs::remove(file);
  EXPECT_NE(Refusal(notification).error.find("receiver_secret"), std::string::npos);
}

TEST(Verdicts, RetryAfterIsHonouredWithinReason) {
  const Notification notification = OneAlert("webhook_configs: [{url: 'http://h/'}]");
  net::FetchResponse answer = Response(429);
  answer.headers.Set("Retry-After", "7");
  EXPECT_EQ(Answered(notification, answer).retry_after_ms, 7'000);
  answer.headers.Set("Retry-After", "Fri, 02 Jan 2026 03:04:15 GMT");
  EXPECT_EQ(Answered(notification, answer).retry_after_ms, 9'322);
  answer.headers.Set("Retry-After", "99999999999999");
  EXPECT_EQ(Answered(notification, answer).retry_after_ms, 3'600'000);
  answer.headers.Set("Retry-After", "soon");
  EXPECT_EQ(Answered(notification, answer).retry_after_ms, 0);
}

TEST(Verdicts, ServicesHaveRulesOfTheirOwn) {
  const Notification v1 = OneAlert("pagerduty_configs: [{service_key: k}]");
  const Notification v2 = OneAlert("pagerduty_configs: [{routing_key: k}]");
  EXPECT_TRUE(Answered(v1, Response(403)).may_retry);
  EXPECT_FALSE(Answered(v2, Response(403)).may_retry);
  EXPECT_EQ(Answered(v2, Response(400, R"({"message":"bad","errors":["a","b"]})")).error,
            "unexpected status code 400: bad: a,b");
  const Notification telegram = OneAlert("telegram_configs: [{bot_token: t, chat_id: 1}]");
  const Verdict flood = Answered(
      telegram,
      Response(429, R"({"ok":false,"error_code":429,"description":"slow","parameters":{"retry_after":5}})"));
  EXPECT_EQ(flood.retry_after_ms, 5'000);
  EXPECT_EQ(flood.reason, "rateLimited");
  EXPECT_EQ(Answered(telegram, Response(200, R"({"ok":false,"error_code":401,"description":"no"})")).reason,
            "authError");
  const Notification incidentio = OneAlert("incidentio_configs: [{url: 'http://h/', alert_source_token: t}]");
  EXPECT_EQ(Answered(incidentio, Response(429, R"({"message":"Too many","error":"limit"})")).error,
            "unexpected status code 429: Too many: limit");
  const Notification rocketchat = OneAlert("rocketchat_configs: [{token: t, token_id: i, channel: c}]");
  EXPECT_EQ(Answered(rocketchat, Response(200, R"({"success":false,"error":"no"})")).error,
            "channel \"c\": error response from Rocketchat: no");
}

TEST(Pagerduty, DetailsAreFilledInDeeply) {
  const Notification notification =
      OneAlert("pagerduty_configs: [{routing_key: k, details: {a: {b: '{{ .Status }}'}, firing: x}}]");
  const std::string body = FirstRequest(notification, Context("http://x")).body;
  EXPECT_NE(body.find(R"("custom_details":{"a":{"b":"firing"},"firing":"x","num_firing":1)"),
            std::string::npos)
      << body;
  EXPECT_NE(Refusal(OneAlert("pagerduty_configs: [{routing_key: k, details: {firing: '{{ .S'}}]"))
                .error.find("failed to render details: template: :1: "),
            std::string::npos);
  EXPECT_EQ(Refusal(OneAlert("pagerduty_configs: [{routing_key: '{{ \"\" }}'}]")).error,
            "routing key cannot be empty");
}

TEST(Wechat, TokenIsKeptUntilItExpires) {
  const Notification notification =
      OneAlert("wechat_configs: [{api_secret: s, corp_id: c, api_url: 'http://h/cgi', to_user: u}]");
  const MessageContext context = Context("http://x");
  const auto run = [&](const std::string& answer) {
    std::string urls;
    const ConversationPtr conversation = StartConversation(notification, context);
    Step step = conversation->Begin();
    while (auto* request = std::get_if<net::FetchRequest>(&step)) {
      urls += request->url + " ";
      const bool is_token = request->url.find("gettoken") != std::string::npos;
      step = conversation->OnAnswer(Response(200, is_token ? R"({"access_token":"t"})" : answer),
                                    context.now_ms);
    }
    return std::make_pair(urls, std::get<Verdict>(step));
  };
  EXPECT_EQ(run(R"({"errcode":0})").first,
            "http://h/cgi/gettoken?corpid=c&corpsecret=s http://h/cgi/message/send?access_token=t ");
  const auto expired = run(R"({"errcode":42001,"errmsg":"expired"})");
  EXPECT_EQ(expired.first, "http://h/cgi/message/send?access_token=t ");
  EXPECT_TRUE(expired.second.may_retry);
  EXPECT_NE(run(R"({"errcode":0})").first.find("gettoken"), std::string::npos);
}

// Plays Jira: answers each request with the next of these, and gives all requests.
std::string PlayJira(const Notification& notification, std::vector<std::string> answers, Verdict& verdict) {
  std::string log;
  const MessageContext context = Context("http://x");
  const ConversationPtr conversation = StartConversation(notification, context);
  Step step = conversation->Begin();
  size_t i = 0;
  while (auto* request = std::get_if<net::FetchRequest>(&step)) {
    log += request->method + " " + request->url + " " + request->body + "\n";
    step = conversation->OnAnswer(Response(200, answers.at(i++)), context.now_ms);
  }
  verdict = std::get<Verdict>(step);
  return log;
}

TEST(Jira, IssuesAreChangedAndMoved) {
  const std::string yaml =
      "jira_configs: [{api_url: 'http://j/rest/api/2', project: OPS, issue_type: Bug, resolve_transition: "
      "CLOSE, "
      "reopen_transition: REOPEN, reopen_duration: 1h, wont_fix_resolution: \"Won't Do\", summary: "
      "{template: s, "
      "enable_update: false}, description: d, priority: '', fields: {customfield_1: {value: '{{ .Status "
      "}}'}}}]";
  const Notification firing = OneAlert(yaml);
  Verdict verdict;
  std::string log =
      PlayJira(firing,
               {R"({"issues":[{"key":"OPS-3","fields":{"status":{"statusCategory":{"key":"done"}}}}]})", "",
                R"({"transitions":[{"id":"4","name":"REOPEN"}]})", ""},
               verdict);
  EXPECT_TRUE(verdict.delivered) << verdict.error;
  EXPECT_NE(log.find(R"((resolution is EMPTY or resolution != \"Won't Do\") and (resolutiondate is EMPTY OR )"
                     R"(resolutiondate \u003e= -60m) and project=\"OPS\")"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("PUT http://j/rest/api/2/issue/OPS-3 "
                     R"({"fields":{"customfield_1":{"value":"firing"},"description":"d","issuetype")"),
            std::string::npos)
      << log;
  EXPECT_EQ(log.find("\"summary\""), std::string::npos) << log;
  EXPECT_NE(log.find("GET http://j/rest/api/2/issue/OPS-3/transitions"), std::string::npos);
  EXPECT_NE(log.find("POST http://j/rest/api/2/issue/OPS-3/transitions {\"transition\":{\"id\":\"4\"}}"),
            std::string::npos);

  Notification resolved = firing;
  resolved.alerts[0].ends_at_ms = 1767323000000;
  PlayJira(resolved,
           {R"({"issues":[{"key":"OPS-3","fields":{"status":{"statusCategory":{"key":"new"}}}}]})", "",
            R"({"transitions":[]})"},
           verdict);
  EXPECT_EQ(verdict.error, "can't find transition CLOSE for issue OPS-3");
  log = PlayJira(resolved, {R"({"issues":[]})"}, verdict);
  EXPECT_TRUE(verdict.delivered);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
}

TEST(Jira, CloudIsAskedElsewhere) {
  const auto search = [](const std::string& api_url, const std::string& api_type) {
    return FirstRequest(OneAlert("jira_configs: [{project: P, issue_type: Bug, api_url: '" + api_url +
                                 "', api_type: " + api_type + "}]"),
                        Context("http://x"))
        .url;
  };
  EXPECT_EQ(search("https://example.atlassian.net/rest/api/2", "auto"),
            "https://example.atlassian.net/rest/api/3/search/jql");
  EXPECT_EQ(search("https://example.atlassian.net/rest/api/2", "datacenter"),
            "https://example.atlassian.net/rest/api/2/search");
  EXPECT_EQ(search("https://jira.example.com/rest/api/2/", "auto"),
            "https://jira.example.com/rest/api/2/search");
}

TEST(Mattermost, AttachmentsAndPriorities) {
  const std::string body =
      FirstRequest(OneAlert("mattermost_configs: [{webhook_url: 'http://h/', text: T, "
                            "username: '', attachments: [{title: A, text: B}], priority: "
                            "{priority: odd, requested_ack: true}, props: {card: C}}]"),
                   Context("http://x"))
          .body;
  EXPECT_EQ(body,
            "{\"text\":\"T\",\"attachments\":[{\"text\":\"B\",\"title\":\"A\"}],\"props\":{\"card\":\"C\"},"
            "\"priority\":{\"priority\":\"standard\"}}\n");
}

TEST(Telegram, LongMessagesAreReplaced) {
  const auto text = [](const std::string& message, const std::string& mode) {
    return FirstRequest(OneAlert("telegram_configs: [{bot_token: t, chat_id: 1, parse_mode: '" + mode +
                                 "', message: '" + message + "'}]"),
                        Context("http://x"))
        .body;
  };
  EXPECT_NE(text(std::string(5000, 'x'), "HTML").find("exceeds Telegram limits"), std::string::npos);
  EXPECT_NE(text(std::string(5000, 'x'), "Markdown").find("xx…\""), std::string::npos);
  EXPECT_NE(text("<code>x < y</code>", "HTML").find("\\u003ccode\\u003ex \\u0026lt; y\\u003c/code\\u003e"),
            std::string::npos);
  EXPECT_EQ(CountTelegramRunes("<a href=\"http://x\">é&amp;&#39;&nbsp;</a>"), 9u);
}

TEST(Email, HeadersBodiesAndThreads) {
  Notification notification = OneAlert(
      "email_configs: [{to: 'Ops <ops@example.org>, \"B, c\" <b@example.org>', from: a@example.org, "
      "smarthost: "
      "'mail:465', headers: {subject: 'ü {{ .Status }}', x-y: z}, text: t, html: '<b>{{ .Status }}</b>', "
      "threading: {enabled: true, thread_by_date: daily}}]");
  notification.group_key = "{}:{}";
  const MessageContext context = Context("http://x");
  Step step = StartConversation(notification, context)->Begin();
  const auto* mail = std::get_if<net::MailRequest>(&step);
  ASSERT_NE(mail, nullptr) << std::get<Verdict>(step).error;
  EXPECT_EQ(mail->to, (std::vector<std::string>{"ops@example.org", "b@example.org"}));
  EXPECT_TRUE(mail->has_implicit_tls);
  EXPECT_NE(mail->message.find("Subject: =?utf-8?q?=C3=BC_firing?=\r\n"), std::string::npos) << mail->message;
  EXPECT_NE(mail->message.find("X-Y: z\r\n"), std::string::npos);
  EXPECT_NE(mail->message.find("-2026-01-02@alertmanager>\r\nIn-Reply-To: <alert-"), std::string::npos);
  EXPECT_NE(mail->message.find("\r\n\r\n<b>firing</b>\r\n--"), std::string::npos);
  const auto refused = [](const std::string& fields) {
    return Refusal(OneAlert("email_configs: [{smarthost: 'mail:25', " + fields + "}]")).error;
  };
  EXPECT_TRUE(refused("from: xxx, to: b@c").starts_with("parse 'from' addresses:"));
  EXPECT_TRUE(refused("from: 'a@b, c@d', to: b@c").starts_with("must be exactly one 'from' address"));
  EXPECT_TRUE(refused("from: a@b, to: xxx").starts_with("parse 'to' addresses:"));
  EXPECT_TRUE(refused("from: a@b, to: '{{ template \"invalid\" }}'").starts_with("execute 'to' template:"));
  EXPECT_TRUE(refused("from: a@b, to: b@c, text: '{{ template \"invalid\" }}'")
                  .starts_with("execute text template:"));
  EXPECT_TRUE(refused("from: a@b, to: b@c, html: '{{ template \"invalid\" }}'")
                  .starts_with("execute html template:"));
  EXPECT_TRUE(refused("from: a@b, to: b@c, headers: {subject: '{{ template \"invalid\" }}'}")
                  .starts_with("execute \"Subject\" header template:"));
}

TEST(MailText, Encodings) {
  EXPECT_EQ(QuotedPrintable("a=b \n" + std::string(80, 'x')),
            "a=3Db=20\r\n" + std::string(75, 'x') + "=\r\nxxxxx");
  EXPECT_EQ(QuotedPrintable("ü\t"), "=C3=BC=09");
  EXPECT_EQ(EncodeHeaderValue("a\r\nBcc: x"), "=?utf-8?q?a=0D=0ABcc:_x?=");
  const std::string encoded = EncodeHeaderValue(std::string(100, '?') + "é");
  EXPECT_NE(encoded.find("?=\r\n =?utf-8?q?"), std::string::npos);
  for (const char* bad : {"", "x", "@b", "a@", "<a@b", "a b@c", "a@b c", "\"a", "a@b,,"})
    EXPECT_FALSE(ParseAddressList(bad)) << bad;
}

TEST(Truncation, CharactersAndBytes) {
  EXPECT_EQ(TruncateRunes("abcde", 5), "abcde");
  EXPECT_EQ(TruncateRunes("abcde", 4), "abc…");
  EXPECT_EQ(TruncateRunes("a⌘cdef", 5), "a⌘cd…");
  EXPECT_EQ(TruncateRunes("abcde", 2), "ab");
  EXPECT_EQ(TruncateBytes("abcde", 4), "a…");
  EXPECT_EQ(TruncateBytes("a⌘cde", 5), "a…");
  EXPECT_EQ(TruncateBytes("世界cdef", 3), "…");
  EXPECT_EQ(TruncateBytes("abcde", 2), "..");
}

}  // namespace
}  // namespace sextant::alerting
