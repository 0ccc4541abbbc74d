// The signatures that AWS publishes for its test requests of 2015-08-30.
#include "httpclient/sigv4.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>

namespace sextant::httpclient {
namespace {

constexpr core::TimestampMs kTestTimeMs = 1'440'938'160'000;  // 2015-08-30T12:36:00Z
const AwsCredentials kTestKeys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};

std::string SignatureOf(net::FetchRequest request) {
  core::Status signed_request = SignAwsRequest(kTestKeys, {"us-east-1", "service"}, kTestTimeMs, request);
  EXPECT_TRUE(signed_request);
  std::string text(request.headers.Get("Authorization"));
  size_t at = text.find("Signature=");
  return at == std::string::npos ? "none" : text.substr(at + 10);
}

net::FetchRequest Get(const std::string& path) { return {.url = "https://example.amazonaws.com" + path}; }

TEST(SigV4, PublishedSignatures) {
  EXPECT_EQ(SignatureOf(Get("/")), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(SignatureOf(Get("/?Param2=value2&Param1=value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(SignatureOf(Get("/?Param1=value1")),
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb");
  for (const char* same_as_root : {"//", "/./", "/example/..", "/example1/example2/../.."}) {
    EXPECT_EQ(SignatureOf(Get(same_as_root)),
              "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
        << same_as_root;
  }
  EXPECT_EQ(SignatureOf(Get("//example//")),
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");

  net::FetchRequest trimmed = Get("/");
  trimmed.headers.Set("My-Header1", " value1 ");
  trimmed.headers.Set("My-Header2", " \"a   b   c\"");
  EXPECT_EQ(SignatureOf(trimmed), "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");

  net::FetchRequest post = Get("/");
  post.method = "POST";
  EXPECT_EQ(SignatureOf(post), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  post.headers.Set("Content-Type", "application/x-www-form-urlencoded");
  post.body = "Param1=value1";
  EXPECT_EQ(SignatureOf(post), "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST(SigV4, NamesWhatIsSigned) {
  net::FetchRequest request = Get("/");
  request.headers.Set("User-Agent", "sextant");
  AwsCredentials session = kTestKeys;
  session.session_token = "token";
  ASSERT_TRUE(SignAwsRequest(session, {"us-east-1", "aps"}, kTestTimeMs, request));
  std::string text(request.headers.Get("Authorization"));
  EXPECT_NE(text.find("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/aps/aws4_request, "
                      "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="),
            std::string::npos)
      << text;
  EXPECT_EQ(request.headers.Get("X-Amz-Date"), "20150830T123600Z");
  EXPECT_EQ(request.headers.Get("X-Amz-Security-Token"), "token");
  net::FetchRequest no_url{.url = "::"};
  EXPECT_FALSE(SignAwsRequest(kTestKeys, {"a", "b"}, kTestTimeMs, no_url));
}

class AwsFiles : public testing::Test {
 protected:
  AwsFiles() {
    char name[] = "/tmp/sextant_aws_XXXXXX";
    dir_ = mkdtemp(name);
    variables_ = {{"AWS_SHARED_CREDENTIALS_FILE", dir_ + "/credentials"},
                  {"AWS_CONFIG_FILE", dir_ + "/config"}};
    std::ofstream(dir_ + "/credentials")
        << "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n"
           "[other]\naws_access_key_id=C\naws_secret_access_key=D\n"
           "aws_session_token=E\n";
    std::ofstream(dir_ + "/config") << "[default]\nregion = eu-west-1\ns3 =\n  region = nested\n"
                                       "[profile other]\nregion=eu-west-2\nca_bundle=/x/ca.pem\n"
                                       "[profile role]\nrole_arn=arn:aws:iam::1:role/x\n";
  }
  ~AwsFiles() override { std::filesystem::remove_all(dir_); }

  Environment MakeEnvironment() {
    return [this](const std::string& name) { return variables_[name]; };
  }

  std::string dir_;
  std::map<std::string, std::string> variables_;
};

TEST_F(AwsFiles, KeysComeFromFilesOrTheEnvironment) {
  auto keys = [&](const std::string& profile) -> std::string {
    auto plan = PlanAwsCredentials(profile, MakeEnvironment());
    if (!plan) return plan.error().message();
    const auto* found = std::get_if<AwsCredentials>(&plan->source);
    return found == nullptr ? "elsewhere" : found->access_key + found->secret_key + found->session_token;
  };
  EXPECT_EQ(keys(""), "AB");
  EXPECT_EQ(*FindAwsRegion("", MakeEnvironment()), "eu-west-1");
  EXPECT_EQ(keys("other"), "CDE");
  EXPECT_EQ(*FindAwsRegion("other", MakeEnvironment()), "eu-west-2");
  EXPECT_EQ(keys("nobody"), "elsewhere");

  variables_["AWS_ACCESS_KEY_ID"] = "F";
  variables_["AWS_SECRET_ACCESS_KEY"] = "G";
  variables_["AWS_REGION"] = "us-east-2";
  EXPECT_EQ(keys(""), "FG");
  EXPECT_EQ(*FindAwsRegion("", MakeEnvironment()), "us-east-2");
  EXPECT_EQ(keys("other"), "CDE") << "a profile that is asked for";
}

TEST_F(AwsFiles, AuthoritiesComeFromFilesOrTheEnvironment) {
  EXPECT_EQ(*FindAwsCaBundle("", MakeEnvironment()), "");
  EXPECT_EQ(*FindAwsCaBundle("other", MakeEnvironment()), "/x/ca.pem");
  variables_["AWS_CA_BUNDLE"] = "/etc/ca.pem";
  EXPECT_EQ(*FindAwsCaBundle("other", MakeEnvironment()), "/etc/ca.pem");
}

TEST_F(AwsFiles, TheAuthorizerSigns) {
  core::ManualClock clock(kTestTimeMs);
  auto authorizer = MakeSigV4Authorizer({}, clock, MakeEnvironment());
  auto authorize = [&] {
    std::promise<core::Result<net::FetchRequest>> promise;
    authorizer->Authorize(Get("/"), nullptr, [&](auto request) { promise.set_value(std::move(request)); });
    return promise.get_future().get();
  };
  auto request = authorize();
  ASSERT_TRUE(request);
  EXPECT_NE(request->headers.Get("Authorization").find("Credential=A/20150830/eu-west-1/aps/"),
            std::string_view::npos);
  std::filesystem::remove(dir_ + "/credentials");
  variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  request = authorize();
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().message().find("could not get SigV4 credentials"), std::string::npos);
}

}  // namespace
}  // namespace sextant::httpclient
