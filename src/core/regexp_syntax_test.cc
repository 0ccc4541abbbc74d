#include "core/regexp_syntax.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(RegexpSyntax, NamedGroupsInBothSpellings) {
  EXPECT_EQ(ToRe2Syntax(R"((?<a>x)(?P<b>y)\(?<[(?<]\Q(?<\E[]([:alpha:]](?<c>z))"),
            R"((?P<a>x)(?P<b>y)\(?<[(?<]\Q(?<\E[]([:alpha:]](?P<c>z))");
  EXPECT_EQ(ToRe2Syntax("\\Qa"), "\\Qa");
}

}  // namespace
}  // namespace sextant::core
