#include "metrics/exposition/created_times.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "metrics/exposition/parser.h"

namespace sextant::exposition {
namespace {

// The samples of a body, a line each, with `^start` behind those that have one.
std::string Show(std::string_view body, ParserOptions options, Format format = Format::kOpenMetrics) {
  auto parser = NewParser(format, body, options);
  std::string text;
  model::LabelsBuilder labels;
  for (EntryKind kind = parser->Next(); kind != EntryKind::kEnd; kind = parser->Next()) {
    if (kind == EntryKind::kError) return text + "error: " + parser->error().message() + "\n";
    if (kind != EntryKind::kSample) continue;
    EXPECT_TRUE(parser->ReadLabels(labels).has_value());
    text += labels.Build().ToMetricString();
    if (parser->entry().start_ms != 0) text += fmt::format(" ^{}", parser->entry().start_ms);
    text += '\n';
  }
  return text;
}

constexpr ParserOptions kCreated = {.created_times = true};

TEST(CreatedTimesTest, CreatedSamplesAreStartTimes) {
  EXPECT_EQ(Show("# TYPE c counter\n"
                 "c_total{a=\"1\",b=\"2\"} 5\n"
                 "c_created{b=\"2\",a=\"1\"} 1.5\n"
                 "c_total{a=\"3\"} 6 # {id=\"x\"} 1\n"
                 "# TYPE h histogram\n"
                 "h_bucket{le=\"1\"} 1\n"
                 "h_bucket{le=\"+Inf\"} 2\n"
                 "h_sum 3\n"
                 "h_count 2\n"
                 "h_created 1520430000.123\n"
                 "# TYPE s summary\n"
                 "s{quantile=\"0.5\"} 1\n"
                 "s_count 1\n"
                 "s_created 20 # {} 1\n"
                 "s_sum 1\n"
                 "# EOF\n",
                 kCreated),
            "c_total{a=\"1\", b=\"2\"} ^1500\n"
            "c_total{a=\"3\"}\n"
            "h_bucket{le=\"1.0\"} ^1520430000123\n"
            "h_bucket{le=\"+Inf\"} ^1520430000123\n"
            "h_sum ^1520430000123\n"
            "h_count ^1520430000123\n"
            "s{quantile=\"0.5\"} ^20000\n"
            "s_count ^20000\n"
            "s_sum ^20000\n");
}

TEST(CreatedTimesTest, OtherSamplesStay) {
  // Of a gauge; of another family; of one whose comments end before.
  const char* body =
      "# TYPE g gauge\n"
      "g_created 1\n"
      "# TYPE c counter\n"
      "c_total 1\n"
      "other_created 7\n"
      "# HELP c again\n"
      "c_created 2\n"
      "# EOF\n";
  EXPECT_EQ(Show(body, kCreated), "g_created\nc_total\n");
  EXPECT_EQ(Show(body, {}), "g_created\nc_total\nother_created\nc_created\n");
}

TEST(CreatedTimesTest, MalformedSamplesAreTheParsersMatter) {
  EXPECT_EQ(Show("# TYPE c counter\nc_total 1\nc_created{ 1\n# EOF\n", kCreated).substr(0, 15),
            "c_total\nerror: ");
  EXPECT_EQ(Show("# TYPE c counter\nc_total 1\nc_created NaN\n# EOF\n", kCreated), "c_total\n");
  EXPECT_EQ(Show("# TYPE c counter\nc_total 1\nc_created +Inf\n# EOF\n", kCreated), "c_total\n");
}

TEST(CreatedTimesTest, ConvertedHistogramsHaveThem) {
  EXPECT_EQ(Show("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\nh_created 4\n# EOF\n",
                 {.custom_buckets = true, .created_times = true}),
            "h ^4000\n");
}

constexpr ParserOptions kLabelled = {.type_and_unit_labels = true};

TEST(TypeAndUnitTest, LabelsSayWhatAFamilyIs) {
  EXPECT_EQ(Show("# TYPE c_seconds counter\n"
                 "# UNIT c_seconds seconds\n"
                 "c_seconds_total{__type__=\"mine\",__unit__=\"mine\"} 1\n"
                 "stranger{__type__=\"mine\"} 1\n"
                 "# HELP plain x\n"
                 "plain{__unit__=\"mine\"} 1\n"
                 "# TYPE h histogram\n"
                 "h_bucket{le=\"1\"} 1\n"
                 "h_count 1\n"
                 "# TYPE g gauge\n"
                 "g 1\n"
                 "# EOF\n",
                 kLabelled),
            "c_seconds_total{__type__=\"counter\", __unit__=\"seconds\"}\n"
            "stranger{__type__=\"mine\"}\n"
            "plain{__unit__=\"mine\"}\n"
            "h_bucket{__type__=\"histogram\", le=\"1.0\"}\n"
            "h_count{__type__=\"histogram\"}\n"
            "g{__type__=\"gauge\"}\n");
  EXPECT_EQ(
      Show("# TYPE c_total counter\nc_total 1\n# TYPE u untyped\nu 1\n", kLabelled, Format::kPrometheusText),
      "c_total{__type__=\"counter\"}\nu\n");
}

TEST(TypeAndUnitTest, AConvertedHistogramHasTheTypeOfItsOwnFamily) {
  EXPECT_EQ(Show("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n# TYPE g gauge\ng 1\n# EOF\n",
                 {.custom_buckets = true, .type_and_unit_labels = true}),
            "h{__type__=\"histogram\"}\ng{__type__=\"gauge\"}\n");
}

}  // namespace
}  // namespace sextant::exposition
