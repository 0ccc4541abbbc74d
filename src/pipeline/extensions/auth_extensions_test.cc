#include <gtest/gtest.h>

#include "core/base64.h"
#include "net/passwords.h"
#include "pipeline/auth.h"
#include "pipeline/auth_gate.h"
#include "pipeline/component_harness.h"
#include "pipeline/extensions/basic_auth_extension.h"
#include "pipeline/extensions/bearer_token_extension.h"

namespace sextant::pipeline {

namespace {

std::string Basic(const std::string& user, const std::string& password) {
  return "Basic " + core::EncodeBase64(user + ":" + password);
}

class AuthExtensionsTest : public testing::Test {
 protected:
  void Start(const ComponentType& type, const std::string& yaml) {
    extension_ = environment_.MakeExtension(type, yaml);
    ASSERT_TRUE(extension_);
    core::Status started = extension_->Start();
    ASSERT_TRUE(started) << started.error().message();
    environment_.extensions.by_id["auth"] = extension_.get();
  }
  // "" when a request with this header may pass.
  std::string Check(std::string_view value, std::string_view header = "authorization") {
    auto server = FindServerAuthenticator(environment_.extensions, "auth");
    EXPECT_TRUE(server);
    core::Status status =
        (*server)->Authenticate([&](std::string_view name) -> std::optional<std::string_view> {
          std::string lower(name);
          for (char& c : lower) c = static_cast<char>(std::tolower(c));
          if (lower != header || value.empty()) return std::nullopt;
          return value;
        });
    return status ? "" : std::string(status.error().message());
  }
  ClientAuthenticator::Headers Sent() {
    auto client = FindClientAuthenticator(environment_.extensions, "auth");
    EXPECT_TRUE(client);
    auto headers = (*client)->RequestHeaders();
    EXPECT_TRUE(headers) << headers.error().message();
    return headers.value_or(ClientAuthenticator::Headers());
  }

  core::ManualClock clock_{1'000};
  ComponentHarness environment_{&clock_};
  TestDirectory directory_;
  std::unique_ptr<Extension> extension_;
  const ComponentType basic_ = BasicAuthExtensionType();
  const ComponentType bearer_ = BearerTokenExtensionType();
};

TEST_F(AuthExtensionsTest, BasicChecksUsersOfAFileAndOfTheSettings) {
  std::string file = directory_.Write(
      "htpasswd", "anna:" + net::HashBcrypt("secret", 4) + "\n# a comment\nplain:text\nover:old\n");
  Start(basic_, "htpasswd:\n  file: " + file + "\n  inline: |\n    over:new\n");
  EXPECT_EQ(Check(Basic("anna", "secret")), "");
  EXPECT_EQ(Check(Basic("anna", "secret")), "");  // remembered
  EXPECT_EQ(Check(Basic("plain", "text")), "");
  EXPECT_EQ(Check(Basic("over", "new")), "");
  EXPECT_EQ(Check(Basic("over", "old")), "invalid credentials");
  EXPECT_EQ(Check(Basic("anna", "wrong")), "invalid credentials");
  EXPECT_EQ(Check(Basic("nobody", "")), "invalid credentials");
  EXPECT_EQ(Check(""), "no basic auth provided");
  EXPECT_EQ(Check("Bearer x"), "invalid authorization scheme prefix");
  EXPECT_EQ(Check("basic !!"), "invalid authorization format");
  EXPECT_EQ(Check("Basic " + core::EncodeBase64("nocolon")), "invalid authorization format");
}

TEST_F(AuthExtensionsTest, BasicChecksTheOtherHashesOfHtpasswd) {
  Start(basic_,
        "htpasswd:\n  inline: |\n"
        "    apr:$apr1$abcdefgh$1tbvZt3PQE5Gxh1tXXSfl1\n"
        "    sha:{SHA}MzVTQ5LSgIxlpOaxDZ8h6reSDs8=\n");
  for (const char* user : {"apr", "sha"}) {
    EXPECT_EQ(Check(Basic(user, "se cret")), "") << user;
    EXPECT_EQ(Check(Basic(user, "other")), "invalid credentials") << user;
  }
}

TEST_F(AuthExtensionsTest, BasicRefusesHashesItCannotCheck) {
  auto extension = environment_.MakeExtension(basic_, "htpasswd: {inline: \"a:$9$abc\"}");
  core::Status started = extension->Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(
      started.error().message(),
      "read htpasswd content: line 1: the hash of user \"a\" is of a kind that is not supported yet: use "
      "bcrypt (htpasswd -B)");
  auto absent = environment_.MakeExtension(basic_, "htpasswd: {file: /nowhere/htpasswd}");
  EXPECT_TRUE(absent->Start().error().message().starts_with("open htpasswd file: "));
}

TEST_F(AuthExtensionsTest, BasicSendsCredentials) {
  Start(basic_, "client_auth: {username: anna, password: secret}");
  EXPECT_EQ(Sent(), (ClientAuthenticator::Headers{{"Authorization", Basic("anna", "secret")}}));
}

TEST_F(AuthExtensionsTest, BasicReadsCredentialsAgainWhenTheirFilesChange) {
  std::string name = directory_.Write("name", "anna\n");
  std::string password = directory_.Write("password", "one\n");
  Start(basic_, "client_auth: {username_file: " + name + ", password_file: " + password + "}");
  EXPECT_EQ(Sent()[0].second, Basic("anna", "one"));
  directory_.Write("password", "two\n");
  clock_.Advance(1'000);
  EXPECT_EQ(Sent()[0].second, Basic("anna", "two"));
  // A file that is away for a moment changes nothing.
  std::filesystem::remove(password);
  clock_.Advance(1'000);
  EXPECT_EQ(Sent()[0].second, Basic("anna", "two"));
}

TEST_F(AuthExtensionsTest, BasicRefusesBadSettings) {
  EXPECT_NE(environment_.ErrorOf(basic_, "{}").find("no credential source provided"), std::string::npos);
  EXPECT_NE(environment_.ErrorOf(basic_, "htpasswd: {}").find("no credential source provided"),
            std::string::npos);
  EXPECT_NE(environment_.ErrorOf(basic_, "htpasswd: {inline: \"a:b\"}\nclient_auth: {username: a}")
                .find("only one of `htpasswd` or `client_auth` can be specified"),
            std::string::npos);
  EXPECT_NE(environment_.ErrorOf(basic_, "client_auth: {aws_secrets_manager: {secret_arn: a}}")
                .find("aws_secrets_manager is not supported yet"),
            std::string::npos);
}

TEST_F(AuthExtensionsTest, BearerChecksTokens) {
  Start(bearer_, "tokens: [one, two]");
  EXPECT_EQ(Check("Bearer one"), "");
  EXPECT_EQ(Check("Bearer two"), "");
  EXPECT_EQ(Check("Bearer three"), "scheme or token does not match");
  EXPECT_EQ(Check("one"), "scheme or token does not match");
  EXPECT_EQ(Check(""), "missing or empty authorization header: Authorization");
  EXPECT_EQ(Sent(), (ClientAuthenticator::Headers{{"Authorization", "Bearer one"}}));
}

TEST_F(AuthExtensionsTest, BearerHasAnotherHeaderAndSchemeWhenToldSo) {
  Start(bearer_, "token: one\nheader: X-Token\nscheme: ''");
  EXPECT_EQ(Check("one", "x-token"), "");
  EXPECT_EQ(Sent(), (ClientAuthenticator::Headers{{"X-Token", "one"}}));
}

TEST_F(AuthExtensionsTest, BearerReadsAFile) {
  std::string file = directory_.Write("tokens", "one\n two \n");
  Start(bearer_, "filename: " + file);
  EXPECT_EQ(Check("Bearer two"), "");
  directory_.Write("tokens", "three\n");
  clock_.Advance(1'000);
  EXPECT_EQ(Check("Bearer two"), "scheme or token does not match");
  EXPECT_EQ(Sent()[0].second, "Bearer three");
}

TEST_F(AuthExtensionsTest, BearerWaitsForItsFileWhenToldSo) {
  std::string file = directory_ / "token";
  auto impatient = environment_.MakeExtension(bearer_, "filename: " + file);
  EXPECT_FALSE(impatient->Start());
  auto patient = environment_.MakeExtension(
      bearer_, "{filename: " + file + ", file_retry: {enabled: true, max_retries: 1, retry_interval: 1ms}}");
  EXPECT_FALSE(patient->Start());
  std::thread writer([&] { directory_.Write("token", "late\n"); });
  Start(bearer_,
        "{filename: " + file + ", file_retry: {enabled: true, max_retries: 5000, retry_interval: 10ms}}");
  writer.join();
  EXPECT_EQ(Check("Bearer late"), "");
  EXPECT_NE(
      environment_.ErrorOf(bearer_, "{token: a, file_retry: {max_retries: 100000}}").find("at most 10m"),
      std::string::npos);
}

TEST_F(AuthExtensionsTest, BearerRefusesBadSettings) {
  EXPECT_NE(environment_.ErrorOf(bearer_, "{}").find("no bearer token provided"), std::string::npos);
  EXPECT_NE(environment_.ErrorOf(bearer_, "token: a\ntokens: [b]")
                .find("either tokens or token should be provided, not both"),
            std::string::npos);
}

TEST_F(AuthExtensionsTest, NamesWhatIsNoAuthenticator) {
  Start(basic_, "client_auth: {username: anna, password: secret}");
  EXPECT_EQ(
      FindServerAuthenticator(environment_.extensions, "auth").error().message(),
      "failed to resolve authenticator \"auth\": requested authenticator is not a server authenticator");
  EXPECT_EQ(FindClientAuthenticator(environment_.extensions, "absent").error().message(),
            "failed to resolve authenticator \"absent\": authenticator not found");
}

TEST_F(AuthExtensionsTest, AGateAnswersWhoMayNotPass) {
  Start(bearer_, "token: one");
  auto gate = MakeAuthGate(**FindServerAuthenticator(environment_.extensions, "auth"));
  net::HttpRequest request;
  EXPECT_EQ(gate->Check(request, nullptr).kind, net::AccessDecision::Kind::kMustVerify);
  net::AccessDecision refused = gate->Verify(request, nullptr);
  EXPECT_EQ(refused.kind, net::AccessDecision::Kind::kRefused);
  EXPECT_EQ(refused.answer.status, 401);
  request.headers.Set("Authorization", "Bearer one");
  EXPECT_EQ(gate->Verify(request, nullptr).kind, net::AccessDecision::Kind::kAllowed);
}

}  // namespace

}  // namespace sextant::pipeline
