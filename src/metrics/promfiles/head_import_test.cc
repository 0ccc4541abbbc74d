#include "metrics/promfiles/head_import.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "metrics/promfiles/golden_vectors_test_util.h"
#include "metrics/promfiles/head_visitor_test_util.h"
#include "metrics/promfiles/histogram_layout.h"

namespace sextant::promfiles {
namespace {

using simdjson::dom::element;
using test::ImportedHead;
using test::ImportedSeries;

constexpr const char* kVariants[] = {"v242-snappy", "v242-nocomp", "v242-memsnap"};
constexpr const char* kStates[] = {"data-clean-shutdown", "data-copied-while-running"};

class GoldenHead : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    directory_ = test::ConformancePath(std::string("golden-prometheus-2.42/") + std::get<0>(GetParam()));
    core::PosixFileSystem fs;
    if (!fs.Stat(directory_)) GTEST_SKIP() << "no conformance data";
    auto report = ImportHead(fs, core::JoinPath(directory_, std::get<1>(GetParam())), {}, head_);
    ASSERT_TRUE(report) << report.error().message();
    report_ = *report;
  }

  test::Json Expected(const char* name) {
    return test::Json(std::string("golden-prometheus-2.42/") + std::get<0>(GetParam()) + "/api-expected/" +
                      name);
  }

  std::string directory_;
  ImportedHead head_;
  HeadImportReport report_;
};

std::string LabelsText(element metric) {
  model::LabelsBuilder builder;
  for (auto field : simdjson::dom::object(metric)) builder.Set(field.key, std::string_view(field.value));
  return builder.Build().ToString();
}

// What a query at `time_ms` sees: the newest sample of the last five minutes, unless the series is stale.
const size_t* Visible(const ImportedSeries& series, int64_t time_ms, size_t& place) {
  const std::vector<int64_t>& times = series.samples.times_ms;
  auto after = std::ranges::upper_bound(times, time_ms);
  if (after == times.begin() || *(after - 1) < time_ms - 300000) return nullptr;
  place = static_cast<size_t>(after - times.begin()) - 1;
  const auto& histograms = series.samples.histograms;
  bool is_histogram = !histograms.empty() && histograms[place] != nullptr;
  double shown = is_histogram ? histograms[place]->sum : series.samples.values[place];
  return IsStaleSum(shown) ? nullptr : &place;
}

// The counts that an answer of the API lists: of all buckets with observations, in the order of their bounds.
std::vector<double> ListedCounts(const model::FloatHistogram& histogram) {
  std::vector<double> counts(histogram.negative_buckets.rbegin(), histogram.negative_buckets.rend());
  counts.push_back(histogram.zero_count);
  counts.insert(counts.end(), histogram.positive_buckets.begin(), histogram.positive_buckets.end());
  std::erase(counts, 0.0);
  return counts;
}

void ExpectHistogram(element json, const model::FloatHistogram& histogram) {
  EXPECT_EQ(test::Number(json["count"]), histogram.count);
  EXPECT_EQ(test::Number(json["sum"]), histogram.sum);
  std::vector<double> counts;
  for (auto bucket : simdjson::dom::array(json["buckets"])) counts.push_back(test::Number(bucket.at(3)));
  EXPECT_EQ(counts, ListedCounts(histogram));
}

void ExpectPoint(element point, const ImportedSeries& series) {
  auto time_ms = static_cast<int64_t>(test::Number(point.at(0)) * 1000);
  size_t place;
  ASSERT_NE(Visible(series, time_ms, place), nullptr) << time_ms;
  if (point.at(1).is_object()) {
    ASSERT_FALSE(series.samples.histograms.empty());
    ASSERT_NE(series.samples.histograms[place], nullptr);
    ExpectHistogram(point.at(1), *series.samples.histograms[place]);
    return;
  }
  double expected = test::Number(point.at(1));
  double value = series.samples.values[place];
  EXPECT_TRUE(expected == value || (std::isnan(expected) && std::isnan(value))) << time_ms << " " << value;
}

TEST_P(GoldenHead, RangesAreWhatPrometheusAnswered) {
  for (const char* name : {"range_gauge.json", "range_native.json", "range_native_float_gauge.json"}) {
    test::Json json = Expected(name);
    if (!json.present()) continue;
    for (auto result : simdjson::dom::array(json.root()["data"]["result"])) {
      SCOPED_TRACE(LabelsText(result["metric"]));
      const ImportedSeries& series = head_.series[LabelsText(result["metric"])];
      element points;
      if (result["values"].get(points) != simdjson::SUCCESS) points = result["histograms"];
      int64_t last_ms = 0;
      for (auto point : simdjson::dom::array(points)) {
        auto time_ms = static_cast<int64_t>(test::Number(point.at(0)) * 1000);
        size_t place;
        // Steps without an answer must have none here either.
        for (int64_t step_ms = last_ms + 60000; last_ms != 0 && step_ms < time_ms; step_ms += 60000) {
          EXPECT_EQ(Visible(series, step_ms, place), nullptr) << step_ms;
        }
        ExpectPoint(point, series);
        last_ms = time_ms;
      }
    }
  }
}

TEST_P(GoldenHead, TheNewestSamplesAreThere) {
  test::Json json = Expected("instant_all.json");
  std::map<std::string, int> answered;
  for (auto result : simdjson::dom::array(json.root()["data"]["result"])) {
    std::string labels = LabelsText(result["metric"]);
    SCOPED_TRACE(labels);
    ASSERT_TRUE(head_.series.contains(labels));
    element point;
    if (result["value"].get(point) != simdjson::SUCCESS) point = result["histogram"];
    ExpectPoint(point, head_.series[labels]);
    ++answered[labels];
  }
  EXPECT_GE(answered.size(), 4u);
}

TEST_P(GoldenHead, SeriesAndExemplars) {
  std::vector<std::string> expected;
  test::Json series_json = Expected("series.json");
  for (auto metric : simdjson::dom::array(series_json.root()["data"])) expected.push_back(LabelsText(metric));
  std::vector<std::string> found;
  for (const auto& [labels, series] : head_.series) found.push_back(labels);
  std::ranges::sort(expected);
  EXPECT_EQ(found, expected);

  std::map<std::string, std::vector<std::string>> exemplars;
  test::Json json = Expected("exemplars.json");
  for (auto entry : simdjson::dom::array(json.root()["data"])) {
    auto& list = exemplars[LabelsText(entry["seriesLabels"])];
    for (auto exemplar : simdjson::dom::array(entry["exemplars"])) {
      list.push_back(fmt::format("{} {} {}", LabelsText(exemplar["labels"]), test::Number(exemplar["value"]),
                                 test::Number(exemplar["timestamp"]) * 1000));
    }
  }
  for (const auto& [labels, list] : exemplars) {
    std::vector<std::string> imported;
    for (const model::Exemplar& exemplar : head_.series[labels].exemplars) {
      imported.push_back(fmt::format("{} {} {}", exemplar.labels.ToString(), exemplar.value,
                                     static_cast<double>(exemplar.time_ms)));
    }
    EXPECT_EQ(imported, list);
  }
}

TEST_P(GoldenHead, TheReportCounts) {
  EXPECT_EQ(report_.series, head_.series.size());
  EXPECT_EQ(report_.unknown_refs, 0u);
  EXPECT_EQ(report_.damages, 0u);
  EXPECT_GT(report_.out_of_order_samples, 0u);
  EXPECT_EQ(report_.tombstones, 1u);
  const ImportedSeries& deleted = head_.series[R"({__name__="demo_deleted", instance="a:1", job="demo"})"];
  ASSERT_EQ(deleted.tombstones.size(), 1u);
  for (TimestampMs time_ms : deleted.samples.times_ms) {
    EXPECT_TRUE(time_ms < deleted.tombstones[0].first || time_ms > deleted.tombstones[0].second);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenHead,
                         testing::Combine(testing::ValuesIn(kVariants), testing::ValuesIn(kStates)));

TEST(HeadImportTest, ARunningAndAStoppedPrometheusHoldTheSame) {
  core::PosixFileSystem fs;
  for (const char* variant : kVariants) {
    std::string directory = test::ConformancePath(std::string("golden-prometheus-2.42/") + variant);
    if (!fs.Stat(directory)) GTEST_SKIP() << "no conformance data";
    ImportedHead heads[2];
    for (int i = 0; i < 2; ++i)
      ASSERT_TRUE(ImportHead(fs, core::JoinPath(directory, kStates[i]), {}, heads[i]));
    EXPECT_EQ(heads[0].Describe(), heads[1].Describe()) << variant;
  }
}

}  // namespace
}  // namespace sextant::promfiles
