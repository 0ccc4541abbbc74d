#include "pipeline/delivery/queued_exporter.h"

#include "pipeline/component_harness.h"
#include "pipeline/delivery/backoff.h"
#include "pipeline/item_account.h"

namespace sextant::pipeline {
namespace {

// A peer that takes, refuses or stays silent as it is told.
class FakePeer {
 public:
  class FakeSender final : public Sender {
   public:
    explicit FakeSender(FakePeer& peer) : peer_(peer) {}
    void Send(Telemetry batch, Done done) override { peer_.Take(std::move(batch), std::move(done)); }
    void Shutdown() override { peer_.Cut(); }

   private:
    FakePeer& peer_;
  };

  std::unique_ptr<Sender> NewSender() { return std::make_unique<FakeSender>(*this); }

  void Take(Telemetry batch, Done done) {
    {
      std::lock_guard lock(mutex_);
      if (is_silent_) {
        silent_.push_back(std::move(done));
        return;
      }
    }
    taken.Consume(std::move(batch), std::move(done));
  }
  void SetSilent(bool is_silent) {
    std::lock_guard lock(mutex_);
    is_silent_ = is_silent;
  }
  size_t held() {
    std::lock_guard lock(mutex_);
    return silent_.size();
  }
  void Cut() { Release(Refuse("cut off")); }
  void Release(const Outcome& outcome) {
    std::vector<Done> released;
    {
      std::lock_guard lock(mutex_);
      released.swap(silent_);
    }
    for (Done& done : released) done(outcome);
  }

  NotingConsumer taken;

 private:
  std::mutex mutex_;
  bool is_silent_ = false;
  std::vector<Done> silent_;
};

class QueuedExporterTest : public testing::Test {
 protected:
  Exporter& Make(const std::optional<QueueConfig>& queue, RetryConfig retry = QuickRetry()) {
    exporter_ = MakeQueuedExporter(environment_.Settings("otlp", "peer"), Signal::kTraces, queue, retry,
                                   peer_.NewSender());
    EXPECT_TRUE(exporter_->Start());
    return *exporter_;
  }
  static RetryConfig QuickRetry() {
    RetryConfig retry;
    retry.initial_interval_ms = 5;
    retry.max_interval_ms = 20;
    return retry;
  }
  double Metric(const std::string& name, const std::string& labels = "exporter=\"otlp/peer\"") const {
    return environment_.MetricValue("otelcol_exporter_" + name + "{" + labels + "}");
  }

  ComponentHarness environment_;
  FakePeer peer_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(QueuedExporterTest, WhatIsRefusedForNowIsSentAgain) {
  Exporter& exporter = Make(QueueConfig());
  for (int i = 0; i < 3; ++i) peer_.taken.RefuseNext({.message = "busy"});
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(4)));
  EXPECT_EQ(peer_.taken.WaitForItems(4), 4u);
  exporter.Shutdown();
  EXPECT_EQ(peer_.taken.calls(), 4u);
  EXPECT_EQ(Metric("sent_spans"), 4);
  EXPECT_EQ(Metric("send_failed_spans"), 0);
}

TEST_F(QueuedExporterTest, WhatIsRefusedForGoodIsGivenUpAndCounted) {
  Exporter& exporter = Make(QueueConfig());
  peer_.taken.RefuseNext({.message = "bad", .is_permanent = true});
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(4)));
  EXPECT_TRUE(WaitUntil([&] { return Metric("send_failed_spans") == 4; }));
  exporter.Shutdown();
  EXPECT_EQ(peer_.taken.calls(), 1u);
}

TEST_F(QueuedExporterTest, AFullQueueRefuses) {
  QueueConfig queue;
  queue.num_consumers = 1;
  queue.queue_size = 2;
  Exporter& exporter = Make(queue);
  peer_.SetSilent(true);
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(1)));
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(1)));
  Outcome third = ConsumeAndWait(exporter, Spans(5));
  ASSERT_FALSE(third);
  EXPECT_FALSE(third.error().is_permanent);
  EXPECT_EQ(third.error().message, "sending queue is full");
  EXPECT_EQ(Metric("enqueue_failed_spans"), 5);
  EXPECT_EQ(Metric("queue_size", "data_type=\"traces\",exporter=\"otlp/peer\""), 2);
  EXPECT_EQ(Metric("queue_capacity", "data_type=\"traces\",exporter=\"otlp/peer\""), 2);
  EXPECT_TRUE(WaitUntil([&] { return peer_.held() == 1; }));
  peer_.SetSilent(false);
  peer_.Release({});
  EXPECT_EQ(peer_.taken.WaitForItems(1), 1u);
  exporter.Shutdown();
  EXPECT_EQ(Metric("sent_spans"), 2);
}

TEST_F(QueuedExporterTest, ABlockingQueueWaitsForRoom) {
  QueueConfig queue;
  queue.num_consumers = 1;
  queue.queue_size = 1;
  queue.block_on_overflow = true;
  Exporter& exporter = Make(queue);
  peer_.SetSilent(true);
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(1)));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held() == 1; }));
  std::atomic<bool> is_taken = false;
  exporter.Consume(Spans(2), [&](Outcome outcome) { is_taken = outcome.has_value(); });
  EXPECT_FALSE(is_taken);
  peer_.SetSilent(false);
  peer_.Release({});
  EXPECT_EQ(peer_.taken.WaitForItems(2), 2u);
  EXPECT_TRUE(WaitUntil([&] { return is_taken.load(); }));
  exporter.Shutdown();
}

TEST_F(QueuedExporterTest, WithoutAQueueTheSenderLearnsTheOutcome) {
  RetryConfig retry;
  retry.enabled = false;
  Exporter& exporter = Make(std::nullopt, retry);
  peer_.taken.RefuseNext({.message = "busy"});
  Outcome first = ConsumeAndWait(exporter, Spans(1));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().message, "busy");
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(1)));
  exporter.Shutdown();
}

TEST_F(QueuedExporterTest, ResultsAreWaitedForWhenAsked) {
  QueueConfig queue;
  queue.wait_for_result = true;
  Exporter& exporter = Make(queue);
  peer_.taken.RefuseNext({.message = "bad", .is_permanent = true});
  Outcome outcome = ConsumeAndWait(exporter, Spans(1));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "bad");
  exporter.Shutdown();
}

TEST_F(QueuedExporterTest, WhatWaitsIsJoinedToBatches) {
  QueueConfig queue;
  queue.num_consumers = 1;
  queue.batch =
      QueueBatchConfig{.flush_timeout_ms = 50, .min_size = 10, .max_size = 12, .sizer = Sizer::kItems};
  Exporter& exporter = Make(queue);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ConsumeAndWait(exporter, Spans(3)));
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(30)));
  EXPECT_EQ(peer_.taken.WaitForItems(45), 45u);
  exporter.Shutdown();
  for (const Telemetry& batch : peer_.taken.WaitForBatches(0)) EXPECT_LE(batch.CountItems(), 12u);
  EXPECT_EQ(Metric("sent_spans"), 45);
}

TEST_F(QueuedExporterTest, BatchesAreMadeApartByMetadata) {
  QueueConfig queue;
  queue.num_consumers = 1;
  queue.batch.emplace();
  queue.batch->sizer = Sizer::kItems;
  queue.batch->min_size = 4;
  queue.batch->flush_timeout_ms = 60'000;
  queue.batch->partition.metadata_keys = {"x-tenant"};
  Exporter& exporter = Make(queue);
  auto of = [](const std::string& tenant, const std::string& name) {
    Telemetry batch = Spans(2, name);
    if (!tenant.empty()) batch.client = std::make_shared<const Client>(Client{"", {{"x-tenant", tenant}}});
    return batch;
  };
  EXPECT_TRUE(ConsumeAndWait(exporter, of("red", "a")));
  EXPECT_TRUE(ConsumeAndWait(exporter, of("blue", "b")));
  EXPECT_TRUE(ConsumeAndWait(exporter, of("", "c")));
  EXPECT_EQ(peer_.taken.calls(), 0u);
  EXPECT_TRUE(ConsumeAndWait(exporter, of("red", "d")));
  std::vector<Telemetry> batches = peer_.taken.WaitForBatches(1);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(SpanNames(batches[0]), (std::vector<std::string>{"a0", "a1", "d0", "d1"}));
  EXPECT_EQ(batches[0].client->Values("x-tenant"), std::vector<std::string_view>{"red"});
  // The end sends what waits in the others.
  exporter.Shutdown();
  batches = peer_.taken.WaitForBatches(3);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(SpanNames(batches[1]), (std::vector<std::string>{"b0", "b1"}));
  EXPECT_EQ(SpanNames(batches[2]), (std::vector<std::string>{"c0", "c1"}));
}

TEST_F(QueuedExporterTest, TheEndSendsWhatIsQueued) {
  QueueConfig queue;
  queue.num_consumers = 1;
  Exporter& exporter = Make(queue);
  peer_.taken.RefuseAll(true);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ConsumeAndWait(exporter, Spans(1)));
  peer_.taken.WaitForCalls(1);
  peer_.taken.RefuseAll(false);
  exporter.Shutdown();
  EXPECT_EQ(peer_.taken.WaitForItems(20), 20u);
  Outcome late = ConsumeAndWait(exporter, Spans(1));
  ASSERT_FALSE(late);
  EXPECT_FALSE(late.error().is_permanent);
}

TEST_F(QueuedExporterTest, APeerThatNeverAnswersDoesNotHoldUpTheEndForEver) {
  Exporter& exporter = Make(QueueConfig());
  peer_.SetSilent(true);
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(7)));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held() == 1; }));
  exporter.Shutdown();
  EXPECT_EQ(Metric("send_failed_spans"), 7);
}

// "reason items" of what nobody has any more.
std::vector<std::string> Dropped(const ItemAccount& account) {
  std::vector<std::string> dropped;
  for (const DroppedItems& one : account.dropped)
    dropped.push_back(fmt::format("{} {}", one.reason, one.items));
  return dropped;
}

TEST_F(QueuedExporterTest, ItsAccountTellsTheQueueAndWhatWasLost) {
  QueueConfig queue;
  queue.num_consumers = 1;
  queue.queue_size = 10;
  queue.sizer = Sizer::kItems;
  Exporter& exporter = Make(queue);
  auto account = [&] { return dynamic_cast<KeepsAccount&>(exporter).Account(); };
  peer_.SetSilent(true);
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(4)));
  EXPECT_FALSE(ConsumeAndWait(exporter, Spans(7)));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held() == 1; }));
  ItemAccount full = account();
  ASSERT_TRUE(full.queue);
  EXPECT_EQ(full.queue->size, 4);
  EXPECT_EQ(full.queue->capacity, 10);
  EXPECT_EQ(full.queue->unit, "items");
  EXPECT_EQ(full.not_queued, 7u);
  EXPECT_TRUE(full.dropped.empty());

  peer_.Release(Taken{3, "three are no good"});
  EXPECT_TRUE(WaitUntil([&] { return account().sent == 1; }));
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(2)));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held() == 1; }));
  peer_.Release(tl::unexpected(Refusal{.message = "bad", .is_permanent = true}));
  EXPECT_TRUE(WaitUntil([&] { return account().send_failed == 2; }));
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(5)));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held() == 1; }));
  exporter.Shutdown();
  EXPECT_EQ(account().send_failed, 7u);
  EXPECT_EQ(account().queue->size, 0);
  EXPECT_THAT(Dropped(account()), testing::ElementsAre("refused for good 2", "rejected by the peer 3",
                                                       "not sent before the shutdown 5"));
}

TEST_F(QueuedExporterTest, WhatItsSenderWasToldIsNotDropped) {
  RetryConfig retry;
  retry.enabled = false;
  Exporter& exporter = Make(std::nullopt, retry);
  peer_.taken.RefuseNext({.message = "busy"});
  EXPECT_FALSE(ConsumeAndWait(exporter, Spans(3)));
  ItemAccount account = dynamic_cast<KeepsAccount&>(exporter).Account();
  EXPECT_FALSE(account.queue);
  EXPECT_EQ(account.send_failed, 3u);
  EXPECT_TRUE(account.dropped.empty());
  exporter.Shutdown();
}

TEST(BackoffTest, WaitsGrowWithinLimits) {
  RetryConfig config;
  config.initial_interval_ms = 1'000;
  config.max_interval_ms = 4'000;
  config.max_elapsed_time_ms = 60'000;
  config.randomization_factor = 0;
  config.multiplier = 2;
  Backoff backoff(config, 1);
  EXPECT_EQ(backoff.Next(0, 0), 1'000);
  EXPECT_EQ(backoff.Next(0, 0), 2'000);
  EXPECT_EQ(backoff.Next(0, 10'000), 10'000);
  EXPECT_EQ(backoff.Next(0, 0), 4'000);
  EXPECT_EQ(backoff.Next(58'000, 0), std::nullopt);
}

}  // namespace
}  // namespace sextant::pipeline
