#include "net/kafka_producer.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

namespace sextant::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename T>
std::string Big(T value) {
  std::string out;
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<uint64_t>(value) >> shift);
  return out;
}
std::string Text(std::string_view text) { return Big(static_cast<int16_t>(text.size())) + std::string(text); }

template <typename T>
T Number(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<T>(value);
}

struct Produced {
  int32_t partition = 0;
  int16_t acks = 0;
  int64_t producer_id = 0;
  int32_t sequence = 0;
  std::vector<std::string> values;
};

// A broker on a free port that says who leads, keeps what it is sent, and answers as the test wants.
class FakeBroker {
 public:
  // The error for a batch; -100: no answer, -101: the connection ends.
  using Judge = std::function<int16_t(const Produced& produced)>;
  static constexpr int16_t kSilence = -100;
  static constexpr int16_t kHangUp = -101;

  explicit FakeBroker(uint16_t port = 0) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    leader_port = port_;
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeBroker() { Stop(); }

  void Stop() {
    if (!thread_.joinable()) return;
    is_stopped_ = true;
    thread_.join();
    close(listener_);
  }

  uint16_t port() const { return port_; }
  std::vector<Produced> produced() {
    std::lock_guard lock(mutex_);
    return produced_;
  }
  std::vector<std::string> values() {
    std::vector<std::string> out;
    for (const Produced& batch : produced()) out.insert(out.end(), batch.values.begin(), batch.values.end());
    return out;
  }
  void SetJudge(Judge judge) {
    std::lock_guard lock(mutex_);
    judge_ = std::move(judge);
  }

  std::atomic<int16_t> topic_error{0};
  std::atomic<uint16_t> leader_port{0};
  std::atomic<int> ids_given{0};
  std::atomic<int> metadata_asked{0};

 private:
  void Serve() {
    std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
    std::map<int, std::string> received;
    while (!is_stopped_) {
      if (poll(fds.data(), fds.size(), 10) <= 0) continue;
      if ((fds[0].revents & POLLIN) != 0) {
        fds.push_back({accept(listener_, nullptr, nullptr), POLLIN, 0});
        fds.back().revents = 0;
      }
      for (size_t i = 1; i < fds.size(); ++i) {
        if (fds[i].revents == 0) continue;
        char buffer[65'536];
        const ssize_t got = recv(fds[i].fd, buffer, sizeof buffer, 0);
        std::string& bytes = received[fds[i].fd];
        if (got > 0) bytes.append(buffer, static_cast<size_t>(got));
        if (got <= 0 || !Answer(fds[i].fd, bytes)) {
          close(fds[i].fd);
          received.erase(fds[i].fd);
          fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(i--));
        }
      }
    }
    for (size_t i = 1; i < fds.size(); ++i) close(fds[i].fd);
  }

  // False: hang up.
  bool Answer(int fd, std::string& bytes) {
    while (bytes.size() >= 4 && bytes.size() >= 4U + Number<uint32_t>(bytes)) {
      const std::string request = bytes.substr(4, Number<uint32_t>(bytes));
      bytes.erase(0, 4 + request.size());
      const auto api = Number<int16_t>(request);
      const std::string id = request.substr(4, 4);
      const std::string body = request.substr(10 + Number<uint16_t>(request.substr(8)));
      std::string answer;
      if (api == 3) {
        ++metadata_asked;
        answer = Metadata();
      } else if (api == 22) {
        answer = Big<int32_t>(0) + Big<int16_t>(0) + Big<int64_t>(1'000 + ids_given++) + Big<int16_t>(1);
      } else {
        const auto [error, acks] = Take(body);
        if (error == kHangUp) return false;
        if (error == kSilence || acks == 0) continue;
        answer = Big<int32_t>(1) + Text("t") + Big<int32_t>(1) + Big<int32_t>(0) + Big(error) +
                 Big<int64_t>(0) + Big<int64_t>(-1) + Big<int32_t>(0);
      }
      answer = id + answer;
      answer = Big(static_cast<int32_t>(answer.size())) + answer;
      send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    return true;
  }

  std::string Metadata() const {
    return Big<int32_t>(0) + Big<int32_t>(1) + Big<int32_t>(1) + Text("127.0.0.1") +
           Big<int32_t>(leader_port) + Big<int16_t>(-1) + Text("c") + Big<int32_t>(1) + Big<int32_t>(1) +
           Big<int16_t>(topic_error) + Text("t") + std::string(1, '\0') + Big<int32_t>(1) + Big<int16_t>(0) +
           Big<int32_t>(0) + Big<int32_t>(1) + Big<int32_t>(0) + Big<int32_t>(0);
  }

  std::pair<int16_t, int16_t> Take(const std::string& body) {
    Produced batch;
    batch.acks = Number<int16_t>(body.substr(2));
    const size_t at = 8 + 4 + 3 + 4;  // the topic's name is "t"
    batch.partition = Number<int32_t>(body.substr(at));
    const std::string records = body.substr(at + 8);
    batch.producer_id = Number<int64_t>(records.substr(43));
    batch.sequence = Number<int32_t>(records.substr(53));
    size_t next = 61;
    // Lengths of the tests' values take a byte, but those of large ones, which are not looked into.
    for (auto left = Number<int32_t>(records.substr(57)); left > 0 && next < records.size(); --left) {
      const auto size = static_cast<unsigned char>(records[next]);
      if (size >= 0x80) {
        batch.values.push_back("large");
        break;
      }
      const std::string record = records.substr(next + 1, size / 2);
      next += 1 + size / 2;
      const size_t key = static_cast<unsigned char>(record[3]) / 2;
      batch.values.push_back(record.substr(5 + key, static_cast<unsigned char>(record[4 + key]) / 2));
    }
    std::lock_guard lock(mutex_);
    const int16_t error = judge_ ? judge_(batch) : int16_t{0};
    produced_.push_back(batch);
    return {error, batch.acks};
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
  std::atomic<bool> is_stopped_{false};
  std::mutex mutex_;
  std::vector<Produced> produced_;  // guarded by mutex_, as what follows
  Judge judge_;
};

class KafkaProducerTest : public ::testing::Test {
 protected:
  ~KafkaProducerTest() override {
    if (producer_ != nullptr) {
      producer_->Close();
      producer_->Stop(0);
    }
  }

  KafkaProducerOptions To(std::initializer_list<uint16_t> ports) {
    KafkaProducerOptions options{.topic = "t", .key = "me", .client_id = "test"};
    for (const uint16_t port : ports) options.brokers.push_back({"127.0.0.1", port});
    options.linger_ms = 20;
    options.backoff_ms = 5;
    options.max_backoff_ms = 20;
    options.timeout_ms = 5'000;
    return options;
  }

  KafkaProducer& Start(KafkaProducerOptions options) {
    producer_ = std::make_shared<KafkaProducer>(
        KafkaProducerServices{.io = io_,
                              .executor = executor_,
                              .clock = clock_,
                              .on_failure =
                                  [this](KafkaFailure failure, size_t lost, const core::Error& error) {
                                    std::lock_guard lock(mutex_);
                                    ++failures_[failure];
                                    lost_ += lost;
                                    last_error_ = error.message();
                                  },
                              .on_success = [this] { ++successes_; }},
        std::move(options));
    return *producer_;
  }

  // All that was sent has arrived or is lost.
  void Finish() {
    producer_->Close();
    EXPECT_EQ(producer_->Stop(10'000), 0);
  }

  int Failures(KafkaFailure failure) {
    std::lock_guard lock(mutex_);
    return failures_[failure];
  }
  static void Until(const std::function<bool()>& is_so) {
    for (int i = 0; i < 1'000 && !is_so(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(is_so());
  }

  core::SystemClock clock_;
  core::Executor executor_{core::ExecutorOptions{.threads = 2}};
  IoContext io_;
  std::mutex mutex_;
  std::map<KafkaFailure, int> failures_;
  size_t lost_ = 0;
  std::string last_error_;
  std::atomic<int> successes_{0};
  std::shared_ptr<KafkaProducer> producer_;
};

TEST_F(KafkaProducerTest, RecordsArriveInOrderAndTogether) {
  FakeBroker broker;
  KafkaProducer& producer = Start(To({broker.port()}));
  for (const char* value : {"a", "b", "c"}) EXPECT_TRUE(producer.Send(value));
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("a", "b", "c"));
  EXPECT_LT(broker.produced().size(), 3);
  EXPECT_EQ(broker.produced()[0].acks, 1);
  EXPECT_EQ(broker.produced()[0].producer_id, -1);
  EXPECT_THAT(failures_, IsEmpty());
  EXPECT_FALSE(producer.Send("late"));
}

TEST_F(KafkaProducerTest, ABrokerThatIsAwayIsWaitedForWithinBounds) {
  uint16_t port = 0;
  {
    FakeBroker gone;
    port = gone.port();
  }
  KafkaProducerOptions options = To({port});
  options.max_waiting = 3;
  KafkaProducer& producer = Start(options);
  for (const char* value : {"a", "b", "c"}) EXPECT_TRUE(producer.Send(value));
  EXPECT_FALSE(producer.Send("d"));
  Until([&] { return Failures(KafkaFailure::kNetwork) > 1; });
  FakeBroker broker(port);
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(lost_, 0);
}

TEST_F(KafkaProducerTest, WhatIsTooLargeIsNotTaken) {
  FakeBroker broker;
  KafkaProducerOptions options = To({broker.port()});
  options.max_record_bytes = 10;
  options.max_waiting_bytes = 15;
  options.linger_ms = 60'000;
  KafkaProducer& producer = Start(options);
  EXPECT_FALSE(producer.Send("elevenbytes"));
  EXPECT_TRUE(producer.Send("ten  bytes"));
  EXPECT_FALSE(producer.Send("six  b"));
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("ten  bytes"));
}

TEST_F(KafkaProducerTest, ErrorsThatPassAreTriedAgain) {
  FakeBroker broker;
  std::atomic<int> times{0};
  broker.SetJudge([&](const Produced&) -> int16_t { return ++times <= 2 ? 19 : 0; });
  KafkaProducer& producer = Start(To({broker.port()}));
  producer.Send("a");
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("a", "a", "a"));
  EXPECT_EQ(Failures(KafkaFailure::kBroker), 2);
  EXPECT_EQ(last_error_, "kafka: t: NOT_ENOUGH_REPLICAS");
  EXPECT_EQ(lost_, 0);
}

TEST_F(KafkaProducerTest, WhatIsRefusedForGoodIsLostAndTheRestGoesOn) {
  FakeBroker broker;
  broker.SetJudge([](const Produced& batch) -> int16_t { return batch.values[0] == "bad" ? 87 : 0; });
  KafkaProducer& producer = Start(To({broker.port()}));
  producer.Send("bad");
  Until([&] { return Failures(KafkaFailure::kBroker) == 1; });
  producer.Send("good");
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("bad", "good"));
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(successes_, 1);
}

TEST_F(KafkaProducerTest, ABatchThatIsTooLargeIsHalved) {
  FakeBroker broker;
  broker.SetJudge([](const Produced& batch) -> int16_t {
    const bool has_large = std::find(batch.values.begin(), batch.values.end(), "huge") != batch.values.end();
    return has_large ? 10 : 0;
  });
  KafkaProducerOptions options = To({broker.port()});
  options.linger_ms = 300;
  KafkaProducer& producer = Start(options);
  for (const char* value : {"a", "b", "huge", "c"}) producer.Send(value);
  Finish();
  EXPECT_EQ(lost_, 1);
  std::vector<std::string> taken;
  for (const Produced& batch : broker.produced()) {
    if (std::find(batch.values.begin(), batch.values.end(), "huge") == batch.values.end())
      taken.insert(taken.end(), batch.values.begin(), batch.values.end());
  }
  EXPECT_THAT(taken, ElementsAre("a", "b", "c"));
}

TEST_F(KafkaProducerTest, TheLeaderIsFollowed) {
  FakeBroker first;
  FakeBroker second;
  first.SetJudge([&](const Produced&) -> int16_t {
    first.leader_port = second.port();
    return 6;
  });
  KafkaProducer& producer = Start(To({first.port()}));
  producer.Send("a");
  Finish();
  EXPECT_THAT(second.values(), ElementsAre("a"));
  EXPECT_EQ(lost_, 0);
}

TEST_F(KafkaProducerTest, OtherBrokersAreAskedWhenOneIsGone) {
  uint16_t gone = 0;
  {
    FakeBroker first;
    gone = first.port();
  }
  FakeBroker second;
  KafkaProducer& producer = Start(To({gone, second.port()}));
  producer.Send("a");
  Finish();
  EXPECT_THAT(second.values(), ElementsAre("a"));
  EXPECT_EQ(Failures(KafkaFailure::kNetwork), 1);
}

TEST_F(KafkaProducerTest, ABrokerThatSaysNothingIsLeftInTime) {
  FakeBroker broker;
  std::atomic<int> times{0};
  broker.SetJudge([&](const Produced&) -> int16_t { return ++times == 1 ? FakeBroker::kSilence : 0; });
  KafkaProducerOptions options = To({broker.port()});
  options.timeout_ms = 50;
  KafkaProducer& producer = Start(options);
  producer.Send("a");
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("a", "a"));
  EXPECT_EQ(Failures(KafkaFailure::kTimeout), 1);
}

TEST_F(KafkaProducerTest, AConnectionThatEndedWhileNobodyAskedIsOpenedAgain) {
  FakeBroker broker;
  const uint16_t port = broker.port();
  KafkaProducer& producer = Start(To({port}));
  producer.Send("a");
  Until([&] { return successes_ == 1; });
  broker.Stop();
  FakeBroker next(port);
  producer.Send("b");
  Finish();
  EXPECT_THAT(next.values(), ElementsAre("b"));
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(KafkaProducerTest, WithAllEveryRecordHasANumber) {
  FakeBroker broker;
  std::atomic<int> times{0};
  broker.SetJudge([&](const Produced&) -> int16_t {
    switch (++times) {
      case 1:
        return FakeBroker::kHangUp;  // it may have been written
      case 2:
        return 46;  // it was
      case 4:
        return 45;
      default:
        return 0;
    }
  });
  KafkaProducerOptions options = To({broker.port()});
  options.acks = KafkaAcks::kAll;
  KafkaProducer& producer = Start(options);
  for (int i = 1; i <= 3; ++i) {
    producer.Send(std::to_string(i));
    Until([&] { return successes_ == i; });
  }
  Finish();
  std::vector<std::string> told;
  for (const Produced& batch : broker.produced())
    told.push_back(batch.values[0] + ":" + std::to_string(batch.producer_id) + ":" +
                   std::to_string(batch.sequence));
  EXPECT_THAT(told, ElementsAre("1:1000:0", "1:1000:0", "2:1000:1", "3:1000:2", "3:1001:0"));
  EXPECT_EQ(broker.produced()[0].acks, -1);
}

TEST_F(KafkaProducerTest, WithNoneNoAnswerIsWaitedFor) {
  FakeBroker broker;
  KafkaProducerOptions options = To({broker.port()});
  options.acks = KafkaAcks::kNone;
  KafkaProducer& producer = Start(options);
  producer.Send("a");
  Until([&] { return successes_ == 1; });
  producer.Send("b");
  Finish();
  Until([&] { return broker.values().size() == 2; });
}

TEST_F(KafkaProducerTest, ATopicThatStaysUnknownLosesItsRecords) {
  FakeBroker broker;
  broker.topic_error = 3;
  KafkaProducer& producer = Start(To({broker.port()}));
  producer.Send("a");
  Until([&] { return broker.metadata_asked >= 2; });
  producer.Send("b");
  Finish();
  EXPECT_EQ(lost_, 2);
  EXPECT_EQ(last_error_, "kafka: t: UNKNOWN_TOPIC_OR_PARTITION");
  EXPECT_EQ(broker.metadata_asked, 5);
}

TEST_F(KafkaProducerTest, AfterTheEndItTriesForAWhileOnly) {
  uint16_t gone = 0;
  {
    FakeBroker broker;
    gone = broker.port();
  }
  KafkaProducerOptions options = To({gone});
  options.flush_ms = 30;
  KafkaProducer& producer = Start(options);
  producer.Send("a");
  producer.Send("b");
  producer.Close();
  Until([&] { return producer.IsDone(); });
  EXPECT_EQ(lost_, 2);
  EXPECT_EQ(producer.Stop(0), 0);
}

TEST_F(KafkaProducerTest, StopGivesUpWhatWaits) {
  FakeBroker broker;
  broker.SetJudge([](const Produced&) -> int16_t { return FakeBroker::kSilence; });
  KafkaProducer& producer = Start(To({broker.port()}));
  producer.Send("a");
  Until([&] { return broker.values().size() == 1; });
  producer.Send("b");
  producer.Close();
  EXPECT_FALSE(producer.IsDone());
  EXPECT_EQ(producer.Stop(50), 2);
  EXPECT_TRUE(producer.IsDone());
}

TEST_F(KafkaProducerTest, AConnectionThatEndsIsTriedAgain) {
  FakeBroker broker;
  std::atomic<int> times{0};
  broker.SetJudge([&](const Produced&) -> int16_t { return ++times == 1 ? FakeBroker::kHangUp : 0; });
  KafkaProducer& producer = Start(To({broker.port()}));
  producer.Send("a");
  Finish();
  EXPECT_THAT(broker.values(), ElementsAre("a", "a"));
  EXPECT_EQ(Failures(KafkaFailure::kNetwork), 1);
}

}  // namespace
}  // namespace sextant::net
