#include "pipeline/exporters/sextant_exporter.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using model::AppendOutcome;

// Takes samples of one series in the order of their times, and at most one series.
class SmallStore final : public model::Appendable {
 public:
  std::unique_ptr<model::Appender> NewAppender() override { return std::make_unique<Batch>(*this); }

  std::vector<double> values;
  core::TimestampMs newest_ms = 0;
  model::Labels series;
  bool fails_commits = false;

 private:
  class Batch final : public model::Appender {
   public:
    explicit Batch(SmallStore& store) : store_(store) {}
    model::AppendResult Append(model::SeriesRef, const model::Labels& labels, core::TimestampMs time_ms,
                               double value) override {
      if (store_.series.empty()) store_.series = labels;
      if (labels != store_.series) return {0, AppendOutcome::kSeriesLimit};
      if (time_ms <= store_.newest_ms) return {1, AppendOutcome::kOutOfOrder};
      pending_.emplace_back(time_ms, value);
      return {1, AppendOutcome::kOk};
    }
    model::AppendResult AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                     const model::Sample& sample) override {
      return Append(ref, labels, sample.time_ms, sample.value);
    }
    model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                       const model::Exemplar&) override {
      return {ref, AppendOutcome::kOk};
    }
    model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                       const model::MetricMetadata&) override {
      return {ref, AppendOutcome::kOk};
    }
    core::Status Commit() override {
      if (store_.fails_commits) return core::Fail(core::Code::kIo, "the disk is full");
      for (const auto& [time_ms, value] : pending_) {
        store_.newest_ms = time_ms;
        store_.values.push_back(value);
      }
      return {};
    }
    void Rollback() override {}

   private:
    SmallStore& store_;
    std::vector<std::pair<core::TimestampMs, double>> pending_;
  };
};

Telemetry Gauges(const std::vector<std::pair<std::string, uint64_t>>& points) {
  otlp::MetricsData data;
  otlp::ScopeMetrics& scope = data.resources.emplace_back().scopes.emplace_back();
  for (const auto& [name, time_ms] : points) {
    otlp::Metric& metric = scope.metrics.emplace_back();
    metric.name = data.memory.Copy(name);
    metric.kind = otlp::MetricKind::kGauge;
    otlp::NumberPoint& point = metric.numbers.emplace_back();
    point.time_ns = time_ms * 1'000'000;
    point.value.kind = otlp::NumberKind::kInt;
    point.value.integer = static_cast<int64_t>(time_ms);
  }
  return Telemetry(std::move(data));
}

class SextantExporterTest : public testing::Test {
 protected:
  double Count(const std::string& what) {
    return environment_.MetricValue("otelcol_exporter_" + what + "_metric_points{exporter=\"sextant\"}");
  }

  ComponentHarness environment_;
  SmallStore small_;
  remote::OtlpStore store_{small_, environment_.clock(), environment_.registry, core::Logger::Discard(), {}};
  MetricStoreConsumer consumer_{store_, environment_.registry, {"sextant", ""}, core::Logger::Discard()};
};

TEST_F(SextantExporterTest, PointsGoIntoTheStore) {
  ASSERT_TRUE(ConsumeAndWait(consumer_, Gauges({{"a", 1}, {"a", 2}})));
  EXPECT_EQ(small_.values, (std::vector<double>{1, 2}));
  EXPECT_EQ(Count("sent"), 2);
  EXPECT_EQ(Count("send_failed"), 0);
}

TEST_F(SextantExporterTest, WhatTheStoreRefusesForGoodIsCountedAndNotOfferedAgain) {
  // Out of order, and over the limit of series; the rest is taken.
  Outcome outcome = ConsumeAndWait(consumer_, Gauges({{"a", 5}, {"b", 6}, {"a", 7}}));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->rejected_items, 1u);
  EXPECT_TRUE(outcome->message.starts_with(model::OutcomeText(AppendOutcome::kSeriesLimit)))
      << outcome->message;
  ASSERT_TRUE(ConsumeAndWait(consumer_, Gauges({{"a", 6}, {"a", 8}})));
  EXPECT_EQ(small_.values, (std::vector<double>{5, 7, 8}));
  EXPECT_EQ(Count("sent"), 3);
  EXPECT_EQ(Count("send_failed"), 2);
}

TEST_F(SextantExporterTest, ABatchOfWhichNothingIsTakenIsRefusedForGood) {
  ASSERT_TRUE(ConsumeAndWait(consumer_, Gauges({{"a", 5}})));
  Outcome outcome = ConsumeAndWait(consumer_, Gauges({{"a", 4}}));
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is_permanent);
  EXPECT_EQ(outcome.error().message, "nothing of it was stored: out of order sample");
}

TEST_F(SextantExporterTest, AStoreThatCannotWriteAsksForAnotherTry) {
  small_.fails_commits = true;
  Outcome outcome = ConsumeAndWait(consumer_, Gauges({{"a", 5}}));
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().is_permanent);
  small_.fails_commits = false;
  EXPECT_TRUE(ConsumeAndWait(consumer_, Gauges({{"a", 5}})));
  EXPECT_EQ(small_.values, (std::vector<double>{5}));
}

TEST_F(SextantExporterTest, NeedsAStoreAndMakesLabelsOfResourcesWhenTold) {
  ComponentType type = SextantExporterType();
  auto document = config::Document::Parse("resource_to_telemetry_conversion: {enabled: true}", "c.yml");
  ASSERT_TRUE(document);
  auto config = type.read(document->root());
  ASSERT_TRUE(config);
  EXPECT_FALSE(type.make_exporter(environment_.Settings("sextant"), *config, Signal::kMetrics));
  environment_->metric_store = &store_;
  auto made = type.make_exporter(environment_.Settings("sextant"), *config, Signal::kMetrics);
  ASSERT_TRUE(made);
  Telemetry batch = Gauges({{"a", 5}});
  otlp::MetricsData& data = batch.MutableMetrics();
  const otlp::KeyValue attributes[] = {{"host.name", otlp::AnyValue::Text("h")}};
  data.resources[0].resource.attributes = data.memory.CopyList(std::span<const otlp::KeyValue>(attributes));
  ASSERT_TRUE(ConsumeAndWait(**made, std::move(batch)));
  EXPECT_EQ(small_.series.ToMetricString(), "a{host_name=\"h\"}");
}

}  // namespace
}  // namespace sextant::pipeline
