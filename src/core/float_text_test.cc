#include "core/float_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>

namespace sextant::core {
namespace {

std::string Fixed(double value) {
  std::string out;
  AppendFixed(out, value);
  return out;
}

TEST(FloatText, WritesAsGoDoes) {
  EXPECT_EQ(Fixed(0), "0");
  EXPECT_EQ(Fixed(-1.5), "-1.5");
  EXPECT_EQ(Fixed(1e-7), "0.0000001");
  EXPECT_EQ(Fixed(9007199254740993), "9007199254740992");
  EXPECT_EQ(Fixed(1e20), "100000000000000000000");
  EXPECT_EQ(Fixed(1.2345678901234568e29), "123456789012345680000000000000");
  EXPECT_EQ(Fixed(-1.8446744073709552e19), "-18446744073709552000");
  EXPECT_EQ(Fixed(std::numeric_limits<double>::max()).size(), 309u);
  std::string out;
  AppendScientific(out, 12345.678);
  EXPECT_EQ(out, "1.2345678e+04");
}

TEST(FloatText, ReadsBack) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    double value = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 400) - 200);
    EXPECT_EQ(std::strtod(Fixed(value).c_str(), nullptr), value);
  }
}

}  // namespace
}  // namespace sextant::core
