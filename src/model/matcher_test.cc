#include "model/matcher.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

namespace sextant::model {
namespace {

Matcher Regexp(std::string_view value, MatchType type = MatchType::kRegexp) {
  core::Result<Matcher> matcher = Matcher::Make(type, "x", value);
  EXPECT_TRUE(matcher) << value;
  return matcher ? *std::move(matcher) : Matcher::Equal("x", "invalid");
}

TEST(Matcher, EqualityIsOfWholeValues) {
  EXPECT_TRUE(Matcher::Equal("x", "bar").Matches("bar"));
  EXPECT_FALSE(Matcher::Equal("x", "bar").Matches("foo-bar"));
  Matcher unequal = *Matcher::Make(MatchType::kNotEqual, "x", "bar");
  EXPECT_FALSE(unequal.Matches("bar"));
  EXPECT_TRUE(unequal.Matches("foo-bar"));
}

TEST(Matcher, ExpressionsAreAnchored) {
  EXPECT_TRUE(Regexp("bar").Matches("bar"));
  EXPECT_FALSE(Regexp("bar").Matches("foo-bar"));
  EXPECT_TRUE(Regexp(".*bar").Matches("foo-bar"));
  EXPECT_FALSE(Regexp("bar", MatchType::kNotRegexp).Matches("bar"));
  EXPECT_TRUE(Regexp("bar", MatchType::kNotRegexp).Matches("foo-bar"));
  EXPECT_FALSE(Regexp(".*bar", MatchType::kNotRegexp).Matches("foo-bar"));
  EXPECT_TRUE(Regexp("a|b").Matches("b"));
  EXPECT_FALSE(Regexp("a|b").Matches("ab"));
}

TEST(Matcher, DotMatchesNewlines) {
  EXPECT_TRUE(Regexp("foo.bar").Matches("foo\nbar"));
  EXPECT_TRUE(Regexp("foo.*").Matches("foo\nbar"));
}

TEST(Matcher, EmptyValueIsAnAbsentLabel) {
  EXPECT_TRUE(Matcher::Equal("x", "").MatchesEmpty());
  EXPECT_FALSE(Matcher::Equal("x", "a").MatchesEmpty());
  EXPECT_TRUE(Regexp(".*").MatchesEmpty());
  EXPECT_TRUE(Regexp("").MatchesEmpty());
  EXPECT_TRUE(Regexp("a|").MatchesEmpty());
  EXPECT_FALSE(Regexp(".+").MatchesEmpty());
  EXPECT_TRUE(Regexp(".+", MatchType::kNotRegexp).MatchesEmpty());
}

TEST(Matcher, ListsOfLiteralsAreKnown) {
  EXPECT_EQ(Regexp("a|bc|d").set_matches(), (std::vector<std::string>{"a", "bc", "d"}));
  EXPECT_EQ(Regexp("(a|b)").set_matches(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Regexp("(?:a|b)").set_matches(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Regexp("a\\.b|c\\|d").set_matches(), (std::vector<std::string>{"a.b", "c|d"}));
  for (std::string_view expression : {"a.b", "a|b*", "(a)|(b)", "[ab]", "a|\\d", "(?i)a|b", "(?i:a)", "^a|b$",
                                      "a{2}", "(a|b)(c|d)", "((a|b))"}) {
    EXPECT_TRUE(Regexp(expression).set_matches().empty()) << expression;
  }
}

// Whatever shortcut is taken, the answer is that of the expression.
TEST(Matcher, ShortcutsDoNotChangeAnswers) {
  const std::vector<std::string_view> values = {"",    "a",   "A",   "b",  "ab", "abc", "aab",
                                                "a.b", "axb", "a|b", "aa", "bc", "abd", "x\ny",
                                                "é",   "e",   "ée",  "1",  "d",  "(a)"};
  for (std::string_view expression :
       {"a",     "a|b",      "(a|b)",     "a?b",    "ab*",   "ab?c", "a{2}",  "é?e", "é*",
        "(?i)a", "(?i:a)|b", "a\\.b",     "a.b",    "a\\|b", "\\d",  "a|\\d", "(a)", "(a)|(b)",
        "^a",    "a$",       "\\Qa.b\\E", "[ab]c?", "",      "|a",   "a||b",  "x.y", "\\(a\\)"}) {
    RE2::Options options;
    options.set_dot_nl(true);
    RE2 re(std::string(expression), options);
    for (std::string_view value : values) {
      bool want = RE2::FullMatch(re2::StringPiece(value.data(), value.size()), re);
      EXPECT_EQ(Regexp(expression).Matches(value), want) << expression << " on " << value;
      EXPECT_EQ(Regexp(expression, MatchType::kNotRegexp).Matches(value), !want)
          << expression << " on " << value;
      if (want) {
        EXPECT_TRUE(value.starts_with(Regexp(expression).prefix())) << expression << " on " << value;
      }
    }
  }
}

TEST(Matcher, BadExpressionsAreRefused) {
  for (std::string_view expression :
       {"(", "a)", "[", "*", "a{2,1}", "\\", "(?P<x", "a(?!b)", "(((a{100}){100}){100})"}) {
    core::Result<Matcher> matcher = Matcher::Make(MatchType::kRegexp, "x", expression);
    ASSERT_FALSE(matcher) << expression;
    EXPECT_EQ(matcher.error().code(), core::Code::kInvalidArgument);
  }
}

TEST(Matcher, PrintsAsPrometheusDoes) {
  EXPECT_EQ(Matcher::Equal("a", "b\"c\n").ToString(), R"(a="b\"c\n")");
  EXPECT_EQ(Matcher::Make(MatchType::kNotRegexp, "a.b", "c")->ToString(), R"("a.b"!~"c")");
}

TEST(Matcher, AllMustMatch) {
  Labels labels = Labels::Of({{"a", "1"}, {"b", "2"}});
  EXPECT_TRUE(MatchesAll({Matcher::Equal("a", "1"), Matcher::Equal("c", "")}, labels));
  EXPECT_FALSE(MatchesAll({Matcher::Equal("a", "1"), Matcher::Equal("b", "1")}, labels));
}

}  // namespace
}  // namespace sextant::model
