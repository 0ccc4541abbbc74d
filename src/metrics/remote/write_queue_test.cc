#include "metrics/remote/write_queue.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "metrics/remote/commit_log_test_util.h"
#include "metrics/remote/memory_store_test_util.h"
#include "metrics/remote/snappy_block.h"
#include "metrics/remote/write_receiver.h"
#include "metrics/remote/write_storage.h"
#include "net/http_server.h"

namespace sextant::remote {
namespace {

using config::RemoteWriteConfig;

// A receiver that can be told what to answer.
class Receiver {
 public:
  Receiver(net::IoContext& io, core::Executor& executor, const core::Clock& clock)
      : logger_(core::Logger::Discard()),
        receiver_(store_, registry_, logger_,
                  [this](std::string_view family, const model::MetricMetadata& metadata) {
                    families_ += fmt::format("{} {}\n", family, metadata.type);
                  }) {
    net::Router router;
    router.Add("POST", "/write", [this](const net::HttpRequest& request) { return Handle(request); },
               {.passed_encodings = {"snappy"}});
    net::HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    auto started =
        net::HttpServer::Start(io, executor, clock, registry_, logger_, std::move(router), options);
    EXPECT_TRUE(started.has_value());
    server_ = std::move(*started);
  }

  std::string url() const { return "http://" + server_->bound_address(0) + "/write"; }
  void Stop() { server_->Stop(0); }

  // The next requests get these answers; then all are stored.
  void Answer(std::vector<net::HttpResponse> answers) {
    std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }
  // Answers 503 until it is told otherwise.
  void SetDown(bool is_down) {
    std::lock_guard lock(mutex_);
    is_down_ = is_down;
  }
  template <typename Condition>
  void WaitFor(Condition condition) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), condition)) << store_.Text();
  }
  void WaitForText(const std::string& text) {
    WaitFor([&] { return store_.Text() == text; });
  }
  void WaitForRequests(size_t count) {
    WaitFor([&] { return requests_ >= count; });
  }
  std::string Text() {
    std::lock_guard lock(mutex_);
    return store_.Text();
  }
  size_t requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  net::HttpHeaders headers() {
    std::lock_guard lock(mutex_);
    return headers_;
  }
  std::string families() {
    std::lock_guard lock(mutex_);
    return families_;
  }

 private:
  net::HttpResponse Handle(const net::HttpRequest& request) {
    std::lock_guard lock(mutex_);
    ++requests_;
    headers_ = request.headers;
    changed_.notify_all();
    if (is_down_) return net::HttpResponse::Text(503, "down\n");
    if (!answers_.empty()) {
      net::HttpResponse answer = answers_.front();
      answers_.erase(answers_.begin());
      return answer;
    }
    return receiver_.Handle(request);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  core::Registry registry_;
  const core::Logger logger_;
  MemoryStore store_;
  std::string families_;
  WriteReceiver receiver_;
  std::unique_ptr<net::HttpServer> server_;
  std::vector<net::HttpResponse> answers_;
  net::HttpHeaders headers_;
  bool is_down_ = false;
  size_t requests_ = 0;
};

class WriteQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "sextant-remote-XXXXXX";
    ASSERT_NE(mkdtemp(dir_.data()), nullptr);
    receiver_ = std::make_unique<Receiver>(io_, executor_, clock_);
    config_.url = receiver_->url();
    config_.queue.batch_send_deadline_ms = 50;
    config_.queue.min_backoff_ms = 5;
    config_.queue.max_backoff_ms = 20;
  }
  void TearDown() override {
    if (storage_) storage_->Stop(0);
    storage_ = nullptr;
    receiver_->Stop();
    client_.Stop();
    executor_.Stop();
    io_.Stop();
    ASSERT_TRUE(core::RemoveAll(files_, dir_).has_value());
  }

  WriteServices Services() {
    return {io_,
            client_,
            executor_,
            clock_,
            files_,
            registry_,
            core::Logger::Discard(),
            log_,
            [](std::string_view) { return FamilyMetadata{{"m", {{"counter", "Help.", ""}}}}; },
            "test",
            dir_};
  }
  void Start() {
    storage_ = std::make_unique<WriteStorage>(Services(), hold_);
    Apply();
  }
  void Apply() {
    core::Status applied = storage_->Apply({config_}, external_labels_);
    ASSERT_TRUE(applied.has_value()) << applied.error().message();
  }
  void Restart() {
    storage_->Stop(0);
    storage_ = nullptr;
    Start();
  }
  // As a kill leaves it behind between an answer and its note: the request was sent, and more is to come.
  void LeaveAsAKillDoes() {
    Start();
    log_.CommitAll(3, 1000, 1);
    receiver_->WaitForText(Expect(3, "1@1000"));
    storage_->Stop(0);
    storage_ = nullptr;
    auto entries = files_.List(dir_);
    ASSERT_TRUE(entries.has_value());
    ASSERT_EQ(entries->size(), 1u);
    auto progress = WriteProgress::Load(files_, core::JoinPath(dir_, entries->front().name));
    ASSERT_TRUE(progress.has_value());
    ASSERT_EQ(progress->shards().size(), 1u);
    ASSERT_TRUE(progress->Reset({{{{1, 0}, 0}, {{1, 0}, 3}}}).has_value());
    log_.CommitAll(3, 2000, 2);
  }
  double Metric(std::string_view name) {
    std::string text = registry_.RenderText();
    size_t at = text.find(fmt::format("\nprometheus_remote_storage_{}{{", name));
    return at == std::string::npos ? -1 : std::stod(text.substr(text.find("} ", at) + 2));
  }
  // What the store should have of so many series, each with these samples.
  static std::string Expect(size_t series, std::string_view samples) {
    std::map<std::string, std::string> lines;
    for (size_t i = 1; i <= series; ++i) {
      lines[fmt::format("{{__name__=\"m\", n=\"{}\"}}", i)] = std::string(samples);
    }
    std::string text;
    for (const auto& [name, rest] : lines) text += fmt::format("{} {}\n", name, rest);
    return text;
  }

  std::string dir_;
  core::SystemClock clock_;
  core::PosixFileSystem files_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 2, .queue_limit_tasks = 1'000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  MemoryLog log_;
  std::shared_ptr<model::CommitLogHold> hold_ = std::make_shared<model::CommitLogHold>();
  RemoteWriteConfig config_;
  model::Labels external_labels_;
  std::unique_ptr<Receiver> receiver_;
  std::unique_ptr<WriteStorage> storage_;
};

TEST_F(WriteQueueTest, SendsWhatIsCommittedFromItsStartOn) {
  log_.CommitAll(2, 1000, 1);
  Start();
  log_.CommitAll(2, 2000, 2);
  log_.CommitAll(2, 3000, 3);
  receiver_->WaitForText(Expect(2, "2@2000 3@3000"));
  EXPECT_EQ(receiver_->headers().Get("X-Prometheus-Remote-Write-Version"), "0.1.0");
  EXPECT_EQ(receiver_->headers().Get("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(receiver_->headers().Get("User-Agent"), "test");
  EXPECT_EQ(Metric("samples_total"), 4);
  EXPECT_EQ(Metric("samples_failed_total"), 0);
}

TEST_F(WriteQueueTest, SendsEveryKindWithVersion2) {
  config_.protobuf_message = "io.prometheus.write.v2.Request";
  config_.send_exemplars = true;
  config_.send_native_histograms = true;
  external_labels_ = model::Labels::Of({{"region", "north"}, {"n", "not taken"}});
  Start();
  auto histogram = std::make_shared<model::FloatHistogram>();
  log_.Commit({{1, 1000, 1, nullptr, 500}, {2, 1000, 0, histogram, 0}},
              {{1, {model::Labels::Of({{"id", "x"}}), 7, 900}}});
  receiver_->WaitForText(
      "{__name__=\"m\", n=\"1\", region=\"north\"} 1@1000^500 #{id=\"x\"} 7@900 (counter)\n"
      "{__name__=\"m\", n=\"2\", region=\"north\"} h@1000 (counter)\n");
  EXPECT_EQ(Metric("histograms_total"), 1);
  EXPECT_EQ(Metric("exemplars_total"), 1);
}

TEST_F(WriteQueueTest, HistogramsAndExemplarsGoOnlyWhenTheyAreWanted) {
  Start();
  auto histogram = std::make_shared<model::FloatHistogram>();
  log_.Commit({{1, 1000, 1, nullptr, 0}, {2, 1000, 0, histogram, 0}},
              {{1, {model::Labels::Of({{"id", "x"}}), 7, 900}}});
  receiver_->WaitForText(Expect(1, "1@1000"));
}

TEST_F(WriteQueueTest, RelabellingDropsAndChanges) {
  config::RelabelRuleConfig drop;
  drop.source_labels = {"n"};
  drop.regex = "2";
  drop.action = config::RelabelAction::kDrop;
  config::RelabelRuleConfig set;
  set.target_label = "to";
  set.replacement = "there";
  config_.write_relabel_configs = {drop, set};
  Start();
  log_.CommitAll(2, 1000, 1);
  receiver_->WaitForText("{__name__=\"m\", n=\"1\", to=\"there\"} 1@1000\n");
  EXPECT_EQ(Metric("samples_dropped_total"), 1);
}

TEST_F(WriteQueueTest, AnOutageDelaysSamplesAndLosesNone) {
  config_.queue.capacity = 10;
  config_.queue.max_samples_per_send = 7;
  Start();
  receiver_->SetDown(true);
  std::string samples;
  for (int i = 1; i <= 50; ++i) {
    log_.CommitAll(5, 1000 * i, i);
    samples += fmt::format("{}{}@{}", i == 1 ? "" : " ", i, 1000 * i);
  }
  receiver_->WaitForRequests(5);
  EXPECT_EQ(receiver_->Text(), "");
  receiver_->SetDown(false);
  receiver_->WaitForText(Expect(5, samples));
  EXPECT_GT(Metric("samples_retried_total"), 0);
  EXPECT_EQ(Metric("samples_failed_total"), 0);
}

TEST_F(WriteQueueTest, GoesOnAfterARestartDuringAnOutage) {
  config_.queue.min_shards = 3;
  config_.queue.max_samples_per_send = 4;
  Start();
  log_.CommitAll(5, 1000, 1);
  receiver_->WaitForText(Expect(5, "1@1000"));
  receiver_->SetDown(true);
  size_t before = receiver_->requests();
  log_.CommitAll(5, 2000, 2);
  log_.CommitAll(5, 3000, 3);
  receiver_->WaitForRequests(before + 3);
  Restart();
  log_.CommitAll(5, 4000, 4);
  Restart();
  receiver_->SetDown(false);
  receiver_->WaitForText(Expect(5, "1@1000 2@2000 3@3000 4@4000"));
  EXPECT_EQ(Metric("samples_failed_total"), 0);
}

TEST_F(WriteQueueTest, WhatHadArrivedBeforeAKillTakesNothingAlong) {
  LeaveAsAKillDoes();
  // A receiver that refuses a request whole, as Prometheus does.
  receiver_->Answer({net::HttpResponse::Text(400, "out of order sample\n")});
  Start();
  receiver_->WaitForText(Expect(3, "1@1000 2@2000"));
  EXPECT_EQ(Metric("samples_failed_total"), 0);
}

TEST_F(WriteQueueTest, OtherRefusalsAfterAKillAreFailures) {
  LeaveAsAKillDoes();
  receiver_->Answer({net::HttpResponse::Text(400, "label name is too long\n")});
  Start();
  receiver_->WaitForText(Expect(3, "1@1000 2@2000"));
  EXPECT_EQ(Metric("samples_failed_total"), 3);
}

TEST_F(WriteQueueTest, APasswordInTheUrlIsNotShown) {
  size_t host = config_.url.find("//") + 2;
  config_.url.insert(host, "user:hidden@");
  Start();
  log_.CommitAll(1, 1000, 1);
  receiver_->WaitForText(Expect(1, "1@1000"));
  std::string text = registry_.RenderText();
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find("url=\"http://user:xxxxx@127.0.0.1"), std::string::npos);
  EXPECT_EQ(config::WriteYaml(config_).find("hidden"), std::string::npos);
}

TEST_F(WriteQueueTest, PositionsOfALogThatIsGoneAreForgotten) {
  Start();
  log_.CommitAll(2, 1000, 1);
  receiver_->WaitForText(Expect(2, "1@1000"));
  storage_->Stop(0);
  storage_ = nullptr;
  auto entries = files_.List(dir_);
  ASSERT_EQ(entries->size(), 1u);
  auto progress = WriteProgress::Load(files_, core::JoinPath(dir_, entries->front().name));
  ASSERT_TRUE(progress->Reset({{{{7, 0}, 0}, {{7, 0}, 5}}}).has_value());
  log_.CommitAll(2, 2000, 2);
  Start();
  log_.CommitAll(2, 3000, 3);
  receiver_->WaitForText(Expect(2, "1@1000 3@3000"));
}

TEST_F(WriteQueueTest, AnswersDecideWhetherItIsTriedAgain) {
  config_.queue.retry_on_http_429 = true;
  config_.queue.max_samples_per_send = 1;
  Start();
  net::HttpResponse later = net::HttpResponse::Text(429, "slow down\n");
  later.headers.Add("Retry-After", "1");
  receiver_->Answer({net::HttpResponse::Text(500, "oops\n"), later, net::HttpResponse::Text(400, "never\n")});
  log_.CommitAll(1, 1000, 1);  // two attempts that may succeed later, and one that ends it
  log_.CommitAll(1, 2000, 2);
  receiver_->WaitForText(Expect(1, "2@2000"));
  EXPECT_EQ(receiver_->requests(), 4u);
  EXPECT_EQ(Metric("samples_failed_total"), 1);
  EXPECT_EQ(Metric("samples_retried_total"), 2);
}

TEST_F(WriteQueueTest, AReceiverThatKnowsOnlyVersion1IsFoundOut) {
  config_.protobuf_message = "io.prometheus.write.v2.Request";
  Start();
  net::HttpResponse empty;
  empty.status = 204;
  receiver_->Answer({empty});
  log_.CommitAll(2, 1000, 1);
  receiver_->WaitForRequests(1);
  log_.CommitAll(2, 2000, 2);
  receiver_->WaitForText(
      "{__name__=\"m\", n=\"1\"} 2@2000 (counter)\n{__name__=\"m\", n=\"2\"} 2@2000 (counter)\n");
  EXPECT_EQ(Metric("samples_failed_total"), 2);
}

TEST_F(WriteQueueTest, UnknownSeriesAndOldSamplesAreCounted) {
  config_.queue.sample_age_limit_ms = 3'600'000;
  Start();
  core::TimestampMs now_ms = clock_.NowMs();
  log_.Commit(
      {{2000, now_ms, 1, nullptr, 0}, {1, now_ms - 7'200'000, 1, nullptr, 0}, {2, now_ms, 3, nullptr, 0}});
  receiver_->WaitForText(fmt::format("{{__name__=\"m\", n=\"2\"}} 3@{}\n", now_ms));
  std::string text = registry_.RenderText();
  for (std::string_view reason : {"too_old", "unintentionally_dropped_series"}) {
    size_t family = text.find("\nprometheus_remote_storage_samples_dropped_total{");
    size_t at = text.find(fmt::format("reason=\"{}\"", reason), family);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(text.substr(text.find("} ", at) + 2, 2), "1\n") << reason;
  }
}

TEST_F(WriteQueueTest, MetadataOfFamiliesGoesWithVersion1) {
  config_.metadata.send_interval_ms = 10;
  Start();
  receiver_->WaitForRequests(1);
  storage_->Stop(0);
  EXPECT_EQ(receiver_->families().substr(0, 10), "m counter\n");
}

TEST_F(WriteQueueTest, StopSendsWhatIsLeftWhenItCan) {
  config_.queue.batch_send_deadline_ms = 3'600'000;
  Start();
  log_.CommitAll(4, 1000, 1);
  storage_->Stop(30'000);
  EXPECT_EQ(receiver_->Text(), Expect(4, "1@1000"));
}

TEST_F(WriteQueueTest, AChangedConfigurationGoesOnWhereItWas) {
  config_.name = "one";
  Start();
  log_.CommitAll(2, 1000, 1);
  receiver_->WaitForText(Expect(2, "1@1000"));
  receiver_->SetDown(true);
  log_.CommitAll(2, 2000, 2);
  receiver_->WaitForRequests(3);
  config_.queue.min_shards = 4;
  Apply();
  receiver_->SetDown(false);
  log_.CommitAll(2, 3000, 3);
  receiver_->WaitForText(Expect(2, "1@1000 2@2000 3@3000"));
  // A queue that is gone holds nothing.
  EXPECT_EQ(hold_->first_file, 1u);
  EXPECT_EQ(WriteStorage::FirstNeededFile(files_, dir_), 1u);
  ASSERT_TRUE(storage_->Apply({}, external_labels_).has_value());
  EXPECT_EQ(hold_->first_file, model::CommitLogHold::kNothing);
  EXPECT_EQ(WriteStorage::FirstNeededFile(files_, dir_), model::CommitLogHold::kNothing);
  EXPECT_EQ(Metric("samples_total"), -1);
}

TEST(WriteProgressTest, KeepsTheLastNoteOfEachShardAndForgetsTornOnes) {
  core::PosixFileSystem files;
  std::string path = testing::TempDir() + "sextant-progress";
  ASSERT_TRUE(core::RemoveAll(files, path).has_value());
  ShardProgress a{{{1, 2}, 3}, {{4, 5}, 6}};
  ShardProgress b{{{7, 8}, 9}, {{7, 8}, 9}};
  {
    auto progress = WriteProgress::Load(files, path);
    ASSERT_TRUE(progress.has_value());
    EXPECT_TRUE(progress->shards().empty());
    ASSERT_TRUE(progress->Reset({b, b}).has_value());
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(progress->Set(0, i % 2 == 0 ? b : a).has_value());
  }
  auto size = files.Stat(path);
  EXPECT_LE(size->size_bytes, 256u << 10);
  auto file = files.Open(path, core::OpenMode::kAppend);
  ASSERT_TRUE((*file)->Append("half a record").has_value());
  auto progress = WriteProgress::Load(files, path);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->shards(), (std::vector<ShardProgress>{a, b}));
  // After the torn record, too, notes are found.
  ASSERT_TRUE(progress->Set(1, a).has_value());
  EXPECT_EQ(WriteProgress::Load(files, path)->shards(), (std::vector<ShardProgress>{a, a}));
  ASSERT_TRUE(core::RemoveAll(files, path).has_value());
}

TEST(ShardPlannerTest, FollowsTheLoadWithinItsBounds) {
  ShardPlanner planner(1, 10);
  EXPECT_EQ(planner.Tick(10, 1, 0), 1);
  // 1000 samples a second, of which each takes 4 ms: four shards.
  auto tick = [&](int64_t shards, double lag) {
    planner.NoteIn(10'000);
    planner.NoteOut(10'000, 40);
    return planner.Tick(10, shards, lag);
  };
  EXPECT_EQ(tick(1, 0), 4);
  EXPECT_EQ(tick(4, 0), 4);
  EXPECT_EQ(tick(5, 0), 5);  // not worth a change
  EXPECT_EQ(tick(10, 0), 4);
  EXPECT_EQ(tick(10, 11), 10);  // behind: none is taken away
  EXPECT_EQ(tick(4, 1'000), 10);
}

}  // namespace
}  // namespace sextant::remote
