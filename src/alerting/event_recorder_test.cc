#include "alerting/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string_view>

#include "alerting/event_protobuf.h"
#include "alerting/test_util.h"

namespace sextant::alerting {
namespace {

using ::testing::HasSubstr;

class EventRecorderTest : public ::testing::Test {
 protected:
  ~EventRecorderTest() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<EventRecorder> Start(const EventRecorderConfig& config) {
    return EventRecorder::Start({io_, executor_, client_, clock_, registry_, files_, core::Logger::Discard()},
                                "me", config);
  }
  EventRecorderConfig ToFile(const std::string& name) {
    EventRecorderConfig config;
    config.files.push_back({.name = "f", .path = folder_ / name});
    return config;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("event_recorder_test_" + RandomUuid());
  bool is_made_ = std::filesystem::create_directories(folder_);
  core::SystemClock clock_;
  core::Registry registry_;
  core::PosixFileSystem files_;
  core::Executor executor_{core::ExecutorOptions{.threads = 2}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
};

TEST_F(EventRecorderTest, WritesLinesAndCountsThem) {
  const auto recorder = Start(ToFile("events"));
  recorder->Record(StartupEvent("1.2"));
  recorder->Record(ShutdownEvent());
  recorder->Stop(0);
  const std::string text = testing::ReadWhole(folder_ / "events");
  EXPECT_THAT(text, ::testing::MatchesRegex(
                        "\\{\"@timestamp\":\"[^\"]*Z\",\"instance\":\"me\",\"data\":\\{"
                        "\"alertmanagerStartupEvent\":\\{\"version\":\"1.2\",\"buildContext\":[^\n]*\n[^\n]*"
                        "\"data\":\\{\"alertmanagerShutdownEvent\":\\{\\}\\}\\}\n"));
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("alertmanager_events_recorded_total{event_type=\"alertmanager_startup_event\","
                        "output=\"file:f\",result=\"success\"} 1\n"));
  recorder->Record(ShutdownEvent());  // too late, and no harm
}

TEST_F(EventRecorderTest, AFileThatCannotBeWrittenIsCounted) {
  const auto recorder = Start(ToFile("no/such/folder"));
  recorder->Record(ShutdownEvent());
  recorder->Stop(0);
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("alertmanager_events_recorded_total{event_type=\"alertmanager_shutdown_event\","
                        "output=\"file:f\",result=\"error\"} 1\n"));
}

TEST_F(EventRecorderTest, WaitingEventsAreBounded) {
  const auto recorder = Start(ToFile("events"));
  // All threads are busy: nothing is written until they are let go.
  std::promise<void> go;
  std::shared_future<void> wait = go.get_future().share();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(executor_.Submit(core::Priority::kIngest, [wait] { wait.wait(); }));
  }
  for (int i = 0; i < 8'192 + 5; ++i) recorder->Record(ShutdownEvent());
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("alertmanager_events_dropped_total{event_type=\"alertmanager_shutdown_event\"} 5\n"));
  EXPECT_THAT(registry_.RenderText(), HasSubstr("alertmanager_event_recorder_queue_length 8192\n"));
  go.set_value();
  recorder->Stop(0);
  const std::string text = testing::ReadWhole(folder_ / "events");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8'192);
}

TEST_F(EventRecorderTest, AWebhookIsGivenUpAtTheEnd) {
  EventRecorderConfig config;
  EventWebhookConfig webhook;
  webhook.name = "w";
  webhook.url = "http://127.0.0.1:1/";
  webhook.retry_backoff_ms = 3'600'000;
  config.webhooks.push_back(webhook);
  const auto recorder = Start(config);
  recorder->Record(ShutdownEvent());
  recorder->Stop(1);
  EXPECT_THAT(registry_.RenderText(),
              HasSubstr("alertmanager_event_output_drops_total{output=\"webhook:w\"} 1\n"));
}

TEST(EventOutputNameTest, ShowsNoSecrets) {
  EventWebhookConfig webhook;
  webhook.url = "https://user:secret@host:8443/secret?token=secret";
  EXPECT_EQ(OutputName(webhook), "webhook:host:8443");
  webhook.url = "http://host/secret";
  EXPECT_EQ(OutputName(webhook), "webhook:http://host");
  webhook.name = "lake";
  EXPECT_EQ(OutputName(webhook), "webhook:lake");
  EXPECT_EQ(OutputName(EventStdoutConfig()), "stdout");
  EXPECT_EQ(OutputName(EventFileConfig{.name = "", .path = "/var/log/a"}), "file:/var/log/a");
}

TEST(EventProtobuf, HasTheFieldsOfTheJson) {
  using namespace std::string_literals;
  const core::TimestampMs now_ms = 1'700'000'000'250;
  EXPECT_EQ(EventProtobuf(EventLine(ShutdownEvent(), "me", now_ms)),
            "\x0a\x0b\x08\x80\xe2\xcf\xaa\x06\x10\x80\xe5\x9a\x77"  // 1: {1: seconds, 2: nanos}
            "\x12\x02me"                                            // 2
            "\x1a\x02\x12\x00"s);                                   // 3: {2: {}}
  EXPECT_EQ(EventProtobuf(R"({"@timestamp":"1969-12-31T23:59:59.5Z"})"),
            "\x0a\x11\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x80\xca\xb5\xee\x01"s);
  // A default in a list counts, by itself it does not; a number that no list has is packed.
  EXPECT_EQ(
      EventProtobuf(R"({"instance":"","data":{"inhibitionMutedAlert":{"inhibitRules":[{"equalLabels":["",)"
                    R"("a"],"name":"r"}],"inhibitingFingerprints":["1","300"]}}})"),
      "\x1a\x11\x52\x0f\x0a\x08\x1a\x00\x1a\x01"
      "a\x22\x01r\x1a\x03\x01\xac\x02"s);
  EXPECT_EQ(EventProtobuf(R"({"data":{"notification":{"reason":"NOTIFY_REASON_REPEAT_INTERVAL_ELAPSED",)"
                          R"("repeatInterval":"1.500s","flushId":"2","unknown":1}}})"),
            "\x1a\x10\x32\x0e\x32\x08\x08\x01\x10\x80\xca\xb5\xee\x01\x38\x05\x40\x02"s);
}

TEST(EventProtobuf, WhatIsNoEventIsNothing) {
  EXPECT_EQ(EventProtobuf(""), "");
  EXPECT_EQ(EventProtobuf("{"), "");
  EXPECT_EQ(EventProtobuf(R"({"data":7,"instance":[]})"), std::string("\x1a\x00", 2));
}

TEST(EventRecorderConfigNames, KafkaIsCalledByItsBrokersInOrder) {
  EXPECT_EQ(OutputName(EventKafkaConfig{.brokers = {"b:9092", "a:9092"}, .topic = "t"}),
            "kafka:a:9092,b:9092/t");
  EXPECT_EQ(OutputName(EventKafkaConfig{.name = "n"}), "kafka:n");
  EXPECT_EQ(BrokerAddress("kafka")->port, 9092);
  EXPECT_EQ(BrokerAddress("[::1]")->port, 9092);
  EXPECT_EQ(BrokerAddress("[::1]:1")->host, "::1");
  EXPECT_EQ(BrokerAddress(":1")->host, "127.0.0.1");
  EXPECT_FALSE(BrokerAddress("a:b"));
}

}  // namespace
}  // namespace sextant::alerting
