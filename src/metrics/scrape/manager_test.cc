// The scraper against a real HTTP server of ours, on a port of the system's choice.
#include "metrics/scrape/manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "metrics/scrape/memory_storage_for_test.h"
#include "model/value.h"
#include "net/http_server.h"

namespace sextant::scrape {
namespace {

// Polls until the condition holds; gives up after a time that no working machine needs.
bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class ManagerTest : public testing::Test {
 protected:
  ManagerTest() {
    net::Router router;
    router.Add("GET", "/metrics", [this](const net::HttpRequest& request) {
      std::lock_guard lock(mutex_);
      authorization_ = request.headers.Get("Authorization");
      net::HttpResponse response = net::HttpResponse::Text(status_, body_);
      response.headers.Set("Content-Type", "text/plain; version=0.0.4");
      return response;
    });
    auto server =
        net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(), std::move(router),
                               {.listen = {"127.0.0.1:0"}, .security = {}, .limits = {}, .timeouts = {}});
    EXPECT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    instance_ = server_->bound_address();
  }
  ~ManagerTest() override {
    manager_.Stop();
    server_->Stop(1000);
    client_.Stop();
  }

  void Serve(int status, std::string body) {
    std::lock_guard lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }
  config::ScrapeConfig Job() {
    config::ScrapeConfig job;
    job.job_name = "app";
    job.scrape_interval_ms = 50;
    job.scrape_timeout_ms = 50;
    job.static_configs = {{{instance_}, {}}};
    return job;
  }
  std::string Series(const std::string& name) {
    return name + "{instance=\"" + instance_ + "\", job=\"app\"}";
  }
  double Last(const std::string& name) {
    auto samples = storage_.Of(Series(name));
    return samples.empty() ? -1 : samples.back().second;
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  MemoryStorage storage_;
  std::mutex mutex_;
  int status_ = 200;
  std::string body_ = "a 1\n";
  std::string authorization_;
  std::unique_ptr<net::HttpServer> server_;
  std::string instance_;
  ScrapeManager manager_{io_,   client_, executor_, clock_, storage_, registry_, core::Logger::Discard(),
                         "test"};
};

TEST_F(ManagerTest, ScrapesAgainAndAgain) {
  ASSERT_TRUE(manager_.Apply({Job()}));
  EXPECT_TRUE(Eventually([&] { return storage_.Of(Series("a")).size() >= 3; }));
  EXPECT_EQ(Last("up"), 1);
  TargetsStatus status = manager_.Status();
  ASSERT_EQ(status.active.size(), 1u);
  EXPECT_EQ(status.active[0].health, TargetHealth::kUp);
  EXPECT_EQ(status.active[0].last_error, "");
  auto samples = storage_.Of(Series("a"));
  for (size_t i = 1; i < samples.size(); ++i) EXPECT_GT(samples[i].first, samples[i - 1].first);
}

TEST_F(ManagerTest, AFailingTargetIsDownWithTheReason) {
  ASSERT_TRUE(manager_.Apply({Job()}));
  ASSERT_TRUE(Eventually([&] { return Last("up") == 1; }));
  Serve(503, "");
  ASSERT_TRUE(Eventually([&] { return Last("up") == 0; }));
  EXPECT_TRUE(Eventually([&] {
    return manager_.Status().active[0].last_error == "server returned HTTP status 503 Service Unavailable";
  }));
  EXPECT_TRUE(model::IsStaleNan(Last("a")));
  Serve(200, "a 7\n");
  EXPECT_TRUE(Eventually([&] { return Last("a") == 7 && Last("up") == 1; }));
}

TEST_F(ManagerTest, BodiesOverTheLimitFail) {
  config::ScrapeConfig job = Job();
  job.limits.body_size_limit_bytes = 100;
  Serve(200, "a 1\n" + std::string(1000, '#') + "\n");
  ASSERT_TRUE(manager_.Apply({job}));
  EXPECT_TRUE(Eventually([&] { return Last("up") == 0; }));
  EXPECT_TRUE(storage_.Of(Series("a")).empty());
}

TEST_F(ManagerTest, AStoreThatFailsIsAnErrorOfTheTarget) {
  storage_.FailCommits(true);
  ASSERT_TRUE(manager_.Apply({Job()}));
  ASSERT_TRUE(Eventually([&] {
    return manager_.Status().active[0].last_error == "samples could not be stored: No space left on device";
  }));
  storage_.FailCommits(false);
  EXPECT_TRUE(Eventually([&] { return Last("up") == 1; }));
}

TEST_F(ManagerTest, ReloadingEndsWhatIsGoneAndKeepsTheRest) {
  config::ScrapeConfig other = Job();
  other.job_name = "other";
  ASSERT_TRUE(manager_.Apply({Job(), other}));
  ASSERT_TRUE(Eventually([&] { return storage_.Of(Series("a")).size() >= 2; }));
  ASSERT_TRUE(manager_.Apply({other}));
  EXPECT_EQ(manager_.PoolNames(), std::vector<std::string>{"other"});
  EXPECT_TRUE(model::IsStaleNan(Last("a")));
  EXPECT_TRUE(model::IsStaleNan(Last("up")));
  size_t samples = storage_.Of(Series("a")).size();
  ASSERT_TRUE(manager_.Apply({other}));
  EXPECT_EQ(storage_.Of(Series("a")).size(), samples);
}

TEST_F(ManagerTest, LocalTargetsAreScrapedAtOnce) {
  LocalJob job{"self", "here", 60'000,
               []() -> core::Result<ScrapedBody> { return ScrapedBody{"x 5\n", "text/plain"}; }};
  ASSERT_TRUE(manager_.Apply({}, {job}));
  EXPECT_TRUE(Eventually([&] { return storage_.Of("x{instance=\"here\", job=\"self\"}").size() == 1; }));
}

TEST_F(ManagerTest, SendsCredentials) {
  config::ScrapeConfig job = Job();
  job.http.authorization = config::AuthorizationConfig{"Bearer", config::Secret("token"), ""};
  ASSERT_TRUE(manager_.Apply({job}));
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex_);
    return authorization_ == "Bearer token";
  }));
}

TEST_F(ManagerTest, ShowsWhatATargetAnswersNow) {
  config::ScrapeConfig job = Job();
  job.scrape_interval_ms = 3'600'000;  // nobody else asks
  job.scrape_timeout_ms = 60'000;
  job.http.authorization = config::AuthorizationConfig{"Bearer", config::Secret("the-token"), ""};
  const std::string url = "http://" + instance_ + "/metrics";
  auto preview = [&](const std::string& pool, const std::string& target) {
    auto promise = std::make_shared<std::promise<BodyPreview>>();
    core::Status begun = manager_.PreviewBody(
        pool, target, [promise](const BodyPreview& found) { promise->set_value(found); });
    return begun ? core::Result<BodyPreview>(promise->get_future().get()) : tl::unexpected(begun.error());
  };
  ASSERT_TRUE(manager_.Apply({job}, {{"self", "here", 60'000, []() -> core::Result<ScrapedBody> {
                                        return ScrapedBody{"x 5\n", "text/plain"};
                                      }}}));
  EXPECT_EQ(preview("none", url).error().code(), core::Code::kInvalidArgument);
  EXPECT_EQ(preview("app", "http://127.0.0.1:1/").error().code(), core::Code::kNotFound);
  EXPECT_EQ(preview("self", "in-process://self/metrics")->body, "x 5\n");

  Serve(500, "no, the-token is wrong");
  core::Result<BodyPreview> failed = preview("app", url);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status, 500);
  EXPECT_EQ(failed->body, "no, <secret> is wrong");
  EXPECT_EQ(failed->error, "");

  Serve(200, std::string(3 << 20, 'x'));
  core::Result<BodyPreview> large = preview("app", url);
  ASSERT_TRUE(large);
  EXPECT_EQ(large->error, "");
  EXPECT_EQ(large->received_bytes, 3u << 20);
  EXPECT_EQ(large->body.size(), kMaxPreviewBytes);

  job.limits.body_size_limit_bytes = 1'000'000;
  ASSERT_TRUE(manager_.Apply({job}));
  large = preview("app", url);
  ASSERT_TRUE(large);
  EXPECT_EQ(large->error, "body is larger than 1000000 bytes, the rest was not read");
  EXPECT_EQ(large->body.size(), kMaxPreviewBytes);
}

TEST_F(ManagerTest, FailuresAreWrittenToTheirFileWhichMayBeRotated) {
  char name[] = "/tmp/sextant_failures_XXXXXX";
  std::string dir = mkdtemp(name);
  std::string path = dir + "/fail.log";
  config::ScrapeConfig job = Job();
  job.scrape_failure_log_file = path;
  Serve(500, "");
  ASSERT_TRUE(manager_.Apply({job}));
  auto text = [&] {
    core::PosixFileSystem files;
    return core::ReadFile(files, path, 1 << 20).value_or("");
  };
  std::string end =
      "\"msg\":\"server returned HTTP status 500 Internal Server "
      "Error\",\"job_name\":\"app\",\"target\":\"http://" +
      instance_ + "/metrics\"}\n";
  EXPECT_TRUE(Eventually([&] { return text().ends_with(end); })) << text();
  EXPECT_TRUE(text().starts_with("{\"time\":\"20"));
  std::filesystem::rename(path, path + ".1");
  ASSERT_TRUE(manager_.Apply({job}));
  EXPECT_TRUE(Eventually([&] { return text().ends_with(end); }));
  job.scrape_failure_log_file = dir + "/none/fail.log";
  core::Status applied = manager_.Apply({job});
  ASSERT_FALSE(applied);
  EXPECT_NE(applied.error().message().find("scrape_failure_log_file: can't create json log file"),
            std::string::npos);
  manager_.Stop();
  std::filesystem::remove_all(dir);
}

TEST_F(ManagerTest, ABodyOverItsLimitIsCountedAndReported) {
  config::ScrapeConfig job = Job();
  job.limits.body_size_limit_bytes = 10;
  job.extra_scrape_metrics = true;
  Serve(200, "a_metric_with_a_long_name 1\n");
  ASSERT_TRUE(manager_.Apply({job}));
  // A first scrape that a busy machine lets time out has no size.
  EXPECT_TRUE(Eventually([&] {
    return !storage_.Of(Series("scrape_body_size_bytes")).empty() && Last("scrape_body_size_bytes") == -1;
  }));
  EXPECT_NE(registry_.RenderText().find("prometheus_target_scrapes_exceeded_body_size_limit_total"),
            std::string::npos);
  Serve(200, "a 1\n");
  EXPECT_TRUE(Eventually([&] { return Last("scrape_body_size_bytes") == 4; }));
}

TEST_F(ManagerTest, TooManyTargetsAreNotScrapedAtAll) {
  config::ScrapeConfig job = Job();
  job.static_configs = {{{instance_, "127.0.0.1:1"}, {}}};
  job.limits.target_limit = 1;
  ASSERT_TRUE(manager_.Apply({job}));
  EXPECT_TRUE(manager_.Status().active.empty());
}

discovery::TargetSets Found(std::vector<std::string> addresses) {
  discovery::TargetGroup group{"somewhere", model::Labels::Of({{"zone", "z"}}), {}};
  for (const std::string& address : addresses)
    group.targets.push_back(model::Labels::Of({{"__address__", address}, {"__meta_x", "y"}}));
  return {{"app", {group}}};
}

TEST_F(ManagerTest, DiscoveredTargetsComeAndGoAndSurviveReloads) {
  config::ScrapeConfig job = Job();
  job.static_configs.clear();
  ASSERT_TRUE(manager_.Apply({job}));
  manager_.SetDiscovered(Found({instance_, "127.0.0.1:1"}));
  std::string series = "a{instance=\"" + instance_ + "\", job=\"app\", zone=\"z\"}";
  ASSERT_TRUE(Eventually([&] { return storage_.Of(series).size() >= 2; }));
  EXPECT_EQ(manager_.Status().active.size(), 2u);
  EXPECT_EQ(manager_.Status().active[1].discovered_labels.Get("__meta_x"), "y");

  // What stays goes on; a reload knows what was discovered before it.
  manager_.SetDiscovered(Found({instance_}));
  ASSERT_TRUE(manager_.Apply({job}));
  ASSERT_EQ(manager_.Status().active.size(), 1u);
  EXPECT_EQ(manager_.Status().active[0].health, TargetHealth::kUp);

  manager_.SetDiscovered({});
  EXPECT_TRUE(manager_.Status().active.empty());
  EXPECT_TRUE(model::IsStaleNan(storage_.Of(series).back().second));
}

TEST_F(ManagerTest, DroppedTargetsAreKeptUpToTheConfiguredNumber) {
  config::ScrapeConfig job = Job();
  job.static_configs.clear();
  job.limits.keep_dropped_targets = 2;
  config::RelabelRuleConfig drop;
  drop.source_labels = {"__meta_x"};
  drop.regex = "y";
  drop.action = config::RelabelAction::kDrop;
  job.relabel_configs = {drop};
  ASSERT_TRUE(manager_.Apply({job}));
  manager_.SetDiscovered(Found({"a:1", "b:1", "c:1"}));
  TargetsStatus status = manager_.Status();
  EXPECT_TRUE(status.active.empty());
  EXPECT_EQ(status.dropped.size(), 2u);
  EXPECT_EQ(status.dropped_counts["app"], 3u);
}

}  // namespace
}  // namespace sextant::scrape
