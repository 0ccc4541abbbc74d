#include "metrics/tsdb/dense_values.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sextant::tsdb {
namespace {

std::string Encoded(const std::vector<double>& values) {
  std::string bytes;
  EncodeValues(values, bytes);
  return bytes;
}

void ExpectComesBack(const std::vector<double>& values) {
  std::string bytes = Encoded(values);
  std::vector<double> read(values.size(), -77);
  ASSERT_TRUE(DecodeValues(bytes, read));
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint64_t>(read[i]), std::bit_cast<uint64_t>(values[i])) << i << ": " << values[i];
}

double FromBits(uint64_t bits) { return std::bit_cast<double>(bits); }

const double kStale = FromBits(0x7ff0000000000002);

// Values that are special in some way.
const std::vector<double> kSpecial = {
    0.0,
    -0.0,
    1.0,
    -1.0,
    kStale,
    FromBits(0x7ff8000000000001),
    FromBits(0xfff8000000000000),
    FromBits(0x7ff0000000000001),
    FromBits(0xffffffffffffffff),
    std::numeric_limits<double>::infinity(),
    -std::numeric_limits<double>::infinity(),
    std::numeric_limits<double>::max(),
    std::numeric_limits<double>::lowest(),
    std::numeric_limits<double>::min(),
    std::numeric_limits<double>::denorm_min(),
    4611686018427387904.0,
    -4611686018427387904.0,
    9223372036854775808.0,
    0.1,
    1e-18,
    123456.789,
    1e15,
    999999999999999.9,
    1.0 / 3.0,
};

TEST(DenseValuesTest, ConstantsTakeAFewBytes) {
  EXPECT_EQ(Encoded(std::vector<double>(500, 1)), std::string("\x00\x00\x02", 3));
  EXPECT_EQ(Encoded(std::vector<double>(500, 12.34)), std::string("\x02\x00\xa4\x13", 4));
  EXPECT_LE(Encoded(std::vector<double>(500, kStale)).size(), 6u);
  EXPECT_LE(Encoded(std::vector<double>(500, 1.0 / 3.0)).size(), 13u);
  EXPECT_LE(Encoded(std::vector<double>(500, std::numeric_limits<double>::infinity())).size(), 14u);
}

TEST(DenseValuesTest, EveryBitPatternComesBack) {
  for (double value : kSpecial) {
    ExpectComesBack({value});
    ExpectComesBack(std::vector<double>(100, value));
  }
  ExpectComesBack(kSpecial);
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    size_t size = 1 + random() % 600;
    std::vector<double> patterns;
    std::vector<double> mixed;
    std::vector<double> few;
    for (size_t i = 0; i < size; ++i) {
      patterns.push_back(FromBits(random()));
      mixed.push_back(random() % 20 == 0 ? kSpecial[random() % kSpecial.size()]
                                         : static_cast<double>(random() % 100'000) / 100);
      few.push_back(kSpecial[random() % (1 + static_cast<size_t>(round) % kSpecial.size())]);
    }
    ExpectComesBack(patterns);
    ExpectComesBack(mixed);
    ExpectComesBack(few);
  }
}

TEST(DenseValuesTest, EveryScaleComesBack) {
  std::mt19937_64 random(4);
  for (int digits = 0; digits <= 20; ++digits) {
    std::vector<double> walk;
    std::vector<double> noise;
    double value = 0;
    for (int i = 0; i < 1000; ++i) {
      value += static_cast<double>(random() % 1000);
      walk.push_back(value / std::pow(10.0, digits));
      noise.push_back(static_cast<double>(random() % 1'000'000) / std::pow(10.0, digits));
    }
    ExpectComesBack(walk);
    ExpectComesBack(noise);
    if (digits <= 12) {
      EXPECT_LT(Encoded(walk).size(), 1400u) << digits;
    }
  }
}

TEST(DenseValuesTest, HoweverADecimalWasMade) {
  std::mt19937_64 random(4);
  std::vector<double> divided;
  std::vector<double> multiplied;
  std::vector<double> twice;
  double value = 12'345'678;
  for (int i = 0; i < 1000; ++i) {
    value += static_cast<double>(random() % 100);
    divided.push_back(value / 1e3);
    multiplied.push_back(value * 0.001);
    twice.push_back(value / 1e3 / 1e3);
  }
  for (const auto& values : {divided, multiplied, twice}) {
    ExpectComesBack(values);
    EXPECT_LT(Encoded(values).size(), 1000u);
  }
}

TEST(DenseValuesTest, FewValuesMakeADictionary) {
  std::mt19937_64 random(5);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::sqrt(2.0 + static_cast<double>(random() % 4)));
  ExpectComesBack(values);
  EXPECT_LT(Encoded(values).size(), 340u);  // two bits each
}

TEST(DenseValuesTest, SingleFloatsDropTheirZeroBits) {
  std::mt19937_64 random(6);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::sqrt(static_cast<float>(random() % 100'000)));
  ExpectComesBack(values);
  EXPECT_LT(Encoded(values).size(), 3700u);
}

TEST(DenseValuesTest, OtherBytesAreRefused) {
  std::vector<double> read(100);
  EXPECT_FALSE(DecodeValues("", read));
  EXPECT_FALSE(DecodeValues(std::string("\x1d\x00\x02", 3), read));          // form 29
  EXPECT_FALSE(DecodeValues(std::string("\x40\x00\x02", 3), read));          // a bit that is not ours
  EXPECT_FALSE(DecodeValues(std::string("\x1e\x40\x00\x02", 4), read));      // shifted by 64
  EXPECT_FALSE(DecodeValues(std::string("\x20\x01\x00\x64\x00", 5), read));  // 101 exceptions
  EXPECT_FALSE(DecodeValues(std::string("\x20\x01\x00\x05\x03\x00\x02", 7), read));
  // A dictionary in a dictionary; a place beyond its end.
  EXPECT_FALSE(DecodeValues(std::string("\x1f\x01\x07\x1f\x01\x03\x00\x00\x02\x00\x00", 11), read));
  EXPECT_TRUE(DecodeValues(std::string("\x1f\x01\x03\x00\x00\x02\x00\x00", 8), read));
  EXPECT_FALSE(DecodeValues(std::string("\x1f\x01\x03\x00\x00\x02\x00\x02", 8), read));
}

}  // namespace
}  // namespace sextant::tsdb
