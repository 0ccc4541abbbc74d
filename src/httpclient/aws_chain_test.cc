// Keys from each of AWS' sources, played by a server of ours.
#include "httpclient/aws_chain.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "httpclient/fake_cloud.h"
#include "httpclient/sigv4.h"

namespace sextant::httpclient {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr core::TimestampMs kNowMs = 1'440'938'160'000;  // 2015-08-30T12:36:00Z

std::string StsAnswer(const std::string& action, const std::string& name, const std::string& expires) {
  return fmt::format(
      "<{0}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{0}Result><Credentials>"
      "<AccessKeyId>{1}</AccessKeyId><SecretAccessKey>s&amp;{1}</SecretAccessKey><SessionToken>t-{1}"
      "</SessionToken><Expiration>{2}</Expiration></Credentials></{0}Result></{0}Response>",
      action, name, expires);
}

class AwsChainTest : public testing::Test {
 protected:
  AwsChainTest() {
    char name[] = "/tmp/sextant_aws_XXXXXX";
    dir_ = mkdtemp(name);
    variables_ = {{"AWS_SHARED_CREDENTIALS_FILE", dir_ + "/credentials"},
                  {"AWS_CONFIG_FILE", dir_ + "/config"},
                  {"AWS_ENDPOINT_URL_STS", cloud_.url() + "/sts"},
                  {"AWS_EC2_METADATA_SERVICE_ENDPOINT", cloud_.url() + "/"},
                  {"AWS_REGION", "eu-1"}};
    Sts("ASIA1", "2015-08-30T12:51:00Z");
  }
  ~AwsChainTest() override { std::filesystem::remove_all(dir_); }

  // STS gives these keys from now on.
  void Sts(const std::string& name, const std::string& expires) {
    cloud_.On("/sts", [=](const net::HttpRequest& request) {
      return net::HttpResponse::Text(200, StsAnswer(FormValue(request, "Action"), name, expires));
    });
  }
  void Config(const std::string& text) { std::ofstream(dir_ + "/config") << text; }

  std::shared_ptr<net::RequestAuthorizer> Signer(config::SigV4Config config = {}) {
    return MakeSigV4Authorizer(config, clock_, [this](const std::string& name) { return variables_[name]; });
  }
  // "key/session" of the signature of a request, or the error.
  std::string KeysOf(const std::shared_ptr<net::RequestAuthorizer>& signer) {
    std::string text = cloud_.HeaderWith(signer);
    size_t at = text.find("Credential=");
    if (at == std::string::npos) return text;
    std::string key = text.substr(at + 11, text.find('/', at) - at - 11);
    return key + "/" + std::string(cloud_.Seen("/target").back().headers.Get("X-Amz-Security-Token"));
  }

  FakeCloud cloud_;
  core::ManualClock clock_{kNowMs};
  std::string dir_;
  std::map<std::string, std::string> variables_;
};

TEST_F(AwsChainTest, ARoleIsAssumedAndItsKeysAreKept) {
  auto signer = Signer({.region = "us-1",
                        .access_key = "AK",
                        .secret_key = config::Secret("SK"),
                        .profile = "",
                        .role_arn = "arn:aws:iam::1:role/writer",
                        .external_id = "ext",
                        .tags = {{"team", "a b"}}});
  EXPECT_EQ(KeysOf(signer), "ASIA1/t-ASIA1");
  EXPECT_EQ(KeysOf(signer), "ASIA1/t-ASIA1");
  auto asked = cloud_.Seen("/sts");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(FormValue(asked[0], "Action"), "AssumeRole");
  EXPECT_EQ(FormValue(asked[0], "Version"), "2011-06-15");
  EXPECT_EQ(FormValue(asked[0], "RoleArn"), "arn:aws:iam::1:role/writer");
  EXPECT_EQ(FormValue(asked[0], "ExternalId"), "ext");
  EXPECT_EQ(FormValue(asked[0], "RoleSessionName"), "sextant-1440938160000");
  EXPECT_EQ(FormValue(asked[0], "Tags.member.1.Key") + FormValue(asked[0], "Tags.member.1.Value"), "teama b");
  EXPECT_THAT(std::string(asked[0].headers.Get("Authorization")),
              HasSubstr("Credential=AK/20150830/us-1/sts/aws4_request"));

  // Thirty seconds before their end others are asked for.
  Sts("ASIA2", "2015-08-30T13:51:00Z");
  clock_.Advance(14 * 60'000);
  EXPECT_EQ(KeysOf(signer), "ASIA1/t-ASIA1");
  clock_.Advance(31'000);
  EXPECT_EQ(KeysOf(signer), "ASIA2/t-ASIA2");
  EXPECT_EQ(cloud_.Seen("/sts").size(), 2u);
}

TEST_F(AwsChainTest, WhatStsRefusesIsAnErrorOfTheRequest) {
  auto signer = Signer({.region = "us-1",
                        .access_key = "AK",
                        .secret_key = config::Secret("SK"),
                        .profile = "",
                        .role_arn = "arn:r"});
  cloud_.On("/sts", [](const net::HttpRequest&) {
    return net::HttpResponse::Text(
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>");
  });
  EXPECT_THAT(KeysOf(signer),
              HasSubstr("could not get SigV4 credentials: assuming the role arn:r: HTTP status "
                        "403 Forbidden: AccessDenied: not you"));
  for (const char* bad : {"", "nonsense", "<a/>", "<a><b><Credentials/></b></a>"}) {
    cloud_.On("/sts", [bad](const net::HttpRequest&) { return net::HttpResponse::Text(200, bad); });
    EXPECT_THAT(KeysOf(signer), HasSubstr("assuming the role arn:r: ")) << bad;
  }
  EXPECT_EQ(cloud_.Seen("/sts").size(), 5u) << "errors are not kept";
  Sts("ASIA9", "2015-08-30T12:51:00Z");
  EXPECT_EQ(KeysOf(signer), "ASIA9/t-ASIA9");
  // Keys that have expired already are used once.
  auto other = Signer({.region = "r",
                       .access_key = "A",
                       .secret_key = config::Secret("S"),
                       .profile = "",
                       .role_arn = "arn:r"});
  Sts("OLD", "2015-08-30T12:00:00Z");
  EXPECT_EQ(KeysOf(other), "OLD/t-OLD");
  EXPECT_EQ(KeysOf(other), "OLD/t-OLD");
  EXPECT_EQ(cloud_.Seen("/sts").size(), 8u);
}

TEST_F(AwsChainTest, AWebIdentityOfTheEnvironment) {
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir_ + "/token";
  EXPECT_THAT(KeysOf(Signer()), HasSubstr("AWS_ROLE_ARN is not set"));
  variables_["AWS_ROLE_ARN"] = "arn:web";
  variables_["AWS_ROLE_SESSION_NAME"] = "pod";
  auto signer = Signer();
  EXPECT_THAT(KeysOf(signer), HasSubstr("the AWS web identity token: unable to read file"));
  std::ofstream(dir_ + "/token") << "jwt\n";
  EXPECT_EQ(KeysOf(signer), "ASIA1/t-ASIA1");
  auto asked = cloud_.Seen("/sts");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(FormValue(asked[0], "Action"), "AssumeRoleWithWebIdentity");
  EXPECT_EQ(FormValue(asked[0], "WebIdentityToken"), "jwt");
  EXPECT_EQ(FormValue(asked[0], "RoleSessionName"), "pod");
  EXPECT_FALSE(asked[0].headers.Has("Authorization"));
}

TEST_F(AwsChainTest, AContainersEndpoint) {
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = cloud_.url() + "/creds";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir_ + "/token";
  std::ofstream(dir_ + "/token") << "secret";
  cloud_.OnJson(
      "/creds",
      R"({"AccessKeyId":"ECS","SecretAccessKey":"s","Token":"t","Expiration":"2015-08-30T18:00:00Z"})");
  auto signer = Signer();
  EXPECT_EQ(KeysOf(signer), "ECS/t");
  EXPECT_EQ(KeysOf(signer), "ECS/t");
  ASSERT_EQ(cloud_.Seen("/creds").size(), 1u);
  EXPECT_EQ(cloud_.Seen("/creds")[0].headers.Get("Authorization"), "secret");
  cloud_.OnJson("/creds", R"({"message":"go away"})", 500);
  EXPECT_THAT(KeysOf(Signer()), HasSubstr("the container's AWS credentials: HTTP status 500"));
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://192.0.2.1/creds";
  EXPECT_THAT(KeysOf(Signer()), HasSubstr("neither HTTPS nor an address of this machine"));
}

TEST_F(AwsChainTest, TheInstancesMetadata) {
  cloud_.On("/latest/api/token", [](const net::HttpRequest& request) {
    return request.method == "PUT" && request.headers.Has("X-aws-ec2-metadata-token-ttl-seconds")
               ? net::HttpResponse::Text(200, "IMDS")
               : net::HttpResponse::Text(405, "");
  });
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  cloud_.On(path, [](const net::HttpRequest&) { return net::HttpResponse::Text(200, "my-role\n"); });
  cloud_.OnJson(path + "my-role", R"({"Code":"Success","AccessKeyId":"EC2","SecretAccessKey":"s","Token":"t",
                                      "Expiration":"2015-08-30T18:00:00Z"})");
  auto signer = Signer();
  EXPECT_EQ(KeysOf(signer), "EC2/t");
  EXPECT_EQ(KeysOf(signer), "EC2/t");
  ASSERT_EQ(cloud_.Seen(path + "my-role").size(), 1u);
  EXPECT_EQ(cloud_.Seen(path + "my-role")[0].headers.Get("X-aws-ec2-metadata-token"), "IMDS");

  // Version 1 where there are no tokens, unless that is forbidden.
  cloud_.On("/latest/api/token", [](const net::HttpRequest&) { return net::HttpResponse::Text(404, ""); });
  EXPECT_EQ(KeysOf(Signer()), "EC2/t");
  EXPECT_FALSE(cloud_.Seen(path).back().headers.Has("X-aws-ec2-metadata-token"));
  variables_["AWS_EC2_METADATA_V1_DISABLED"] = "true";
  EXPECT_THAT(KeysOf(Signer()), HasSubstr("the instance's metadata give none: HTTP status 404"));
  variables_["AWS_EC2_METADATA_V1_DISABLED"] = "";
  cloud_.OnJson(path + "my-role", R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"no trust"})");
  EXPECT_THAT(KeysOf(Signer()), HasSubstr("AssumeRoleUnauthorizedAccess: no trust"));
  variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_THAT(KeysOf(Signer()), HasSubstr("AWS_EC2_METADATA_DISABLED is set"));
}

TEST_F(AwsChainTest, AProgramOfAProfile) {
  Config("[default]\ncredential_process = cat " + dir_ + "/keys\n");
  auto signer = Signer();
  EXPECT_THAT(KeysOf(signer), HasSubstr("credential_process: executable /bin/sh failed with exit code 1"));
  std::ofstream(dir_ + "/keys")
      << R"({"Version":1,"AccessKeyId":"P1","SecretAccessKey":"s","SessionToken":"t"})";
  EXPECT_EQ(KeysOf(signer), "P1/t");
  std::ofstream(dir_ + "/keys") << R"({"Version":2,"AccessKeyId":"P2","SecretAccessKey":"s"})";
  EXPECT_EQ(KeysOf(signer), "P1/t") << "kept for ten minutes";
  clock_.Advance(600'001);
  EXPECT_THAT(KeysOf(signer), HasSubstr("wrong version 2"));
}

TEST_F(AwsChainTest, ProfilesThatTakeTheirKeysFromEachOther) {
  Config(
      "[profile base]\naws_access_key_id=B\naws_secret_access_key=S\n"
      "[profile one]\nrole_arn=arn:one\nsource_profile=base\nexternal_id=x\n"
      "[profile two]\nrole_arn=arn:two\nsource_profile=one\nrole_session_name=two-session\n"
      "[profile loop]\nrole_arn=arn:l\nsource_profile=pool\n[profile "
      "pool]\nrole_arn=arn:p\nsource_profile=loop\n"
      "[profile mfa]\nmfa_serial=1\n[profile sso]\nsso_account_id=1\n"
      "[profile named]\nrole_arn=arn:n\ncredential_source=Environment\n"
      "[profile wrong]\nrole_arn=arn:n\ncredential_source=Moon\n");
  auto with = [&](const std::string& profile) {
    return Signer({.region = "r", .access_key = "", .secret_key = {}, .profile = profile});
  };
  EXPECT_EQ(KeysOf(with("two")), "ASIA1/t-ASIA1");
  auto asked = cloud_.Seen("/sts");
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(FormValue(asked[0], "RoleArn") + FormValue(asked[0], "ExternalId"), "arn:onex");
  EXPECT_EQ(FormValue(asked[1], "RoleArn") + FormValue(asked[1], "RoleSessionName"), "arn:twotwo-session");
  EXPECT_EQ(asked[1].headers.Get("X-Amz-Security-Token"), "t-ASIA1") << "signed with the first role's keys";
  EXPECT_THAT(KeysOf(with("loop")), HasSubstr("take their keys from each other"));
  EXPECT_THAT(KeysOf(with("mfa")), HasSubstr("mfa_serial of the AWS profile mfa is not supported yet"));
  EXPECT_THAT(KeysOf(with("sso")), HasSubstr("sso_account_id of the AWS profile sso is not supported yet"));
  EXPECT_THAT(KeysOf(with("wrong")), HasSubstr("credential_source values must be"));
  variables_["AWS_ACCESS_KEY_ID"] = "ENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "S";
  EXPECT_EQ(KeysOf(with("named")), "ASIA1/t-ASIA1");
  EXPECT_THAT(std::string(cloud_.Seen("/sts").back().headers.Get("Authorization")),
              HasSubstr("Credential=ENV/"));
}

TEST_F(AwsChainTest, AChangedPlanDropsWhatWasKept) {
  Config("[default]\naws_access_key_id=B\naws_secret_access_key=S\n");
  auto signer =
      Signer({.region = "r", .access_key = "", .secret_key = {}, .profile = "", .role_arn = "arn:r"});
  EXPECT_EQ(KeysOf(signer), "ASIA1/t-ASIA1");
  Config("[default]\naws_access_key_id=C\naws_secret_access_key=S\n");
  EXPECT_EQ(KeysOf(signer), "ASIA1/t-ASIA1");
  ASSERT_EQ(cloud_.Seen("/sts").size(), 2u);
  EXPECT_THAT(std::string(cloud_.Seen("/sts")[1].headers.Get("Authorization")), HasSubstr("Credential=C/"));
}

// Where STS is asked, without a network.
TEST_F(AwsChainTest, StsHasAnAddressPerRegion) {
  variables_.erase("AWS_ENDPOINT_URL_STS");
  auto asks = [&](const std::string& region, bool fips) {
    std::string url;
    auto signer = Signer({.region = region,
                          .access_key = "A",
                          .secret_key = config::Secret("S"),
                          .profile = "",
                          .role_arn = "arn:r",
                          .use_fips_sts_endpoint = fips});
    signer->Authorize(
        {.url = "https://x/"},
        [&](net::FetchRequest own, const net::FetchCallback& callback) {
          url = own.url;
          callback(core::Fail(core::Code::kUnavailable, "no network"));
        },
        [](const core::Result<net::FetchRequest>& request) { EXPECT_FALSE(request); });
    return url;
  };
  EXPECT_EQ(asks("eu-west-1", false), "https://sts.eu-west-1.amazonaws.com/");
  EXPECT_EQ(asks("us-east-1", true), "https://sts-fips.us-east-1.amazonaws.com/");
  EXPECT_EQ(asks("us-gov-west-1", true), "https://sts.us-gov-west-1.amazonaws.com/");
  EXPECT_EQ(asks("cn-north-1", false), "https://sts.cn-north-1.amazonaws.com.cn/");
}

}  // namespace
}  // namespace sextant::httpclient
