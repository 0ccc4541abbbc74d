#include "kube/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sextant::kube {
namespace {

using ::testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    char name[] = "/tmp/sextant_kube_XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~ClientTest() override { std::filesystem::remove_all(dir_); }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  core::Result<ClientConfig> Load(const std::string& user,
                                  const std::string& cluster = "server: https://x:6443/") {
    return LoadKubeconfig(Write("config", fmt::format(R"(
current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u}}}}]
clusters: [{{name: k, cluster: {{{}}}}}]
users: [{{name: u, user: {{{}}}}}]
)",
                                                      cluster, user)),
                          clock_);
  }
  core::SystemClock clock_;
  std::string dir_;
};

TEST_F(ClientTest, APodFindsItsServerAndReadsItsTokenEachTime) {
  Write("token", "one");
  Write("namespace", "observability\n");
  auto environment = [](const std::string& name) {
    return std::string(name == "KUBERNETES_SERVICE_HOST" ? "fd00::1" : "443");
  };
  auto client = InClusterConfig(environment, dir_);
  ASSERT_TRUE(client) << client.error().message();
  EXPECT_EQ(client->api_server, "https://[fd00::1]:443");
  EXPECT_EQ(MakeRequest(*client, "/api", "test")->bearer_token, "one");
  Write("token", "two\n");
  EXPECT_EQ(MakeRequest(*client, "/api", "test")->bearer_token, "two");
  EXPECT_EQ(*OwnNamespace(dir_), "observability");
  auto outside = InClusterConfig([](const std::string&) { return std::string(); }, dir_);
  EXPECT_THAT(outside.error().message(), HasSubstr("unable to load in-cluster configuration"));
}

TEST_F(ClientTest, KubeconfigsSayHowToAuthenticate) {
  EXPECT_EQ(Load("token: t")->api_server, "https://x:6443");
  EXPECT_EQ(MakeRequest(*Load("token: t"), "/", "test")->bearer_token, "t");
  Write("tok", "from file");
  EXPECT_EQ(MakeRequest(*Load("token: t, tokenFile: tok"), "/", "test")->bearer_token, "from file");
  EXPECT_EQ(Load("username: u, password: p")->http.basic_auth->password.Reveal(), "p");
  EXPECT_EQ(Load("client-certificate: c.pem, client-key: /k.pem")->http.tls.cert_file, dir_ + "/c.pem");
  EXPECT_EQ(Load("client-certificate-data: YQ==, client-key-data: Yg==")->key_pem, "b");
  EXPECT_EQ(Load("", "server: https://x, certificate-authority-data: YQ==")->ca_pem, "a");
  EXPECT_TRUE(Load("", "server: https://x, insecure-skip-tls-verify: true")->http.tls.insecure_skip_verify);
}

TEST_F(ClientTest, WhatCannotBeDoneIsRefusedByName) {
  auto provider = Load("auth-provider: {name: gcp}");
  EXPECT_EQ(provider.error().code(), core::Code::kUnimplemented);
  EXPECT_THAT(provider.error().message(), HasSubstr("auth-provider is not supported yet"));
  const std::string v1 = "exec: {apiVersion: client.authentication.k8s.io/v1, command: x";
  EXPECT_THAT(Load("exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}").error().message(),
              HasSubstr("invalid apiVersion"));
  EXPECT_THAT(Load(v1 + "}").error().message(), HasSubstr("interactiveMode must be specified"));
  EXPECT_THAT(Load(v1 + ", interactiveMode: Always}").error().message(), HasSubstr("there is no terminal"));
  EXPECT_THAT(Load("token: t, " + v1 + ", interactiveMode: Never}").error().message(),
              HasSubstr("neither a token"));
  EXPECT_THAT(Load("token: t", "").error().message(), HasSubstr("server is missing"));
  EXPECT_THAT(Load("client-key-data: '%%'").error().message(), HasSubstr("is not base64"));
  EXPECT_FALSE(LoadKubeconfig(Write("empty", ""), clock_));
}

TEST_F(ClientTest, RequestsAreMadeOnBehalfOfOthersThroughAProxy) {
  auto client = Load("token: t, as: jane, as-uid: '7', as-groups: [dev, ops], as-user-extra: {a/b: [x, y]}",
                     "server: https://x, proxy-url: 'http://p:3128'");
  ASSERT_TRUE(client) << client.error().message();
  auto request = MakeRequest(*client, "/", "test");
  EXPECT_EQ(request->headers.Get("Impersonate-User"), "jane");
  EXPECT_EQ(request->headers.Get("Impersonate-Uid"), "7");
  EXPECT_EQ(request->headers.Get("Impersonate-Group"), "dev");
  EXPECT_EQ(request->headers.Get("Impersonate-Extra-a%2Fb"), "x");
  EXPECT_EQ(request->headers.size(), 8u);
  EXPECT_EQ(request->proxy_url, "http://p:3128");
}

}  // namespace
}  // namespace sextant::kube
