#include "users/ini_file.h"

#include <gmock/gmock.h>

namespace sextant::users {
namespace {

using ::testing::HasSubstr;

std::string ValueOf(std::string_view line) {
  auto entries = ParseIni(std::string(line), "g.ini");
  if (!entries) return "error: " + entries.error().message();
  return entries->size() == 1 ? entries->front().value : "not one entry";
}

TEST(IniFile, SectionsKeysAndComments) {
  auto entries = ParseIni(
      "\xef\xbb\xbf; a comment\n# another\napp_mode = production\n\n[security]  ; "
      "names\r\nadmin_user=root\r\n"
      "  admin_password :  pw  # why\n[auth.anonymous]\nenabled = true",
      "g.ini");
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_EQ(entries->size(), 4u);
  EXPECT_EQ((*entries)[0].section, "");
  EXPECT_EQ((*entries)[0].key, "app_mode");
  EXPECT_EQ((*entries)[1].section, "security");
  EXPECT_EQ((*entries)[1].value, "root");
  EXPECT_EQ((*entries)[2].value, "pw");
  EXPECT_EQ((*entries)[2].line, 7);
  EXPECT_EQ((*entries)[3].section, "auth.anonymous");
  EXPECT_EQ((*entries)[3].value, "true");
}

TEST(IniFile, ValuesAreCutAtCommentsUnlessQuoted) {
  EXPECT_EQ(ValueOf("k = a#b"), "a");
  EXPECT_EQ(ValueOf("k = a;b"), "a");
  EXPECT_EQ(ValueOf("k = \"\"\"a#b;c\"\"\""), "a#b;c");
  EXPECT_EQ(ValueOf("k = `a#b` ; why"), "a#b");
  EXPECT_EQ(ValueOf("k = \"a b\""), "a b");
  EXPECT_EQ(ValueOf("k = 'a'"), "a");
  EXPECT_EQ(ValueOf("k ="), "");
  EXPECT_EQ(ValueOf("k = a=b"), "a=b");
}

TEST(IniFile, SaysWhereItIsMalformed) {
  EXPECT_THAT(ValueOf("\nnothing"), HasSubstr("g.ini:2: expected \"key = value\""));
  EXPECT_THAT(ValueOf("= 1"), HasSubstr("g.ini:1: expected"));
  EXPECT_THAT(ValueOf("[open"), HasSubstr("']' is missing"));
  EXPECT_THAT(ValueOf("[]"), HasSubstr("has no name"));
  EXPECT_THAT(ValueOf("[a] b = c"), HasSubstr("nothing may follow"));
  EXPECT_THAT(ValueOf("k = \"\"\"open"), HasSubstr("not closed"));
  EXPECT_THAT(ValueOf("k = a \\"), HasSubstr("next line"));
  EXPECT_THAT(ValueOf(std::string_view("k = \0", 5)), HasSubstr("zero byte"));
}

TEST(IniFile, IsBounded) {
  EXPECT_EQ(ParseIni(std::string(kMaxIniBytes + 1, '\n'), "g.ini").error().code(),
            core::Code::kResourceExhausted);
  std::string many;
  for (size_t i = 0; i <= kMaxIniEntries; ++i) many += "k=v\n";
  EXPECT_EQ(ParseIni(many, "g.ini").error().code(), core::Code::kResourceExhausted);
}

}  // namespace
}  // namespace sextant::users
