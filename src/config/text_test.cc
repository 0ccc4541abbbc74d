#include "config/text.h"

#include <gtest/gtest.h>

namespace sextant::config {
namespace {

TEST(TextTest, QuotesAsGoDoes) {
  EXPECT_EQ(Quote("a\"b\\c\n\t"), R"("a\"b\\c\n\t")");
  EXPECT_EQ(Quote("\xff\x01 ü"), R"("\xff\x01 ü")");
}

TEST(TextTest, ByteSizes) {
  EXPECT_EQ(ParseByteSize("15MB").value(), 15 << 20);
  EXPECT_EQ(ParseByteSize("1KiB").value(), 1024);
  EXPECT_EQ(ParseByteSize("1.5GB").value(), int64_t{3} << 29);
  EXPECT_EQ(ParseByteSize("1MB512KB").value(), (1 << 20) + (512 << 10));
  EXPECT_EQ(ParseByteSize("0").value(), 0);
  EXPECT_EQ(ParseByteSize("-1GB").value(), -(int64_t{1} << 30));
  EXPECT_EQ(ParseByteSize("100").error().message(), "units: unknown unit  in 100");
  EXPECT_EQ(ParseByteSize("1XB").error().message(), "units: unknown unit XB in 1XB");
  EXPECT_EQ(ParseByteSize("").error().message(), "units: invalid ");
  EXPECT_EQ(ParseByteSize("MB").error().message(), "units: invalid MB");
  EXPECT_EQ(FormatByteSize(15 << 20), "15MiB");
  EXPECT_EQ(FormatByteSize(1536), "1KiB512B");
  EXPECT_EQ(FormatByteSize(0), "0B");
}

TEST(TextTest, SuggestsOnlyWhatIsNear) {
  EXPECT_EQ(ClosestName("scrape_intervall", {"scrape_interval", "scrape_timeout"}), "scrape_interval");
  EXPECT_EQ(ClosestName("scrape-Interval", {"scrape_interval", "scrape_timeout"}), "scrape_interval");
  EXPECT_EQ(ClosestName("jbo_name", {"job_name"}), "job_name");
  EXPECT_EQ(ClosestName("x", {"job_name"}), "");
  EXPECT_EQ(Suggestion("nmae", {"name"}), "; did you mean \"name\"?");
}

TEST(TextTest, NamedGroupsInBothSpellings) {
  EXPECT_TRUE(CheckRegex("(?<a>x)"));
  EXPECT_EQ(CheckRegex("a**").error().message(),
            "error parsing regexp: invalid nested repetition operator: `**`");
}

TEST(TextTest, Base64) {
  std::string out;
  EXPECT_TRUE(DecodeBase64("/w==", out));
  EXPECT_EQ(out, "\xff");
  EXPECT_TRUE(DecodeBase64("YWJj\n", out));
  EXPECT_EQ(out, "abc");
  EXPECT_FALSE(DecodeBase64("/w==$1", out));
  EXPECT_FALSE(DecodeBase64("abc", out));
  EXPECT_FALSE(DecodeBase64("====", out));
}

}  // namespace
}  // namespace sextant::config
