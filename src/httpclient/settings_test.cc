#include "httpclient/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

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
  ApplyHttpConfig(config, core::SystemClock(), request);
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
  const std::map<std::string, std::string> errors = {
      {"auth-creds-and-file-set.too-much", "at most one of authorization credentials & credentials_file"},
      {"auth-creds-no-basic", "authorization type cannot be set to \"basic\", use \"basic_auth\" instead"},
      {"basic-auth-and-auth-creds.too-much", "at most one of basic_auth, oauth2 & authorization must be"},
      {"basic-auth-and-oauth2.too-much", ""},  // it is wrong twice
      {"basic-auth.bad-username", "at most one of basic_auth username, username_file & username_ref must be"},
      {"basic-auth.too-much", "at most one of basic_auth password, password_file & password_ref must be"},
      {"bearer-token-and-file-set", "at most one of bearer_token & bearer_token_file must be configured"},
      {"empty", "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"},
      {"headers-reserved", "setting header"},
      {"mix-bearer-and-creds", "authorization is not compatible with bearer_token & bearer_token_file"},
      {"no-proxy", "if proxy_from_environment is configured, no_proxy must not be configured"},
      {"no-proxy-without-proxy-url", "if no_proxy is configured, proxy_url must also be configured"},
      {"oauth2-certificate-and-file-set",
       "at most one of oauth2 client_certificate_key, client_certificate_key_file & "
       "client_certificate_key_ref must be configured using "
       "grant-type=urn:ietf:params:oauth:grant-type:jwt-beare"},
      {"oauth2-no-client-id", "oauth2 client_id must be configured"},
      {"oauth2-no-token-url", "oauth2 token_url must be configured"},
      {"oauth2-secret-and-file-set",
       "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured"},
      {"proxy-from-env", "if proxy_from_environment is configured, proxy_url must not be configured"},
      {"proxy-headers", "proxy_url or proxy_from_environment must also be configured"},
  };
  int loaded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with("http.conf.") || entry.path().extension() == ".json") continue;
    auto config = Load(entry.path().string());
    // A token file that is not there is found when a request is made.
    bool is_bad =
        name.find("bad") != std::string::npos && name != "http.conf.invalid-bearer-token-file.bad.yml";
    if (is_bad) {
      ASSERT_FALSE(config) << name;
      std::string what = name.substr(
          10, name.rfind(".bad.") == std::string::npos ? name.rfind('.') - 10 : name.rfind(".bad.") - 10);
      ASSERT_TRUE(errors.contains(what)) << what;
      EXPECT_NE(config.error().message().find(errors.at(what)), std::string::npos)
          << name << ": " << config.error().message();
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
  ApplyHttpConfig(*headers, core::SystemClock(), request);
  core::Status read = ReadSecretFiles(*headers, request);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(request.headers.size(), 9u);
}

}  // namespace
}  // namespace sextant::httpclient
