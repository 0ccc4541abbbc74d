#include "model/matcher.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <functional>
#include <random>

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
  using List = std::vector<std::string>;
  EXPECT_EQ(Regexp("a|bc|d").set_matches(), (List{"a", "bc", "d"}));
  EXPECT_EQ(Regexp("b|a|b").set_matches(), (List{"a", "b"}));
  EXPECT_EQ(Regexp("(a|b)").set_matches(), (List{"a", "b"}));
  EXPECT_EQ(Regexp("(?:a|b)").set_matches(), (List{"a", "b"}));
  EXPECT_EQ(Regexp("((a|b))").set_matches(), (List{"a", "b"}));
  EXPECT_EQ(Regexp("(?<which>a|b)").set_matches(), (List{"a", "b"}));
  EXPECT_EQ(Regexp("a\\.b|c\\|d").set_matches(), (List{"a.b", "c|d"}));
  EXPECT_EQ(Regexp("^a|b$").set_matches(), (List{"a", "b"}));
  EXPECT_EQ(Regexp("(a|b)c(d|)").set_matches(), (List{"ac", "acd", "bc", "bcd"}));
  EXPECT_EQ(Regexp("foo[1-3x]").set_matches(), (List{"foo1", "foo2", "foo3", "foox"}));
  EXPECT_EQ(Regexp("a{x}").set_matches(), (List{"a{x}"}));
  EXPECT_EQ(Regexp("(?i:ab)").set_matches(), (List{"AB", "Ab", "aB", "ab"}));
  EXPECT_EQ(Regexp("(?i)k").set_matches(), (List{"K", "k", "\u212a"}));
  EXPECT_EQ(Regexp("").set_matches(), (List{""}));
  for (std::string_view expression :
       {"a.b", "a|b*", "a|\\d", "a{2}", "[^a]", "a+", "(?i:abcdefghijklmnop)", "\\ba", "(^a)b", "[\\d-]"}) {
    EXPECT_TRUE(Regexp(expression).set_matches().empty()) << expression;
  }
  std::string many = "0";
  for (int i = 1; i < 5000; ++i) many += "|" + std::to_string(i);
  EXPECT_EQ(Regexp(many).set_matches().size(), 5000u);
  // What would multiply without end is left to RE2.
  EXPECT_TRUE(Regexp("(" + many + ")(" + many + ")").Matches("123456"));
  EXPECT_FALSE(Regexp("(" + many + ")" + std::string(2000, 'x')).Matches("1x"));
}

TEST(Matcher, PrefixesAreKnown) {
  EXPECT_EQ(Regexp("foo.*").prefix(), "foo");
  EXPECT_EQ(Regexp("foo(bar|baz).*").prefix(), "fooba");
  EXPECT_EQ(Regexp("foo.*|foz\\d").prefix(), "fo");
  EXPECT_EQ(Regexp(".*foo").prefix(), "");
  EXPECT_EQ(Regexp("fooo?").prefix(), "foo");
}

TEST(Matcher, ExpressionsThatAskForAnythingOrNothingAreKnown) {
  EXPECT_TRUE(Regexp(".+").AcceptsAllValues());
  EXPECT_TRUE(Regexp("(.*)").AcceptsAllValues());
  EXPECT_TRUE(Regexp("^.*$|a").AcceptsAllValues());
  EXPECT_FALSE(Regexp(".+.+").AcceptsAllValues());
  EXPECT_FALSE(Regexp(".").AcceptsAllValues());
  EXPECT_TRUE(Regexp(".+", MatchType::kNotRegexp).AcceptsNoValues());
  EXPECT_TRUE(Regexp("").AcceptsNoValues());
  EXPECT_TRUE(Regexp("", MatchType::kNotRegexp).AcceptsAllValues());
  EXPECT_TRUE(Matcher::Make(MatchType::kNotEqual, "x", "")->AcceptsAllValues());
  EXPECT_TRUE(Matcher::Equal("x", "").AcceptsNoValues());
  EXPECT_FALSE(Matcher::Equal("x", "a").AcceptsNoValues());
}

TEST(Matcher, NamedGroupsInBothSpellings) {
  EXPECT_TRUE(Regexp("(?<a>x+)-(?P<b>y)").Matches("xx-y"));
  EXPECT_FALSE(Regexp("(?<a>x+)-(?P<b>y)").Matches("-y"));
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

// Expressions made at random of all that the grammar has, on values that come near them.
TEST(Matcher, RandomExpressionsAnswerAsRe2Does) {
  std::mt19937 random(4);
  auto pick = [&](const std::vector<std::string>& from) { return from[random() % from.size()]; };
  const std::vector<std::string> atoms = {
      "a",      "b",       "foo",  "k",      "S",      ".",         ".*",     ".+",
      ".*?",    ".?",      "é",    "ſ",      "x\\.y",  "\\d",       "\\w",    "[ab]",
      "[^a]",   "[a-c]",   "[]x]", "[k-]",   "\\n",    "\\|",       "[\\w-]", "[[:alpha:]]",
      "\\x41",  "\\pL",    "{",    "a{x",    "-",      "\\Qa.b\\E", "(?i)",   "(?i:ks)",
      "(?s:.)", "(?-s:.)", "\\b",  "(?i:É)", "a{1,2}", "(?P<n>b)",  "^",      "$"};
  const std::vector<std::string> repetitions = {"*", "+", "?", "{2}", "{0,1}", "{1,}", "*?", "??"};
  std::function<std::string(int)> make = [&](int depth) {
    std::string text;
    for (size_t i = random() % 4 + (depth == 0); i > 0; --i) {
      if (depth < 3 && random() % 5 == 0) {
        text += (random() % 2 == 0 ? "(" : "(?:") + make(depth + 1) + ")";
      } else {
        text += pick(atoms);
      }
      if (random() % 6 == 0) text += pick(repetitions);
    }
    if (random() % 3 == 0) text += "|" + make(depth + 1);
    return text;
  };
  const std::vector<std::string> parts = {"a", "b", "foo", "k",   "K",   "s", "S",  "\u212a",
                                          "ſ", "é", "É",   "x.y", "xzy", "1", "\n", "|",
                                          "-", "{", "a{x", "aa",  "A",   "]", "x"};
  int compiled = 0;
  int matched = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string expression = make(0);
    RE2::Options options;
    options.set_dot_nl(true);
    options.set_log_errors(false);
    RE2 re(expression, options);
    core::Result<Matcher> matcher = Matcher::Make(MatchType::kRegexp, "x", expression);
    ASSERT_EQ(matcher.has_value(), re.ok()) << expression;
    if (!matcher) continue;
    ++compiled;
    for (int i = 0; i < 40; ++i) {
      std::string value;
      for (size_t n = random() % 5; n > 0; --n) value += pick(parts);
      bool want = RE2::FullMatch(value, re);
      matched += want;
      ASSERT_EQ(matcher->Matches(value), want) << expression << " on " << value;
      ASSERT_TRUE(!want || value.starts_with(matcher->prefix())) << expression << " on " << value;
      if (value.empty()) continue;
      ASSERT_TRUE(want || !matcher->AcceptsAllValues()) << expression << " on " << value;
      ASSERT_TRUE(!want || !matcher->AcceptsNoValues()) << expression << " on " << value;
    }
  }
  EXPECT_GT(compiled, 1500);
  EXPECT_GT(matched, 5'000);
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
