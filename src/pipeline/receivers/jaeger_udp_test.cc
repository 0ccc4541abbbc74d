#include "pipeline/receivers/jaeger_udp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/node.h"
#include "pipeline/component_harness.h"

namespace sextant::pipeline {

namespace {

constexpr std::string_view kBad = "bad";

// A span named as the packet says.
core::Result<otlp::TracesData> DecodeName(std::string_view packet) {
  if (packet == kBad) return core::Fail(core::Code::kInvalidArgument, "malformed");
  otlp::TracesData data;
  data.resources.emplace_back().scopes.emplace_back().spans.emplace_back().name = packet;
  return data;
}

// Holds what it gets until it is told to let go.
class HoldingConsumer final : public Consumer {
 public:
  void Consume(Telemetry batch, Done done) override {
    std::unique_lock lock(mutex_);
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return lets_go_; });
    names_.push_back(SpanNames(batch).at(0));
    lock.unlock();
    done({});
  }
  void WaitForHeld(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return held_ >= count; });
  }
  void LetGo() {
    std::lock_guard lock(mutex_);
    lets_go_ = true;
    changed_.notify_all();
  }
  std::vector<std::string> names() {
    std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t held_ = 0;
  bool lets_go_ = false;
  std::vector<std::string> names_;
};

class JaegerUdpTest : public testing::Test {
 protected:
  std::unique_ptr<JaegerUdp> Start(JaegerUdpConfig config, Consumer& next) {
    config.endpoint = "localhost:0";
    auto started =
        JaegerUdp::Start(environment_.Settings("jaeger"), config, "udp_thrift_compact", &DecodeName, next);
    EXPECT_TRUE(started) << started.error().message();
    return started ? std::move(*started) : nullptr;
  }

  void Send(uint16_t port, std::string_view bytes) {
    int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }

  double Dropped(const std::string& reason) {
    return environment_.MetricValue(
        "sextant_otelcol_jaeger_dropped_packets_total{receiver=\"jaeger\",transport=\"udp_thrift_"
        "compact\",reason=\"" +
        reason + "\"}");
  }
  double Spans(const std::string& what) {
    return environment_.MetricValue("otelcol_receiver_" + what +
                                    "_spans{receiver=\"jaeger\",transport=\"udp_thrift_compact\"}");
  }

  ComponentHarness environment_;
};

TEST_F(JaegerUdpTest, HandsOnWhatIsDecoded) {
  NotingConsumer next;
  auto udp = Start({.max_packet_size = 8}, next);
  Send(udp->port(), "first");
  std::vector<Telemetry> batches = next.WaitForBatches(1);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(SpanNames(batches[0]), std::vector<std::string>{"first"});
  EXPECT_EQ(batches[0].client->address, "127.0.0.1");
  EXPECT_TRUE(WaitUntil([&] { return Spans("accepted") == 1; }));

  Send(udp->port(), kBad);
  EXPECT_TRUE(WaitUntil([&] { return Dropped("malformed") == 1; }));
  Send(udp->port(), "longer than eight");
  EXPECT_TRUE(WaitUntil([&] { return Dropped("too_large") == 1; }));
  next.RefuseNext({.message = "full"});
  Send(udp->port(), "second");
  EXPECT_TRUE(WaitUntil([&] { return Spans("refused") == 1; }));
  EXPECT_EQ(next.WaitForBatches(1).size(), 1u);
}

TEST_F(JaegerUdpTest, QueuesSoMuchAndCountsTheRest) {
  HoldingConsumer next;
  auto udp = Start({.queue_size = 2, .workers = 1}, next);
  Send(udp->port(), "held");
  next.WaitForHeld(1);
  for (const char* name : {"queued", "last", "lost"}) Send(udp->port(), name);
  EXPECT_TRUE(WaitUntil([&] { return Dropped("queue_full") == 1; }));
  next.LetGo();
  udp->Stop();
  EXPECT_THAT(next.names(), testing::UnorderedElementsAre("held", "queued", "last"));
  EXPECT_EQ(Spans("accepted"), 3);
}

TEST_F(JaegerUdpTest, ChecksItsSettings) {
  auto error = [](const std::string& yaml) {
    auto document = config::Document::Parse(yaml, "c.yml");
    JaegerUdpConfig config;
    core::Status read = config::DecodeInto(document->root(), config);
    return read ? std::string() : std::string(read.error().message());
  };
  EXPECT_EQ(error("{queue_size: 5, max_packet_size: 1, workers: 2, socket_buffer_size: 0}"), "");
  EXPECT_EQ(error("{queue_size: 0}"), "c.yml:1:14: queue_size: must be from 1 to 100000");
  EXPECT_EQ(error("{max_packet_size: 70000}"), "c.yml:1:19: max_packet_size: must be from 1 to 65535");
  EXPECT_EQ(error("{workers: 1000}"), "c.yml:1:11: workers: must be from 1 to 256");
  EXPECT_EQ(error("{socket_buffer_size: -1}"),
            "c.yml:1:22: socket_buffer_size: must be from 0 to 1073741824");
}

}  // namespace

}  // namespace sextant::pipeline
