#include "pipeline/settings/cookie_jar.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sextant::pipeline {

namespace {

class CookieJarTest : public testing::Test {
 protected:
  void Take(std::initializer_list<std::string_view> cookies) {
    net::FetchResponse response;
    for (std::string_view cookie : cookies) response.headers.Add("Set-Cookie", cookie);
    jar_.Take(response);
  }
  std::string Sent() {
    net::FetchRequest request;
    jar_.AddTo(request);
    return std::string(request.headers.Get("Cookie"));
  }

  core::ManualClock clock_{784'111'770'000};  // Sun, 06 Nov 1994 08:49:30 GMT
  CookieJar jar_{"http://collector.shop.test:4318/v1/traces", clock_};
};

TEST_F(CookieJarTest, SendsWhatWasSet) {
  EXPECT_EQ(Sent(), "");
  Take({"route=a; Path=/; HttpOnly", "other = b c "});
  EXPECT_EQ(Sent(), "other=b c; route=a");
  Take({"route=z"});
  EXPECT_EQ(Sent(), "other=b c; route=z");
  net::FetchRequest request;
  request.headers.Set("Cookie", "own=1");
  jar_.AddTo(request);
  EXPECT_EQ(request.headers.Get("Cookie"), "own=1; other=b c; route=z");
}

TEST_F(CookieJarTest, ForgetsWhatHasEnded) {
  Take({"short=1; Max-Age=5", "dated=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "never=3; Max-Age=soon",
        "past=4; expires=Sun, 06-Nov-1994 08:00:00 GMT"});
  EXPECT_EQ(Sent(), "dated=2; never=3; short=1");
  clock_.Advance(5'000);
  EXPECT_EQ(Sent(), "dated=2; never=3");
  clock_.Advance(2'000);
  EXPECT_EQ(Sent(), "never=3");
  Take({"never=; Max-Age=0"});
  EXPECT_EQ(Sent(), "");
}

TEST_F(CookieJarTest, LeavesOutWhatIsNotForTheServer) {
  Take({"a=1; Domain=shop.test", "b=2; Domain=.collector.shop.test", "c=3; Domain=other.test",
        "d=4; Domain=llector.shop.test", "e=5; Path=/v1", "f=6; Path=/v2", "g=7; Path=/v", "h=8; Secure"});
  EXPECT_EQ(Sent(), "a=1; b=2; e=5");
}

TEST_F(CookieJarTest, IsBounded) {
  for (int i = 0; i < 100; ++i) Take({fmt::format("c{}=x", i)});
  EXPECT_EQ(std::ranges::count(Sent(), '='), static_cast<int>(CookieJar::kMaxCookies));
  Take({"c0=" + std::string(5'000, 'x'), "=nameless", ";;;"});
  EXPECT_TRUE(Sent().starts_with("c0=x; "));
}

}  // namespace

}  // namespace sextant::pipeline
