#include "core/rfc3339.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(Rfc3339, TimesWithFractionsAndOffsets) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:01Z"), 1'000);
  EXPECT_EQ(ParseRfc3339("2026-01-02T03:04:05.678Z"), 1'767'323'045'000);
  EXPECT_EQ(ParseRfc3339("2026-01-02T03:04:05+01:00"), 1'767'319'445'000);
  EXPECT_EQ(ParseRfc3339("2026-01-02T03:04:05.5-00:30"), 1'767'324'845'000);
  for (const char* bad :
       {"", "soon", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05.", "2026-13-02T03:04:05Z"}) {
    EXPECT_FALSE(ParseRfc3339(bad)) << bad;
  }
}

}  // namespace
}  // namespace sextant::core
