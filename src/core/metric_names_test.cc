#include "core/metric_names.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(MetricNamesTest, SchemesDifferInWhatTheyTake) {
  for (const char* name : {"a", "_", "a:b", "A9"})
    EXPECT_TRUE(IsMetricName(name, NameScheme::kLegacy)) << name;
  for (const char* name : {"", "9a", "a.b", "a b", "é"}) {
    EXPECT_FALSE(IsMetricName(name, NameScheme::kLegacy)) << name;
  }
  EXPECT_FALSE(IsLabelName("a:b", NameScheme::kLegacy));
  EXPECT_TRUE(IsLabelName("a_b", NameScheme::kLegacy));
  for (const char* name : {"9a", "a.b", "é", "\xf0\x9f\x94\xa5", "\xed\x9f\xbf"}) {
    EXPECT_TRUE(IsMetricName(name, NameScheme::kUtf8)) << name;
    EXPECT_TRUE(IsLabelName(name, NameScheme::kUtf8)) << name;
  }
  // Cut short, overlong, a surrogate, beyond the last code point, a byte that begins nothing.
  for (const char* name : {"", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\x80"}) {
    EXPECT_FALSE(IsMetricName(name, NameScheme::kUtf8)) << name;
  }
}

TEST(MetricNamesTest, EscapingsHaveNames) {
  for (Escaping escaping :
       {Escaping::kAllowUtf8, Escaping::kUnderscores, Escaping::kDots, Escaping::kValues}) {
    EXPECT_EQ(ParseEscaping(EscapingName(escaping)), escaping);
  }
  EXPECT_EQ(EscapingName(Escaping::kAllowUtf8), "allow-utf-8");
  EXPECT_FALSE(ParseEscaping("Underscores"));
  EXPECT_FALSE(ParseEscaping(""));
}

struct EscapeCase {
  std::string_view name;
  std::string_view underscores;
  std::string_view dots;
  std::string_view values;
};

TEST(MetricNamesTest, EscapesNames) {
  const EscapeCase cases[] = {
      {"", "", "", ""},
      {"jobs:done_total", "jobs:done_total", "jobs:done__total", "jobs:done_total"},
      {"disk.io", "disk_io", "disk_dot_io", "U__disk_2e_io"},
      {"disk.io_time", "disk_io_time", "disk_dot_io__time", "U__disk_2e_io__time"},
      {"9lives", "_lives", "__lives", "U___39_lives"},
      {"a-9", "a_9", "a__9", "U__a_2d_9"},
      {"größe", "gr__e", "gr____e", "U__gr_f6__df_e"},
      {"\xf0\x9f\x94\xa5", "_", "__", "U___1f525_"},
      {"a\xff"
       "b",
       "a_b", "a__b", "U__a_fffd_b"},
      {"a\nb", "a_b", "a__b", "U__a_a_b"},
  };
  for (const EscapeCase& row : cases) {
    EXPECT_EQ(EscapeName(row.name, Escaping::kAllowUtf8), row.name);
    EXPECT_EQ(EscapeName(row.name, Escaping::kUnderscores), row.underscores) << row.name;
    EXPECT_EQ(EscapeName(row.name, Escaping::kDots), row.dots) << row.name;
    EXPECT_EQ(EscapeName(row.name, Escaping::kValues), row.values) << row.name;
  }
}

TEST(MetricNamesTest, LegacyNamesStayInBodies) {
  EXPECT_EQ(EscapeExposedName("a_b", Escaping::kDots), "a_b");
  EXPECT_EQ(EscapeExposedName("a:b", Escaping::kUnderscores), "a:b");
  EXPECT_EQ(EscapeExposedName("a_b.c", Escaping::kDots), "a__b_dot_c");
  EXPECT_EQ(EscapeExposedName("a.c", Escaping::kAllowUtf8), "a.c");
}

}  // namespace
}  // namespace sextant::core
