// Tokens of clouds: what is taken, and Prometheus' errors for the rest.
#include "config/cloud_auth_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "config/prometheus_config.h"

namespace sextant::config {
namespace {

using ::testing::HasSubstr;

core::Result<PrometheusConfig> Read(const std::string& fields) {
  SEXTANT_ASSIGN(Document document, Document::Parse("remote_write: [{url: 'http://x', " + fields + "}]\n",
                                                    "dir/prometheus.yml"));
  return ReadPrometheusConfig(document.root());
}

std::string ErrorOf(const std::string& fields) {
  auto config = Read(fields);
  return config ? "no error" : config.error().message();
}

TEST(CloudAuthConfig, SigV4WithARole) {
  EXPECT_EQ(ErrorOf("sigv4: {role_arn: x, external_id: y, session_name: a.b, tags: {k: v}, "
                    "use_fips_sts_endpoint: true}"),
            "no error");
  EXPECT_THAT(ErrorOf("sigv4: {external_id: x}"), HasSubstr("external_id can only be used with role_arn"));
  EXPECT_THAT(ErrorOf("sigv4: {session_name: x}"), HasSubstr("session_name can only be used with role_arn"));
  EXPECT_THAT(ErrorOf("sigv4: {tags: {a: b}}"), HasSubstr("tags can only be used with role_arn"));
  EXPECT_THAT(ErrorOf("sigv4: {role_arn: x, session_name: 'a b'}"),
              HasSubstr("session_name must match ^[\\w+=,.@-]{2,64}$"));
  EXPECT_THAT(ErrorOf("sigv4: {role_arn: x, tags: {'': b}}"), HasSubstr("tag key must not be empty"));
  EXPECT_THAT(ErrorOf("sigv4: {role_arn: x, tags: {a: " + std::string(257, 'v') + "}}"),
              HasSubstr("tag value for key \"a\" exceeds maximum length of 256"));
}

TEST(CloudAuthConfig, OneWayAlone) {
  for (const char* second : {"sigv4: {}", "google_iam: {}", "basic_auth: {username: u}",
                             "oauth2: {client_id: c, token_url: t}", "authorization: {credentials: c}"}) {
    EXPECT_THAT(ErrorOf("azuread: {sdk: {}}, " + std::string(second)),
                HasSubstr("at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam"))
        << second;
  }
}

TEST(CloudAuthConfig, DefaultsAndSecrets) {
  auto config = Read(
      "azuread: {oauth: {client_id: 00000000-0000-0000-0000-000000000000, "
      "client_secret: hidden, tenant_id: t}}");
  ASSERT_TRUE(config) << config.error().message();
  const AzureAdConfig& azure = *config->remote_write[0].azuread;
  EXPECT_EQ(azure.cloud, "AzurePublic");
  EXPECT_EQ(azure.scope, "");
  EXPECT_EQ(DumpPrometheusConfig(*config).find("hidden"), std::string::npos);
  EXPECT_THAT(DumpPrometheusConfig(*config), HasSubstr("client_secret: <secret>"));
  EXPECT_THAT(RevealSecrets(config->remote_write[0].azuread), HasSubstr("hidden"));
  config =
      Read("azuread: {workload_identity: {client_id: 00000000-0000-0000-0000-000000000000, tenant_id: t}}");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->remote_write[0].azuread->workload_identity->token_file_path,
            "/var/run/secrets/azure/tokens/azure-identity-token");
  config = Read("google_iam: {credentials_file: g.json}");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->remote_write[0].google_iam->credentials_file, "dir/g.json");
  EXPECT_THAT(ErrorOf("azuread: {sdk: {tenant_id: 'a b'}}"),
              HasSubstr("the provided Azure OAuth tenant_id is invalid"));
  EXPECT_THAT(ErrorOf("azuread: {cloud: Moon, sdk: {}}"),
              HasSubstr("must provide a cloud in the Azure AD config"));
  for (const char* uuid :
       {"urn:uuid:00000000-0000-0000-0000-00000000000a", "'{00000000-0000-0000-0000-00000000000A}'",
        "'00000000000000000000000000000000'"}) {
    EXPECT_EQ(ErrorOf("azuread: {managed_identity: {client_id: " + std::string(uuid) + "}}"), "no error")
        << uuid;
  }
}

// Prometheus' own files.
TEST(CloudAuthConfigConformance, AzureFiles) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string directory =
      std::string(set == nullptr ? SEXTANT_CONFORMANCE_DEFAULT : set) + "/prometheus/config/azuread-testdata";
  if (!std::filesystem::exists(directory)) GTEST_SKIP();
  const std::map<std::string, std::string> errors = {
      {"certificate_invalidclientid", "the provided Azure Certificate client_id is invalid"},
      {"certificate_missingclientid", "must provide an Azure Certificate client_id in the Azure AD config"},
      {"certificate_missingpath",
       "must provide an Azure Certificate certificate_path in the Azure AD config"},
      {"certificate_missingtenantid", "must provide an Azure Certificate tenant_id in the Azure AD config"},
      {"certificate_oauth", "cannot provide multiple authentication methods in the Azure AD config"},
      {"configmissing", "Azure SDK in the Azure AD config"},
      {"invalidclientid", "the provided Azure Managed Identity client_id is invalid"},
      {"invalidoauthconfig", "must provide an Azure OAuth tenant_id in the Azure AD config"},
      {"oauthsdkconfig", "cannot provide multiple authentication methods in the Azure AD config"},
      {"scope_invalid", "the provided scope contains invalid characters"},
      {"twoconfig", "cannot provide multiple authentication methods in the Azure AD config"},
      {"workloadidentity_invalidclientid", "the provided Azure Workload Identity client_id is invalid"},
      {"workloadidentity_invalidtenantid", "the provided Azure Workload Identity tenant_id is invalid"},
      {"workloadidentity_missingclientid",
       "must provide an Azure Workload Identity client_id in the Azure AD config"},
      {"workloadidentity_missingtenantid",
       "must provide an Azure Workload Identity tenant_id in the Azure AD config"},
  };
  size_t good = 0;
  size_t bad = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::string name = entry.path().stem().string();
    auto document = Document::Load(entry.path().string());
    ASSERT_TRUE(document);
    auto config = Decode<AzureAdConfig>(document->root());
    if (name.starts_with("azuread_good_")) {
      ++good;
      EXPECT_TRUE(config) << name << ": " << config.error().message();
      continue;
    }
    ++bad;
    ASSERT_FALSE(config) << name;
    auto expected = errors.find(name.substr(std::string("azuread_bad_").size()));
    ASSERT_NE(expected, errors.end()) << name;
    EXPECT_THAT(config.error().message(), HasSubstr(expected->second)) << name;
  }
  EXPECT_EQ(good, 10u);
  EXPECT_EQ(bad, errors.size());
}

}  // namespace
}  // namespace sextant::config
