#include "net/router.h"

#include <gtest/gtest.h>

namespace sextant::net {
namespace {

HttpResponse Nothing(const HttpRequest&) { return {}; }

std::string Describe(const RouteMatch& match) {
  if (match.route == nullptr)
    return std::to_string(match.status) + (match.allow.empty() ? "" : " " + match.allow);
  std::string text = match.route->pattern;
  for (const auto& [name, value] : match.path_params) text += " " + name + "=" + value;
  return text;
}

TEST(RouterTest, FindsTheMostSpecificRoute) {
  Router router;
  for (const char* pattern :
       {"/", "/*", "/metrics", "/api/v1/label/{name}/values", "/api/v1/label/__name__/values", "/api/*",
        "/api/v1/*", "/job/{job}/*", "/{a}/{b}"}) {
    router.Add("GET", pattern, Nothing);
  }
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"/", "/"},
      {"/metrics", "/metrics"},
      {"/metric%73", "/metrics"},
      {"/index.html", "/* *=index.html"},
      {"/api/v1/label/job/values", "/api/v1/label/{name}/values name=job"},
      {"/api/v1/label/a%2Fb/values", "/api/v1/label/{name}/values name=a/b"},
      {"/api/v1/label/__name__/values", "/api/v1/label/__name__/values"},
      {"/api/v1/label//values", "/api/v1/* *=label//values"},
      {"/api/v1/", "/api/v1/* *="},
      {"/api/x/y/z", "/api/* *=x/y/z"},
      {"/x/y", "/{a}/{b} a=x b=y"},
      {"/job/node/rest/of%20it", "/job/{job}/* job=node *=rest/of it"},
  };
  for (auto [path, expected] : cases) {
    EXPECT_EQ(Describe(router.Match("GET", path)), expected) << path;
  }
  // An empty segment is no parameter.
  EXPECT_EQ(Describe(router.Match("GET", "/metrics/")), "/* *=metrics/");
}

TEST(RouterTest, AnswersMethods) {
  Router router;
  router.Add("GET", "/a", Nothing);
  router.Add("POST", "/a", Nothing);
  router.Add("POST", "/b", Nothing);
  router.Add("OPTIONS", "/b", Nothing);
  EXPECT_EQ(router.Match("HEAD", "/a").status, 200);
  EXPECT_EQ(Describe(router.Match("DELETE", "/a")), "405 GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(Describe(router.Match("OPTIONS", "/a")), "204 GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(Describe(router.Match("HEAD", "/b")), "405 OPTIONS, POST");
  EXPECT_EQ(Describe(router.Match("OPTIONS", "/b")), "/b");
  EXPECT_EQ(Describe(router.Match("GET", "/c")), "404");
  EXPECT_EQ(router.Match("GET", "/a").path, "/a");
}

TEST(RouterTest, RefusesPathsThatClimb) {
  Router router;
  router.Add("GET", "/*", Nothing);
  for (const char* path :
       {"", "x", "/..", "/a/../b", "/%2e%2E", "/a/.", "/a%2f..%2fb", "/%", "/%zz", "/a%00b"}) {
    RouteMatch match = router.Match("GET", path);
    EXPECT_EQ(match.status, 400) << path;
    EXPECT_FALSE(match.error.empty());
  }
  EXPECT_EQ(router.Match("GET", "/...").status, 200);
}

TEST(RouterTest, LivesBelowAPrefix) {
  Router router;
  router.Add("GET", "/", Nothing);
  router.Add("GET", "/a/{b}", Nothing);
  router.SetPrefix("/pre/fix/");
  EXPECT_EQ(router.prefix(), "/pre/fix");
  EXPECT_EQ(Describe(router.Match("GET", "/pre/fix/")), "/");
  EXPECT_EQ(Describe(router.Match("GET", "/pre/fix/a/c")), "/a/{b} b=c");
  EXPECT_EQ(router.Match("GET", "/pre/fix/a/c").path, "/a/c");
  EXPECT_EQ(router.Match("GET", "/").status, 302);
  EXPECT_EQ(router.Match("GET", "/pre/fix").status, 302);
  EXPECT_EQ(router.Match("GET", "/pre/fixed").status, 404);
  EXPECT_EQ(router.Match("GET", "/a/c").status, 404);
}

TEST(RouterTest, MalformedRoutesAreDefects) {
  Router router;
  router.Add("GET", "/a", Nothing);
  EXPECT_DEATH(router.Add("GET", "/a", Nothing), "");
  EXPECT_DEATH(router.Add("GET", "no-slash", Nothing), "");
  EXPECT_DEATH(router.Add("GET", "/a/*/b", Nothing), "");
}

}  // namespace
}  // namespace sextant::net
