#include "net/retry_after.h"

#include <gtest/gtest.h>

namespace sextant::net {

namespace {

TEST(RetryAfterTest, ReadsSeconds) {
  EXPECT_EQ(RetryAfterMs("0", 0), 0);
  EXPECT_EQ(RetryAfterMs("12", 0), 12'000);
  EXPECT_EQ(RetryAfterMs("3600", 0), 3'600'000);
}

TEST(RetryAfterTest, ReadsDates) {
  // 784111777 seconds after the epoch.
  EXPECT_EQ(RetryAfterMs("Sun, 06 Nov 1994 08:49:37 GMT", 784'111'770'000), 7'000);
  EXPECT_EQ(RetryAfterMs("Sun, 06 Nov 1994 08:49:37 GMT", 784'111'780'000), 0);
  EXPECT_EQ(RetryAfterMs("Sun, 06 Nov 1994 08:49:37 GMT", 0), 3'600'000);
}

TEST(RetryAfterTest, NobodyWaitsLongerThanAnHour) {
  EXPECT_EQ(RetryAfterMs("3601", 0), 3'600'000);
  EXPECT_EQ(RetryAfterMs("9223372036854775807", 0), 3'600'000);
  EXPECT_EQ(RetryAfterMs("99999999999999999999999", 0), 3'600'000);
}

TEST(RetryAfterTest, NonsenseAsksForNothing) {
  for (const char* text :
       {"", " ", "soon", "-5", "-99999999999999999999999", "5s", "1.5", "+5", "0x10",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT+1", "1994-11-06T08:49:37Z"}) {
    EXPECT_EQ(RetryAfterMs(text, 0), 0) << text;
  }
}

}  // namespace

}  // namespace sextant::net
