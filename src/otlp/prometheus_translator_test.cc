#include "otlp/prometheus_translator.h"

#include "model/value.h"
#include "otlp/test_util.h"

namespace sextant::otlp {
namespace {

using simdjson::dom::element;

constexpr uint64_t kMs = 1'000'000;

KeyValue TextAttribute(std::string_view key, std::string_view text) { return {key, AnyValue::Text(text)}; }

// Of a JSON object of texts, whose memory the views use.
std::vector<KeyValue> AttributesOf(element object, std::string_view key) {
  std::vector<KeyValue> attributes;
  simdjson::dom::object fields;
  if (object[key].get(fields) != simdjson::SUCCESS) return attributes;
  for (auto field : fields) attributes.push_back(TextAttribute(field.key, field.value.get_string()));
  return attributes;
}

std::set<std::string> Texts(element object, std::string_view key) {
  std::set<std::string> texts;
  simdjson::dom::array items;
  if (object[key].get(items) != simdjson::SUCCESS) return texts;
  for (element item : items) texts.emplace(std::string_view(item.get_string()));
  return texts;
}

NumberPoint IntPoint(int64_t value, uint64_t time_ms) {
  NumberPoint point;
  point.time_ns = time_ms * kMs;
  point.value.kind = NumberKind::kInt;
  point.value.integer = value;
  return point;
}

class TranslatorTest : public testing::Test {
 protected:
  Metric& Add(std::string_view name, MetricKind kind) {
    if (data_.resources.empty()) data_.resources.emplace_back().scopes.emplace_back();
    Metric& metric = data_.resources.back().scopes.back().metrics.emplace_back();
    metric.name = name;
    metric.kind = kind;
    metric.temporality = Temporality::kCumulative;
    return metric;
  }
  Attributes Listed(const std::vector<KeyValue>& items) { return data_.memory.CopyList<KeyValue>(items); }
  Translation Translate() {
    PrometheusTranslator translator(settings_, appender_);
    translator.Translate(data_);
    return translator.result();
  }

  PrometheusSettings settings_;
  NotingAppender appender_;
  MetricsData data_;
};

TEST_F(TranslatorTest, LabelsAreMadeAsTheTableSays) {
  simdjson::dom::parser parser;
  auto table = LoadTable(parser, "prometheus-translation/create_attributes_cases.json");
  if (!table) GTEST_SKIP();
  for (element one : table->get_array()) {
    SCOPED_TRACE(TextOf(one, "name"));
    data_ = MetricsData();
    appender_ = NotingAppender();
    settings_ = PrometheusSettings();
    settings_.promotes_scope = BoolOf(one, "promoteScope");
    settings_.promotes_all_resource_attributes = BoolOf(one, "promoteAllResourceAttributes");
    for (const std::string& name :
         Texts(one, settings_.promotes_all_resource_attributes ? "ignoreResourceAttributes"
                                                               : "promoteResourceAttributes")) {
      settings_.attributes.insert(name);
    }
    settings_.label_prefixes_underscore = BoolOf(one, "labelNameUnderscoreSanitization");
    settings_.label_preserves_multiple_underscores = BoolOf(one, "labelNamePreserveMultipleUnderscores");
    Metric& metric = Add("test_metric", MetricKind::kGauge);
    metric.numbers.push_back(IntPoint(1, 1));
    std::vector<KeyValue> attributes = AttributesOf(one, "attrs");
    std::set<std::string> ignored = Texts(one, "ignoreAttrs");
    std::erase_if(attributes,
                  [&](const KeyValue& attribute) { return ignored.contains(std::string(attribute.key)); });
    metric.numbers.back().attributes = Listed(attributes);
    ResourceMetrics& resource = data_.resources.back();
    resource.resource.attributes = Listed(AttributesOf(one, "resource"));
    std::map<std::string, std::string> scope_texts;
    element scope;
    if (one["scope"].get(scope) == simdjson::SUCCESS && scope.is_object()) {
      scope_texts = {{"$defaultScope.name", TextOf(scope, "name")},
                     {"$defaultScope.version", TextOf(scope, "version")},
                     {"$defaultScope.schemaURL", TextOf(scope, "schema_url")}};
      resource.scopes.back().scope.name = scope_texts["$defaultScope.name"];
      resource.scopes.back().scope.version = scope_texts["$defaultScope.version"];
      resource.scopes.back().schema_url = scope_texts["$defaultScope.schemaURL"];
      resource.scopes.back().scope.attributes = Listed(AttributesOf(scope, "attributes"));
    }
    Translation result = Translate();
    EXPECT_EQ(result.error_count, 0u);
    model::LabelsBuilder want;
    simdjson::dom::object labels = one["expectedLabels"];
    for (auto field : labels) {
      std::string value(std::string_view(field.value.get_string()));
      want.Set(field.key, scope_texts.contains(value) ? scope_texts[value] : value);
    }
    ASSERT_FALSE(appender_.labels_of.empty());
    EXPECT_EQ(appender_.labels_of.front().ToString(), want.Build().ToString());
    std::set<std::string> warnings(result.warnings.begin(), result.warnings.end());
    EXPECT_EQ(warnings, Texts(one, "expectedCollisionWarnings"));
  }
}

TEST_F(TranslatorTest, EveryKindBecomesItsSeries) {
  Metric& gauge = Add("cpu.usage", MetricKind::kGauge);
  gauge.unit = "1";
  gauge.numbers = {IntPoint(7, 1000)};
  Metric& sum = Add("requests", MetricKind::kSum);
  sum.is_monotonic = true;
  sum.description = "How many.";
  sum.numbers = {IntPoint(8, 1000)};
  sum.numbers[0].start_ns = 500 * kMs;
  sum.numbers[0].exemplars.emplace_back().value = {.kind = NumberKind::kInt, .integer = 3};
  sum.numbers[0].exemplars[0].time_ns = 900 * kMs;
  sum.numbers[0].exemplars[0].trace_id = std::string_view("\x01\xab", 2);
  Metric& histogram = Add("latency", MetricKind::kHistogram);
  histogram.unit = "s";
  HistogramPoint& point = histogram.histograms.emplace_back();
  point.time_ns = 1000 * kMs;
  point.count = 6;
  point.sum = 1.5;
  point.bucket_counts = {1, 2, 3};
  point.explicit_bounds = {0.1, 1};
  for (int value : {0, 1, 5}) {
    Exemplar& exemplar = point.exemplars.emplace_back();
    exemplar.value = {.kind = NumberKind::kInt, .integer = value};
  }
  Metric& exponential = Add("size", MetricKind::kExponentialHistogram);
  ExponentialPoint& spread = exponential.exponentials.emplace_back();
  spread.time_ns = 1000 * kMs;
  spread.count = 3;
  spread.positive.counts = {1, 2};
  Metric& summary = Add("old", MetricKind::kSummary);
  SummaryPoint& quantiles = summary.summaries.emplace_back();
  quantiles.time_ns = 1000 * kMs;
  quantiles.count = 2;
  quantiles.sum = 4;
  quantiles.quantiles = {{0.5, 1}, {0.99, 3}};
  data_.resources[0].resource.attributes =
      Listed({TextAttribute("service.name", "shop"), TextAttribute("host.name", "h")});
  Translation result = Translate();
  EXPECT_EQ(result.error_count, 0u) << result.errors[0];
  EXPECT_EQ(appender_.text,
            "cpu_usage_ratio{job=\"shop\"} 7@1000\n"
            "requests_total{job=\"shop\"} 8@1000^500\n"
            "   #{trace_id=\"01ab\"} 3@900\n"
            "latency_seconds_sum{job=\"shop\"} 1.5@1000\n"
            "latency_seconds_count{job=\"shop\"} 6@1000\n"
            "latency_seconds_bucket{job=\"shop\", le=\"0.1\"} 1@1000\n"
            "  0.1 #{} 0@0\n"
            "latency_seconds_bucket{job=\"shop\", le=\"1\"} 3@1000\n"
            "  1 #{} 1@0\n"
            "latency_seconds_bucket{job=\"shop\", le=\"+Inf\"} 6@1000\n"
            "  +Inf #{} 5@0\n"
            "size{job=\"shop\"} h3@1000\n"
            "old_sum{job=\"shop\"} 4@1000\n"
            "old_count{job=\"shop\"} 2@1000\n"
            "old{job=\"shop\", quantile=\"0.5\"} 1@1000\n"
            "old{job=\"shop\", quantile=\"0.99\"} 3@1000\n"
            "target_info{host_name=\"h\", job=\"shop\"} 1@1000\n");
  EXPECT_NE(appender_.metadata_text.find("requests_total counter 'How many.' ''\n"), std::string::npos);
  EXPECT_NE(appender_.metadata_text.find("latency_seconds_sum histogram '' 'seconds'\n"), std::string::npos);
  EXPECT_EQ(result.samples, 12u);
  EXPECT_EQ(result.histograms, 1u);
  EXPECT_EQ(result.exemplars, 4u);
}

TEST_F(TranslatorTest, StrategiesKeepNamesOrNot) {
  Metric& sum = Add("http.requests", MetricKind::kSum);
  sum.is_monotonic = true;
  sum.numbers = {IntPoint(1, 1)};
  sum.numbers[0].attributes = Listed({TextAttribute("url.path", "/")});
  auto with = [&](bool suffixes, bool utf8) {
    settings_.adds_suffixes = suffixes;
    settings_.allows_utf8 = utf8;
    appender_ = NotingAppender();
    Translate();
    return appender_.text;
  };
  EXPECT_EQ(with(true, false), "http_requests_total{url_path=\"/\"} 1@1\n");
  EXPECT_EQ(with(false, false), "http_requests{url_path=\"/\"} 1@1\n");
  EXPECT_EQ(with(true, true), "{\"http.requests_total\", \"url.path\"=\"/\"} 1@1\n");
  EXPECT_EQ(with(false, true), "{\"http.requests\", \"url.path\"=\"/\"} 1@1\n");
}

TEST_F(TranslatorTest, TargetInfoCoversTheTimeOfTheData) {
  Metric& gauge = Add("m", MetricKind::kGauge);
  gauge.numbers = {IntPoint(1, 1000), IntPoint(2, 301'000)};
  Attributes attributes = Listed({TextAttribute("service.name", "s"),
                                  TextAttribute("service.instance.id", "i"), TextAttribute("k", "v")});
  data_.resources[0].resource.attributes = attributes;
  // The same resource once more makes no samples twice.
  data_.resources.push_back(data_.resources[0]);
  Translate();
  std::string line = "target_info{instance=\"i\", job=\"s\", k=\"v\"} 1@";
  std::string want = line + "1000\n" + line + "151000\n" + line + "301000\n";
  size_t at = appender_.text.find("target_info");
  EXPECT_EQ(appender_.text.substr(at, want.size()), want);
  EXPECT_EQ(appender_.text.find("target_info", at + want.size()), std::string::npos);
  settings_.keeps_identifying_attributes = true;
  appender_ = NotingAppender();
  Translate();
  EXPECT_NE(appender_.text.find("target_info{instance=\"i\", job=\"s\", k=\"v\", service_instance_id=\"i\", "
                                "service_name=\"s\"} 1@1000\n"),
            std::string::npos);
  // A broken clock makes no millions of samples.
  data_.resources[0].scopes[0].metrics[0].numbers[1].time_ns = UINT64_MAX;
  EXPECT_GT(Translate().error_count, 0u);
}

TEST_F(TranslatorTest, WhatCannotBeTranslatedIsAnErrorOfItsMetricOnly) {
  Metric& delta = Add("delta", MetricKind::kSum);
  delta.temporality = Temporality::kDelta;
  delta.numbers = {IntPoint(1, 1)};
  Add("empty", MetricKind::kGauge);
  Add("???", MetricKind::kGauge).numbers = {IntPoint(1, 1)};
  Metric& scale = Add("scale", MetricKind::kExponentialHistogram);
  scale.exponentials.emplace_back().scale = -5;
  Add("good", MetricKind::kGauge).numbers = {IntPoint(1, 1)};
  Translation result = Translate();
  EXPECT_EQ(
      result.errors,
      (std::vector<std::string>{
          "invalid temporality and type combination for metric \"delta\"",
          "empty data points. empty is dropped", "normalization for metric \"???\" resulted in empty name",
          "cannot convert exponential to native histogram. Scale must be >= -4, was -5"}));
  EXPECT_EQ(appender_.text, "good 1@1\n");
  EXPECT_FALSE(result.has_untimely_samples);
  settings_.allows_delta = true;
  appender_ = NotingAppender();
  Translate();
  EXPECT_EQ(appender_.text, "delta 1@1\ngood 1@1\n");
  EXPECT_EQ(appender_.metadata_text.substr(0, 14), "delta unknown ");
}

TEST_F(TranslatorTest, RefusalsOfTheStoreAreErrorsAndEndsAreStaleMarkers) {
  Add("m", MetricKind::kGauge).numbers = {IntPoint(1, 1)};
  appender_.outcome = model::AppendOutcome::kOutOfOrder;
  Translation result = Translate();
  EXPECT_EQ(result.errors, std::vector<std::string>{"out of order sample"});
  EXPECT_TRUE(result.has_untimely_samples);
  appender_ = NotingAppender();
  data_.resources[0].scopes[0].metrics[0].numbers[0].has_no_value = true;
  Translate();
  EXPECT_EQ(appender_.text, "m nan@1\n");
}

TEST_F(TranslatorTest, TypeAndUnitBecomeLabels) {
  settings_.adds_type_and_unit_labels = true;
  Metric& gauge = Add("m", MetricKind::kGauge);
  gauge.unit = "By";
  gauge.numbers = {IntPoint(1, 1)};
  Translate();
  EXPECT_EQ(appender_.text, "m_bytes{__type__=\"gauge\", __unit__=\"bytes\"} 1@1\n");
}

TEST_F(TranslatorTest, TranslatesAsTheCollectorDoes) {
  settings_.style = TranslationStyle::kCollector;
  settings_.name_space = "app";
  settings_.external_labels = {{"cluster", "eu"}, {"job", "never"}, {"a.b", "also never"}, {"1st", "x"}};
  settings_.joins_resource_attributes = true;
  settings_.makes_created = true;
  Metric& sum = Add("requests", MetricKind::kSum);
  sum.is_monotonic = true;
  for (uint64_t time_ms : {1'000u, 500'000u}) {
    NumberPoint& point = sum.numbers.emplace_back(IntPoint(5, time_ms));
    point.start_ns = 10 * kMs;
    point.attributes = Listed({TextAttribute("a.b", "same"), TextAttribute("a_b", "same"),
                               TextAttribute("host.name", "of the point"), TextAttribute("k.v", "1"),
                               TextAttribute("k_v", "2")});
    point.exemplars.emplace_back();
  }
  data_.resources[0].resource.attributes =
      Listed({TextAttribute("service.name", "checkout"), TextAttribute("host.name", "of the resource")});
  Translation result = Translate();
  EXPECT_TRUE(result.errors.empty() && result.warnings.empty());
  std::string labels =
      "{a_b=\"same\", cluster=\"eu\", host_name=\"of the resource\", job=\"checkout\", k_v=\"1;2\", "
      "key_1st=\"x\", service_name=\"checkout\"}";
  EXPECT_EQ(appender_.text, "app_requests_total" + labels + " 5@1000^10\n   #{} 0@0\n" +
                                "app_requests_total_created" + labels + " 10@1000\n" + "app_requests_total" +
                                labels + " 5@500000^10\n   #{} 0@0\n" + "app_requests_total_created" +
                                labels + " 10@500000\n" +
                                "app_target_info{a_b=\"also never\", cluster=\"eu\", "
                                "host_name=\"of the resource\", job=\"checkout\", key_1st=\"x\"} 1@500000\n");
}

TEST_F(TranslatorTest, MakesNoTargetInfoWhenToldSo) {
  settings_.makes_target_info = false;
  Add("g", MetricKind::kGauge).numbers.push_back(IntPoint(1, 1'000));
  data_.resources[0].resource.attributes =
      Listed({TextAttribute("service.name", "checkout"), TextAttribute("host.name", "h")});
  Translate();
  EXPECT_EQ(appender_.text, "g{job=\"checkout\"} 1@1000\n");
}

}  // namespace
}  // namespace sextant::otlp
