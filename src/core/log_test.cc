#include "core/log.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

struct Capture {
  ManualClock clock{1'700'000'000'123};
  std::string text;
  Logger Make(LogFormat format, LogLevel level = LogLevel::kInfo) {
    return Logger(clock, {level, format, [this](std::string_view line) { text += line; }});
  }
};

TEST(Log, WritesLogfmtAndQuotesWhatNeedsIt) {
  Capture capture;
  capture.Make(LogFormat::kLogfmt)
      .With("component", "scrape")
      .Warn("scrape failed", {{"job", "a b"}, {"n", 3}, {"e", ""}});
  EXPECT_EQ(capture.text,
            "time=2023-11-14T22:13:20.123Z level=warn msg=\"scrape failed\" component=scrape job=\"a b\" n=3 "
            "e=\"\"\n");
}

TEST(Log, WritesJsonAndEscapesControlBytes) {
  Capture capture;
  capture.Make(LogFormat::kJson).Info("x", {{"k", "a\"\n\x01"}});
  EXPECT_EQ(
      capture.text,
      "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"msg\":\"x\",\"k\":\"a\\\"\\n\\u0001\"}\n");
}

TEST(Log, DropsWhatIsBelowItsLevel) {
  Capture capture;
  Logger logger = capture.Make(LogFormat::kLogfmt, LogLevel::kWarn);
  logger.Info("no");
  EXPECT_TRUE(capture.text.empty());
  EXPECT_FALSE(logger.IsEnabled(LogLevel::kInfo));
}

TEST(Log, RefusesUnknownLevelsAndFormatsByName) {
  EXPECT_EQ(ParseLogLevel("loud").error().message(),
            "unknown log level \"loud\": use debug, info, warn or error");
  EXPECT_FALSE(ParseLogFormat("xml"));
}

}  // namespace
}  // namespace sextant::core
