// List and watch against a server of ours that answers with what a real API server answered.
#include "kube/resource_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "kube/fake_api_server.h"

namespace sextant::kube {
namespace {

// Polls until the condition holds; gives up after a time that no working machine needs.
bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string List(const std::string& version, const std::vector<std::string>& names,
                 const std::string& next = "") {
  std::string items;
  for (const std::string& name : names) {
    items +=
        fmt::format(R"({}{{"metadata":{{"namespace":"n","name":"{}"}},"status":{{"podIP":"10.0.0.1"}}}})",
                    items.empty() ? "" : ",", name);
  }
  return fmt::format(
      R"({{"kind":"PodList","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})", version,
      next, items);
}

std::string Event(const std::string& type, const std::string& name, const std::string& version,
                  const std::string& ip = "10.0.0.1") {
  return fmt::format(
      R"({{"type":"{}","object":{{"metadata":{{"namespace":"n","name":"{}","resourceVersion":"{}"}},)"
      R"("status":{{"podIP":"{}"}}}}}})"
      "\n",
      type, name, version, ip);
}

constexpr const char* kPods = "/api/v1/pods";

class ResourceCacheTest : public testing::Test {
 protected:
  ~ResourceCacheTest() override {
    if (cache_ && id_ != 0) cache_->Unsubscribe(id_);
    cache_ = nullptr;
    server_.Stop();
    client_.Stop();
  }
  void Begin() {
    cache_ = pool_.Get({.api_server = server_.url()}, {.path = kPods, .kind = Kind::kPod});
    id_ = cache_->Subscribe([this](const std::vector<std::string>& changed) {
      std::lock_guard lock(mutex_);
      for (const std::string& key : changed) changed_ += key + " ";
      ++calls_;
    });
  }
  std::string Names() {
    std::string names;
    for (const ObjectPtr& object : cache_->All()) names += object->meta.name + " ";
    return names;
  }
  std::string Changed() {
    std::lock_guard lock(mutex_);
    return changed_;
  }
  bool HasRequest(const std::string& wanted) {
    std::vector<std::string> requests = server_.requests();
    return std::ranges::find(requests, wanted) != requests.end();
  }
  bool IsWatching(const std::string& version) {
    return HasRequest(fmt::format("watch {} {}", kPods, version));
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  FakeApiServer server_{io_, executor_, clock_, registry_};
  Pool pool_{{io_, client_, executor_, clock_, registry_, core::Logger::Discard(), "test"}};
  std::mutex mutex_;
  std::string changed_;
  int calls_ = 0;
  std::shared_ptr<ResourceCache> cache_;
  uint64_t id_ = 0;
};

TEST_F(ResourceCacheTest, ListsPageByPageThenWatches) {
  server_.Set(kPods, {.body = List("7", {"a", "b"}, "more")});
  server_.Set(std::string(kPods) + "?more", {.body = List("7", {"c"})});
  Begin();
  ASSERT_TRUE(Eventually([&] { return cache_->has_synced() && IsWatching("7"); }));
  EXPECT_EQ(Names(), "a b c ");

  // An event in two pieces; one that changes nothing that we look at; a bookmark moves the version only.
  std::string event = Event("ADDED", "d", "8");
  ASSERT_TRUE(server_.Say(kPods, event.substr(0, 20)));
  ASSERT_TRUE(server_.Say(kPods, event.substr(20) + Event("MODIFIED", "a", "9")));
  ASSERT_TRUE(server_.Say(kPods, Event("MODIFIED", "b", "10", "10.0.0.2") + Event("DELETED", "c", "11")));
  ASSERT_TRUE(Eventually([&] { return Names() == "a b d "; }));
  EXPECT_EQ(std::get<Pod>(cache_->Find("n/b")->body).ip, "10.0.0.2");
  EXPECT_EQ(Changed().find("n/a"), Changed().rfind("n/a"));  // by the list only
  ASSERT_TRUE(server_.Say(kPods, R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"20"}}})"
                                 "\n"));
  ASSERT_TRUE(server_.EndWatch(kPods));
  EXPECT_TRUE(Eventually([&] { return IsWatching("20"); }));
  EXPECT_EQ(Names(), "a b d ");
}

TEST_F(ResourceCacheTest, AVersionThatIsTooOldMakesANewList) {
  server_.Set(kPods, {.body = List("7", {"a", "b"})});
  Begin();
  ASSERT_TRUE(Eventually([&] { return IsWatching("7"); }));
  server_.Set(kPods, {.body = List("50", {"b", "c"})});
  ASSERT_TRUE(server_.Say(kPods,
                          R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})"
                          "\n"));
  EXPECT_TRUE(Eventually([&] { return IsWatching("50"); }));
  EXPECT_EQ(Names(), "b c ");
  EXPECT_TRUE(Changed().find("n/a") != std::string::npos);
}

TEST_F(ResourceCacheTest, WhatFailsIsTriedAgainAndKeepsTheObjects) {
  server_.Set(kPods,
              {.status = 504, .body = R"({"kind":"Status","message":"Too large"})", .retry_after = "1"});
  Begin();
  ASSERT_TRUE(Eventually([&] {
    return registry_.RenderText().find("prometheus_sd_kubernetes_failures_total 1") != std::string::npos;
  }));
  EXPECT_FALSE(cache_->has_synced());
  server_.Set(kPods, {.body = List("7", {"a"})});
  ASSERT_TRUE(Eventually([&] { return IsWatching("7"); }));
  server_.Set(kPods, {.status = 500});
  ASSERT_TRUE(server_.Say(kPods, "no JSON\n"));
  ASSERT_TRUE(Eventually([&] { return server_.requests().size() >= 4; }));
  EXPECT_EQ(Names(), "a ");
}

TEST_F(ResourceCacheTest, UsersOfOneResourceShareItsCache) {
  server_.Set(kPods, {.body = List("7", {})});
  Begin();
  EXPECT_EQ(pool_.Get({.api_server = server_.url()}, {.path = kPods, .kind = Kind::kPod}), cache_);
  EXPECT_NE(
      pool_.Get({.api_server = server_.url()}, {.path = kPods, .kind = Kind::kPod, .field_selector = "a=b"}),
      cache_);
  EXPECT_TRUE(Eventually([&] { return cache_->has_synced(); }));
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex_);
    return calls_ == 1;  // an empty list is told, too
  }));
}

TEST_F(ResourceCacheTest, ARealServersTraffic) {
  std::string folder = KubeConformanceDir(SEXTANT_CONFORMANCE_DEFAULT) + "kubeapi/recorded/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  for (int page : {1, 2, 3}) {
    std::string body = ReadWholeFile(fmt::format("{}list-pods-chunk-{}.json", folder, page));
    auto parsed = ParseList(body, Kind::kPod);
    ASSERT_TRUE(parsed) << parsed.error().message();
    std::string key = kPods;
    if (page > 1) {
      auto before =
          ParseList(ReadWholeFile(fmt::format("{}list-pods-chunk-{}.json", folder, page - 1)), Kind::kPod);
      key += "?" + before->next;
    }
    server_.Set(key, {.body = std::move(body)});
  }
  Begin();
  ASSERT_TRUE(Eventually([&] { return IsWatching("86"); }));
  EXPECT_EQ(cache_->All().size(), 16u);
  ASSERT_TRUE(server_.Say(kPods, ReadWholeFile(folder + "watch-pods-shop.ndjson")));
  EXPECT_TRUE(Eventually([&] { return Changed().find("shop/probe") != std::string::npos; }));
  EXPECT_TRUE(Eventually([&] { return cache_->Find("shop/probe") == nullptr; }));
  ASSERT_TRUE(server_.EndWatch(kPods));
  EXPECT_TRUE(Eventually([&] { return IsWatching("92"); }));
  ASSERT_TRUE(
      Eventually([&] { return server_.Say(kPods, ReadWholeFile(folder + "watch-410-event.ndjson")); }));
  EXPECT_TRUE(Eventually([&] {
    std::vector<std::string> requests = server_.requests();
    return std::ranges::count(requests, std::string("list ") + kPods) == 2;
  }));
}

}  // namespace
}  // namespace sextant::kube
