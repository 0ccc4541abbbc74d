#include "metrics/tsdb/dense_integers.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "metrics/tsdb/dense_entropy.h"

namespace sextant::tsdb {
namespace {

std::string Encoded(const std::vector<int64_t>& values, ColumnGoal goal) {
  std::string bytes;
  EncodeIntegers(values, goal, bytes);
  return bytes;
}

void ExpectComesBack(const std::vector<int64_t>& values) {
  for (ColumnGoal goal : {ColumnGoal::kFast, ColumnGoal::kSmall}) {
    std::string bytes = Encoded(values, goal);
    std::vector<int64_t> read(values.size(), -77);
    ASSERT_TRUE(DecodeIntegers(bytes, read));
    EXPECT_EQ(read, values);
  }
}

TEST(DenseIntegersTest, WhatIsRegularTakesNoRoom) {
  EXPECT_EQ(Encoded({}, ColumnGoal::kSmall).size(), 0u);
  EXPECT_EQ(Encoded(std::vector<int64_t>(5000, 7), ColumnGoal::kSmall), std::string("\x00\x0e", 2));
  std::vector<int64_t> regular;
  for (int64_t i = 0; i < 5000; ++i) regular.push_back(3 + i * 15'000);
  EXPECT_EQ(Encoded(regular, ColumnGoal::kFast), "\x01\x06\xb0\xea\x01");
  std::vector<int64_t> squares;
  for (int64_t i = 0; i < 5000; ++i) squares.push_back(i * i);
  EXPECT_LT(Encoded(squares, ColumnGoal::kSmall).size(), 16u);
}

TEST(DenseIntegersTest, EveryKindComesBack) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ExpectComesBack({});
  ExpectComesBack({kMin});
  ExpectComesBack({kMax, kMin});
  ExpectComesBack({kMin, kMax, 0, kMin, -1, 1, kMax, kMax});
  std::mt19937_64 random(7);
  for (size_t size : {2u, 3u, 63u, 64u, 65u, 127u, 128u, 500u, 8192u}) {
    for (unsigned bits = 1; bits <= 64; bits += 3) {
      std::vector<int64_t> noise;
      std::vector<int64_t> walk;
      std::vector<int64_t> mostly_zero;
      int64_t value = 0;
      for (size_t i = 0; i < size; ++i) {
        uint64_t drawn = random() >> (64 - bits);
        noise.push_back(static_cast<int64_t>(drawn));
        value = WrappingAdd(value, UnZigZag(drawn));
        walk.push_back(value);
        mostly_zero.push_back(random() % 40 == 0 ? static_cast<int64_t>(drawn) : 0);
      }
      ExpectComesBack(noise);
      ExpectComesBack(walk);
      ExpectComesBack(mostly_zero);
    }
  }
}

TEST(DenseIntegersTest, RareChangesTakeAFewBitsEach) {
  std::mt19937_64 random(8);
  std::vector<int64_t> values;
  int64_t value = 0;
  for (int i = 0; i < 8000; ++i) {
    if (random() % 100 == 0) value += static_cast<int64_t>(random() % 4);
    values.push_back(value);
  }
  EXPECT_LT(Encoded(values, ColumnGoal::kSmall).size(), 120u);
}

TEST(DenseIntegersTest, WhatRepeatsTakesAlmostNoRoom) {
  std::mt19937_64 random(8);
  constexpr size_t kPeriod = 240;
  for (bool is_sparse : {false, true}) {
    std::vector<int64_t> once;
    for (size_t i = 0; i < kPeriod; ++i)
      once.push_back(is_sparse && random() % 4 != 0 ? 0 : static_cast<int64_t>(random() % 1'000'000));
    std::vector<int64_t> gauge;
    std::vector<int64_t> counter;
    int64_t total = 0;
    for (size_t i = 0; i < 12 * kPeriod; ++i) {
      gauge.push_back(once[i % kPeriod]);
      total += once[i % kPeriod];
      if (i % 500 == 499) gauge.back() = 17;  // what is out of line costs itself alone
      if (i % 900 == 899) total = 0;
      counter.push_back(total);
    }
    for (const auto& values : {gauge, counter}) {
      ExpectComesBack(values);
      std::string first = Encoded({values.begin(), values.begin() + kPeriod}, ColumnGoal::kSmall);
      std::string all = Encoded(values, ColumnGoal::kSmall);
      EXPECT_LT(all.size(), first.size() + first.size() / 4);
      EXPECT_NE(all[0] & 0x40, 0);
      // The index has such columns since before they could.
      EXPECT_EQ(Encoded(values, ColumnGoal::kFast)[0] & 0x40, 0);
    }
  }
}

TEST(DenseIntegersTest, ACommonFactorTakesNoRoom) {
  std::mt19937_64 random(8);
  std::vector<int64_t> pages;
  std::vector<int64_t> bytes;
  for (int i = 0; i < 1000; ++i) {
    pages.push_back(static_cast<int64_t>(random() % 1000));
    bytes.push_back(pages.back() * 4096 + 17);
  }
  ExpectComesBack(bytes);
  EXPECT_LE(Encoded(bytes, ColumnGoal::kSmall).size(), Encoded(pages, ColumnGoal::kSmall).size() + 6);
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  ExpectComesBack({0, kMin, 0, kMin});
  ExpectComesBack({kMin / 2, kMin, 0, kMin / 2});
}

TEST(DenseIntegersTest, OtherBytesAreRefusedOrHarmless) {
  std::mt19937_64 random(9);
  std::vector<int64_t> values;
  for (int i = 0; i < 300; ++i) values.push_back(static_cast<int64_t>(random() % 1000));
  std::string bytes = Encoded(values, ColumnGoal::kFast);
  std::vector<int64_t> read(values.size());
  ASSERT_TRUE(DecodeIntegers(bytes, read));
  EXPECT_FALSE(DecodeIntegers(bytes + '\0', read));
  EXPECT_FALSE(DecodeIntegers(bytes.substr(0, bytes.size() - 1), read));
  EXPECT_FALSE(DecodeIntegers("", read));
  EXPECT_FALSE(DecodeIntegers("\x03\x02\x02", read));                          // order 3
  EXPECT_FALSE(DecodeIntegers("\x0c\x02", read));                              // mode 3
  EXPECT_FALSE(DecodeIntegers(std::string("\x40\x02", 2), read));              // repeats without coding
  EXPECT_FALSE(DecodeIntegers(std::string("\x48\x02\x00\x00\x00", 5), read));  // at distance 0
  EXPECT_TRUE(DecodeIntegers(std::string("\x48\x02\x00\x00\x01", 5), read));
  EXPECT_TRUE(DecodeIntegers(std::string("\x48\x02\x00\x00\xff\x7f", 6), read));  // beyond the end: never met
  std::vector<int64_t> none;
  EXPECT_FALSE(DecodeIntegers(bytes, none));
  EXPECT_TRUE(DecodeIntegers("", none));
}

TEST(DenseIntegersTest, BitsOfAnyWidthComeBack) {
  std::mt19937_64 random(10);
  std::vector<std::pair<uint64_t, unsigned>> fields;
  std::string bytes;
  BitPacker packer(bytes);
  for (int i = 0; i < 2000; ++i) {
    unsigned width = static_cast<unsigned>(random() % 65);
    uint64_t value = width == 0 ? 0 : random() >> (64 - width);
    fields.emplace_back(value, width);
    packer.Put(value, width);
  }
  packer.Finish();
  BitUnpacker unpacker(bytes);
  for (auto [value, width] : fields) ASSERT_EQ(unpacker.Get(width), value);
}

}  // namespace
}  // namespace sextant::tsdb
