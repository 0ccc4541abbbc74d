// Tokens of Microsoft Entra ID from a server of ours.
#include "httpclient/azure_ad.h"

#include <gmock/gmock.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>

#include "httpclient/fake_cloud.h"

namespace sextant::httpclient {
namespace {

using ::testing::HasSubstr;

constexpr const char* kClient = "00000000-0000-0000-0000-000000000000";
constexpr const char* kTokenPath = "/tenant/oauth2/v2.0/token";
constexpr const char* kMetadataPath = "/metadata/identity/oauth2/token";

class AzureAdTest : public testing::Test {
 protected:
  AzureAdTest() {
    char name[] = "/tmp/sextant_azure_XXXXXX";
    dir_ = mkdtemp(name);
    cloud_.OnJson(kTokenPath, R"({"token_type":"Bearer","expires_in":3599,"access_token":"T1"})");
    cloud_.OnJson(kMetadataPath, R"({"token_type":"Bearer","expires_in":"86400","access_token":"M1"})");
  }
  ~AzureAdTest() override { std::filesystem::remove_all(dir_); }

  std::shared_ptr<net::RequestAuthorizer> Authorizer(const config::AzureAdConfig& config) {
    return MakeAzureAuthorizer(config, clock_, {cloud_.url(), cloud_.url()},
                               [this](const std::string& name) { return variables_[name]; });
  }

  FakeCloud cloud_;
  core::ManualClock clock_{1'700'000'000'000};
  std::string dir_;
  std::map<std::string, std::string> variables_;
};

TEST_F(AzureAdTest, AnApplicationWithASecret) {
  config::AzureAdConfig config;
  config.oauth = {kClient, config::Secret("s&cret"), "tenant"};
  auto authorizer = Authorizer(config);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer T1");
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer T1");
  auto asked = cloud_.Seen(kTokenPath);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(FormValue(asked[0], "grant_type"), "client_credentials");
  EXPECT_EQ(FormValue(asked[0], "client_id"), kClient);
  EXPECT_EQ(FormValue(asked[0], "client_secret"), "s&cret");
  EXPECT_EQ(FormValue(asked[0], "scope"), "https://monitor.azure.com//.default");

  // After half of its life another is fetched.
  cloud_.OnJson(kTokenPath, R"({"expires_in":3599,"access_token":"T2"})");
  clock_.Advance(1'799'000);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer T1");
  clock_.Advance(1'000);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer T2");
}

TEST_F(AzureAdTest, CloudsAndScopes) {
  config::AzureAdConfig config;
  config.oauth = {kClient, config::Secret("s"), "tenant"};
  config.cloud = "AzureChina";
  cloud_.HeaderWith(Authorizer(config));
  config.cloud = "AzureGovernment";
  cloud_.HeaderWith(Authorizer(config));
  config.scope = "https://custom-app.com/.default";
  cloud_.HeaderWith(Authorizer(config));
  auto asked = cloud_.Seen(kTokenPath);
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(FormValue(asked[0], "scope"), "https://monitor.azure.cn//.default");
  EXPECT_EQ(FormValue(asked[1], "scope"), "https://monitor.azure.us//.default");
  EXPECT_EQ(FormValue(asked[2], "scope"), "https://custom-app.com/.default");

  // Where each cloud is asked, without a network.
  for (auto [cloud, host] : {std::pair{"AzurePublic", "https://login.microsoftonline.com/"},
                             std::pair{"AzureChina", "https://login.chinacloudapi.cn/"},
                             std::pair{"AzureGovernment", "https://login.microsoftonline.us/"}}) {
    config.cloud = cloud;
    std::string url;
    MakeAzureAuthorizer(config, clock_)
        ->Authorize(
            {.url = "https://x/"},
            [&](net::FetchRequest own, const net::FetchCallback& callback) {
              url = own.url;
              callback(core::Fail(core::Code::kUnavailable, "no network"));
            },
            [](const core::Result<net::FetchRequest>& request) {
              ASSERT_FALSE(request);
              EXPECT_EQ(request.error().message(), "Failed to get access token: no network");
            });
    EXPECT_EQ(url, host + std::string("tenant/oauth2/v2.0/token"));
  }
}

TEST_F(AzureAdTest, AWorkloadIdentity) {
  config::AzureAdConfig config;
  config.workload_identity = {kClient, "tenant", dir_ + "/token"};
  auto authorizer = Authorizer(config);
  EXPECT_THAT(cloud_.HeaderWith(authorizer), HasSubstr("Failed to get access token: unable to read file"));
  std::ofstream(dir_ + "/token") << "jwt\n";
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer T1");
  auto asked = cloud_.Seen(kTokenPath);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(FormValue(asked[0], "client_assertion"), "jwt");
  EXPECT_EQ(FormValue(asked[0], "client_assertion_type"),
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
}

TEST_F(AzureAdTest, AManagedIdentity) {
  config::AzureAdConfig config;
  config.managed_identity.emplace();
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(config)), "Bearer M1");
  net::HttpRequest asked = cloud_.Seen(kMetadataPath).at(0);
  EXPECT_EQ(asked.headers.Get("Metadata"), "true");
  EXPECT_EQ(asked.query_string, "api-version=2018-02-01&resource=https%3A%2F%2Fmonitor.azure.com%2F");
  config.managed_identity->client_id = kClient;
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(config)), "Bearer M1");
  EXPECT_THAT(cloud_.Seen(kMetadataPath).at(1).query_string, HasSubstr(std::string("client_id=") + kClient));

  // App Service says when a token expires.
  variables_["IDENTITY_ENDPOINT"] = cloud_.url() + "/msi";
  variables_["IDENTITY_HEADER"] = "h";
  cloud_.OnJson("/msi", R"({"access_token":"A1","expires_on":"1700000100"})");
  auto authorizer = Authorizer(config);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer A1");
  EXPECT_EQ(cloud_.Seen("/msi").at(0).headers.Get("X-IDENTITY-HEADER"), "h");
  clock_.Advance(49'000);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer A1");
  EXPECT_EQ(cloud_.Seen("/msi").size(), 1u);
  clock_.Advance(60'000);
  EXPECT_THAT(cloud_.HeaderWith(authorizer), HasSubstr("access token expiry is less than the current time"));
  variables_["IMDS_ENDPOINT"] = "x";
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(config)), HasSubstr("(IMDS_ENDPOINT) are not supported yet"));
}

TEST_F(AzureAdTest, TheSdkTakesWhatTheEnvironmentHas) {
  config::AzureAdConfig config;
  config.sdk.emplace();
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(config)), "Bearer M1");
  variables_["AZURE_CLIENT_ID"] = kClient;
  variables_["AZURE_FEDERATED_TOKEN_FILE"] = dir_ + "/token";
  std::ofstream(dir_ + "/token") << "jwt";
  config.sdk->tenant_id = "tenant";
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(config)), "Bearer T1");
  EXPECT_EQ(FormValue(cloud_.Seen(kTokenPath).back(), "client_assertion"), "jwt");
  variables_["AZURE_CLIENT_SECRET"] = "s";
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(config)), "Bearer T1");
  EXPECT_EQ(FormValue(cloud_.Seen(kTokenPath).back(), "client_secret"), "s");
}

TEST_F(AzureAdTest, WhatEntraRefusesIsAnErrorOfTheRequest) {
  config::AzureAdConfig config;
  config.oauth = {kClient, config::Secret("s"), "tenant"};
  cloud_.OnJson(kTokenPath, R"({"error":"invalid_client","error_description":"AADSTS7000215"})", 401);
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(config)),
              HasSubstr("Failed to get access token: oauth2: \"invalid_client\" \"AADSTS7000215\""));
  cloud_.OnJson(kTokenPath, R"({"access_token":""})");
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(config)), HasSubstr("missing access_token"));
}

class AzureCertificateTest : public AzureAdTest {
 protected:
  AzureCertificateTest() : certificate_(X509_new()) {
    X509_set_version(certificate_, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3'600);
    X509_set_pubkey(certificate_, key_.get());
    X509_sign(certificate_, key_.get(), EVP_sha256());
    config_.certificate = {kClient, "tenant", dir_ + "/cert", "", {}, false};
  }
  ~AzureCertificateTest() override { X509_free(certificate_); }

  void WritePem(const std::string& path, bool with_key) {
    FILE* file = fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    if (with_key) fputs(key_.pem().c_str(), file);
    PEM_write_X509(file, certificate_);
    fclose(file);
  }
  // The header of the assertion that was sent last, after its signature was checked.
  std::string AssertionHeader() {
    EXPECT_EQ(cloud_.HeaderWith(Authorizer(config_)), "Bearer T1");
    std::string assertion = FormValue(cloud_.Seen(kTokenPath).back(), "client_assertion");
    std::string claims = key_.PartOf(assertion, 1, EVP_sha256(), true);
    EXPECT_EQ(JsonMember(claims, "aud"), "\"" + cloud_.url() + kTokenPath + "\"");
    EXPECT_EQ(JsonMember(claims, "iss"), std::string("\"") + kClient + "\"");
    return key_.PartOf(assertion, 0, EVP_sha256(), true);
  }

  RsaKey key_;
  X509* certificate_;
  config::AzureAdConfig config_;
};

TEST_F(AzureCertificateTest, PemWithItsKeyOrWithoutIt) {
  WritePem(dir_ + "/cert", true);
  std::string header = AssertionHeader();
  EXPECT_EQ(JsonMember(header, "alg"), "\"PS256\"");
  EXPECT_EQ(JsonMember(header, "x5t#S256").size(), 45u);
  EXPECT_EQ(JsonMember(header, "x5c"), "");
  WritePem(dir_ + "/cert", false);
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(config_)), HasSubstr("/cert: it has no private key"));
  std::ofstream(dir_ + "/key") << key_.pem();
  config_.certificate->certificate_key_path = dir_ + "/key";
  config_.certificate->send_certificate_chain = true;
  EXPECT_THAT(JsonMember(AssertionHeader(), "x5c"), HasSubstr("[\"MII"));
}

TEST_F(AzureCertificateTest, Pkcs12WithItsPassword) {
  PKCS12* store = PKCS12_create("pass", "", key_.get(), certificate_, nullptr, 0, 0, 0, 0, 0);
  ASSERT_NE(store, nullptr);
  FILE* file = fopen((dir_ + "/cert").c_str(), "w");
  i2d_PKCS12_fp(file, store);
  fclose(file);
  PKCS12_free(store);
  config_.certificate->certificate_password = config::Secret("pass");
  EXPECT_EQ(JsonMember(AssertionHeader(), "alg"), "\"PS256\"");
  config_.certificate->certificate_password = config::Secret("wrong");
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(config_)), HasSubstr("it has no certificate"));
  config_.certificate->certificate_path = dir_ + "/none";
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(config_)), HasSubstr("Failed to get access token: "));
}

}  // namespace
}  // namespace sextant::httpclient
