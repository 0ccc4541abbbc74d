#include "api/federate_api.h"

#include <gtest/gtest.h>

#include "metrics/tsdb/db.h"
#include "model/value.h"
#include "wire/metric_family.h"

namespace sextant::api {
namespace {

using model::Labels;

constexpr core::TimestampMs kNow = 1'700'000'000'000;

class FederateTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "sextant-federate-XXXXXX";
    ASSERT_NE(mkdtemp(dir_.data()), nullptr);
    tsdb::DbOptions options;
    options.dir = dir_;
    options.run_maintenance_thread = false;
    auto db = tsdb::Db::Open(files_, clock_, core::Logger::Discard(), registry_, options);
    ASSERT_TRUE(db.has_value()) << db.error().message();
    db_ = std::move(*db);
    Add(Labels::Of({{"__name__", "b"}, {"x", "1"}}), 0, 1);
    Add(Labels::Of({{"__name__", "b"}, {"x", "1"}}), 1000, 2.5);
    Add(Labels::Of({{"__name__", "a"}, {"instance", "i"}, {"region", "own"}}), 0, 7);
    Add(Labels::Of({{"__name__", "my.metric"}, {"a.b", "c"}}), 0, 3);
    Add(Labels::Of({{"__name__", "gone"}}), 0, 1);
    Add(Labels::Of({{"__name__", "gone"}}), 500, model::StaleNan());
    Add(Labels::Of({{"__name__", "old"}}), -400'000, 1);
    auto appender = db_->NewAppender();
    model::FloatHistogram histogram;
    histogram.is_integer = true;
    histogram.count = histogram.zero_count = 5;
    appender->AppendSample(0, Labels::Of({{"__name__", "h"}}),
                           {.time_ms = kNow, .value = 0, .histogram = &histogram, .start_ms = 0});
    ASSERT_TRUE(appender->Commit().has_value());
    clock_.Advance(2'000);
    AddFederateRoutes(router_,
                      {*db_, clock_, registry_, 300'000, [] { return Labels::Of({{"region", "north"}}); }});
  }
  void TearDown() override {
    db_ = nullptr;
    ASSERT_TRUE(core::RemoveAll(files_, dir_).has_value());
  }
  void Add(const Labels& labels, core::TimestampMs offset_ms, double value) {
    auto appender = db_->NewAppender();
    ASSERT_EQ(appender->Append(0, labels, kNow + offset_ms, value).outcome, model::AppendOutcome::kOk);
    ASSERT_TRUE(appender->Commit().has_value());
  }
  net::HttpResponse Get(std::string query, std::string_view accept = "") {
    net::HttpRequest request;
    request.method = "GET";
    request.query_string = std::move(query);
    if (!accept.empty()) request.headers.Set("Accept", accept);
    return router_.Match("GET", "/federate").route->handler(request);
  }

  std::string dir_;
  core::ManualClock clock_{kNow};
  core::PosixFileSystem files_;
  core::Registry registry_;
  std::unique_ptr<tsdb::Db> db_;
  net::Router router_;
};

TEST_F(FederateTest, ShowsTheNewestSamplesAsText) {
  net::HttpResponse response = Get("match[]={__name__=~\".%2B\"}&match[]=b");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Get("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  EXPECT_EQ(response.body,
            "# TYPE a untyped\n"
            "a{instance=\"i\",region=\"own\"} 7 1700000000000\n"
            "# TYPE b untyped\n"
            "b{x=\"1\",instance=\"\",region=\"north\"} 2.5 1700000001000\n"
            "# TYPE my_metric untyped\n"
            "my_metric{a_b=\"c\",instance=\"\",region=\"north\"} 3 1700000000000\n");
}

TEST_F(FederateTest, KeepsNamesForWhoTakesThem) {
  net::HttpResponse response =
      Get("match[]={\"my.metric\"}",
          "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=1.0.0;"
          "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
  EXPECT_EQ(response.headers.Get("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8");
  EXPECT_EQ(response.body,
            "# TYPE \"my.metric\" untyped\n"
            "{\"my.metric\",\"a.b\"=\"c\",instance=\"\",region=\"north\"} 3 1700000000000\n");
}

TEST_F(FederateTest, EscapesNamesAsItsClientWants) {
  auto body = [&](const std::string& escaping) {
    return Get("match[]={\"my.metric\"}", "text/plain;version=0.0.4;escaping=" + escaping).body;
  };
  EXPECT_EQ(body("dots"),
            "# TYPE my_dot_metric untyped\n"
            "my_dot_metric{a_dot_b=\"c\",instance=\"\",region=\"north\"} 3 1700000000000\n");
  EXPECT_EQ(body("values"),
            "# TYPE U__my_2e_metric untyped\n"
            "U__my_2e_metric{U__a_2e_b=\"c\",instance=\"\",region=\"north\"} 3 1700000000000\n");
}

TEST_F(FederateTest, GivesHistogramsAsProtobuf) {
  net::HttpResponse response =
      Get("match[]=h&match[]=a",
          "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
          "text/plain;version=0.0.4;q=0.3");
  wire::FamilyReader reader(response.body);
  ASSERT_EQ(*reader.Next(), wire::FamilyReader::Step::kFamily);
  EXPECT_EQ(reader.family().name, "a");
  EXPECT_EQ(reader.family().type, wire::FamilyType::kUntyped);
  EXPECT_EQ(reader.metric().value, 7);
  EXPECT_EQ(reader.metric().time_ms, kNow);
  EXPECT_EQ(reader.metric().labels.size(), 2u);
  ASSERT_EQ(*reader.Next(), wire::FamilyReader::Step::kFamily);
  EXPECT_EQ(reader.family().name, "h");
  EXPECT_TRUE(reader.metric().is_native);
  EXPECT_EQ(reader.metric().histogram.count, 5);
  EXPECT_EQ(reader.metric().histogram.zero_count, 5);
  EXPECT_EQ(*reader.Next(), wire::FamilyReader::Step::kEnd);
}

TEST_F(FederateTest, WithoutSelectorsThereIsNothingAndWrongOnesAreRefused) {
  EXPECT_EQ(Get("").body, "");
  EXPECT_EQ(Get("match[]=up").body, "");
  EXPECT_EQ(Get("match[]=}").status, 400);
}

TEST_F(FederateTest, StopsWhenItsClientGoes) {
  net::HttpRequest request;
  request.method = "GET";
  request.query_string = "match[]=a";
  request.cancelled = std::make_shared<std::atomic<bool>>(true);
  net::HttpResponse response = router_.Match("GET", "/federate").route->handler(request);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "query was canceled in expression evaluation\n");
}

TEST_F(FederateTest, TakesOnlySoManySelectors) {
  std::string query = "match[]=a";
  for (int i = 1; i < 1'000; ++i) query += "&match[]=a";
  EXPECT_EQ(Get(query).status, 200);
  EXPECT_EQ(Get(query + "&match[]=a").status, 400);
  EXPECT_EQ(Get(query + "&match[]=a").body, "too many match[] parameters: at most 1000\n");
}

TEST_F(FederateTest, StaysWithinItsLimits) {
  net::Router router;
  core::Registry registry;
  promql::QueryLimits limits{.max_bytes = 100, .timeout_ms = 120'000};
  AddFederateRoutes(router, {*db_, clock_, registry, 300'000, [] { return Labels(); }, limits});
  net::HttpRequest request;
  request.method = "GET";
  request.query_string = "match[]={__name__=~\".%2B\"}";
  net::HttpResponse response = router.Match("GET", "/federate").route->handler(request);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "query processing would use more than 100 bytes of memory in query execution\n");
}

}  // namespace
}  // namespace sextant::api
