#include "model/value.h"

#include <gtest/gtest.h>

#include <limits>

namespace sextant::model {
namespace {

TEST(Value, StaleMarkersAreTheirOwnKindOfNan) {
  EXPECT_TRUE(IsStaleNan(StaleNan()));
  EXPECT_FALSE(IsStaleNan(NormalNan()));
  EXPECT_FALSE(IsStaleNan(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_TRUE(std::isnan(StaleNan()));
}

TEST(FormatValue, WritesShortestDigitsWithoutExponent) {
  EXPECT_EQ(FormatValue(0), "0");
  EXPECT_EQ(FormatValue(-0.0), "-0");
  EXPECT_EQ(FormatValue(1), "1");
  EXPECT_EQ(FormatValue(0.1), "0.1");
  EXPECT_EQ(FormatValue(-1.5), "-1.5");
  EXPECT_EQ(FormatValue(1e21), "1000000000000000000000");
  EXPECT_EQ(FormatValue(1e-7), "0.0000001");
  EXPECT_EQ(FormatValue(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(FormatValue(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(FormatValue(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(FormatValue(StaleNan()), "NaN");
  // All digits of the largest and smallest numbers.
  EXPECT_EQ(FormatValue(std::numeric_limits<double>::max()).size(), 309u);
  EXPECT_EQ(FormatValue(5e-324).substr(0, 4), "0.00");
  EXPECT_EQ(FormatValue(5e-324).size(), 326u);
}

}  // namespace
}  // namespace sextant::model
