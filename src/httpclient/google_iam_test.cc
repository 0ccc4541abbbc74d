// Tokens of Google from a server of ours.
#include "httpclient/google_iam.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "core/json_writer.h"
#include "httpclient/fake_cloud.h"

namespace sextant::httpclient {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMetadataPath = "/computeMetadata/v1/instance/service-accounts/default/token";

class GoogleIamTest : public testing::Test {
 protected:
  GoogleIamTest() {
    char name[] = "/tmp/sextant_google_XXXXXX";
    dir_ = mkdtemp(name);
    variables_ = {{"HOME", dir_}, {"GCE_METADATA_HOST", cloud_.address()}};
    cloud_.OnJson("/token", R"({"token_type":"Bearer","expires_in":3600,"access_token":"G1"})");
    cloud_.OnJson(kMetadataPath, R"({"token_type":"Bearer","expires_in":100,"access_token":"M1"})");
  }
  ~GoogleIamTest() override { std::filesystem::remove_all(dir_); }

  std::shared_ptr<net::RequestAuthorizer> Authorizer(const std::string& file = "") {
    return MakeGoogleAuthorizer({file}, clock_, [this](const std::string& name) { return variables_[name]; });
  }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  std::string ServiceAccount(const std::string& key) {
    core::JsonWriter json;
    json.BeginObject().Key("type").String("service_account").Key("client_email").String("me@x");
    json.Key("private_key").String(key).Key("private_key_id").String("kid");
    json.Key("token_uri").String(cloud_.url() + "/token").EndObject();
    return std::move(json).Take();
  }

  FakeCloud cloud_;
  core::ManualClock clock_{1'700'000'000'000};
  std::string dir_;
  std::map<std::string, std::string> variables_;
};

TEST_F(GoogleIamTest, AServiceAccount) {
  RsaKey key;
  auto authorizer = Authorizer(Write("account.json", ServiceAccount(key.pem())));
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer G1");
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer G1");
  auto asked = cloud_.Seen("/token");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(FormValue(asked[0], "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
  std::string assertion = FormValue(asked[0], "assertion");
  EXPECT_EQ(key.PartOf(assertion, 0), R"({"alg":"RS256","typ":"JWT","kid":"kid"})");
  EXPECT_EQ(key.PartOf(assertion, 1),
            R"({"iss":"me@x","scope":"https://www.googleapis.com/auth/monitoring.write","aud":")" +
                cloud_.url() + R"(/token","exp":1700003600,"iat":1700000000})");
  cloud_.OnJson("/token", R"({"expires_in":3600,"access_token":"G2"})");
  clock_.Advance(3'590'000);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer G2");
}

TEST_F(GoogleIamTest, AUserWithAProjectThatPays) {
  std::string file = Write(
      "user.json",
      R"({"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","token_uri":")" +
          cloud_.url() + R"(/token","quota_project_id":"p1"})");
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(file)), "Bearer G1");
  EXPECT_EQ(cloud_.Seen("/token").at(0).body,
            "client_id=c&client_secret=s&grant_type=refresh_token&refresh_token=r");
  EXPECT_EQ(cloud_.HeaderWith(Authorizer(file), "X-Goog-User-Project"), "p1");
  variables_["GOOGLE_APPLICATION_CREDENTIALS"] = file;
  EXPECT_EQ(cloud_.HeaderWith(Authorizer()), "Bearer G1") << "the environment's file";
}

TEST_F(GoogleIamTest, TheMachinesOwn) {
  auto authorizer = Authorizer();
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer M1");
  auto asked = cloud_.Seen(kMetadataPath);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].headers.Get("Metadata-Flavor"), "Google");
  EXPECT_EQ(asked[0].query_string, "scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fmonitoring.write");
  clock_.Advance(90'000);
  EXPECT_EQ(cloud_.HeaderWith(authorizer), "Bearer M1");
  EXPECT_EQ(cloud_.Seen(kMetadataPath).size(), 2u);
  cloud_.OnJson(kMetadataPath, "{}", 404);
  EXPECT_THAT(cloud_.HeaderWith(Authorizer()),
              HasSubstr("getting a token of Google: oauth2: cannot fetch token"));
  std::filesystem::create_directories(dir_ + "/.config/gcloud");
  Write(".config/gcloud/application_default_credentials.json", ServiceAccount(RsaKey().pem()));
  EXPECT_EQ(cloud_.HeaderWith(Authorizer()), "Bearer G1") << "gcloud's file";
}

TEST_F(GoogleIamTest, BadFilesAreErrorsOfTheRequest) {
  auto error = [&](const std::string& text) {
    return cloud_.HeaderWith(Authorizer(Write("bad.json", text)));
  };
  EXPECT_THAT(cloud_.HeaderWith(Authorizer(dir_ + "/none")),
              HasSubstr("error reading Google credentials file: "));
  EXPECT_THAT(error("[]"), HasSubstr("it is not a JSON object"));
  EXPECT_THAT(error("{}"), HasSubstr("missing 'type' field in credentials"));
  EXPECT_THAT(error(R"({"type":"external_account"})"),
              HasSubstr("credentials of the type \"external_account\" are not supported yet"));
  EXPECT_THAT(error(ServiceAccount("no key")), HasSubstr("bad.json: invalid key: it must be an RSA key"));
}

}  // namespace
}  // namespace sextant::httpclient
