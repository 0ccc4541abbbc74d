#include "config/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace sextant::config {
namespace {

core::Result<WebConfig> Read(std::string_view text) {
  auto document = Document::Parse(text, "/etc/web.yml");
  if (!document) return tl::unexpected(document.error());
  return Decode<WebConfig>(document->root());
}

TEST(WebConfig, ReadsWhatTheServerCanDo) {
  auto config = Read(R"(
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
http_server_config:
  http2: false
  headers: {X-Frame-Options: Deny, Strict-Transport-Security: max-age=1}
basic_auth_users: {alice: $2y$10$x}
)");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->tls.cert_file, "/etc/server.crt");
  EXPECT_EQ(config->tls.key_file, "/keys/server.key");
  EXPECT_EQ(config->tls.client_auth_type, "RequireAndVerifyClientCert");
  EXPECT_EQ(config->tls.min_version, "TLS13");
  EXPECT_FALSE(config->http.http2);
  EXPECT_EQ(config->http.headers.at("X-Frame-Options"), "Deny");
  EXPECT_EQ(config->basic_auth_users.at("alice"), "$2y$10$x");
  EXPECT_FALSE(Read("")->tls.is_on());
  EXPECT_TRUE(Read("")->http.http2);
}

TEST(WebConfig, ChecksWhatTheServerTakes) {
  auto error = [](const std::string& tls) {
    auto config = Read("tls_server_config: {cert_file: c, key_file: k, " + tls + "}");
    return config ? "no error" : config.error().message();
  };
  using ::testing::HasSubstr;
  EXPECT_EQ(error("max_version: TLS12, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
                  "TLS_AES_128_GCM_SHA256], curve_preferences: [X25519, CurveP384], "
                  "prefer_server_cipher_suites: false, client_auth_type: RequireAnyClientCert"),
            "no error");
  EXPECT_THAT(error("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"),
              HasSubstr("cipher_suites[0]: unknown cipher: TLS_RSA_WITH_RC4_128_SHA"));
  EXPECT_THAT(error("curve_preferences: [X25519, P1]"), HasSubstr("curve_preferences[1]: unknown curve: P1"));
  EXPECT_THAT(error("curve_preferences: [X25519MLKEM768]"), HasSubstr("is not supported"));
  EXPECT_THAT(error("min_version: TLS13, max_version: TLS12"), HasSubstr("max_version is less"));
  EXPECT_THAT(error("max_version: TLS11"), HasSubstr("TLS12 is the least"));
  EXPECT_THAT(error("cert: x"), HasSubstr("cert and cert_file are mutually exclusive"));
  EXPECT_THAT(error("key: x"), HasSubstr("key and key_file are mutually exclusive"));
  EXPECT_THAT(error("client_ca: x"), HasSubstr("without a Client Auth Policy"));
  EXPECT_THAT(error("client_auth_type: Sometimes"), HasSubstr("invalid ClientAuth: Sometimes"));
  auto config = Read("rate_limit: {interval: 1s, burst: 20}\ntls_server_config: {cert: c, key: k}");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->rate_limit.interval_ms, 1'000);
  EXPECT_EQ(config->rate_limit.burst, 20);
  EXPECT_TRUE(config->tls.is_on());
  EXPECT_EQ(config->tls.key.Reveal(), "k");
  EXPECT_FALSE(Read("rate_limit: {interval: 1s, burst: -1}"));
}

// Prometheus' own files: what it refuses, we refuse; what we cannot do is refused by name.
TEST(WebConfigConformance, UpstreamsFiles) {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string folder =
      std::string(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) + "/prometheus/config/web-config/";
  auto table = Document::Load(folder + "expectations.json");
  if (!table) GTEST_SKIP() << table.error().message();
  int checked = 0;
  for (Node row : table->root().children()) {
    std::string name(row.Find("file").text());
    std::string wanted(row.Find("expected_error_regex").text());
    if (name.empty() || !std::filesystem::exists(folder + name)) continue;
    std::string_view title = row.Find("name").text();
    bool is_of_config = title.starts_with("invalid config yml") ||
                        wanted.find("header") != std::string::npos || wanted.starts_with("invalid value");
    auto config = LoadWebConfig(folder + name);
    if (config || config.error().code() == core::Code::kUnimplemented) {
      // These are the server's to find: it reads the files and the hashes.
      bool is_servers = wanted == "no such file" || wanted.starts_with("hashedSecret");
      if (is_of_config && config) {
        EXPECT_TRUE(is_servers) << name << " must fail: " << wanted;
      }
      continue;
    }
    ++checked;
    // Worded by Go's YAML library; and one whose file has two mistakes, of which we find the other first.
    if (wanted == "yaml" || name == "web_config_auth_clientCAs_invalid.bad.yml") continue;
    EXPECT_TRUE(is_of_config) << row.Find("name").text() << ": " << config.error().message();
    EXPECT_THAT(config.error().message(), ::testing::ContainsRegex(wanted)) << name;
  }
  EXPECT_GE(checked, 8);
}

}  // namespace
}  // namespace sextant::config
