#include "model/labels.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace sextant::model {
namespace {

TEST(Labels, AreSortedUniqueAndWithoutEmptyValues) {
  Labels labels = Labels::Of({{"b", "2"}, {"a", "1"}, {"c", ""}, {"a", "3"}});
  EXPECT_EQ(labels.ToString(), R"({a="3", b="2"})");
  EXPECT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels.Get("a"), "3");
  EXPECT_EQ(labels.Get("c"), "");
  EXPECT_FALSE(labels.Has("c"));
  EXPECT_TRUE(Labels::Of({{"a", ""}}).empty());
  EXPECT_EQ(Labels().ToString(), "{}");
}

TEST(Labels, EqualSetsAreEqualHoweverMade) {
  Labels a = Labels::Of({{"x", "1"}, {"y", "2"}});
  LabelsBuilder builder;
  builder.Set("y", "2");
  builder.Set("x", "0");
  builder.Set("x", "1");
  Labels b = builder.Build();
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.Hash(), b.Hash());
  EXPECT_NE(a, Labels::Of({{"x", "12"}}));
  // The border between names and values counts.
  EXPECT_NE(Labels::Of({{"ab", "c"}}), Labels::Of({{"a", "bc"}}));
  std::unordered_set<Labels> set{a, b};
  EXPECT_EQ(set.size(), 1u);
}

TEST(Labels, OrderIsByNameThenValue) {
  Labels empty;
  Labels a1 = Labels::Of({{"a", "1"}});
  Labels a1b1 = Labels::Of({{"a", "1"}, {"b", "1"}});
  Labels a2 = Labels::Of({{"a", "2"}});
  Labels b1 = Labels::Of({{"b", "1"}});
  EXPECT_LT(empty, a1);
  EXPECT_LT(a1, a1b1);
  EXPECT_LT(a1b1, a2);
  EXPECT_LT(a2, b1);
}

TEST(Labels, CopiesShareAndOutlive) {
  Labels copy;
  {
    Labels original = Labels::Of({{"a", std::string(1000, 'x')}});
    copy = original;
    Labels moved = std::move(original);
    EXPECT_EQ(moved, copy);
  }
  EXPECT_EQ(copy.Get("a").size(), 1000u);
  copy = Labels(copy);
  EXPECT_GT(copy.SizeBytes(), 1000u);
}

TEST(Labels, PrintAsMetric) {
  EXPECT_EQ(Labels::Of({{"__name__", "foo"}}).ToMetricString(), "foo");
  EXPECT_EQ(Labels::Of({{"__name__", "foo"}, {"a", "b\n"}}).ToMetricString(), R"(foo{a="b\n"})");
  EXPECT_EQ(Labels::Of({{"__name__", "foo.bar"}, {"a b", "c"}}).ToMetricString(),
            R"({"foo.bar", "a b"="c"})");
  EXPECT_EQ(Labels().ToMetricString(), "{}");
}

TEST(LabelsBuilder, KeepsAndDrops) {
  Labels base = Labels::Of({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  LabelsBuilder builder(base);
  builder.Keep({"a", "c", "z"});
  EXPECT_EQ(builder.Build().ToString(), R"({a="1", c="3"})");
  builder.Reset(base);
  builder.Drop({"a", "z"});
  builder.Delete("z");
  builder.Set("b", "");
  EXPECT_EQ(builder.Build().ToString(), R"({c="3"})");
  EXPECT_EQ(builder.Get("c"), "3");
}

TEST(Names, ClassicAndUtf8) {
  EXPECT_TRUE(IsClassicLabelName("_a1"));
  EXPECT_FALSE(IsClassicLabelName("1a"));
  EXPECT_FALSE(IsClassicLabelName("a:b"));
  EXPECT_FALSE(IsClassicLabelName(""));
  EXPECT_TRUE(IsClassicMetricName("a:b"));
  EXPECT_TRUE(IsValidUtf8("aé☺\U0001F600"));
  for (std::string_view bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x98", "a\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
  }
}

TEST(QuoteGo, EscapesAsGoDoes) {
  EXPECT_EQ(QuoteGo("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(QuoteGo("\a\b\f\n\r\t\v"), R"("\a\b\f\n\r\t\v")");
  EXPECT_EQ(QuoteGo(std::string_view("\0\x1f\x7f", 3)), R"("\x00\x1f\x7f")");
  EXPECT_EQ(QuoteGo("é☺"), "\"é☺\"");
  EXPECT_EQ(QuoteGo("\xff"), R"("\xff")");
  EXPECT_EQ(QuoteGo("\u00a0"), R"("\u00a0")");
}

}  // namespace
}  // namespace sextant::model
