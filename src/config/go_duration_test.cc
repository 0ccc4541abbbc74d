#include "config/go_duration.h"

#include <gtest/gtest.h>

#include <limits>

namespace sextant::config {

namespace {

constexpr DurationNs kSecond = 1'000'000'000;

TEST(GoDurationTest, ReadsWhatGoReads) {
  const std::pair<const char*, DurationNs> kCases[] = {
      {"0", 0},
      {"-0", 0},
      {"5s", 5 * kSecond},
      {"+5s", 5 * kSecond},
      {"-1.5h", -5'400 * kSecond},
      {"2h45m", 9'900 * kSecond},
      {"300ms", kSecond * 3 / 10},
      {".5s", kSecond / 2},
      {"5.s", 5 * kSecond},
      {"12µs34ns", 12'034},
      {"1us", 1'000},
      {"39h9m14.425s", 140'954 * kSecond + 425'000'000},
  };
  for (const auto& [text, expected] : kCases) {
    auto parsed = ParseGoDuration(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
    EXPECT_EQ(*parsed, expected) << text;
  }
}

TEST(GoDurationTest, WordsErrorsAsGoDoes) {
  auto error = [](const char* text) {
    auto parsed = ParseGoDuration(text);
    return parsed ? std::string("none") : parsed.error().message();
  };
  for (const char* text : {"", "-", ".", "s", "1..5s", "300000000h", "nans", "infs", "--5s"}) {
    EXPECT_EQ(error(text), "time: invalid duration \"" + std::string(text) + "\"") << text;
  }
  EXPECT_EQ(error("3"), "time: missing unit in duration \"3\"");
  EXPECT_EQ(error("1d"), "time: unknown unit \"d\" in duration \"1d\"");
}

TEST(GoDurationTest, WritesWhatGoWrites) {
  const std::pair<DurationNs, const char*> kCases[] = {{0, "0s"},
                                                       {1, "1ns"},
                                                       {1'100, "1.1µs"},
                                                       {2'200'000, "2.2ms"},
                                                       {3'300'000'000, "3.3s"},
                                                       {90 * kSecond, "1m30s"},
                                                       {3'600 * kSecond, "1h0m0s"},
                                                       {-kSecond, "-1s"}};
  for (const auto& [duration, text] : kCases) EXPECT_EQ(FormatGoDuration(duration), text);
}

TEST(GoDurationTest, RoundsMillisecondsUp) {
  const std::pair<const char*, core::DurationMs> kCases[] = {{"0", 0},     {"1ns", 1},     {"1ms", 1},
                                                             {"1.5ms", 2}, {"-1.5ms", -1}, {"1m30s", 90'000}};
  for (const auto& [text, expected] : kCases) EXPECT_EQ(*ParseGoDurationMs(text), expected) << text;
  EXPECT_FALSE(ParseGoDurationMs("1d"));
}

TEST(GoDurationTest, WritesMilliseconds) {
  const std::pair<core::DurationMs, const char*> kCases[] = {
      {0, "0s"},
      {7, "7ms"},
      {-7, "-7ms"},
      {200'001, "3m20.001s"},
      {7'200'000, "2h0m0s"},
      {std::numeric_limits<int64_t>::max(), "2562047h47m16.854s"},
      {std::numeric_limits<int64_t>::min(), "-2562047h47m16.854s"}};
  for (const auto& [duration, text] : kCases) EXPECT_EQ(FormatGoDurationMs(duration), text);
}

}  // namespace

}  // namespace sextant::config
