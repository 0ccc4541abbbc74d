#include "metrics/exposition/text_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "metrics/exposition/number.h"
#include "metrics/exposition/text_parser.h"

namespace sextant::exposition {
namespace {

using model::Labels;

TEST(TextWriterTest, WritesWhatTheParserReads) {
  const Labels classic = Labels::Of({{"__name__", "a_total"}, {"x", "q\"\\\nü"}});
  const Labels quoted = Labels::Of({{"__name__", "my.metric"}, {"l-x", "1"}, {"y", "2"}});
  TextWriter out;
  out.BeginFamily("a_total", "Help \\ of\na.", MetricType::kCounter);
  out.AddSample(classic, 1e6, 1234);
  out.BeginFamily("my.metric", "", MetricType::kInfo);
  out.AddSample(quoted, -0.25, std::nullopt);
  std::string body = std::move(out).Finish();
  EXPECT_EQ(
      body,
      "# HELP a_total Help \\\\ of\\na.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\\nü\"} 1e+06 1234\n"
      "# TYPE \"my.metric\" untyped\n{\"my.metric\",\"l-x\"=\"1\",y=\"2\"} -0.25\n");

  TextParser parser(body);
  model::LabelsBuilder labels;
  ASSERT_EQ(parser.Next(), EntryKind::kHelp);
  EXPECT_EQ(parser.HelpText(), "Help \\ of\na.");
  ASSERT_EQ(parser.Next(), EntryKind::kType);
  ASSERT_EQ(parser.Next(), EntryKind::kSample);
  ASSERT_TRUE(parser.ReadLabels(labels));
  EXPECT_EQ(labels.Build(), classic);
  EXPECT_EQ(parser.entry().timestamp_ms, 1234);
  ASSERT_EQ(parser.Next(), EntryKind::kType);
  EXPECT_EQ(parser.entry().name, "my.metric");
  ASSERT_EQ(parser.Next(), EntryKind::kSample);
  ASSERT_TRUE(parser.ReadLabels(labels));
  EXPECT_EQ(labels.Build(), quoted);
}

TEST(NumberTest, WritesAsGoDoes) {
  EXPECT_EQ(FormatTextFloat(0), "0");
  EXPECT_EQ(FormatTextFloat(100000), "100000");
  EXPECT_EQ(FormatTextFloat(1234567), "1.234567e+06");
  EXPECT_EQ(FormatTextFloat(0.0001), "0.0001");
  EXPECT_EQ(FormatTextFloat(0.00001), "1e-05");
  EXPECT_EQ(FormatTextFloat(std::nan("")), "NaN");
  EXPECT_EQ(FormatTextFloat(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(FormatOpenMetricsFloat(5), "5.0");
  EXPECT_EQ(FormatOpenMetricsFloat(0.5), "0.5");
  EXPECT_EQ(FormatOpenMetricsFloat(1e21), "1e+21");
}

TEST(NumberTest, ScanAgreesWithParse) {
  for (const char* text :
       {"0", "-0", "1", "12345678901234567", "123456789012345678", "0.1", "1e22", "1e23", "1e-22",
        "9007199254740992", "9007199254740993", "3.14159", "-2.5e+10", "1.7976931348623157e308"}) {
    double parsed = 1;
    ASSERT_EQ(ParseFloat(text, parsed), NumberError::kNone);
    std::string terminated = std::string(text) + "\n";
    double scanned = 2;
    const char* end = ScanNumber(terminated.c_str(), scanned);
    if (end == nullptr) continue;
    EXPECT_EQ(*end, '\n') << text;
    EXPECT_EQ(scanned, parsed) << text;
    EXPECT_EQ(std::signbit(scanned), std::signbit(parsed)) << text;
  }
}

}  // namespace
}  // namespace sextant::exposition
