#include "pipeline/receivers/scraped_metrics.h"

#include <gtest/gtest.h>

#include <map>

#include "model/value.h"
#include "pipeline/component_harness.h"
#include "pipeline/exporters/debug_text.h"

namespace sextant::pipeline {

namespace {

class ScrapedMetricsTest : public testing::Test {
 protected:
  std::unique_ptr<ScrapedMetrics> Make(bool trims = false) {
    return std::make_unique<ScrapedMetrics>(
        ScrapedMetricsOptions{
            .trims_suffixes = trims,
            .scope_name = "scope",
            .scope_version = "1",
            .scheme_of_job = [](const std::string&) { return "http"; },
            .metadata_of = [this](const std::string& family) -> std::optional<model::MetricMetadata> {
              auto found = metadata_.find(family);
              if (found == metadata_.end()) return std::nullopt;
              return found->second;
            }},
        [this](otlp::MetricsData data) { batches_.push_back(std::move(data)); });
  }

  using Labels = std::vector<std::pair<std::string, std::string>>;
  static model::Labels Of(std::string_view name, const Labels& labels) {
    model::LabelsBuilder builder;
    builder.Set("__name__", name);
    builder.Set("job", "j");
    builder.Set("instance", "host:9090");
    for (const auto& [key, value] : labels) builder.Set(key, value);
    return builder.Build();
  }
  void Add(std::string_view name, double value, const Labels& labels = {}, core::TimestampMs start_ms = 0) {
    if (!appender_) appender_ = store_->NewAppender();
    model::AppendResult result = appender_->AppendSample(
        0, Of(name, labels),
        {.time_ms = time_ms_, .value = value, .histogram = nullptr, .start_ms = start_ms});
    EXPECT_EQ(result.outcome, model::AppendOutcome::kOk);
    ref_ = result.ref;
  }
  // Ends the scrape; the text of what it gave.
  std::string Finish() {
    batches_.clear();
    EXPECT_TRUE(appender_->Commit());
    appender_.reset();
    return batches_.empty() ? "" : NormalText(batches_[0]);
  }
  const otlp::Metric& First() { return batches_.at(0).resources.at(0).scopes.at(0).metrics.at(0); }

  static constexpr std::string_view kHead =
      "ResourceMetrics #0 service.name=j server.address=host service.instance.id=host:9090 server.port=9090 "
      "url.scheme=http\nScopeMetrics #0 scope@1\n";

  std::map<std::string, model::MetricMetadata> metadata_;
  std::vector<otlp::MetricsData> batches_;
  std::unique_ptr<ScrapedMetrics> store_ = Make();
  std::unique_ptr<model::Appender> appender_;
  model::SeriesRef ref_ = 0;
  core::TimestampMs time_ms_ = 1'000;
};

TEST_F(ScrapedMetricsTest, TakesWhatIsSaidOfAFamilyUpToTheEndOfItsScrape) {
  Add("requests_total", 3);
  metadata_["requests_total"] = {"counter", "", ""};
  Finish();
  EXPECT_EQ(First().kind, otlp::MetricKind::kSum);
}

TEST_F(ScrapedMetricsTest, MakesHistogramsOfNativeOnesWithBoundsOfTheirOwn) {
  model::FloatHistogram histogram;
  histogram.schema = model::kCustomBucketsSchema;
  histogram.count = 6;
  histogram.sum = 21;
  histogram.custom_bounds = {1, 2, 5};
  histogram.positive_spans = {{0, 1}, {1, 2}};
  histogram.positive_buckets = {1, 2, 3};
  metadata_["h"] = {"histogram", "", ""};
  appender_ = store_->NewAppender();
  appender_->AppendSample(0, Of("h", {}),
                          {.time_ms = 1'000, .value = 0, .histogram = &histogram, .start_ms = 0});
  Finish();
  ASSERT_EQ(First().kind, otlp::MetricKind::kHistogram);
  const otlp::HistogramPoint& point = First().histograms.at(0);
  EXPECT_EQ(point.explicit_bounds, (std::vector<double>{1, 2, 5}));
  EXPECT_EQ(point.bucket_counts, (std::vector<uint64_t>{1, 0, 2, 3}));
  EXPECT_EQ(point.count, 6u);
  EXPECT_EQ(point.sum, 21);
}

TEST_F(ScrapedMetricsTest, MakesNumbersOfCountersAndGauges) {
  metadata_["requests_total"] = {"counter", "Requests.", ""};
  metadata_["size_bytes"] = {"gauge", "", "bytes"};
  Add("requests_total", 3, {{"code", "200"}});
  Add("requests_total", 1, {{"code", "500"}});
  Add("size_bytes", 7);
  Add("unknown", 5);
  Add("up", 1);
  EXPECT_EQ(Finish(), std::string(kHead) +
                          "requests_total{code=200} 3\nrequests_total{code=500} 1\nsize_bytes{} 7\n"
                          "unknown{} 5\nup{} 1\n");
  EXPECT_EQ(First().kind, otlp::MetricKind::kSum);
  EXPECT_TRUE(First().is_monotonic);
  EXPECT_EQ(First().description, "Requests.");
  EXPECT_EQ(First().numbers[0].start_ns, 1'000'000'000u);
  const auto& metrics = batches_[0].resources[0].scopes[0].metrics;
  EXPECT_EQ(metrics[1].unit, "By");
  EXPECT_EQ(metrics[1].numbers[0].start_ns, 0u);
  EXPECT_EQ(metrics[3].description, "The scraping was successful");
}

TEST_F(ScrapedMetricsTest, PutsHistogramsTogether) {
  metadata_["h"] = {"histogram", "", ""};
  Add("h_bucket", 5, {{"le", "+Inf"}});
  Add("h_bucket", 1, {{"le", "0.5"}});
  Add("h_bucket", 3, {{"le", "2"}});
  Add("h_sum", 9.5);
  Add("h_count", 5);
  EXPECT_EQ(Finish(), std::string(kHead) + "h{} count=5 sum=9.5 le0.5=1 le2=2 2\n");
  EXPECT_EQ(First().kind, otlp::MetricKind::kHistogram);
  EXPECT_EQ(First().temporality, otlp::Temporality::kCumulative);
}

TEST_F(ScrapedMetricsTest, PutsSummariesTogether) {
  metadata_["s"] = {"summary", "", ""};
  Add("s", 0.2, {{"quantile", "0.9"}});
  Add("s", 0.1, {{"quantile", "0.5"}});
  Add("s_sum", 3);
  Add("s_count", 4);
  EXPECT_EQ(Finish(), std::string(kHead) + "s{} count=4 sum=3.000000 q0.5=0.1 q0.9=0.2\n");
}

TEST_F(ScrapedMetricsTest, BeginsSumsWhenTheyWereFirstSeenOrFell) {
  metadata_["c_total"] = {"counter", "", ""};
  auto start_after = [&](core::TimestampMs time_ms, double value) {
    time_ms_ = time_ms;
    Add("c_total", value);
    Finish();
    return First().numbers[0].start_ns / 1'000'000;
  };
  EXPECT_EQ(start_after(1'000, 5), 1'000u);
  EXPECT_EQ(start_after(2'000, 8), 1'000u);
  EXPECT_EQ(start_after(3'000, 2), 3'000u);
  EXPECT_EQ(start_after(4'000, 2), 3'000u);
  // What the target says goes first.
  Add("c_total", 3, {}, 500);
  Finish();
  EXPECT_EQ(First().numbers[0].start_ns, 500'000'000u);
}

TEST_F(ScrapedMetricsTest, TakesCreatedSeriesForStarts) {
  metadata_["c"] = {"counter", "", ""};
  Add("c_total", 3);
  Add("c_created", 0.25);
  EXPECT_EQ(Finish(), std::string(kHead) + "c_total{} 3\n");
  EXPECT_EQ(First().numbers[0].start_ns, 250'000'000u);
}

TEST_F(ScrapedMetricsTest, EndsSeriesThatAreStale) {
  metadata_["h"] = {"histogram", "", ""};
  for (double value : {1.0, model::StaleNan()}) {
    Add("g", value);
    Add("h_bucket", value, {{"le", "1"}});
    Add("h_sum", value);
    Add("h_count", value);
    Finish();
  }
  EXPECT_TRUE(First().numbers[0].has_no_value);
  EXPECT_EQ(First().numbers[0].value.kind, otlp::NumberKind::kNone);
  const otlp::HistogramPoint& histogram = batches_[0].resources[0].scopes[0].metrics[1].histograms[0];
  EXPECT_TRUE(histogram.has_no_value);
  EXPECT_EQ(histogram.count, 0u);
  EXPECT_EQ(histogram.bucket_counts, (std::vector<uint64_t>{0, 0}));
  // Nothing is remembered of them.
  EXPECT_EQ(store_->series(), 0u);
  appender_ = store_->NewAppender();
  EXPECT_EQ(appender_->Append(ref_, model::Labels(), 5'000, 1).outcome, model::AppendOutcome::kUnknownRef);
}

TEST_F(ScrapedMetricsTest, MakesTargetInfoTheResources) {
  metadata_["target"] = {"info", "", ""};
  Add("target_info", 1, {{"k8s_pod_name", "p"}, {"service.name", "other"}});
  Add("g", 1, {{"otel_scope_name", "lib"}, {"otel_scope_version", "2"}, {"otel_scope_team", "blue"}});
  EXPECT_EQ(Finish(),
            "ResourceMetrics #0 service.name=other server.address=host service.instance.id=host:9090 "
            "server.port=9090 url.scheme=http k8s_pod_name=p\nScopeMetrics #0 lib@2 team=blue\ng{} 1\n");
}

TEST_F(ScrapedMetricsTest, MakesExponentialHistogramsOfNativeOnes) {
  model::FloatHistogram histogram;
  histogram.schema = 1;
  histogram.count = 6;
  histogram.sum = 10;
  histogram.zero_count = 1;
  histogram.positive_spans = {{2, 2}, {1, 1}};
  histogram.positive_buckets = {1, 2, 2};
  appender_ = store_->NewAppender();
  appender_->AppendSample(0, Of("n", {}),
                          {.time_ms = 1'000, .value = 0, .histogram = &histogram, .start_ms = 0});
  Finish();
  ASSERT_EQ(First().exponentials.size(), 1u);
  const otlp::ExponentialPoint& point = First().exponentials[0];
  EXPECT_EQ(point.scale, 1);
  EXPECT_EQ(point.positive.offset, 1);
  EXPECT_EQ(point.positive.counts, (std::vector<uint64_t>{1, 2, 0, 2}));
  EXPECT_EQ(point.zero_count, 1u);
}

TEST_F(ScrapedMetricsTest, KeepsExemplars) {
  metadata_["c_total"] = {"counter", "", ""};
  Add("c_total", 1);
  appender_->AppendExemplar(
      ref_, model::Labels(),
      {model::Labels::Of({{"trace_id", "0102"}, {"span_id", "03"}, {"user", "anna"}}), 0.5, 900});
  Finish();
  const otlp::Exemplar& exemplar = First().numbers[0].exemplars.at(0);
  EXPECT_EQ(exemplar.trace_id, "\x01\x02");
  EXPECT_EQ(exemplar.span_id, "\x03");
  EXPECT_EQ(exemplar.time_ns, 900'000'000u);
  EXPECT_EQ(exemplar.filtered_attributes.size(), 1u);
}

TEST_F(ScrapedMetricsTest, TrimsSuffixesOnRequest) {
  store_ = Make(true);
  metadata_["read_bytes_total"] = {"counter", "", "bytes"};
  Add("read_bytes_total", 1);
  EXPECT_EQ(Finish(), std::string(kHead) + "read{} 1\n");
  EXPECT_EQ(TrimSuffixes("a_seconds", otlp::MetricKind::kGauge, "seconds"), "a");
  EXPECT_EQ(TrimSuffixes("a_total", otlp::MetricKind::kGauge, ""), "a_total");
  EXPECT_EQ(TrimSuffixes("total", otlp::MetricKind::kSum, ""), "total");
  EXPECT_EQ(UnitCode("bytes_per_second"), "By/s");
  EXPECT_EQ(UnitCode("apples"), "apples");
}

}  // namespace

}  // namespace sextant::pipeline
