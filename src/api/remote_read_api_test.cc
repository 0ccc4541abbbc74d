#include "api/remote_read_api.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "metrics/remote/read_storage.h"
#include "metrics/remote/snappy_block.h"
#include "metrics/tsdb/db.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "wire/encode.h"
#include "wire/remote_read.h"

namespace sextant::api {
namespace {

using model::Labels;

constexpr core::TimestampMs kNow = 1'700'000'000'000;

class RemoteReadTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "sextant-read-XXXXXX";
    ASSERT_NE(mkdtemp(dir_.data()), nullptr);
    tsdb::DbOptions options;
    options.dir = dir_;
    options.run_maintenance_thread = false;
    auto db = tsdb::Db::Open(files_, store_clock_, core::Logger::Discard(), registry_, options);
    ASSERT_TRUE(db.has_value()) << db.error().message();
    db_ = std::move(*db);
    auto appender = db_->NewAppender();
    for (int i = 0; i < 300; ++i) {
      appender->Append(0, Labels::Of({{"__name__", "up"}, {"job", "a"}}), kNow + i * 1000, i);
      appender->Append(0, Labels::Of({{"__name__", "up"}, {"job", "b"}}), kNow + i * 1000, -i);
    }
    ASSERT_TRUE(appender->Commit().has_value());
    net::Router router;
    AddRemoteReadRoutes(router, {*db_, registry_, [] { return Labels::Of({{"region", "north"}}); },
                                 /*max_samples=*/400, /*max_frame_bytes=*/1});
    net::HttpServerOptions server;
    server.listen = {"127.0.0.1:0"};
    auto started = net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(),
                                          std::move(router), server);
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server_ = std::move(*started);
  }
  void TearDown() override {
    server_->Stop(0);
    executor_.Stop();
    io_.Stop();
    db_ = nullptr;
    ASSERT_TRUE(core::RemoveAll(files_, dir_).has_value());
  }

  // A question for series of `up`, by the value of a label.
  static std::string Query(std::string_view name, std::string_view value, core::TimestampMs end_ms) {
    std::string bytes;
    wire::Submessage query(bytes, 1);
    wire::PutIntField(bytes, 1, kNow);
    wire::PutIntField(bytes, 2, end_ms);
    auto put = [&](std::string_view label, std::string_view text) {
      wire::Submessage matcher(bytes, 3);
      wire::PutBytesField(bytes, 2, label);
      wire::PutBytesField(bytes, 3, text);
    };
    put("__name__", "up");
    put(name, value);
    return bytes;
  }
  net::FetchResponse Post(const std::string& message) {
    net::FetchRequest request;
    request.method = "POST";
    request.url = "http://" + server_->bound_address(0) + "/api/v1/read";
    request.headers.Set("Content-Encoding", "snappy");
    request.body = remote::CompressSnappy(message);
    auto response = net::FetchSync(std::move(request));
    EXPECT_TRUE(response.has_value()) << response.error().message();
    return response ? *response : net::FetchResponse();
  }

  std::string dir_;
  core::ManualClock store_clock_{kNow + 400'000};
  core::SystemClock clock_;
  core::PosixFileSystem files_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 2, .queue_limit_tasks = 100}};
  net::IoContext io_;
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(RemoteReadTest, AnswersInOnePiece) {
  net::FetchResponse response = Post(Query("job", "a", kNow + 1000) + Query("region", "south", kNow));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/x-protobuf");
  wire::ReadResponseBuilder expected;
  expected.BeginQuery();
  model::SampleColumns samples;
  samples.Add(kNow, 0);
  samples.Add(kNow + 1000, 1);
  expected.AddSeries({{"__name__", "up"}, {"job", "a"}, {"region", "north"}}, samples);
  expected.BeginQuery();
  EXPECT_EQ(*remote::UncompressSnappy(response.body, 1 << 20), expected.Finish());
}

TEST_F(RemoteReadTest, MatchersOfExternalLabelsMatchTheStore) {
  net::FetchResponse response = Post(Query("region", "north", kNow));
  std::string body = *remote::UncompressSnappy(response.body, 1 << 20);
  EXPECT_NE(body.find("job\x12\x01"
                      "a"),
            std::string::npos);
  EXPECT_NE(body.find("job\x12\x01"
                      "b"),
            std::string::npos);
}

TEST_F(RemoteReadTest, StreamsChunksInFrames) {
  // 1: chunks. Each frame holds one chunk, of which a series of 300 samples has three.
  net::FetchResponse response = Post(Query("region", "north", kNow + 300'000) + std::string("\x10\x01", 2));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Get("Content-Type"),
            "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  size_t frames = 0;
  std::string_view rest = response.body;
  while (!rest.empty()) {
    size_t size = static_cast<unsigned char>(rest[0]) & 0x7f;
    size_t head = 1;
    for (; (static_cast<unsigned char>(rest[head - 1]) & 0x80) != 0; ++head) {
      size |= (static_cast<size_t>(static_cast<unsigned char>(rest[head])) & 0x7f) << (7 * head);
    }
    ASSERT_GE(rest.size(), head + 4 + size);
    rest.remove_prefix(head + 4 + size);
    ++frames;
  }
  EXPECT_EQ(frames, 6u);
}

// A store without samples.
class NoStore final : public model::Queryable {
 public:
  class Nothing final : public model::SeriesSet, public model::Querier {
   public:
    size_t size() const override { return 0; }
    const Labels& labels(size_t) const override { return none_; }
    core::Status Read(size_t, core::TimestampMs, core::TimestampMs, model::SampleColumns&) const override {
      return {};
    }
    core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>&,
                                                           const model::SelectHints&) const override {
      return std::make_unique<Nothing>();
    }
    core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                                       const model::SelectHints&) const override {
      return std::vector<std::string>();
    }
    core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>&,
                                                      const model::SelectHints&) const override {
      return std::vector<std::string>();
    }

   private:
    Labels none_;
  };
  core::Result<std::unique_ptr<model::Querier>> NewQuerier(core::TimestampMs,
                                                           core::TimestampMs) const override {
    return std::make_unique<Nothing>();
  }
};

TEST_F(RemoteReadTest, ItsOwnClientReadsWhatItAnswers) {
  net::HttpClient client(io_, registry_);
  NoStore nothing;
  remote::ReadStorage storage(nothing, [] { return std::nullopt; }, {client, clock_, registry_, "test"});
  config::RemoteReadConfig config;
  config.url = "http://" + server_->bound_address(0) + "/api/v1/read";
  config.name = "far";
  storage.Apply({config}, Labels::Of({{"region", "north"}}));
  auto read = [&](std::vector<model::Matcher> matchers, core::TimestampMs end_ms) {
    auto querier = storage.NewQuerier(kNow, end_ms);
    EXPECT_TRUE(querier.has_value());
    auto set = (*querier)->Select(matchers, {.start_ms = kNow, .end_ms = end_ms, .sorted = true});
    EXPECT_TRUE(set.has_value());
    std::string text;
    for (const std::string& warning : (*set)->Warnings()) text += warning + "\n";
    model::SampleColumns samples;
    for (size_t i = 0; i < (*set)->size(); ++i) {
      EXPECT_TRUE((*set)->Read(i, kNow, end_ms, samples).has_value());
      text += fmt::format("{} {} {}\n", (*set)->labels(i).ToMetricString(), samples.size(),
                          samples.values.back());
    }
    return text;
  };
  std::vector<model::Matcher> up = {model::Matcher::Equal("__name__", "up")};
  // Streamed, though it is more than an answer in one piece may have. External labels are asked for and taken
  // off.
  EXPECT_EQ(read(up, kNow + 299'000), "up{job=\"a\"} 300 299\nup{job=\"b\"} 300 -299\n");
  EXPECT_EQ(read(up, kNow + 1'000), "up{job=\"a\"} 2 1\nup{job=\"b\"} 2 -1\n");
  config.required_matchers = {{"job", "a"}};
  storage.Apply({config}, {});
  EXPECT_EQ(read(up, kNow), "");
  EXPECT_EQ(read({up[0], model::Matcher::Equal("job", "a")}, kNow), "up{job=\"a\", region=\"north\"} 1 0\n");
  // Another server's faults are warnings.
  config.required_matchers.clear();
  config.url += "x";
  storage.Apply({config}, {});
  EXPECT_EQ(read(up, kNow).substr(0, 27), "remote_read: remote server ");
  client.Stop();
}

TEST_F(RemoteReadTest, WhatIsTooMuchOrNoRequestIsRefused) {
  net::FetchResponse response = Post(Query("region", "north", kNow + 300'000));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "exceeded sample limit (400)\n");
  EXPECT_EQ(Post("\x0a\x05").status, 400);
  EXPECT_EQ(Post(std::string("\x10\x07", 2)).status, 400);
}

// A store in which requests stay until they are let go, and which knows how many are inside.
class SlowStore final : public model::Queryable {
 public:
  explicit SlowStore(const model::Queryable& store) : store_(store) {}

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(core::TimestampMs start_ms,
                                                           core::TimestampMs end_ms) const override {
    {
      std::unique_lock lock(mutex_);
      most_ = std::max(most_, ++inside_);
      ++entered_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return is_open_; });
      --inside_;
    }
    return store_.NewQuerier(start_ms, end_ms);
  }
  void WaitForEntered(int count) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return entered_ >= count; });
  }
  void Open() const {
    std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  int most() const {
    std::lock_guard lock(mutex_);
    return most_;
  }
  int entered() const {
    std::lock_guard lock(mutex_);
    return entered_;
  }

 private:
  const model::Queryable& store_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable changed_;
  mutable int inside_ = 0;
  mutable int entered_ = 0;
  mutable int most_ = 0;
  mutable bool is_open_ = false;
};

class RemoteReadGateTest : public RemoteReadTest {
 protected:
  void SetUp() override {
    RemoteReadTest::SetUp();
    slow_ = std::make_unique<SlowStore>(*db_);
  }
  void Serve(size_t max_concurrent) {
    server_->Stop(0);
    net::Router router;
    AddRemoteReadRoutes(router, {.storage = *slow_,
                                 .registry = gate_registry_,
                                 .external_labels = [] { return Labels(); },
                                 .max_concurrent = max_concurrent});
    net::HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    auto started = net::HttpServer::Start(io_, many_, clock_, gate_registry_, core::Logger::Discard(),
                                          std::move(router), options);
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server_ = std::move(*started);
  }
  void TearDown() override {
    slow_->Open();
    server_->Stop(0);
    many_.Stop();
    RemoteReadTest::TearDown();
  }
  std::future<int> Ask() {
    std::string message = Query("job", "a", kNow + 1000);
    return std::async(std::launch::async, [this, message] { return Post(message).status; });
  }

  core::Registry gate_registry_;
  core::Executor many_{{.threads = 8, .queue_limit_tasks = 100}};
  std::unique_ptr<SlowStore> slow_;
};

TEST_F(RemoteReadGateTest, RequestsOverTheLimitWait) {
  Serve(2);
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(Ask());
  slow_->WaitForEntered(2);
  EXPECT_EQ(slow_->entered(), 2);
  slow_->Open();
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 200);
  EXPECT_EQ(slow_->entered(), 5);
  EXPECT_LE(slow_->most(), 2);
}

TEST_F(RemoteReadGateTest, WithoutALimitNoneWaits) {
  Serve(0);
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(Ask());
  slow_->WaitForEntered(5);
  EXPECT_EQ(slow_->most(), 5);
  slow_->Open();
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 200);
}

}  // namespace
}  // namespace sextant::api
