#include "config/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sextant::config {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text, const DocumentLimits& limits = {}) {
  auto document = Document::Parse(text, "f.yml", limits);
  return document ? "no error" : document.error().message();
}

TEST(NodeTest, KnowsWhereThingsAre) {
  auto document = Document::Parse("jobs:\n  - name: a\n    port: 80\n  - {name: \"b\"}\n", "f.yml");
  ASSERT_TRUE(document) << document.error().message();
  Node jobs = document->root().Find("jobs");
  ASSERT_TRUE(jobs);
  EXPECT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs.key_position(), (Position{1, 1}));
  Node port = (*jobs.children().begin()).Find("port");
  ASSERT_TRUE(port);
  EXPECT_EQ(port.Path(), "jobs[0].port");
  EXPECT_EQ(port.position(), (Position{3, 11}));
  EXPECT_EQ(port.key_position(), (Position{3, 5}));
  EXPECT_EQ(port.AsInt().value(), 80);
  EXPECT_FALSE(jobs.Find("x"));
  EXPECT_FALSE(Node().Find("x"));
}

TEST(NodeTest, ExpandsAliasesAndMerges) {
  auto document = Document::Parse(R"(
base: &base {a: 1, b: 2}
more: &more {c: 3, a: 9}
one:
  <<: *base
  b: own
two:
  <<: [*more, *base]
copy: *base
)",
                                  "f.yml");
  ASSERT_TRUE(document) << document.error().message();
  Node root = document->root();
  EXPECT_EQ(root.Find("one").Find("a").text(), "1");
  EXPECT_EQ(root.Find("one").Find("b").text(), "own");
  EXPECT_EQ(root.Find("one").Find("a").Path(), "one.a");
  EXPECT_EQ(root.Find("one").Find("a").position().line, 2u);
  EXPECT_EQ(root.Find("two").Find("a").text(), "9");
  EXPECT_EQ(root.Find("two").Find("b").text(), "2");
  EXPECT_EQ(root.Find("copy").size(), 2u);
  EXPECT_EQ(root.Find("base").size(), 2u);
}

TEST(NodeTest, EmptyFileIsANullRoot) {
  for (std::string_view text : {"", "\n", "# only a comment\n", "---\n", "---\n...\n"}) {
    auto document = Document::Parse(text, "f.yml");
    ASSERT_TRUE(document) << text << ": " << document.error().message();
    EXPECT_TRUE(document->root().IsNull()) << text;
  }
}

TEST(NodeTest, SyntaxErrorsHaveAPosition) {
  EXPECT_THAT(ErrorOf("a: b\n  c: d\n"), HasSubstr("f.yml:1:4: not valid YAML"));
  EXPECT_THAT(ErrorOf("a: [1, 2\nb: c\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(ErrorOf("a: \"open\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(ErrorOf("\ta: b\n"), HasSubstr("f.yml:1:"));
}

TEST(NodeTest, RefusesWhatIsAmbiguous) {
  EXPECT_EQ(ErrorOf("a: 1\nb:\n  c: 1\n  c: 2\n"), "f.yml:4:3: b.c: field c already set at line 3");
  EXPECT_EQ(ErrorOf("a: 1\n---\nb: 2\n"),
            "f.yml:2:1: a second document starts here; this file may hold one only");
  EXPECT_EQ(ErrorOf("a: 1\n...\n%YAMLx\n"), "f.yml:3:1: YAML directives are not supported");
  EXPECT_THAT(ErrorOf("? [a, b]\n: c\n"), HasSubstr("a key must be text"));
  EXPECT_THAT(ErrorOf("a: *nowhere\n"), HasSubstr("alias *nowhere has no anchor before it"));
  EXPECT_THAT(ErrorOf("a: &x [1, *x]\n"), HasSubstr("anchor &x contains itself"));
  EXPECT_THAT(ErrorOf("a: !!binary \"/w==$1\"\n"), HasSubstr("!!binary value contains invalid base64 data"));
}

TEST(NodeTest, SeveralDocumentsWhenAllowed) {
  auto document = Document::ParseAll("a: 1\n---\nb: 2\n", "f.yml");
  ASSERT_TRUE(document) << document.error().message();
  ASSERT_EQ(document->roots().size(), 2u);
  EXPECT_EQ(document->roots()[1].Find("b").text(), "2");
}

TEST(NodeTest, EverythingIsBounded) {
  EXPECT_THAT(ErrorOf("aaaaaaaaaaaaaa", {.size_bytes = 10}), HasSubstr("file is larger than 10 bytes"));
  EXPECT_THAT(ErrorOf(std::string(100, '[') + std::string(100, ']')), HasSubstr("f.yml:1:"));
  EXPECT_THAT(ErrorOf("a: {b: {c: {d: 1}}}", {.depth = 3}), HasSubstr("nested more than 3 deep"));
  EXPECT_THAT(ErrorOf("[a, b, c, d]", {.nodes = 4}), HasSubstr("more than 4 values"));

  std::string laughs = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += fmt::format("l{}: &l{} [*l{}, *l{}, *l{}, *l{}, *l{}, *l{}, *l{}, *l{}]\n", i, i, i - 1, i - 1,
                          i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
  }
  EXPECT_THAT(ErrorOf(laughs), HasSubstr("after the expansion of aliases"));

  std::string tower = "l0: &l0 [x]\n";
  for (int i = 1; i < 100; ++i) tower += fmt::format("l{}: &l{} [*l{}]\n", i, i, i - 1);
  EXPECT_THAT(ErrorOf(tower), HasSubstr("nested more than 64 deep"));
}

TEST(NodeTest, MissingFileSaysWhy) {
  auto document = Document::Load("/nonexistent/x.yml");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().message(), "/nonexistent/x.yml: No such file or directory");
  EXPECT_EQ(Document::Load("/").error().message(), "/: Is a directory");
}

}  // namespace
}  // namespace sextant::config
