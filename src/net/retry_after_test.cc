#include "net/retry_after.h"

#include <gtest/gtest.h>

namespace sextant::net {

namespace {

TEST(RetryAfterTest, ReadsSecondsAndDates) {
  EXPECT_EQ(RetryAfterMs("", 0), 0);
  EXPECT_EQ(RetryAfterMs("12", 0), 12'000);
  EXPECT_EQ(RetryAfterMs("-5", 0), 0);
  EXPECT_EQ(RetryAfterMs("99999999", 0), 3'600'000);
  EXPECT_EQ(RetryAfterMs("soon", 0), 0);
  // 784111777 seconds after the epoch.
  EXPECT_EQ(RetryAfterMs("Sun, 06 Nov 1994 08:49:37 GMT", 784'111'770'000), 7'000);
  EXPECT_EQ(RetryAfterMs("Sun, 06 Nov 1994 08:49:37 GMT", 784'111'780'000), 0);
}

}  // namespace

}  // namespace sextant::net
