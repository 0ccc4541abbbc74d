#include "api/params.h"

#include <gtest/gtest.h>

namespace sextant::api {
namespace {

TEST(Params, TimesAsUpstreamReadsThem) {
  EXPECT_EQ(*ParseTime("0"), 0);
  EXPECT_EQ(*ParseTime("1435781451.781"), 1435781451781);
  EXPECT_EQ(*ParseTime("-1.5"), -1500);
  EXPECT_EQ(*ParseTime("2015-06-03T13:21:58.555Z"), 1433337718555);
  EXPECT_EQ(*ParseTime("2015-06-03T14:21:58.555+01:00"), 1433337718555);
  EXPECT_EQ(*ParseTime("2020-02-29T00:00:00Z"), 1582934400000);
  for (const char* text : {"", "yesterday", "2015-06-03", "2015-02-29T00:00:00Z", "2015-06-03T13:21:58",
                           "2015-06-03T25:00:00Z", "30s", "nan", "inf", "1e300", "2015-06-03T13:21:58.Z"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
  EXPECT_EQ(ParseTime("x").error().message(), "cannot parse \"x\" to a valid timestamp");
}

TEST(Params, DurationsAsUpstreamReadsThem) {
  EXPECT_EQ(*ParseApiDuration("1"), 1000);
  EXPECT_EQ(*ParseApiDuration("123.5"), 123500);
  EXPECT_EQ(*ParseApiDuration("5m"), 300000);
  EXPECT_EQ(ParseApiDuration("-").error().message(), "cannot parse \"-\" to a valid duration");
  EXPECT_EQ(ParseApiDuration("1e300").error().message(),
            "cannot parse \"1e300\" to a valid duration. It overflows int64");
  EXPECT_FALSE(ParseApiDuration(""));
}

net::QueryParams Params(std::string_view text) { return *net::ParseQuery(text); }

TEST(Params, Limits) {
  EXPECT_EQ(*LimitParam(Params("")), 0u);
  EXPECT_EQ(*LimitParam(Params("limit=7")), 7u);
  EXPECT_EQ(LimitParam(Params("limit=-1")).error().message,
            "invalid parameter \"limit\": limit must be non-negative");
  EXPECT_EQ(LimitParam(Params("limit=x")).error().message,
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax");
}

TEST(Params, SelectorsMustSelect) {
  EXPECT_EQ(MatchersParam(Params("match[]=up&match[]={job=~\"a.%2B\"}"))->size(), 2u);
  EXPECT_EQ(MatchersParam(Params("match[]={job=~\".*\"}")).error().message,
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher");
  EXPECT_EQ(MatchersParam(Params("match[]={")).error().type, ErrorType::kBadData);
}

TEST(Params, TimesAsGoWritesThem) {
  EXPECT_EQ(FormatRfc3339(0), "0001-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(1433337718555), "2015-06-03T13:21:58.555Z");
  EXPECT_EQ(FormatRfc3339(1433337718500), "2015-06-03T13:21:58.5Z");
  EXPECT_EQ(FormatRfc3339(1433337718000), "2015-06-03T13:21:58Z");
}

}  // namespace
}  // namespace sextant::api
