#include "api/alertmanager_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>

#include "api/alertmanager_json.h"
#include "core/file.h"

namespace sextant::api {
namespace {

namespace dom = simdjson::dom;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kConfig = R"(
route:
  receiver: team-X
  group_by: [alertname]
  group_wait: 1h
  labels: {reason: '{{ .GroupLabels.alertname }}'}
  routes:
  - {matchers: [team=y], receiver: team-Y}
  - {matchers: [team=muted], receiver: team-Z, mute_time_intervals: [always]}
receivers:
- {name: team-X, labels: {owner: platform, kind: heartbeat}}
- {name: team-Y, labels: {owner: other}}
- {name: team-Z, labels: {owner: platform, kind: paging}}
time_intervals:
- {name: always, time_intervals: [{}]}
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster]}
)";

// The API over a router, without a socket.
class AlertmanagerApi : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = alerting::Alertmanager::Start(
        alerting::ParseConfig(kConfig, "am.yml").value(),
        {io_, executor_, client_, clock_, registry_, files_, core::Logger::Discard()}, {});
    ASSERT_TRUE(started) << started.error().message();
    alertmanager_ = std::move(*started);
    AddAlertmanagerRoutes(router_, {*alertmanager_, registry_, "1.2.3"});
  }

  net::HttpResponse Ask(const std::string& method, const std::string& target, const std::string& body = "",
                        const std::string& type = "application/json") {
    net::HttpRequest request;
    request.method = method;
    const size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string::npos) request.query_string = target.substr(question + 1);
    request.body = body;
    if (!type.empty()) request.headers.Set("Content-Type", type);
    const net::RouteMatch match = router_.Match(method, request.path);
    if (match.route == nullptr) return net::HttpResponse::Text(match.status, "");
    request.path_params = match.path_params;
    return match.route->handler(request);
  }
  std::string Get(const std::string& target) { return Ask("GET", target).body; }
  // Status and body, as one text.
  std::string Post(const std::string& path, const std::string& body) {
    const net::HttpResponse response = Ask("POST", path, body);
    return fmt::format("{} {}", response.status, response.body);
  }
  // The `alertname`s of a list of alerts.
  std::string Names(const std::string& target) {
    const std::string body = Get(target);
    dom::parser parser;
    std::string names;
    for (const dom::element alert : dom::array(parser.parse(body)))
      names += (names.empty() ? "" : " ") + std::string(std::string_view(alert["labels"]["alertname"]));
    return names;
  }
  std::string Silence(const std::string& matchers, const std::string& id = "", int begins_in_s = 0) {
    return fmt::format(
        R"({{{}"matchers":{},"startsAt":"{}","endsAt":"{}","createdBy":"me","comment":"c","annotations":{{"t":"1"}}}})",
        id.empty() ? "" : "\"id\":\"" + id + "\",", matchers,
        FormatMillis(clock_.NowMs() + begins_in_s * 1000), FormatMillis(clock_.NowMs() + 3'600'000));
  }
  static std::string IdOf(const std::string& answer) {
    const size_t at = answer.find(":\"") + 2;
    return answer.substr(at, 36);
  }

  core::ManualClock clock_{1'800'000'000'000};
  core::Registry registry_;
  core::PosixFileSystem files_;
  core::Executor executor_{{.threads = 2}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  std::unique_ptr<alerting::Alertmanager> alertmanager_;
  net::Router router_;
};

TEST_F(AlertmanagerApi, AlertsAsTheOriginalWritesThem) {
  EXPECT_EQ(Get("/api/v2/alerts"), "[]\n");
  EXPECT_EQ(Post("/api/v2/alerts", R"([{"labels":{"alertname":"a","x":""},"startsAt":"2026-01-01T00:00:00Z",)"
                                   R"("annotations":{"summary":"s"},"generatorURL":"http://x"}])"),
            "200 ");
  EXPECT_EQ(
      Get("/api/v2/alerts"),
      R"([{"annotations":{"summary":"s"},"endsAt":"2027-01-15T08:05:00.000Z","fingerprint":"d258efc389808447",)"
      R"("receivers":[{"name":"team-X"}],"startsAt":"2026-01-01T00:00:00.000Z","status":{"inhibitedBy":[],)"
      R"("mutedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"2027-01-15T08:00:00.000Z",)"
      R"("generatorURL":"http://x","labels":{"alertname":"a"}}])"
      "\n");
  EXPECT_THAT(
      Get("/api/v2/alerts/groups"),
      HasSubstr(R"("labels":{"alertname":"a"},"receiver":{"name":"team-X"},"routeLabels":{"reason":"a"}}])"));
}

// Status, body: taken from the original.
TEST_F(AlertmanagerApi, RefusalsHaveTheOriginalsWords) {
  EXPECT_EQ(Post("/api/v2/alerts", R"([{"labels":{}}])"), "400 \"at least one label pair required\"\n");
  EXPECT_EQ(Post("/api/v2/alerts", ""), R"(422 {"code":602,"message":"alerts in body is required"})");
  EXPECT_EQ(Post("/api/v2/alerts", R"([{"annotations":{"a":"b"}}])"),
            R"(422 {"code":602,"message":"0.labels in body is required"})");
  EXPECT_EQ(
      Post("/api/v2/alerts", "{}"),
      R"(400 {"code":400,"message":"parsing alerts body from \"\" failed, because json: cannot unmarshal )"
      R"(object into Go value of type models.PostableAlerts"})");
  EXPECT_EQ(
      Post("/api/v2/alerts", R"([{"labels":{"a":"b"},"startsAt":"yesterday"}])"),
      R"(400 {"code":400,"message":"parsing alerts body from \"\" failed, because parsing time \"yesterday\" )"
      R"(as \"2006-01-02 15:04:05\": cannot parse \"yesterday\" as \"2006\""})");
  EXPECT_EQ(Post("/api/v2/alerts", R"([{"labels":{"a":"b"},"generatorURL":"not a url"}])"),
            R"(422 {"code":601,"message":"0.generatorURL in body must be of type uri: \"not a url\""})");
  EXPECT_EQ(
      Ask("POST", "/api/v2/alerts", "[]", "text/plain").body,
      R"({"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"})");
  EXPECT_EQ(Get("/api/v2/alerts?filter=foo!bar"), "\"bad matcher format: foo!bar\"\n");
  EXPECT_EQ(Get("/api/v2/alerts?receiver=("),
            "\"failed to parse receiver param: error parsing regexp: missing closing ): `^(?:()$`\"\n");
  EXPECT_EQ(Get("/api/v2/nosuch"), R"({"code":404,"message":"path /api/v2/nosuch was not found"})");
  EXPECT_EQ(Post("/api/v2/silences", Silence("[]")),
            R"(422 {"code":612,"message":"matchers in body should have at least 1 items"})");
  EXPECT_EQ(Post("/api/v2/silences", R"({"matchers":[{"name":"a"}],"startsAt":"2026-01-01T00:00:00Z",)"
                                     R"("createdBy":"me","comment":"c"})"),
            R"(422 {"code":602,"message":"endsAt in body is required"})");
  EXPECT_EQ(
      Post("/api/v2/silences", Silence(R"([{"name":"a","value":"(","isRegex":true}])")),
      "400 \"invalid silence: invalid label matcher 0: invalid regular expression \\\"(\\\": error parsing "
      "regexp: missing closing ): `(`\"\n");
  EXPECT_EQ(Post("/api/v2/silences", Silence(R"([{"name":"a","value":"b","isRegex":false}])", "", 7200)),
            "400 \"Failed to create silence: start time must be before end time\"\n");
  EXPECT_EQ(Post("/api/v2/silences", Silence(R"([{"name":"a","value":"b","isRegex":false}])", "x")),
            "404 \"silence not found\"\n");
  EXPECT_EQ(Get("/api/v2/silence/nope"),
            R"({"code":601,"message":"silenceID in path must be of type uuid: \"nope\""})");
  EXPECT_EQ(Ask("GET", "/api/v2/silence/00000000-0000-0000-0000-000000000000").status, 404);
  EXPECT_EQ(Ask("DELETE", "/api/v2/silence/00000000-0000-0000-0000-000000000000").status, 404);
}

TEST_F(AlertmanagerApi, SilencesComeAndGo) {
  const std::string answer = Post(
      "/api/v2/silences", Silence(R"([{"name":"alertname","value":"a.*","isRegex":true,"isEqual":true}])"));
  ASSERT_THAT(answer, StartsWith("200 {\"silenceID\":\""));
  const std::string id = IdOf(answer);
  EXPECT_EQ(Get("/api/v2/silence/" + id),
            fmt::format(R"({{"id":"{}","status":{{"state":"active"}},"updatedAt":"2027-01-15T08:00:00.000Z",)"
                        R"("annotations":{{"t":"1"}},"comment":"c","createdBy":"me",)"
                        R"("endsAt":"2027-01-15T09:00:00.000Z","matchers":[{{"isEqual":true,"isRegex":true,)"
                        R"("name":"alertname","value":"a.*"}}],"startsAt":"2027-01-15T08:00:00.000Z"}})"
                        "\n",
                        id));
  Post("/api/v2/alerts", R"([{"labels":{"alertname":"ab"}},{"labels":{"alertname":"b"}}])");
  EXPECT_EQ(Names("/api/v2/alerts?silenced=false"), "b");
  EXPECT_EQ(Names("/api/v2/alerts?active=false"), "ab");
  EXPECT_THAT(Get("/api/v2/alerts?active=false"),
              HasSubstr("\"silencedBy\":[\"" + id + "\"],\"state\":\"suppressed\""));
  EXPECT_THAT(Get("/api/v2/silences?filter=alertname%3D~%22a.*%22"), HasSubstr(id));
  EXPECT_EQ(Get("/api/v2/silences?filter=alertname%3D%22a.*%22"), "[]\n");
  EXPECT_EQ(Get("/api/v2/silences?active=false"), "[]\n");
  EXPECT_EQ(Ask("DELETE", "/api/v2/silence/" + id).status, 200);
  EXPECT_THAT(Get("/api/v2/silence/" + id), HasSubstr("\"state\":\"expired\""));
  EXPECT_EQ(Names("/api/v2/alerts?silenced=false"), "b ab") << "in the order of fingerprints";
}

TEST_F(AlertmanagerApi, Filters) {
  Post("/api/v2/alerts",
       R"([{"labels":{"alertname":"src","severity":"critical","cluster":"c"}},)"
       R"({"labels":{"alertname":"tgt","severity":"warning","cluster":"c"}},)"
       R"({"labels":{"alertname":"y","team":"y"}},{"labels":{"alertname":"m","team":"muted"}}])");
  EXPECT_EQ(Names("/api/v2/alerts?inhibited=false&filter=cluster%3Dc"), "src");
  EXPECT_EQ(Names("/api/v2/alerts?active=maybe"), "tgt") << "what is no true is false";
  EXPECT_EQ(Names("/api/v2/alerts?receiver=team-Y"), "y");
  EXPECT_EQ(Names("/api/v2/alerts?receiver_matchers=owner%3D%22other%22"), "y");
  EXPECT_EQ(Names("/api/v2/alerts?receiver_matchers=kind%3Dpaging"), "m");
  EXPECT_EQ(Names("/api/v2/alerts?filter=team!%3D%22%22&filter=team!~%22m.*%22"), "y");
  EXPECT_THAT(Get("/api/v2/alerts/groups?receiver=team-Z"),
              HasSubstr(R"("mutedBy":["always"],"silencedBy":[],"state":"suppressed")"));
  EXPECT_EQ(Get("/api/v2/alerts/groups?receiver=team-Z&muted=false"), "[]\n");
  EXPECT_EQ(Get("/api/v2/receivers?receiver_matchers=owner%3Dplatform&receiver_matchers=kind%3Dpaging"),
            R"([{"labels":{"kind":"paging","name":"team-Z","owner":"platform"},"name":"team-Z"}])"
            "\n");
  EXPECT_THAT(Get("/api/v2/alerts/explain?label=alertname%3Dtgt&label=severity%3Dwarning&label=cluster%3Dc"),
              HasSubstr(R"("isKnown":true,"isFiring":true,"inhibitedBy":[")"));
  EXPECT_THAT(Get("/api/v2/alerts/explain?label=team%3Dmuted"),
              HasSubstr(R"("receiver":"team-Z","groupKey":"{}/{team=\"muted\"}:{}","mutedBy":["always"])"));
}

TEST_F(AlertmanagerApi, Status) {
  const std::string status = Get("/api/v2/status");
  EXPECT_THAT(status, StartsWith(R"({"cluster":{"peers":[],"status":"disabled"},"config":{"original":")"));
  EXPECT_THAT(status, HasSubstr(R"("version":"1.2.3"}})"));
}

TEST_F(AlertmanagerApi, TooManyGetsAreRefused) {
  net::Router router;
  AddAlertmanagerRoutes(router, {*alertmanager_, registry_, "", 1});
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        net::HttpRequest request;
        request.path = "/api/v2/status";
        refused += router.Match("GET", request.path).route->handler(request).status == 503;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr(fmt::format("alertmanager_http_concurrency_limit_exceeded_total{{method=\"get\"}} {}",
                                    refused.load())));
}

TEST_F(AlertmanagerApi, History) {
  Post("/api/v2/alerts", R"([{"labels":{"alertname":"A"}},{"labels":{"alertname":"B"}}])");
  clock_.Advance(60'000);
  Post("/api/v2/alerts", R"([{"labels":{"alertname":"A"},"endsAt":"2020-01-01T00:00:00Z"}])");
  EXPECT_THAT(Get("/api/v2/history?filter=alertname=A&limit=1"),
              StartsWith(R"({"events":[{"id":3,"time":"2027-01-15T08:01:00.000Z","kind":"resolved",)"));
  EXPECT_THAT(Get("/api/v2/history?filter=alertname=A&limit=1"), HasSubstr(R"("nextBefore":3})"));
  EXPECT_THAT(Get("/api/v2/history?filter=alertname=A&before=3"), StartsWith(R"({"events":[{"id":1,)"));
  EXPECT_EQ(Get("/api/v2/history?kind=muted"), "{\"events\":[]}\n");
  const std::string counts = Get("/api/v2/history/statistics");
  EXPECT_THAT(counts, HasSubstr(R"("flappingRule":{"changes":6,"withinSeconds":3600})"));
  EXPECT_THAT(counts,
              HasSubstr(R"({"alertname":"A","alerts":1,"firings":1,"changes":2,"changesPerHour":120)"));
  EXPECT_THAT(counts, HasSubstr(R"("meanDurationSeconds":60)"));
  for (const char* wrong : {"limit=0", "limit=x", "kind=some", "start=never", "before=-1", "filter=%7B"}) {
    const net::HttpResponse answer = Ask("GET", std::string("/api/v2/history?") + wrong);
    EXPECT_EQ(answer.status, 400) << wrong << answer.body;
  }
  EXPECT_THAT(Get("/api/v2/history?start=never"), HasSubstr("parameter start"));
}

TEST(AlertmanagerFilter, OriginalsTable) {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  const std::string path = std::string(folder ? folder : SEXTANT_CONFORMANCE_DEFAULT) +
                           "/alerting/alertmanager/tables/api-v2.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path;
  dom::parser parser;
  int run = 0;
  for (const dom::element table : dom::array(parser.load(path)["tables"])) {
    if (std::string_view(table["func"]) != "TestMatchFilterLabels") continue;
    for (const dom::element c : dom::array(table["cases"])) {
      const auto text = [&](size_t i) { return std::string(std::string_view(dom::array(c).at(i))); };
      using Type = alerting::MatcherType;
      const Type type = text(0) == "="    ? Type::kEqual
                        : text(0) == "!=" ? Type::kNotEqual
                        : text(0) == "=~" ? Type::kRegexp
                                          : Type::kNotRegexp;
      const auto matcher = alerting::Matcher::Make(type, text(1), text(2)).value();
      EXPECT_EQ(SatisfiesFilter({matcher}, model::Labels::Of({{"foo", "bar"}})), bool(dom::array(c).at(3)))
          << text(0) << " " << text(1) << " " << text(2);
      ++run;
    }
  }
  EXPECT_EQ(run, 16);
}

}  // namespace
}  // namespace sextant::api
