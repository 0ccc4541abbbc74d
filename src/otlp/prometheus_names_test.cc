#include "otlp/prometheus_names.h"

#include "otlp/test_util.h"

namespace sextant::otlp {
namespace {

TEST(PrometheusNamesTest, MetricsAreNamedAsTheTableSays) {
  simdjson::dom::parser parser;
  auto table = LoadTable(parser, "prometheus-translation/metric_namer_cases.json");
  if (!table) GTEST_SKIP();
  size_t cases = 0;
  for (simdjson::dom::element one : table->get_array()) {
    SCOPED_TRACE(TextOf(one, "name") + " " + simdjson::to_string(one["metric"]));
    MetricNamer namer{TextOf(one, "namespace"), BoolOf(one, "with_metric_suffixes"),
                      BoolOf(one, "utf8_allowed")};
    simdjson::dom::element metric = one["metric"];
    std::string type = TextOf(metric, "type");
    NamedType named = type == "MonotonicCounter" ? NamedType::kMonotonicCounter
                      : type == "Gauge"          ? NamedType::kGauge
                                                 : NamedType::kOther;
    auto built = namer.Build(TextOf(metric, "name"), TextOf(metric, "unit"), named);
    std::string error = TextOf(one, "want_error");
    if (error.empty()) {
      ASSERT_TRUE(built.has_value()) << built.error().message();
      EXPECT_EQ(*built, TextOf(one, "want_metric_name"));
    } else {
      ASSERT_FALSE(built.has_value());
      EXPECT_EQ(built.error().message(), error);
    }
    EXPECT_EQ(BuildUnit(TextOf(metric, "unit"), BoolOf(one, "utf8_allowed")), TextOf(one, "want_unit_name"));
    ++cases;
  }
  EXPECT_GE(cases, 84u);
}

TEST(PrometheusNamesTest, LabelsAreNamedAsTheTableSays) {
  simdjson::dom::parser parser;
  auto table = LoadTable(parser, "prometheus-translation/label_namer_cases.json");
  if (!table) GTEST_SKIP();
  auto error_of = [](simdjson::dom::element one, std::string_view key) {
    simdjson::dom::element error;
    return one[key].get(error) == simdjson::SUCCESS ? TextOf(error, "error") : "";
  };
  for (simdjson::dom::element one : table->get_array()) {
    std::string label = TextOf(one, "label");
    for (bool preserves : {false, true}) {
      for (bool prefixes : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", label, preserves, prefixes));
        std::string want = TextOf(one, "sanitized");
        auto choose = [&](std::string_view key) {
          if (one[key].error() == simdjson::SUCCESS) want = TextOf(one, key);
        };
        if (preserves) choose("sanitizedMultipleUnderscores");
        if (prefixes) choose("sanitizedUnderscoreLabelSanitization");
        if (preserves && prefixes) choose("sanitizedMultipleUnderscoresAndUnderscoreLabelSanitization");
        std::string want_error = error_of(one, "wantSanitizationError");
        if (preserves && !error_of(one, "wantSanitizationMultipleUnderscoresError").empty()) {
          want_error = error_of(one, "wantSanitizationMultipleUnderscoresError");
        }
        auto built = LabelNamer{false, prefixes, preserves}.Build(label);
        if (want_error.empty()) {
          ASSERT_TRUE(built.has_value()) << built.error().message();
          EXPECT_EQ(*built, want);
        } else if (!built.has_value()) {
          EXPECT_EQ(built.error().message(), want_error);
        }
      }
    }
    auto kept = LabelNamer{true, false, false}.Build(label);
    std::string want_error = error_of(one, "wantUTF8Error");
    EXPECT_EQ(kept ? *kept : kept.error().message(), want_error.empty() ? label : want_error);
  }
}

}  // namespace
}  // namespace sextant::otlp
