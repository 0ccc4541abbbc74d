#include "pipeline/processors/batch_processor.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using testing::ElementsAre;

class BatchProcessorTest : public testing::Test {
 protected:
  Processor& Make(BatchConfig config) {
    processor_ = MakeBatchProcessor(environment_.Settings("batch"), config, Signal::kTraces, next_);
    EXPECT_TRUE(processor_->Start());
    return *processor_;
  }

  ComponentHarness environment_;
  NotingConsumer next_;
  std::unique_ptr<Processor> processor_;
};

TEST_F(BatchProcessorTest, AFullBatchGoesAtOnceAndTheRestWithTime) {
  Processor& batch = Make({.timeout_ms = 50, .send_batch_size = 4});
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(3, "a")));
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(3, "b")));
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(1, "c")));
  std::vector<Telemetry> batches = next_.WaitForBatches(2);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_THAT(SpanNames(batches[0]), ElementsAre("a0", "a1", "a2", "b0", "b1", "b2"));
  EXPECT_THAT(SpanNames(batches[1]), ElementsAre("c0"));
  batch.Shutdown();
  EXPECT_EQ(environment_.MetricValue("otelcol_processor_batch_batch_size_trigger_send{processor=\"batch\"}"),
            1);
  EXPECT_EQ(environment_.MetricValue("otelcol_processor_batch_timeout_trigger_send{processor=\"batch\"}"), 1);
}

TEST_F(BatchProcessorTest, LargeOnesAreCut) {
  Processor& batch = Make({.timeout_ms = 10'000, .send_batch_size = 4, .send_batch_max_size = 5});
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(12)));
  std::vector<Telemetry> batches = next_.WaitForBatches(2);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].CountItems(), 5u);
  EXPECT_EQ(batches[1].CountItems(), 5u);
  batch.Shutdown();
  EXPECT_EQ(next_.WaitForItems(12), 12u);
}

TEST_F(BatchProcessorTest, WhatIsRefusedForNowIsKeptAndPushesBack) {
  Processor& batch = Make({.timeout_ms = 10, .send_batch_size = 1'000});
  next_.RefuseAll(true);
  size_t taken = 0;
  Outcome outcome;
  for (int i = 0; i < 100 && outcome; ++i) {
    size_t calls = next_.calls();
    outcome = ConsumeAndWait(batch, Spans(1'000));
    if (outcome) taken += 1'000;
    if (i == 0) next_.WaitForCalls(calls + 1);
  }
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().is_permanent);
  EXPECT_EQ(outcome.error().message, "what is behind refuses: not now");
  next_.RefuseAll(false);
  EXPECT_EQ(next_.WaitForItems(taken), taken);
  batch.Shutdown();
  EXPECT_EQ(next_.WaitForItems(taken), taken);
}

TEST_F(BatchProcessorTest, WhatIsRefusedForGoodIsCounted) {
  Processor& batch = Make({.timeout_ms = 10, .send_batch_size = 2});
  next_.RefuseNext({.message = "never", .is_permanent = true});
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(2)));
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(3)));
  EXPECT_EQ(next_.WaitForItems(3), 3u);
  batch.Shutdown();
  EXPECT_EQ(environment_.MetricValue("sextant_pipeline_dropped_items_total{component=\"processor "
                                     "batch\",reason=\"not taken\"}"),
            2);
}

TEST_F(BatchProcessorTest, TheEndHandsOnWhatIsHeld) {
  Processor& batch = Make({.timeout_ms = 60'000, .send_batch_size = 1'000});
  EXPECT_TRUE(ConsumeAndWait(batch, Spans(3)));
  next_.RefuseNext({.message = "not yet"});
  batch.Shutdown();
  EXPECT_EQ(next_.WaitForItems(3), 3u);
  EXPECT_FALSE(ConsumeAndWait(batch, Spans(1)));
}

TEST_F(BatchProcessorTest, MetadataIsBatchedApartWithinALimit) {
  BatchConfig config{.timeout_ms = 10, .send_batch_size = 100, .metadata_keys = {"tenant"}};
  config.metadata_cardinality_limit = 2;
  Processor& batch = Make(config);
  auto from = [&](const std::string& tenant) {
    Telemetry spans = Spans(1, tenant);
    auto client = std::make_shared<Client>();
    client->metadata = {{"tenant", tenant}};
    spans.client = client;
    return ConsumeAndWait(batch, std::move(spans));
  };
  EXPECT_TRUE(from("a"));
  EXPECT_TRUE(from("b"));
  EXPECT_TRUE(from("a"));
  Outcome third = from("c");
  ASSERT_FALSE(third);
  EXPECT_TRUE(third.error().is_permanent);
  EXPECT_EQ(third.error().message, "too many batcher metadata-value combinations");
  EXPECT_EQ(next_.WaitForItems(3), 3u);
  for (const Telemetry& one : next_.WaitForBatches(0)) {
    std::vector<std::string> names = SpanNames(one);
    for (const std::string& name : names) EXPECT_EQ(name, names[0]);
  }
  batch.Shutdown();
}

TEST(BatchConfigTest, WrongSettingsAreRefused) {
  auto read = [](std::string_view yaml) -> std::string {
    auto document = config::Document::Parse(yaml, "c.yaml");
    core::Result<BatchConfig> config = config::Decode<BatchConfig>(document->root());
    return config ? "" : config.error().message();
  };
  EXPECT_EQ(read("timeout: 5s\nsend_batch_size: 10\n"), "");
  EXPECT_EQ(read("send_batch_size: 10\nsend_batch_max_size: 5\n"),
            "c.yaml:1:1: send_batch_max_size must be greater or equal to send_batch_size");
  EXPECT_EQ(read("metadata_keys: [a, A]\n"),
            "c.yaml:1:1: duplicate entry in metadata_keys: \"a\" (case-insensitive)");
  EXPECT_EQ(read("timeout: soon\n"), "c.yaml:1:10: timeout: time: invalid duration \"soon\"");
}

}  // namespace
}  // namespace sextant::pipeline
