#include "metrics/promfiles/ulid.h"

#include <gtest/gtest.h>

#include <random>

namespace sextant::promfiles {
namespace {

TEST(Ulid, IsParsedAndPrinted) {
  auto ulid = Ulid::Parse("01M81YY0NJEYZ1FKSFG2G8MAS9");
  ASSERT_TRUE(ulid.has_value());
  EXPECT_EQ(ulid->ToString(), "01M81YY0NJEYZ1FKSFG2G8MAS9");
  EXPECT_EQ(Ulid::Parse("01m81yy0njeyz1fksfg2g8mas9"), ulid);
  // The example of the specification.
  EXPECT_EQ(Ulid::Parse("01ARYZ6S41TSV4RRFFQ69G5FAV")->time_ms(), 1469918176385);
  EXPECT_EQ(Ulid::Parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")->bytes[15], 0xff);
  for (std::string_view text :
       {"", "01M81YY0NJEYZ1FKSFG2G8MAS", "01M81YY0NJEYZ1FKSFG2G8MAS99", "81M81YY0NJEYZ1FKSFG2G8MAS9",
        "01M81YY0NJEYZ1FKSFG2G8MASU", "01M81YY0NJEYZ1FKSFG2G8MAS.", "chunks_head"}) {
    EXPECT_FALSE(Ulid::Parse(text).has_value()) << text;
  }
}

TEST(Ulid, TextsSortLikeTheirBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    Ulid a = Ulid::Make(static_cast<core::TimestampMs>(random() % 4), random(), random());
    Ulid b = Ulid::Make(static_cast<core::TimestampMs>(random() % 4), random(), random());
    EXPECT_EQ(a < b, a.ToString() < b.ToString());
    EXPECT_EQ(Ulid::Parse(a.ToString()), a);
  }
  EXPECT_EQ(Ulid::Make(1'700'000'000'000, 1, 2).time_ms(), 1'700'000'000'000);
}

TEST(UlidSource, NeverRepeatsOrGoesBack) {
  core::ManualClock clock(1'700'000'000'000);
  UlidSource constant(clock, [] { return UINT64_MAX - 1; });
  Ulid former = constant.Next();
  for (int i = 0; i < 1000; ++i) {
    if (i == 500) clock.Advance(-1000);
    Ulid next = constant.Next();
    EXPECT_LT(former, next);
    former = next;
  }
  UlidSource one(clock);
  UlidSource other(clock);
  EXPECT_NE(one.Next(), other.Next());
}

}  // namespace
}  // namespace sextant::promfiles
