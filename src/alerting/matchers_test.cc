#include "alerting/matchers.h"

#include "alerting/test_util.h"

namespace sextant::alerting {
namespace {

using simdjson::dom::element;
using testing::Text;

void ExpectOutcome(const element& expected, const std::string& input, MatcherSyntax syntax) {
  const auto parsed = ParseMatchers(input, syntax);
  const std::string error = Text(expected, "error");
  if (error.empty()) {
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(MatchersText(*parsed), Text(expected, "string"));
  } else {
    ASSERT_FALSE(parsed) << MatchersText(*parsed);
    // Where a bracket is missing, RE2 quotes from the bracket on, with our anchors after it, as Go does.
    EXPECT_EQ(parsed.error().message(), error);
  }
}

TEST(Matchers, OracleOfThreeSyntaxes) {
  const auto path = testing::ConformanceDir() / "alertmanager/oracle/matchers.3modes.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  int run = 0;
  for (const element c : simdjson::dom::array(parser.load(path.string()))) {
    const std::string input = Text(c, "input");
    SCOPED_TRACE(input);
    ExpectOutcome(c["classic"], input, MatcherSyntax::kClassic);
    ExpectOutcome(c["utf8_strict"], input, MatcherSyntax::kUtf8Strict);
    ExpectOutcome(c["fallback"], input, MatcherSyntax::kFallback);
    ++run;
  }
  EXPECT_EQ(run, 120);
}

TEST(Matchers, MatchTable) {
  const auto match = [](MatcherType type, const char* expression, const char* value) {
    return Matcher::Make(type, "foo", expression).value().Matches(value);
  };
  EXPECT_TRUE(match(MatcherType::kEqual, "bar", "bar"));
  EXPECT_FALSE(match(MatcherType::kNotEqual, "bar", "bar"));
  EXPECT_FALSE(match(MatcherType::kRegexp, "bar", "foo-bar"));
  EXPECT_TRUE(match(MatcherType::kRegexp, ".*bar", "foo-bar"));
  EXPECT_FALSE(match(MatcherType::kNotRegexp, ".*bar", "foo-bar"));
  EXPECT_FALSE(match(MatcherType::kRegexp, "foo.bar", "foo\nbar"));
  EXPECT_TRUE(match(MatcherType::kRegexp, "(?s)foo.bar", "foo\nbar"));
}

TEST(Matchers, TextTable) {
  const auto path = testing::ConformanceDir() / "alertmanager/tables/matchers.match.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  int run = 0;
  for (const element table : simdjson::dom::array(parser.load(path.string())["tables"])) {
    if (Text(table, "func") != "TestMatcherString") continue;
    for (const element c : simdjson::dom::array(table["cases"])) {
      const std::string op = Text(c, "op");
      const MatcherType type = op == "="    ? MatcherType::kEqual
                               : op == "!=" ? MatcherType::kNotEqual
                               : op == "=~" ? MatcherType::kRegexp
                                            : MatcherType::kNotRegexp;
      EXPECT_EQ(Matcher::Make(type, Text(c, "name"), Text(c, "value")).value().ToString(), Text(c, "want"));
      ++run;
    }
  }
  EXPECT_EQ(run, 12);
}

// One matcher, as filters of the API and command lines have it; and lists, in fallback mode.
TEST(Matchers, FallbackTable) {
  const auto path = testing::ConformanceDir() / "alertmanager/tables/matchers.compat.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  int run = 0;
  for (const simdjson::dom::element table : simdjson::dom::array(parser.load(path.string())["tables"])) {
    const std::string func = testing::Text(table, "func");
    if (func != "TestFallbackMatcherParser" && func != "TestFallbackMatchersParser") continue;
    for (const simdjson::dom::element c : simdjson::dom::array(table["cases"])) {
      const std::string input = testing::Text(c, "input");
      SCOPED_TRACE(input);
      core::Result<Matchers> parsed = Matchers();
      std::vector<simdjson::dom::element> expected;
      if (func == "TestFallbackMatcherParser") {
        const auto one = ParseMatcher(input, MatcherSyntax::kFallback);
        parsed = one ? core::Result<Matchers>(Matchers{*one}) : tl::unexpected(one.error());
        simdjson::dom::element e;
        if (c["expected"].get(e) == simdjson::SUCCESS) expected.push_back(e);
      } else {
        parsed = ParseMatchers(input, MatcherSyntax::kFallback);
        simdjson::dom::array list;
        if (c["expected"].get(list) == simdjson::SUCCESS) expected.assign(list.begin(), list.end());
      }
      ++run;
      const std::string error = testing::Text(c, "err");
      if (!error.empty()) {
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().message(), error);
        continue;
      }
      ASSERT_TRUE(parsed) << parsed.error().message();
      ASSERT_EQ(parsed->size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        const std::string value = testing::Text(expected[i], "value");
        // Values with bytes that are no text stand escaped in the table.
        if (value.find("\\u00") != std::string::npos) continue;
        const auto want = Matcher::Make(
            testing::Text(expected[i], "op") == "=" ? MatcherType::kEqual : MatcherType::kRegexp,
            testing::Text(expected[i], "name"), value);
        EXPECT_EQ((*parsed)[i].ToString(), want->ToString());
      }
    }
  }
  EXPECT_GE(run, 10);
}

TEST(Matchers, OneMatcherOnly) {
  for (const char* text : {"{a=\"b\"}", "a=\"b\",c=\"d\"", ""}) {
    EXPECT_FALSE(ParseMatcher(text, MatcherSyntax::kUtf8Strict)) << text;
  }
  EXPECT_EQ(ParseMatcher("{a=b}", MatcherSyntax::kUtf8Strict).error().message(),
            "unexpected open or close brace: {a=b}");
  std::string warning;
  EXPECT_TRUE(ParseMatcher("a=\\d", MatcherSyntax::kFallback, &warning));
  EXPECT_NE(warning, "");
}

TEST(Matchers, HostileInput) {
  EXPECT_EQ(ParseMatchers(std::string(1 << 20, ','), MatcherSyntax::kFallback).error().code(),
            core::Code::kResourceExhausted);
  EXPECT_FALSE(ParseMatchers("a=~\"((x{100}){100}){100}\"", MatcherSyntax::kFallback));
  EXPECT_FALSE(ParseMatchers("a=\"\xff\"", MatcherSyntax::kUtf8Strict));
  EXPECT_FALSE(ParseMatchers("a=\"\xff\"", MatcherSyntax::kClassic));
}

}  // namespace
}  // namespace sextant::alerting
