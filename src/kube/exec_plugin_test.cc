// Programs that give credentials, as shell scripts.
#include "kube/exec_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "kube/client.h"

namespace sextant::kube {
namespace {

using ::testing::HasSubstr;

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

class ExecPluginTest : public testing::Test {
 protected:
  ExecPluginTest() {
    char name[] = "/tmp/sextant_exec_XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~ExecPluginTest() override { std::filesystem::remove_all(dir_); }

  ExecPlugin Script(const std::string& body) {
    std::string path = dir_ + "/plugin";
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return {kVersion, path, {"--for", "test"}, {{"EXTRA", "e"}}, ""};
  }
  static std::string Answer(const std::string& status) {
    return R"(echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": )" +
           status + "}'";
  }
  static core::Result<net::FetchRequest> Authorize(net::RequestAuthorizer& authorizer) {
    std::promise<core::Result<net::FetchRequest>> promise;
    authorizer.Authorize({.url = "https://x"}, nullptr,
                         [&](auto request) { promise.set_value(std::move(request)); });
    return promise.get_future().get();
  }

  std::string dir_;
};

TEST_F(ExecPluginTest, ItIsToldWhatItShouldKnow) {
  ExecPlugin plugin = Script("echo \"$1 $2 $EXTRA $KUBERNETES_EXEC_INFO\" > " + dir_ + "/said\n" +
                             Answer(R"({"token": "t", "expirationTimestamp": "2026-01-02T03:04:05+01:00"})"));
  plugin.cluster_info = R"({"server":"s"})";
  auto credential = RunExecPlugin(plugin);
  ASSERT_TRUE(credential) << credential.error().message();
  EXPECT_EQ(credential->token, "t");
  EXPECT_EQ(credential->expires_ms, 1'767'319'445'000);
  std::ifstream said(dir_ + "/said");
  std::string line;
  std::getline(said, line);
  EXPECT_EQ(
      line,
      R"(--for test e {"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"s"},"interactive":false}})");
}

TEST_F(ExecPluginTest, WhatGoesWrongIsSaid) {
  EXPECT_THAT(RunExecPlugin({kVersion, dir_ + "/none", {}, {}, ""}).error().message(),
              HasSubstr("exec: executable"));
  EXPECT_THAT(RunExecPlugin(Script("echo no luck >&2; exit 3")).error().message(),
              HasSubstr("failed with exit code 3: no luck"));
  EXPECT_THAT(RunExecPlugin(Script("kill -9 $$")).error().message(), HasSubstr("exit code 137"));
  EXPECT_EQ(RunExecPlugin(Script("sleep 60 & sleep 60"), 100).error().code(), core::Code::kDeadlineExceeded);
  EXPECT_THAT(RunExecPlugin(Script("yes")).error().message(), HasSubstr("printed more than"));
  EXPECT_THAT(RunExecPlugin(Script("yes >&2")).error().message(), HasSubstr("printed more than"));
  EXPECT_THAT(RunExecPlugin(Script("echo hello")).error().message(), HasSubstr("not a JSON object"));
  EXPECT_THAT(RunExecPlugin(Script(Answer("{}"))).error().message(),
              HasSubstr("didn't return a token or cert/key"));
  EXPECT_THAT(RunExecPlugin(Script(Answer("null"))).error().message(), HasSubstr("didn't return a status"));
  EXPECT_THAT(RunExecPlugin(Script(Answer(R"({"clientKeyData": "k"})"))).error().message(),
              HasSubstr("not both"));
  EXPECT_THAT(
      RunExecPlugin(Script(Answer(R"({"token": "t", "expirationTimestamp": "soon"})"))).error().message(),
      HasSubstr("is no time"));
  ExecPlugin other = Script(Answer(R"({"token": "t"})"));
  other.api_version = "client.authentication.k8s.io/v1beta1";
  EXPECT_THAT(RunExecPlugin(other).error().message(),
              HasSubstr("plugin returned version client.authentication.k8s.io/v1"));
}

TEST_F(ExecPluginTest, CredentialsAreKeptUntilTheyExpire) {
  core::ManualClock clock(1'767'319'445'000 - 3'600'000);
  ExecPlugin plugin = Script("echo x >> " + dir_ + "/runs\n" +
                             Answer(R"({"token": "t", "expirationTimestamp": "2026-01-02T02:04:05Z"})"));
  auto authorizer = MakeExecAuthorizer(plugin, clock);
  std::vector<std::promise<std::string>> tokens(20);
  for (auto& token : tokens) {
    authorizer->Authorize({.url = "https://x"}, nullptr, [&token](auto request) {
      token.set_value(request ? request->bearer_token : "none");
    });
  }
  for (auto& token : tokens) EXPECT_EQ(token.get_future().get(), "t");
  EXPECT_EQ(std::filesystem::file_size(dir_ + "/runs"), 2u);  // one line
  EXPECT_EQ(Authorize(*authorizer)->bearer_token, "t");
  EXPECT_EQ(std::filesystem::file_size(dir_ + "/runs"), 2u);
  clock.Advance(3'600'000);
  EXPECT_EQ(Authorize(*authorizer)->bearer_token, "t");
  EXPECT_EQ(std::filesystem::file_size(dir_ + "/runs"), 4u);
  std::filesystem::remove(plugin.command);
  EXPECT_THAT(Authorize(*authorizer).error().message(), HasSubstr("getting credentials: exec: executable"));
}

TEST_F(ExecPluginTest, AKubeconfigNamesTheProgram) {
  Script(Answer(R"({"clientCertificateData": "C", "clientKeyData": "K"})"));
  std::ofstream(dir_ + "/config") << R"(
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: 'https://x'}}]
users:
- name: u
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [a], interactiveMode: Never,
           env: [{name: N, value: v}], provideClusterInfo: true}
)";
  core::ManualClock clock(1'000);
  auto client = LoadKubeconfig(dir_ + "/config", clock);
  ASSERT_TRUE(client) << client.error().message();
  ASSERT_NE(client->authorizer, nullptr);
  auto request = Authorize(*MakeRequest(*client, "/", "test")->authorizer);
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_EQ(request->tls->cert_pem + request->tls->key_pem, "CK");
}

}  // namespace
}  // namespace sextant::kube
