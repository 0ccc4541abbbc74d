#include "app/alertmanager_notifier.h"

#include <gmock/gmock.h>

#include <condition_variable>

#include "net/http_server.h"

namespace sextant::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Alertmanagers under one address: remembers what was posted, as "path authorization date".
class Receiver {
 public:
  Receiver(net::IoContext& io, core::Executor& executor, const core::Clock& clock, core::Registry& registry) {
    net::Router router;
    router.Add("POST", "/*", [this](const net::HttpRequest& request) {
      const std::lock_guard lock(mutex_);
      posts_.push_back(fmt::format("{} {} {}", request.path, request.headers.Get("Authorization"),
                                   request.headers.Get("X-Amz-Date")));
      changed_.notify_all();
      return net::HttpResponse::Text(200, "");
    });
    server_ = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                     std::move(router), {.listen = {"127.0.0.1:0"}})
                  .value();
  }
  ~Receiver() { server_->Stop(0); }

  std::string address() const { return server_->bound_address(); }
  // All posts, sorted, once there are so many.
  std::vector<std::string> Take(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return posts_.size() >= count; });
    std::sort(posts_.begin(), posts_.end());
    return std::exchange(posts_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> posts_;
  std::unique_ptr<net::HttpServer> server_;
};

class AlertmanagerNotifierTest : public ::testing::Test {
 protected:
  ~AlertmanagerNotifierTest() override {
    notifier_.Stop();
    client_.Stop();
    executor_.Stop();
  }

  // A group that is found by the file of its name, with a path and a user of its own.
  static config::AlertmanagerTargetsConfig Group(const std::string& name) {
    config::AlertmanagerTargetsConfig group;
    config::FileDiscoveryConfig files;
    files.files = {name + ".json"};
    group.discovery.file = {files};
    group.path_prefix = name;
    config::AuthorizationConfig authorization;
    authorization.credentials = config::Secret("of-" + name);
    group.http.authorization = authorization;
    return group;
  }
  std::vector<discovery::TargetGroup> Found() const {
    return {{"source", {}, {model::Labels::Of({{"__address__", receiver_.address()}})}}};
  }
  void SendOne() {
    rules::Alert alert;
    alert.labels = model::Labels::Of({{"alertname", "A"}});
    notifier_.Send(std::span(&alert, 1));
  }

  core::ManualClock clock_{1'700'000'000'000};  // 2023-11-14T22:13:20Z
  core::SystemClock system_clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  Receiver receiver_{io_, executor_, system_clock_, registry_};
  AlertmanagerNotifier notifier_{client_, executor_, clock_, registry_, core::Logger::Discard()};
};

TEST_F(AlertmanagerNotifierTest, DiscoveredOnesKeepTheirCredentialsWhenGroupsChangePlaces) {
  ASSERT_TRUE(notifier_.Apply({.alert_relabel_configs = {}, .alertmanagers = {Group("a"), Group("b")}}, {}));
  const uint64_t before = notifier_.discovery_generation();
  notifier_.SetDiscovered(before, {{AlertmanagerNotifier::DiscoverySet(0), Found()}});  // of a only
  SendOne();
  EXPECT_THAT(receiver_.Take(1), ElementsAre("/a/api/v2/alerts Bearer of-a "));
  // The other way round: nobody sends what is a's with b's credentials, neither before discovery has looked
  // again nor when it reports late what it found for the places of before.
  ASSERT_TRUE(notifier_.Apply({.alert_relabel_configs = {}, .alertmanagers = {Group("b"), Group("a")}}, {}));
  SendOne();
  EXPECT_THAT(receiver_.Take(1), ElementsAre("/a/api/v2/alerts Bearer of-a "));
  EXPECT_NE(notifier_.discovery_generation(), before);
  notifier_.SetDiscovered(before, {{AlertmanagerNotifier::DiscoverySet(0), Found()}});
  SendOne();
  EXPECT_THAT(receiver_.Take(1), ElementsAre("/a/api/v2/alerts Bearer of-a "));
  // What discovery says for the new places counts.
  notifier_.SetDiscovered(notifier_.discovery_generation(),
                          {{AlertmanagerNotifier::DiscoverySet(0), Found()}});
  SendOne();
  EXPECT_THAT(receiver_.Take(1), ElementsAre("/b/api/v2/alerts Bearer of-b "));
}

TEST_F(AlertmanagerNotifierTest, MetricsGoWithTheirAlertmanagers) {
  ASSERT_TRUE(notifier_.Apply({.alert_relabel_configs = {}, .alertmanagers = {Group("a"), Group("b")}}, {}));
  notifier_.SetDiscovered(
      notifier_.discovery_generation(),
      {{AlertmanagerNotifier::DiscoverySet(0), Found()}, {AlertmanagerNotifier::DiscoverySet(1), Found()}});
  SendOne();
  receiver_.Take(2);
  const auto of = [&](const std::string& name) {
    return "alertmanager=\"http://" + receiver_.address() + "/" + name + "/api/v2/alerts\"";
  };
  EXPECT_THAT(registry_.RenderText(), HasSubstr(of("a")));
  EXPECT_THAT(registry_.RenderText(), HasSubstr(of("b")));
  notifier_.SetDiscovered(notifier_.discovery_generation(),
                          {{AlertmanagerNotifier::DiscoverySet(1), Found()}});
  // An answer that is on its way holds the endpoint for a moment.
  for (int i = 0; i < 2'000 && registry_.RenderText().find(of("a")) != std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_THAT(registry_.RenderText(), Not(HasSubstr(of("a"))));
  EXPECT_THAT(registry_.RenderText(), HasSubstr(of("b")));
}

TEST_F(AlertmanagerNotifierTest, WhatIsQueuedIsSentBeforeTheEnd) {
  core::Registry registry;
  AlertmanagerNotifier notifier(client_, executor_, clock_, registry, core::Logger::Discard(),
                                {.queue_capacity = 7, .batch_size = 1, .drains_on_stop = true});
  EXPECT_THAT(registry.RenderText(), HasSubstr("\nprometheus_notifications_alertmanagers_discovered 0\n"));
  config::AlertmanagerTargetsConfig group;
  group.static_configs = {{{receiver_.address()}, {}}};
  ASSERT_TRUE(notifier.Apply({.alert_relabel_configs = {}, .alertmanagers = {group}}, {}));
  EXPECT_THAT(registry.RenderText(), HasSubstr("\nprometheus_notifications_alertmanagers_discovered 1\n"));
  EXPECT_THAT(registry.RenderText(), HasSubstr("\nprometheus_notifications_queue_capacity 7\n"));
  std::vector<rules::Alert> alerts(5);
  for (size_t i = 0; i < alerts.size(); ++i)
    alerts[i].labels = model::Labels::Of({{"alertname", "A" + std::to_string(i)}});
  notifier.Send(alerts);
  notifier.Stop();
  EXPECT_EQ(receiver_.Take(5).size(), 5u);
  EXPECT_THAT(registry.RenderText(), HasSubstr("\nprometheus_notifications_queue_length 0\n"));
}

TEST_F(AlertmanagerNotifierTest, RequestsAreSignedAtTheTimeOfTheClock) {
  config::AlertmanagerTargetsConfig group;
  group.static_configs = {{{receiver_.address()}, {}}};
  group.sigv4.emplace();
  group.sigv4->region = "eu-west-1";
  group.sigv4->access_key = "key";
  group.sigv4->secret_key = config::Secret("secret");
  ASSERT_TRUE(notifier_.Apply({.alert_relabel_configs = {}, .alertmanagers = {group}}, {}));
  SendOne();
  const auto posts = receiver_.Take(1);
  ASSERT_THAT(posts, Not(IsEmpty()));
  EXPECT_THAT(posts[0], HasSubstr("Credential=key/20231114/eu-west-1/"));
  EXPECT_THAT(posts[0], ::testing::EndsWith(" 20231114T221320Z"));
}

}  // namespace
}  // namespace sextant::app
