#include "core/xml.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(Xml, ElementsAndTheirText) {
  auto root = ParseXml(
      "<?xml version=\"1.0\" encoding='UTF-8'?>\n<!-- c -->\n<a xmlns=\"http://x\" b='>'>\n"
      "  <b>one &amp; two &#65;&#x42;&lt;<!-- x --><![CDATA[<raw>&]]></b><c/><b>2</b><?pi?>\n</a >\n");
  ASSERT_TRUE(root) << root.error().message();
  EXPECT_EQ(root->name, "a");
  ASSERT_EQ(root->children.size(), 3u);
  EXPECT_EQ(root->Text("b"), "one & two AB<<raw>&");
  EXPECT_EQ(root->Text("c"), "");
  EXPECT_NE(root->Find("c"), nullptr);
  EXPECT_EQ(root->Find("d"), nullptr);
  EXPECT_EQ(ParseXml("<a>&#x20AC;&#x1F600;&#xe9;</a>")->text, "€😀é");
}

TEST(Xml, RefusesWhatIsBroken) {
  for (const char* bad : {"",
                          "text",
                          "<a>",
                          "<a",
                          "<a></b>",
                          "<a/><b/>",
                          "<a>&no;</a>",
                          "<a>&amp</a>",
                          "<a>&#0;</a>",
                          "<a>&#xd800;</a>",
                          "<a>&#x110000;</a>",
                          "<a b></a>",
                          "<a b=c></a>",
                          "<a b=\"c></a>",
                          "<a><!-- </a>",
                          "<a><![CDATA[</a>",
                          "<?xml",
                          "< a/>",
                          "<a></a",
                          "<a>&#99999999999;</a>",
                          "<!DOCTYPE a [<!ENTITY b \"b\">]><a>&b;</a>"}) {
    auto root = ParseXml(bad);
    ASSERT_FALSE(root) << bad;
    EXPECT_EQ(root.error().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(Xml, IsBounded) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_EQ(ParseXml(deep).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(ParseXml("<a><b/><b/><b/></a>", {.depth = 3, .elements = 3}).error().code(),
            Code::kResourceExhausted);
}

}  // namespace
}  // namespace sextant::core
