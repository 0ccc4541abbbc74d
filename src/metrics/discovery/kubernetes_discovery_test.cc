// kubernetes_sd from the configuration to the target groups, against a server of ours with a recorded
// cluster.
#include "metrics/discovery/kubernetes_discovery.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "kube/fake_api_server.h"
#include "metrics/discovery/manager.h"

namespace sextant::discovery {
namespace {

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class KubernetesDiscoveryTest : public testing::Test {
 protected:
  ~KubernetesDiscoveryTest() override {
    manager_.Stop();
    server_.Stop();
    client_.Stop();
  }
  config::KubernetesDiscoveryConfig Config(const std::string& role) {
    config::KubernetesDiscoveryConfig config;
    config.role = role;
    config.api_server = server_.url();
    config.http.authorization = config::AuthorizationConfig{"Bearer", config::Secret("token"), ""};
    return config;
  }
  void Apply(config::KubernetesDiscoveryConfig config) {
    config::DiscoveryConfigs configs;
    configs.kubernetes = {std::move(config)};
    manager_.Apply({{"job", configs}});
  }
  // The group of a source; an empty one when there is none.
  TargetGroup Group(const std::string& source) {
    std::lock_guard lock(mutex_);
    for (const TargetGroup& group : sets_["job"]) {
      if (group.source == source) return group;
    }
    return {};
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  kube::FakeApiServer server_{io_, executor_, clock_, registry_};
  std::mutex mutex_;
  TargetSets sets_;
  Manager manager_{{io_, client_, executor_, clock_, registry_, core::Logger::Discard(), "test"},
                   {.name = "scrape", .interval_ms = 20},
                   [this](TargetSets sets) {
                     std::lock_guard lock(mutex_);
                     sets_ = std::move(sets);
                   }};
};

constexpr const char* kPod =
    R"({"metadata":{"namespace":"n","name":"p"},"spec":{"nodeName":"k","containers":[{"name":"c"}]},)"
    R"("status":{"podIP":"10.0.0.1"}})";

std::string ListOf(const std::string& items) {
  return R"({"metadata":{"resourceVersion":"7"},"items":[)" + items + "]}";
}

TEST_F(KubernetesDiscoveryTest, WhatHangsTogetherIsLookedAtTogether) {
  server_.Set("/api/v1/pods", {.body = ListOf(kPod)});
  server_.Set("/api/v1/nodes", {.body = ListOf(R"({"metadata":{"name":"k","labels":{"zone":"a"}}})")});
  config::KubernetesDiscoveryConfig config = Config("pod");
  config.attach_metadata.node = true;
  Apply(config);
  ASSERT_TRUE(Eventually([&] { return !Group("pod/n/p").targets.empty(); }));
  EXPECT_EQ(Group("pod/n/p").labels.Get("__meta_kubernetes_node_label_zone"), "a");
  EXPECT_EQ(server_.authorization(), "Bearer token");

  ASSERT_TRUE(Eventually([&] {
    return server_.Say("/api/v1/nodes",
                       R"({"type":"MODIFIED","object":{"metadata":{"name":"k","labels":{"zone":"b"}}}})"
                       "\n");
  }));
  EXPECT_TRUE(
      Eventually([&] { return Group("pod/n/p").labels.Get("__meta_kubernetes_node_label_zone") == "b"; }));
  ASSERT_TRUE(server_.Say("/api/v1/pods", std::string(R"({"type":"DELETED","object":)") + kPod + "}\n"));
  EXPECT_TRUE(Eventually([&] { return Group("pod/n/p").targets.empty(); }));
}

TEST_F(KubernetesDiscoveryTest, NamespacesHaveListsOfTheirOwn) {
  server_.Set("/api/v1/namespaces/n/pods", {.body = ListOf(kPod)});
  server_.Set("/api/v1/namespaces/m/pods", {.body = ListOf("")});
  config::KubernetesDiscoveryConfig config = Config("pod");
  config.namespaces.names = {"n", "m"};
  Apply(config);
  EXPECT_TRUE(Eventually([&] { return !Group("pod/n/p").targets.empty(); }));
}

TEST_F(KubernetesDiscoveryTest, WithoutAClusterTheConfigurationIsCountedAsFailed) {
  if (std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) GTEST_SKIP() << "this is a pod";
  config::KubernetesDiscoveryConfig config;
  config.role = "pod";
  Apply(config);
  EXPECT_NE(registry_.RenderText().find("prometheus_sd_failed_configs{name=\"scrape\"} 1"),
            std::string::npos);
  Apply(Config("pod"));
  EXPECT_NE(registry_.RenderText().find("prometheus_sd_failed_configs{name=\"scrape\"} 0"),
            std::string::npos);
}

TEST_F(KubernetesDiscoveryTest, ARecordedCluster) {
  std::string folder = kube::KubeConformanceDir(SEXTANT_CONFORMANCE_DEFAULT) + "kubeapi/recorded/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  for (const auto& [path, name] :
       std::map<std::string, std::string>{{"/apis/discovery.k8s.io/v1/endpointslices", "endpointslices"},
                                          {"/api/v1/pods", "pods"},
                                          {"/api/v1/services", "services"}}) {
    server_.Set(path, {.body = kube::ReadWholeFile(folder + "list-" + name + ".json")});
  }
  Apply(Config("endpointslice"));
  ASSERT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex_);
    return !sets_["job"].empty();
  }));
  std::lock_guard lock(mutex_);
  EXPECT_EQ(sets_["job"].size(), 8u);
}

}  // namespace
}  // namespace sextant::discovery
