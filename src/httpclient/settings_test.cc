#include "httpclient/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "config/decode.h"

namespace sextant::httpclient {
namespace {

core::Result<config::HttpClientConfig> Load(const std::string& path) {
  auto document = config::Document::Load(path);
  if (!document) return tl::unexpected(document.error());
  return config::Decode<config::HttpClientConfig>(document->root());
}

TEST(HttpSettings, HeadersAndProxyGoIntoTheRequest) {
  config::HttpClientConfig config;
  config.http_headers["X-Scope"] = {{"a"}, {config::Secret("b")}, {}};
  config.proxy = {.url = "http://proxy:3128",
                  .no_proxy = "10.0.0.0/8",
                  .connect_header = {{"X-Proxy", {config::Secret("p")}}}};
  net::FetchRequest request;
  ApplyHttpConfig(config, request);
  EXPECT_EQ(request.headers.size(), 2u);
  EXPECT_EQ(request.headers.Get("X-Scope"), "a");
  EXPECT_EQ(request.proxy_url, "http://proxy:3128");
  EXPECT_EQ(request.no_proxy, "10.0.0.0/8");
  EXPECT_EQ(request.proxy_connect_headers.Get("X-Proxy"), "p");
  EXPECT_FALSE(HasSecretFiles(config));
}

// Prometheus' own files.
TEST(HttpSettingsConformance, UpstreamsFiles) {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::filesystem::path folder =
      std::filesystem::path(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) /
      "prometheus/config/common-httpclient-testdata";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  int loaded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with("http.conf.") || entry.path().extension() == ".json") continue;
    auto config = Load(entry.path().string());
    // A token file that is not there is found when a request is made.
    bool is_bad =
        name.find("bad") != std::string::npos && name != "http.conf.invalid-bearer-token-file.bad.yml";
    if (is_bad) {
      EXPECT_FALSE(config) << name;
    } else if (config) {
      ++loaded;
    } else {
      EXPECT_EQ(config.error().code(), core::Code::kUnimplemented)
          << name << ": " << config.error().message();
    }
  }
  EXPECT_GE(loaded, 10);

  auto headers = Load((folder / "http.conf.headers-multiple.good.yaml").string());
  ASSERT_TRUE(headers);
  EXPECT_TRUE(HasSecretFiles(*headers));
  net::FetchRequest request;
  ApplyHttpConfig(*headers, request);
  core::Status read = ReadSecretFiles(*headers, request);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(request.headers.size(), 9u);
}

}  // namespace
}  // namespace sextant::httpclient
