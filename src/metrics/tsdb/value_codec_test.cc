#include "metrics/tsdb/value_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "model/value.h"

namespace sextant::tsdb {
namespace {

uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

size_t RoundTrip(uint64_t previous, uint64_t bits) {
  char buffer[kMaxValueBytes];
  char* end = EncodeValue(previous, bits, buffer);
  size_t size = static_cast<size_t>(end - buffer);
  EXPECT_LE(size, kMaxValueBytes);
  ByteReader reader(std::string_view(buffer, size));
  uint64_t back = 0;
  uint8_t token = reader.Byte();
  EXPECT_GT(token, kMaxRunToken);
  EXPECT_TRUE(DecodeValue(token, previous, reader, back));
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(back, bits) << std::bit_cast<double>(previous) << " -> " << std::bit_cast<double>(bits);
  return size;
}

TEST(ValueCodecTest, SizesOfOrdinarySteps) {
  EXPECT_EQ(RoundTrip(Bits(1000), Bits(1001)), 1u);
  EXPECT_EQ(RoundTrip(Bits(1000), Bits(968)), 1u);
  EXPECT_EQ(RoundTrip(Bits(1000), Bits(1100)), 2u);
  EXPECT_EQ(RoundTrip(Bits(1e9), Bits(1e9 + 60'000)), 4u);
  EXPECT_EQ(RoundTrip(Bits(12345.67), Bits(12350.67)), 3u);
  EXPECT_EQ(RoundTrip(Bits(0.000123), Bits(0.000124)), 2u);
  EXPECT_EQ(RoundTrip(Bits(5), model::kStaleNanBits), 1u);
}

TEST(ValueCodecTest, EveryPairOfOddValuesComesBackBitForBit) {
  std::vector<double> odd = {0.0,
                             -0.0,
                             1,
                             -1,
                             0.1,
                             -0.1,
                             1e-3,
                             123.456,
                             1e15,
                             9007199254740992.0,
                             -9007199254740992.0,
                             9007199254740993e3,
                             1e300,
                             -1e300,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::denorm_min(),
                             std::numeric_limits<double>::max(),
                             model::NormalNan(),
                             model::StaleNan(),
                             std::bit_cast<double>(0xfff8000000000123u),
                             M_PI};
  for (double a : odd) {
    for (double b : odd) {
      if (Bits(a) != Bits(b)) RoundTrip(Bits(a), Bits(b));
    }
  }
}

TEST(ValueCodecTest, RandomPairsComeBackBitForBit) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    uint64_t a = random();
    uint64_t b = i % 2 == 0 ? random() : a ^ (random() >> (random() % 64));
    if (i % 3 == 0) {
      a = Bits(static_cast<double>(random() % 100'000) / 1000);
      b = Bits(static_cast<double>(random() % 100'000) / 1000);
    }
    if (a != b) RoundTrip(a, b);
  }
}

TEST(ValueCodecTest, InvalidTokensAreRefused) {
  uint64_t bits = 0;
  for (int token = 0; token < 256; ++token) {
    ByteReader empty("");
    bool is_whole = (token >= 0x80 && token < 0xc0) || token == kStaleToken;
    EXPECT_EQ(DecodeValue(static_cast<uint8_t>(token), Bits(1), empty, bits), is_whole) << token;
  }
  ByteReader bad_cut(std::string_view("\x08\x01", 2));
  EXPECT_FALSE(DecodeValue(0xd8, Bits(1), bad_cut, bits));
  // A difference to a value that is not a whole number.
  ByteReader delta(std::string_view("\x02", 1));
  EXPECT_FALSE(DecodeValue(0xc0, Bits(0.5), delta, bits));
}

}  // namespace
}  // namespace sextant::tsdb
