#include "metrics/exposition/text_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "metrics/exposition/parser.h"
#include "model/value.h"

namespace sextant::exposition {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Entries as lines that are easy to compare.
std::vector<std::string> Read(std::string_view body) {
  TextParser parser(body);
  std::vector<std::string> lines;
  while (true) {
    const Entry& entry = parser.entry();
    switch (parser.Next()) {
      case EntryKind::kSample: {
        model::LabelsBuilder labels;
        auto status = parser.ReadLabels(labels);
        std::string line = fmt::format("[{}] {} {}", entry.series,
                                       status ? labels.Build().ToMetricString() : status.error().message(),
                                       model::FormatValue(entry.value));
        if (entry.timestamp_ms) line += fmt::format(" @{}", *entry.timestamp_ms);
        lines.push_back(line);
        break;
      }
      case EntryKind::kHelp:
        lines.push_back(fmt::format("help {} {}", entry.name, parser.HelpText()));
        break;
      case EntryKind::kType:
        lines.push_back(fmt::format("type {} {}", entry.name, MetricTypeName(entry.type)));
        break;
      case EntryKind::kUnit:
        lines.push_back(fmt::format("unit {} {}", entry.name, entry.text));
        break;
      case EntryKind::kComment:
        lines.push_back(fmt::format("comment {}", entry.text));
        break;
      case EntryKind::kEnd:
        return lines;
      case EntryKind::kError:
        lines.push_back("error " + parser.error().message());
        return lines;
    }
  }
}

TEST(TextParserTest, OrdinaryLines) {
  EXPECT_THAT(
      Read("# HELP a What \\\\ it\\nis.\n# TYPE a counter\na 1\na{x=\"y\"} 2.5 1234\na{x=\"y\",z=\"w\",} "
           "-3e3\n"),
      ElementsAre("help a What \\ it\nis.", "type a counter", "[a] a 1", "[a{x=\"y\"}] a{x=\"y\"} 2.5 @1234",
                  "[a{x=\"y\",z=\"w\",}] a{x=\"y\", z=\"w\"} -3000"));
}

TEST(TextParserTest, OddButAllowed) {
  EXPECT_THAT(Read("\n\n  a  1\t\n"), ElementsAre("[a] a 1"));
  EXPECT_THAT(Read("a 1"), ElementsAre("[a] a 1"));
  EXPECT_THAT(Read("a{} 1"), ElementsAre("[a{}] a 1"));
  EXPECT_THAT(Read("a { b = \"c\" , d=\"e\" } 1 5 \n"),
              ElementsAre("[a { b = \"c\" , d=\"e\" }] a{b=\"c\", d=\"e\"} 1 @5"));
  EXPECT_THAT(Read("a{b=\"c\"d=\"e\"}1\n"), ElementsAre("[a{b=\"c\"d=\"e\"}] a{b=\"c\", d=\"e\"} 1"));
  EXPECT_THAT(Read("a{b=\"x\\\"\\\\\\ny\\t\"} 1\n"), ElementsAre(HasSubstr(R"({b="x\"\\\ny\\t"} 1)")));
  EXPECT_THAT(Read("a{b=\"x\ny\"} 1\n"), ElementsAre(HasSubstr(R"({b="x\ny"} 1)")));
  EXPECT_THAT(Read("a{b=\"\"} 1\n"), ElementsAre("[a{b=\"\"}] a 1"));
  EXPECT_THAT(Read("#comment\n# also\n#\n# HELPING a\n#  HELP a b\n#\tTYPE a gauge\na 1\n"),
              ElementsAre("comment #comment", "comment # also", "comment #", "comment # HELPING a",
                          "help a b", "type a gauge", "[a] a 1"));
  EXPECT_THAT(Read("# HELP a \n# HELP a  x\n# HELP a\n"), ElementsAre("help a ", "help a  x", "help a "));
}

TEST(TextParserTest, QuotedNames) {
  EXPECT_THAT(Read("{\"my.metric\", a=\"b\"} 1\n{\"x\"} 2\n{a=\"b\",\"x\\\"y\",\"c d\"=\"e\"} 3\n# HELP "
                   "\"my.metric\" t\n"),
              ElementsAre("[{\"my.metric\", a=\"b\"}] {\"my.metric\", a=\"b\"} 1", "[{\"x\"}] x 2",
                          HasSubstr(R"({"x\"y", a="b", "c d"="e"} 3)"), "help my.metric t"));
}

TEST(TextParserTest, Values) {
  EXPECT_THAT(
      Read("a NaN\na +Inf\na -inf\na 1e-400\na +1\na .5\na 5.\na 123456789012345678901234567890\na 0.1\n"
           "a 1.7976931348623157e308\na 5e-324\na 9007199254740993\na 1.690000123456e+09\n"),
      ElementsAre("[a] a NaN", "[a] a +Inf", "[a] a -Inf", "[a] a 0", "[a] a 1", "[a] a 0.5", "[a] a 5",
                  HasSubstr("[a] a 1234567890123456"), "[a] a 0.1", HasSubstr("[a] a 17976931348623157"),
                  HasSubstr("[a] a 0.00000"), "[a] a 9007199254740992", "[a] a 1690000123.456"));
  for (const char* bad : {"a x\n", "a 1e400\n", "a 1e\n", "a .\n", "a +-1\n", "a -nan\n", "a nan(1)\n",
                          "a 0x1\n", "a 1\r\n", "a infi\n"}) {
    EXPECT_THAT(Read(bad), ElementsAre(HasSubstr("error strconv.ParseFloat: parsing "))) << bad;
  }
}

TEST(TextParserTest, BucketBoundsHaveOneSpelling) {
  EXPECT_THAT(
      Read("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1e6\"} 1\nh_bucket{le=\"0.5\"} 1\n"
           "# TYPE s summary\ns{quantile=\"1\"} 1\ns{le=\"1\"} 1\n"),
      ElementsAre("type h histogram", HasSubstr("le=\"1.0\"} 1"), HasSubstr("le=\"1e+06\"} 1"),
                  HasSubstr("le=\"0.5\"} 1"), "type s summary", HasSubstr("quantile=\"1.0\"} 1"),
                  HasSubstr("le=\"1\"} 1")));
}

TEST(TextParserTest, BadLabelSets) {
  EXPECT_THAT(Read("a{b=\"1\",b=\"2\"} 1\n"),
              ElementsAre(HasSubstr("label name \"b\" is not unique: invalid sample")));
  EXPECT_THAT(Read("a{\"\"=\"1\"} 1\n"), ElementsAre(HasSubstr("invalid metric name or label names")));
  EXPECT_THAT(Read("{\"\"} 1\n"), ElementsAre(HasSubstr("missing metric name (__name__ label)")));
  EXPECT_THAT(Read("{\"a\",\"b\"} 1\n"),
              ElementsAre(HasSubstr("error metric name already set while parsing")));
}

TEST(TextParserTest, ErrorsQuoteOnlyTheBeginning) {
  std::string body = "a{b=\"" + std::string(100'000, 'x');
  auto lines = Read(body);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("expected label value"));
  EXPECT_LT(lines[0].size(), 1'000u);
}

TEST(TextParserTest, NothingComesAfterAnError) {
  TextParser parser("a x\nb 1\n");
  EXPECT_EQ(parser.Next(), EntryKind::kError);
  EXPECT_EQ(parser.Next(), EntryKind::kEnd);
}

TEST(TextParserTest, ExpectedSeriesAreCompared) {
  std::string_view body = "a{b=\"c\"} 1\na{b=\"c\"}2\nab 3\na 4\n";
  TextParser parser(body);
  EXPECT_EQ(parser.Next(SeriesGuess::Of("a{b=\"c\"}")), EntryKind::kSample);
  EXPECT_TRUE(parser.entry().is_expected);
  EXPECT_EQ(parser.entry().value, 1);
  EXPECT_EQ(parser.Next(SeriesGuess::Of("a{b=\"c\"}")), EntryKind::kSample);
  EXPECT_TRUE(parser.entry().is_expected);  // no blank before the value: read the long way
  EXPECT_EQ(parser.Next(SeriesGuess::Of("a", 7)), EntryKind::kSample);
  EXPECT_FALSE(parser.entry().is_expected);
  EXPECT_EQ(parser.entry().series, "ab");
  EXPECT_EQ(parser.Next(SeriesGuess::Of("a", 7)), EntryKind::kSample);
  EXPECT_TRUE(parser.entry().is_expected);
  EXPECT_EQ(parser.Next(SeriesGuess::Of("a", 7)), EntryKind::kEnd);
}

TEST(TextParserTest, FormatsByContentType) {
  EXPECT_TRUE(NewParser("text/plain; version=0.0.4", "", std::nullopt));
  EXPECT_TRUE(NewParser("TEXT/PLAIN", "", std::nullopt));
  EXPECT_TRUE(NewParser("", "", Format::kPrometheusText));
  EXPECT_TRUE(NewParser("text/html", "", Format::kPrometheusText));
  EXPECT_EQ(
      NewParser("", "", std::nullopt).error().message(),
      "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for "
      "target");
  EXPECT_EQ(
      NewParser("text/html", "", std::nullopt).error().message(),
      "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target");
  EXPECT_TRUE(NewParser("application/vnd.google.protobuf; proto=x", "", std::nullopt));
}

}  // namespace
}  // namespace sextant::exposition
