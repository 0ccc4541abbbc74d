#include "core/elapsed_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace sextant::core {
namespace {

// What Go's time.Duration prints for the same numbers.
TEST(ElapsedText, IsGos) {
  EXPECT_EQ(ElapsedText(0), "0s");
  EXPECT_EQ(ElapsedText(1), "1ns");
  EXPECT_EQ(ElapsedText(999), "999ns");
  EXPECT_EQ(ElapsedText(1'100), "1.1\u00b5s");
  EXPECT_EQ(ElapsedText(2'200'000), "2.2ms");
  EXPECT_EQ(ElapsedText(1'234'567), "1.234567ms");
  EXPECT_EQ(ElapsedText(3'300'000'000), "3.3s");
  EXPECT_EQ(ElapsedText(60'000'000'000), "1m0s");
  EXPECT_EQ(ElapsedText(62'500'000'000), "1m2.5s");
  EXPECT_EQ(ElapsedText(4'205'001'000'000), "1h10m5.001s");
  EXPECT_EQ(ElapsedText(-1'100), "-1.1\u00b5s");
  EXPECT_EQ(ElapsedText(std::numeric_limits<int64_t>::max()), "2562047h47m16.854775807s");
  EXPECT_EQ(ElapsedText(std::numeric_limits<int64_t>::min()), "-2562047h47m16.854775808s");
}

}  // namespace
}  // namespace sextant::core
