#include "app/web_flags.h"

#include <gtest/gtest.h>

namespace sextant::app {
namespace {

std::string Prefix(std::string external_url, std::string route_prefix) {
  auto prefix = RoutePrefix(
      {.config_file = "", .external_url = std::move(external_url), .route_prefix = std::move(route_prefix)});
  return prefix ? *prefix : prefix.error().message();
}

TEST(WebFlags, ThePrefixIsTheExternalUrlsPathUnlessGiven) {
  EXPECT_EQ(Prefix("", ""), "");
  EXPECT_EQ(Prefix("https://x.example", ""), "");
  EXPECT_EQ(Prefix("https://x.example/", ""), "");
  EXPECT_EQ(Prefix("https://x.example/prometheus/", ""), "/prometheus");
  EXPECT_EQ(Prefix("https://x.example/prometheus/", "/"), "");
  EXPECT_EQ(Prefix("", "a/b"), "/a/b");
  EXPECT_EQ(Prefix("\"https://x.example\"", ""), "--web.external-url: URL must not begin or end with quotes");
  EXPECT_EQ(Prefix("x.example", ""), "--web.external-url: \"x.example\" is not a URL with scheme and host");
}

TEST(WebFlags, TheExternalUrlHasNoSlashAtItsEnd) {
  EXPECT_EQ(*ExternalUrl({.config_file = "", .external_url = "http://x:1/a/", .route_prefix = ""}),
            "http://x:1/a");
}

}  // namespace
}  // namespace sextant::app
