// The extensions that serve pages, asked over HTTP.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/compression.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "pipeline/component_harness.h"
#include "pipeline/extensions/cpu_profile.h"
#include "pipeline/extensions/health_check_extension.h"
#include "pipeline/extensions/heap_profile.h"
#include "pipeline/extensions/pprof_extension.h"
#include "pipeline/extensions/profile_format.h"
#include "pipeline/extensions/zpages_extension.h"

namespace sextant::pipeline {

namespace {

// A port that was free a moment ago.
int FreePort() {
  ComponentHarness environment;
  auto server = net::HttpServer::Start(environment.io(), environment.executor(), environment.clock(),
                                       environment.registry, core::Logger::Discard(), net::Router(),
                                       {.listen = {"127.0.0.1:0"}});
  EXPECT_TRUE(server);
  int port = (*server)->bound_port();
  (*server)->Stop(0);
  return port;
}

class HttpExtensionsTest : public testing::Test {
 protected:
  ~HttpExtensionsTest() override {
    if (extension_) extension_->Shutdown();
  }
  void Start(const ComponentType& type, const std::string& more = "") {
    address_ = fmt::format("127.0.0.1:{}", FreePort());
    extension_ = environment_.MakeExtension(type, "endpoint: " + address_ + "\n" + more);
    core::Status started = extension_->Start();
    ASSERT_TRUE(started) << started.error().message();
  }
  net::FetchResponse Get(const std::string& path) {
    auto response = net::FetchSync({.url = "http://" + address_ + path});
    EXPECT_TRUE(response) << response.error().message();
    return response.value_or(net::FetchResponse());
  }

  core::ManualClock manual_{1'700'000'000'000};
  ComponentHarness environment_{&manual_};
  std::string address_;
  std::unique_ptr<Extension> extension_;
};

TEST_F(HttpExtensionsTest, HealthFollowsThePipelines) {
  Start(HealthCheckExtensionType());
  net::FetchResponse response = Get("/");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body,
            R"({"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""})");
  extension_->PipelinesReady();
  manual_.Advance(61'500);
  response = Get("/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            R"({"status":"Server available","upSince":"2023-11-14T22:13:20.000Z","uptime":"1m1.5s"})");
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/json");
  extension_->PipelinesStopping();
  EXPECT_EQ(Get("/").status, 503);
}

TEST_F(HttpExtensionsTest, HealthHasItsPathAndBodies) {
  Start(HealthCheckExtensionType(), "path: /health\nresponse_body: {healthy: fine, unhealthy: ill}");
  EXPECT_EQ(Get("/health").body, "ill");
  extension_->PipelinesReady();
  EXPECT_EQ(Get("/health").body, "fine");
  EXPECT_EQ(Get("/").status, 404);
}

TEST_F(HttpExtensionsTest, HealthRefusesWhatItDoesNotDo) {
  ComponentType type = HealthCheckExtensionType();
  EXPECT_EQ(environment_.ErrorOf(type, "check_collector_pipeline: {enabled: false, interval: 1m}"), "");
  EXPECT_NE(environment_.ErrorOf(type, "check_collector_pipeline: {enabled: true}")
                .find("check_collector_pipeline"),
            std::string::npos);
  EXPECT_NE(environment_.ErrorOf(type, "path: health").find("path must start with /"), std::string::npos);
  EXPECT_EQ(environment_.ErrorOf(type, ""), "");
}

TEST_F(HttpExtensionsTest, PagesShowWhatRuns) {
  environment_.extensions.pipelines = {{"traces/<2>", {"otlp"}, {"batch"}, {"debug", "otlp/tempo"}}};
  Start(ZpagesExtensionType());
  environment_.extensions.by_id["zpages"] = extension_.get();
  EXPECT_NE(Get("/debug/servicez").body.find("<td>Version</td><td>1.2.3</td>"), std::string::npos);
  EXPECT_NE(Get("/debug/pipelinez")
                .body.find("<td>traces/&lt;2&gt;</td><td>otlp</td><td>batch</td><td>debug, otlp/tempo</td>"),
            std::string::npos);
  EXPECT_NE(Get("/debug/extensionz").body.find("<td>zpages</td>"), std::string::npos);
  EXPECT_EQ(Get("/debug/featurez").status, 200);
  EXPECT_EQ(Get("/debug/tracez").status, 200);
  EXPECT_NE(environment_.ErrorOf(ZpagesExtensionType(), "expvar: {enabled: true}").find("expvar"),
            std::string::npos);
}

TEST_F(HttpExtensionsTest, ProfilesCpuTime) {
  Start(PprofExtensionType());
  std::atomic<bool> is_done{false};
  std::thread busy([&] {
    volatile uint64_t number = 1;
    while (!is_done) number = number * 3 + 1;
  });
  net::FetchResponse response = Get("/debug/pprof/profile?seconds=1");
  is_done = true;
  busy.join();
  ASSERT_EQ(response.status, 200) << response.body;
  std::string profile;
  ASSERT_TRUE(net::Decompress(net::Encoding::kGzip, response.body, 64 << 20, profile));
  // The value type of the first column, and the names of what was sampled.
  EXPECT_NE(profile.find("samples"), std::string::npos);
  EXPECT_NE(profile.find("nanoseconds"), std::string::npos);
  EXPECT_NE(profile.find("pipeline_test"), std::string::npos);  // a mapping's file
}

TEST_F(HttpExtensionsTest, ProfilesMemory) {
  if (!core::HeapSampling::IsPossible()) GTEST_SKIP() << "a sanitizer has the operators";
  Start(PprofExtensionType());
  auto large = std::make_unique<char[]>(64 << 20);
  for (const char* path : {"/debug/pprof/heap", "/debug/pprof/allocs?debug=0"}) {
    net::FetchResponse response = Get(path);
    ASSERT_EQ(response.status, 200) << response.body;
    std::string profile;
    ASSERT_TRUE(net::Decompress(net::Encoding::kGzip, response.body, 64 << 20, profile));
    for (const char* text :
         {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "pipeline_test"}) {
      EXPECT_NE(profile.find(text), std::string::npos) << text;
    }
    // 64 MiB, in bytes, behind one object: alloc and in use.
    EXPECT_NE(profile.find(std::string("\x01\x80\x80\x80\x20\x01\x80\x80\x80\x20", 10)), std::string::npos);
  }
  EXPECT_EQ(Get("/debug/pprof/heap?debug=1").status, 400);
  EXPECT_EQ(Get("/debug/pprof/heap?seconds=x").status, 400);
  net::FetchResponse difference = Get("/debug/pprof/heap?seconds=1");
  std::string profile;
  ASSERT_TRUE(net::Decompress(net::Encoding::kGzip, difference.body, 64 << 20, profile));
  EXPECT_EQ(profile.find(std::string("\x01\x80\x80\x80\x20", 5)), std::string::npos);
}

TEST_F(HttpExtensionsTest, ProfilesNothingElse) {
  Start(PprofExtensionType());
  EXPECT_EQ(Get("/debug/pprof/goroutine").status, 501);
  EXPECT_EQ(Get("/debug/pprof/goroutine").body,
            "goroutine is not supported: this program has profiles of CPU time and memory only\n");
  EXPECT_EQ(Get("/debug/pprof/profile?seconds=x").status, 400);
  EXPECT_NE(Get("/debug/pprof/cmdline").body.find("pipeline_test"), std::string::npos);
  EXPECT_EQ(Get("/debug/pprof/").status, 200);
  EXPECT_NE(environment_.ErrorOf(PprofExtensionType(), "block_profile_fraction: 3")
                .find("block_profile_fraction is not supported yet"),
            std::string::npos);
}

TEST_F(HttpExtensionsTest, TakesOneProfileAtATime) {
  auto first = CpuProfiler::Start(manual_);
  ASSERT_TRUE(first);
  auto second = CpuProfiler::Start(manual_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message(), "cpu profiling already in use");
  EXPECT_FALSE((*first)->Finish().empty());
  EXPECT_TRUE(CpuProfiler::Start(manual_));
}

TEST(ProfileFormatTest, EncodesSamples) {
  std::vector<ProfileSample> samples = {{{1, 3}, {3, 30'000'000}}};
  std::string profile = EncodeProfile(samples, {.columns = {{"samples", "count"}, {"cpu", "nanoseconds"}},
                                                .period_of = {"cpu", "nanoseconds"},
                                                .period = 10'000'000,
                                                .started_ms = 1,
                                                .duration_ms = 1'000});
  // sample { location_id: [1, 2], value: [3, 30000000] }
  EXPECT_NE(profile.find(std::string("\x12\x0b\x0a\x02\x01\x02\x12\x05\x03\x80\x87\xa7\x0e", 13)),
            std::string::npos);
  // location { id: 1, address: 1 } and, for a call, the address before: { id: 2, address: 2 }
  EXPECT_NE(profile.find(std::string("\x22\x04\x08\x01\x18\x01", 6)), std::string::npos);
  EXPECT_NE(profile.find(std::string("\x22\x04\x08\x02\x18\x02", 6)), std::string::npos);
}

TEST(HeapProfileTest, IsTheDifferenceOfTwoMoments) {
  std::vector<core::HeapSite> before = {{{10}, 5, 500, 5, 500}, {{20}, 1, 100, 1, 100}};
  std::vector<core::HeapSite> now = {{{10}, 8, 800, 2, 200}, {{20}, 1, 100, 1, 100}};
  std::string profile = EncodeHeapProfile(before, now, {.shown_column = "inuse_space"});
  // sample { location_id: [1], value: [3, 300, -3, -300] }; the other did not change.
  EXPECT_NE(profile.find(std::string("\x12\x1c\x0a\x01\x01\x12\x17\x03\xac\x02\xfd\xff", 12)),
            std::string::npos);
  EXPECT_EQ(profile.find(std::string("\x01\x64\x01\x64", 4)), std::string::npos);
  // The innermost frame is an address of return, too: location { id: 1, address: 9 }
  EXPECT_NE(profile.find(std::string("\x22\x04\x08\x01\x18\x09", 6)), std::string::npos);
}

}  // namespace

}  // namespace sextant::pipeline
