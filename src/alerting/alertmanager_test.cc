#include "alerting/alertmanager.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "alerting/test_util.h"
#include "core/fault_file.h"
#include "net/http_server.h"

namespace sextant::alerting {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MustParse;
using ::testing::SizeIs;

// A directory of this test that is gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "alerting_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A receiver on a free port of this machine: remembers bodies, answers with what it is told to.
class Receiver {
 public:
  Receiver(net::IoContext& io, core::Executor& executor, const core::Clock& clock, core::Registry& registry) {
    net::Router router;
    router.AddStream("POST", "/*", [this](net::HttpRequest request, net::ResponseWriter writer) {
      Answer(std::move(request), std::move(writer));
    });
    server_ = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                     std::move(router), {.listen = {"127.0.0.1:0"}})
                  .value();
  }
  ~Receiver() { Stop(); }

  void Stop() {
    {
      std::lock_guard lock(mutex_);
      held_.clear();
    }
    server_->Stop(0);
  }

  std::string Url(const std::string& path) const { return "http://" + server_->bound_address() + path; }
  // The next answers, first to last; then 200 "ok" for ever.
  void WillAnswer(std::vector<net::HttpResponse> answers) {
    std::lock_guard lock(mutex_);
    answers_.assign(answers.begin(), answers.end());
  }
  // Requests to this path get no answer.
  void Hang(const std::string& path) {
    std::lock_guard lock(mutex_);
    hanging_ = path;
  }

  // Waits for as many requests as this, and gives their bodies with the path in front.
  std::vector<std::string> WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return requests_.size() >= count; });
    return requests_;
  }

 private:
  void Answer(net::HttpRequest request, net::ResponseWriter writer) {
    std::unique_lock lock(mutex_);
    requests_.push_back(request.path + " " + request.body);
    changed_.notify_all();
    if (request.path == hanging_) {
      held_.push_back(std::move(writer));
      return;
    }
    net::HttpResponse answer = net::HttpResponse::Text(200, "ok");
    if (!answers_.empty()) {
      answer = std::move(answers_.front());
      answers_.pop_front();
    }
    lock.unlock();
    writer.Send(std::move(answer));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> requests_;
  std::deque<net::HttpResponse> answers_;
  std::string hanging_;
  std::vector<net::ResponseWriter> held_;
  std::unique_ptr<net::HttpServer> server_;
};

class AlertmanagerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Alertmanager> Start(const std::string& yaml, const std::string& data_dir = "") {
    auto started = Alertmanager::Start(
        MustParse(yaml),
        {io_, executor_, client_, clock_, registry_, files_,
         core::Logger(clock_, {.writer =
                                   [this](std::string_view line) {
                                     std::lock_guard lock(log_mutex_);
                                     log_ += line;
                                   }})},
        {.external_url = "http://sextant.example", .data_dir = data_dir, .first_retry_ms = 10});
    EXPECT_TRUE(started) << started.error().message();
    return std::move(*started);
  }

  static Alert Firing(const std::string& name) {
    Alert alert;
    alert.labels = testing::LabelsOf({{"alertname", name}});
    alert.annotations["summary"] = "about " + name;
    alert.starts_at_ms = 1'700'000'000'000;  // long ago, so that nobody waits
    return alert;
  }

  static std::string Yaml(const std::string& receivers, const std::string& interval = "1h") {
    return "route: {receiver: r, group_by: [alertname], group_wait: 1s, group_interval: " + interval +
           "}\nreceivers:\n- name: r\n" + receivers;
  }

  // Waits until so many deliveries are over.
  static std::vector<DeliveryView> WaitForDeliveries(const Alertmanager& alertmanager, size_t count) {
    for (int i = 0; i < 2'000 && alertmanager.Deliveries().size() < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return alertmanager.Deliveries();
  }

  std::string Log() {
    std::lock_guard lock(log_mutex_);
    return log_;
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::PosixFileSystem files_;
  core::Executor executor_{{.threads = 3}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  std::mutex log_mutex_;
  std::string log_;
  Receiver receiver_{io_, executor_, clock_, registry_};
};

TEST_F(AlertmanagerTest, WebhookAndSlackGetTheirMessages) {
  auto alertmanager =
      Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") +
                 "'}]\n  slack_configs: [{api_url: '" + receiver_.Url("/slack") + "', channel: '#c'}]\n"));
  const Alert alert = Firing("Disk");
  EXPECT_EQ(alertmanager->Put(std::span(&alert, 1)).accepted, 1);
  auto requests = receiver_.WaitFor(2);
  ASSERT_THAT(requests, SizeIs(2));
  std::sort(requests.begin(), requests.end());
  EXPECT_THAT(requests[0], HasSubstr("/hook {\"receiver\":\"r\",\"status\":\"firing\""));
  EXPECT_THAT(requests[0], HasSubstr("\"groupKey\":\"{}:{alertname=\\\"Disk\\\"}\""));
  EXPECT_THAT(requests[1], HasSubstr("/slack {\"channel\":\"#c\",\"username\":\"Alertmanager\""));
  const auto deliveries = WaitForDeliveries(*alertmanager, 2);
  ASSERT_THAT(deliveries, SizeIs(2));
  EXPECT_TRUE(deliveries[0].delivered && deliveries[1].delivered);
  EXPECT_THAT(alertmanager->Alerts(), SizeIs(1));
  EXPECT_THAT(alertmanager->Groups(), SizeIs(1));
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("alertmanager_notifications_total{integration=\"webhook\"} 1"));
  EXPECT_THAT(registry_.RenderText(), HasSubstr("alertmanager_alerts{state=\"active\"} 1"));
}

TEST_F(AlertmanagerTest, FailuresAreTriedAgain) {
  net::HttpResponse later = net::HttpResponse::Text(429, "slow down");
  later.headers.Set("Retry-After", "0");
  receiver_.WillAnswer(
      {net::HttpResponse::Text(500, "oops"), net::HttpResponse::Text(503, ""), std::move(later)});
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n"));
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  const auto deliveries = WaitForDeliveries(*alertmanager, 1);
  ASSERT_THAT(deliveries, SizeIs(1));
  EXPECT_TRUE(deliveries[0].delivered);
  EXPECT_EQ(deliveries[0].attempts, 4);
  EXPECT_THAT(receiver_.WaitFor(4), SizeIs(4));
  EXPECT_THAT(Log(), HasSubstr("unexpected status code 500: oops"));
}

TEST_F(AlertmanagerTest, FinalRefusalIsCountedAndShown) {
  receiver_.WillAnswer({net::HttpResponse::Text(400, "bad channel")});
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n"));
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  const auto deliveries = WaitForDeliveries(*alertmanager, 1);
  ASSERT_THAT(deliveries, SizeIs(1));
  EXPECT_FALSE(deliveries[0].delivered);
  EXPECT_EQ(deliveries[0].error, "unexpected status code 400: bad channel");
  alertmanager->Stop();
  EXPECT_THAT(
      registry_.RenderText(),
      HasSubstr("alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"clientError\"} 1"));
}

TEST_F(AlertmanagerTest, HangingReceiverHoldsNobodyUp) {
  receiver_.Hang("/hangs");
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hangs") + "'}, {url: '" +
                                 receiver_.Url("/works") + "'}]\n"));
  for (int i = 0; i < 20; ++i) {
    const Alert alert = Firing("A" + std::to_string(i));
    alertmanager->Put(std::span(&alert, 1));
  }
  EXPECT_THAT(WaitForDeliveries(*alertmanager, 20), SizeIs(20));
  EXPECT_EQ(alertmanager->Status().stats.pending_notifications, 20);
  alertmanager->Stop();  // does not wait for the hanging ones
}

TEST_F(AlertmanagerTest, TimeoutOfAReceiverCounts) {
  receiver_.Hang("/hangs");
  auto alertmanager =
      Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hangs") + "', timeout: 20ms}]\n"));
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  EXPECT_THAT(receiver_.WaitFor(3), SizeIs(::testing::Ge(3))) << "tried again";
}

TEST_F(AlertmanagerTest, UnreachableReceiverIsRetriedUntilItIsThere) {
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: 'http://127.0.0.1:1/'}]\n"));
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  for (int i = 0; i < 2'000 && Log().find("connection refused") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(Log(), HasSubstr("connection refused"));
  EXPECT_THAT(alertmanager->Deliveries(), IsEmpty());
}

TEST_F(AlertmanagerTest, RestartRemembersWhatWasSaid) {
  const TemporaryFolder folder;
  const std::string yaml = Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n");
  Alert alert = Firing("Disk");
  {
    auto alertmanager = Start(yaml, folder.path());
    alertmanager->Put(std::span(&alert, 1));
    EXPECT_THAT(WaitForDeliveries(*alertmanager, 1), SizeIs(1));
    alertmanager->Stop();
  }
  auto alertmanager = Start(yaml, folder.path());
  const Alert other = Firing("Other");
  alertmanager->Put(std::span(&alert, 1));
  alertmanager->Put(std::span(&other, 1));
  EXPECT_THAT(WaitForDeliveries(*alertmanager, 1), SizeIs(1));
  const auto requests = receiver_.WaitFor(2);
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[1], HasSubstr("Other")) << "the first one is not repeated";
}

TEST_F(AlertmanagerTest, DamagedLogIsPutAside) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/nflog") << "not a log";
  auto alertmanager =
      Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n"), folder.path());
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/nflog.damaged"));
  EXPECT_THAT(Log(), HasSubstr("is damaged and put aside"));
}

// As after `kill -9`: the folder as it is while the process runs, nothing tidied up.
TEST_F(AlertmanagerTest, NothingIsLostWithoutAnEnd) {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  const std::string yaml = Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n");
  auto killed = Start(yaml, folder.path());
  Alert alert = Firing("Disk");
  killed->Put(std::span(&alert, 1));
  ASSERT_THAT(WaitForDeliveries(*killed, 1), SizeIs(1));
  const auto matchers = ParseMatchers("alertname=Other", MatcherSyntax::kFallback).value();
  const auto id = killed->SetSilence({.matcher_sets = {matchers}, .ends_at_ms = clock_.NowMs() + 3'600'000});
  ASSERT_TRUE(id);
  // The entry is written before the next notification is sent, which may be a moment after the delivery
  // shows.
  for (int i = 0; i < 2'000 && !std::filesystem::exists(folder.path() + "/nflog.journal"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::filesystem::copy(
      folder.path(), copy.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  killed->Stop();

  auto alertmanager = Start(yaml, copy.path());
  ASSERT_TRUE(alertmanager->FindSilence(*id));
  const Alert silenced = Firing("Other");
  const Alert third = Firing("Third");
  alertmanager->Put(std::vector<Alert>{alert, silenced, third});
  EXPECT_THAT(WaitForDeliveries(*alertmanager, 1), SizeIs(1));
  const auto requests = receiver_.WaitFor(2);
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[1], HasSubstr("Third")) << "neither what was told nor what is silenced";
}

TEST_F(AlertmanagerTest, FullDiskIsCountedAndHealed) {
  const TemporaryFolder folder;
  core::FaultFileSystem faulty(files_);
  auto started =
      Alertmanager::Start(MustParse(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n")),
                          {io_, executor_, client_, clock_, registry_, faulty, core::Logger::Discard()},
                          {.external_url = "http://x", .data_dir = folder.path()});
  ASSERT_TRUE(started);
  faulty.FailOperation(1, core::Fault::kFail, true, core::Code::kResourceExhausted);
  const auto matchers = ParseMatchers("a=b", MatcherSyntax::kFallback).value();
  const auto id =
      (*started)->SetSilence({.matcher_sets = {matchers}, .ends_at_ms = clock_.NowMs() + 3'600'000});
  ASSERT_TRUE(id) << "it counts in memory";
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("sextant_alerting_state_write_errors_total{state=\"silences\"} 1"));
  EXPECT_EQ((*started)->Silences().size(), 1);
  faulty.Heal();
  (*started)->Stop();
  auto again = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n"), folder.path());
  EXPECT_TRUE(again->FindSilence(*id)) << "saved at the end";
}

TEST_F(AlertmanagerTest, WhatADiskRefusedIsSavedWhenItTakesItAgain) {
  const TemporaryFolder folder;
  core::FaultFileSystem faulty(files_);
  core::ManualClock clock(clock_.NowMs());
  auto started =
      Alertmanager::Start(MustParse("route: {receiver: r, group_wait: 10ms}\nreceivers: [{name: r}]\n"),
                          {io_, executor_, client_, clock, registry_, faulty, core::Logger::Discard()},
                          {.external_url = "http://x", .data_dir = folder.path()});
  ASSERT_TRUE(started);
  faulty.FailOperation(1, core::Fault::kFail, true, core::Code::kResourceExhausted);
  const auto matchers = ParseMatchers("a=b", MatcherSyntax::kFallback).value();
  ASSERT_TRUE((*started)->SetSilence({.matcher_sets = {matchers}, .ends_at_ms = clock.NowMs() + 3'600'000}));
  faulty.Heal();
  clock.Advance(11'000);
  // Something else happens, and no silence changes.
  Alert alert = Firing("Disk");
  alert.starts_at_ms = clock.NowMs();
  (*started)->Put(std::span(&alert, 1));
  const std::filesystem::path saved = folder.path() + "/silences";
  for (int i = 0; i < 2'000 && !std::filesystem::exists(saved); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(std::filesystem::exists(saved));
  (*started)->Stop();
}

TEST_F(AlertmanagerTest, RouteLabelsReachTheMessage) {
  auto alertmanager = Start(
      "route: {receiver: r, group_by: [alertname], group_wait: 1s, labels: {reason: '{{ "
      ".GroupLabels.alertname }}', "
      "description: '{{ routeLabels \"reason\" }} fires'}}\nreceivers:\n- name: r\n  webhook_configs: [{url: "
      "'" +
      receiver_.Url("/hook") + "'}]\n");
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  EXPECT_THAT(receiver_.WaitFor(1).at(0),
              HasSubstr("\"routeLabels\":{\"description\":\"Disk fires\",\"reason\":\"Disk\"}"));
  const auto groups = alertmanager->Groups();
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_EQ(groups[0].route_labels.at("description"), "Disk fires");
}

TEST_F(AlertmanagerTest, BuiltInConfigurationWritesToTheLog) {
  auto started = Alertmanager::Start(BuiltInConfig(),
                                     {io_, executor_, client_, clock_, registry_, files_,
                                      core::Logger(clock_, {.writer =
                                                                [this](std::string_view line) {
                                                                  std::lock_guard lock(log_mutex_);
                                                                  log_ += line;
                                                                }})},
                                     {});
  ASSERT_TRUE(started);
  const Alert alert = Firing("Disk");
  (*started)->Put(std::span(&alert, 1));
  EXPECT_THAT(WaitForDeliveries(**started, 1), SizeIs(1));
  EXPECT_THAT(Log(), HasSubstr("alert firing"));
  EXPECT_THAT(Log(), HasSubstr("about Disk"));
}

TEST_F(AlertmanagerTest, ReloadChangesTheReceiver) {
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/one") + "'}]\n"));
  ASSERT_TRUE(alertmanager->SetConfig(
      MustParse(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/two") + "'}]\n"))));
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  EXPECT_THAT(receiver_.WaitFor(1).at(0), HasSubstr("/two "));
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/bad.tmpl") << "{{ if }}";
  const core::Status status = alertmanager->SetConfig(
      MustParse("templates: ['" + folder.path() + "/*.tmpl']\n" +
                Yaml("  webhook_configs: [{url: '" + receiver_.Url("/one") + "'}]\n")));
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("bad.tmpl"));
}

TEST_F(AlertmanagerTest, ManyThreadsPutAndLook) {
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const Alert alert = Firing("T" + std::to_string(t) + "_" + std::to_string(i));
        alertmanager->Put(std::span(&alert, 1));
        static_cast<void>(alertmanager->Alerts());
        static_cast<void>(alertmanager->Groups());
        static_cast<void>(registry_.RenderText());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(WaitForDeliveries(*alertmanager, 100), SizeIs(100));
}

TEST_F(AlertmanagerTest, PauseThatAServiceAsksForIsKeptByAllThatWaits) {
  net::HttpResponse later = net::HttpResponse::Text(429, "slow down");
  later.headers.Set("Retry-After", "1");
  receiver_.WillAnswer({std::move(later)});
  auto alertmanager = Start(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hook") + "'}]\n"));
  const Alert first = Firing("First");
  alertmanager->Put(std::span(&first, 1));
  EXPECT_THAT(receiver_.WaitFor(1), SizeIs(1));
  const Alert second = Firing("Second");
  alertmanager->Put(std::span(&second, 1));
  EXPECT_THAT(WaitForDeliveries(*alertmanager, 2), SizeIs(2));
  for (const DeliveryView& delivery : alertmanager->Deliveries()) EXPECT_TRUE(delivery.delivered);
  EXPECT_THAT(receiver_.WaitFor(3), SizeIs(3)) << "the second is not refused, too";
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("sextant_alerting_rate_limited_total{integration=\"webhook\"} 1"));
}

TEST_F(AlertmanagerTest, FullQueuePutsOff) {
  receiver_.Hang("/hangs");
  auto started =
      Alertmanager::Start(MustParse(Yaml("  webhook_configs: [{url: '" + receiver_.Url("/hangs") + "'}]\n")),
                          {io_, executor_, client_, clock_, registry_, files_, core::Logger::Discard()},
                          {.max_requests_per_integration = 1, .max_waiting_per_integration = 2});
  ASSERT_TRUE(started);
  std::vector<Alert> alerts;
  for (int i = 0; i < 10; ++i) alerts.push_back(Firing("A" + std::to_string(i)));
  (*started)->Put(alerts);
  EXPECT_THAT(receiver_.WaitFor(1), SizeIs(1));
  for (int i = 0; i < 2'000 && (*started)->Status().stats.pending_notifications > 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_LE((*started)->Status().stats.pending_notifications, 3u);
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("sextant_alerting_queue_full_total{integration=\"webhook\"} "));
  (*started)->Stop();
}

TEST_F(AlertmanagerTest, BrokenSlackTemplateRaisesAnAlert) {
  auto alertmanager = Start(Yaml("  slack_configs: [{api_url: '" + receiver_.Url("/slack") +
                                 "', channel: c, title: '{{ .Nope }}'}]\n"));
  const Alert alert = Firing("Disk");
  alertmanager->Put(std::span(&alert, 1));
  EXPECT_THAT(receiver_.WaitFor(1).at(0), HasSubstr("[firing] 1 alerts alertname=Disk"));
  const auto alerts = alertmanager->Alerts();
  ASSERT_THAT(alerts, SizeIs(2));
  EXPECT_TRUE(std::ranges::any_of(alerts, [](const AlertView& view) {
    return view.alert->labels.Get("alertname") == "SextantReceiverTemplateFailed";
  }));
}

}  // namespace
}  // namespace sextant::alerting
