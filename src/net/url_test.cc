#include "net/url.h"

#include <gtest/gtest.h>

namespace sextant::net {
namespace {

TEST(UrlTest, EscapesLikeGo) {
  EXPECT_EQ(QueryEscape("a b&c=d/é~-_.+"), "a+b%26c%3Dd%2F%C3%A9~-_.%2B");
  EXPECT_EQ(PathEscape("a b/c;d,e?f#g$&+=:@"), "a%20b%2Fc%3Bd%2Ce%3Ff%23g$&+=:@");
  EXPECT_EQ(QueryUnescape("a+b%26c").value(), "a b&c");
  EXPECT_EQ(PathUnescape("a+b%2fc").value(), "a+b/c");
  EXPECT_EQ(QueryUnescape("x%zz").error().message(), "invalid URL escape \"%zz\"");
  EXPECT_EQ(QueryUnescape("x%a").error().message(), "invalid URL escape \"%a\"");
  EXPECT_EQ(QueryUnescape("%").error().message(), "invalid URL escape \"%\"");
  EXPECT_EQ(QueryUnescape("%00").value(), std::string(1, '\0'));
}

TEST(UrlTest, ParsesQueries) {
  QueryParams params = ParseQuery("a=1&b=x+y&a=2&&empty=&bare&c=%3D").value();
  EXPECT_EQ(params.Get("a"), "1");
  EXPECT_EQ(params.GetAll("a"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(params.Get("b"), "x y");
  EXPECT_TRUE(params.Has("empty"));
  EXPECT_TRUE(params.Has("bare"));
  EXPECT_EQ(params.Get("c"), "=");
  EXPECT_FALSE(params.Has("none"));
  EXPECT_EQ(params.Get("none"), "");
  EXPECT_EQ(params.Encode(), "a=1&a=2&b=x+y&bare=&c=%3D&empty=");

  EXPECT_EQ(ParseQuery("a=1;b=2").error().message(), "invalid semicolon separator in query");
  EXPECT_FALSE(ParseQuery("a=%"));
  EXPECT_EQ(ParseQueryLeniently("a=%&b=2&c;d=3").Encode(), "b=2");

  std::string many;
  for (size_t i = 0; i <= kMaxQueryParams; ++i) many += "a&";
  EXPECT_EQ(ParseQuery(many).error().code(), core::Code::kResourceExhausted);
  EXPECT_EQ(ParseQueryLeniently(many).pairs().size(), kMaxQueryParams);
}

TEST(UrlTest, ParsesUrls) {
  Url url = ParseUrl("HTTPS://me:p%40ss@Example.com:8443/a/b%20c?x=1&y#frag").value();
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.user, "me");
  EXPECT_EQ(url.password, "p@ss");
  EXPECT_EQ(url.host, "Example.com");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.path, "/a/b%20c");
  EXPECT_EQ(url.query, "x=1&y");
  EXPECT_EQ(url.fragment, "frag");
  EXPECT_EQ(url.ToString(), "https://me:p@ss@Example.com:8443/a/b%20c?x=1&y#frag");

  Url v6 = ParseUrl("http://[::1]:9090").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.HostPort(), "[::1]:9090");
  EXPECT_EQ(v6.ToString(), "http://[::1]:9090");
  EXPECT_EQ(ParseUrl("http://x").value().EffectivePort(), 80);
  EXPECT_EQ(ParseUrl("https://x?q").value().EffectivePort(), 443);
  EXPECT_EQ(ParseUrl("http://x:/p").value().EffectivePort(), 80);
}

TEST(UrlTest, RefusesMalformedUrls) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "missing protocol scheme"},
      {"example.com/x", "missing protocol scheme"},
      {"1http://x", "missing protocol scheme"},
      {"mailto:someone", "no host"},
      {"http://", "no host"},
      {"http:///path", "no host"},
      {"http://[::1/", "missing ']'"},
      {"http://[::1]x/", "invalid port"},
      {"http://[%zz]/", "invalid IPv6"},
      {"http://a b/", "invalid character \" \" in host name"},
      {"http://x:port/", "invalid port"},
      {"http://x:65536/", "invalid port"},
      {"http://x/%zz", "invalid URL escape"},
      {"http://x/\n", "invalid control character"},
      {"http://u:%1@x/", "invalid URL escape"},
  };
  for (auto [text, message] : cases) {
    auto url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code(), core::Code::kInvalidArgument);
    EXPECT_NE(url.error().message().find(message), std::string::npos) << url.error().message();
  }
}

TEST(UrlTest, SplitsHostAndPort) {
  EXPECT_EQ(ParseHostPort("127.0.0.1:9090").value().host, "127.0.0.1");
  EXPECT_EQ(ParseHostPort(":9090").value().port, 9090);
  EXPECT_EQ(ParseHostPort("[::1]:0").value().host, "::1");
  for (const char* bad :
       {"", "9090", "::1:9090", "[::1]", "[::1:1", "a]b:1", "x:", "x:-1", "x:65536", "x:1y"}) {
    EXPECT_FALSE(ParseHostPort(bad)) << bad;
  }
  EXPECT_EQ(JoinHostPort("::1", 80), "[::1]:80");
  EXPECT_EQ(JoinHostPort("x", 80), "x:80");
}

}  // namespace
}  // namespace sextant::net
