#include "core/duration.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(Duration, ParsesWhatPrometheusWrites) {
  EXPECT_EQ(*ParseDuration("0"), 0);
  EXPECT_EQ(*ParseDuration("0s"), 0);
  EXPECT_EQ(*ParseDuration("324ms"), 324);
  EXPECT_EQ(*ParseDuration("3s"), 3000);
  EXPECT_EQ(*ParseDuration("1h30m"), 5400'000);
  EXPECT_EQ(*ParseDuration("4d1h1s1ms"), 349'201'001);
  EXPECT_EQ(*ParseDuration("292y"), 292LL * 365 * 86400 * 1000);
}

TEST(Duration, RefusesTheRestWithUpstreamsText) {
  EXPECT_EQ(ParseDuration("").error().message(), "empty duration string");
  EXPECT_EQ(ParseDuration("400y").error().message(), "duration out of range");
  EXPECT_EQ(ParseDuration("99999999999999999999999999s").error().message(), "duration out of range");
  for (const char* text : {"1", "1y1m1d", "-1w", "1.5d", "d", "294yy", "1s1h", "1s1s", " 1s", "1 s"}) {
    ASSERT_FALSE(ParseDuration(text)) << text;
    EXPECT_EQ(ParseDuration(text).error().message(),
              "not a valid duration string: \"" + std::string(text) + "\"");
  }
}

TEST(Duration, FormatReadsBack) {
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(90'000), "1m30s");
  EXPECT_EQ(FormatDuration(7LL * 86400 * 1000), "1w");
  EXPECT_EQ(FormatDuration(8LL * 86400 * 1000), "8d");
  EXPECT_EQ(FormatDuration(-1500), "-1s500ms");
  for (DurationMs value : {1LL, 999LL, 1000LL, 61'001LL, 86'400'000LL, 31'536'000'000LL, 349'201'001LL}) {
    EXPECT_EQ(*ParseDuration(FormatDuration(value)), value);
  }
}

}  // namespace
}  // namespace sextant::core
