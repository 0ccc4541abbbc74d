// Service discovery against real files, a real HTTP server and a name server of ours.
#include "metrics/discovery/manager.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "metrics/discovery/dns_discovery.h"
#include "net/http_server.h"

namespace sextant::discovery {
namespace {

// Polls until the condition holds; gives up after a time that no working machine needs.
bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveryTest() {
    char name[] = "/tmp/sextant_discovery_XXXXXX";
    dir_ = mkdtemp(name);
    net::Router router;
    router.Add("GET", "/sd", [this](const net::HttpRequest& request) {
      std::lock_guard lock(mutex_);
      asked_ = request.headers.Get("X-Prometheus-Refresh-Interval-Seconds");
      ++requests_;
      net::HttpResponse response = net::HttpResponse::Text(status_, answer_);
      response.headers.Set("Content-Type", type_);
      return response;
    });
    auto server =
        net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(), std::move(router),
                               {.listen = {"127.0.0.1:0"}, .security = {}, .limits = {}, .timeouts = {}});
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }
  ~DiscoveryTest() override {
    if (manager_) manager_->Stop();
    server_->Stop(1000);
    client_.Stop();
    std::filesystem::remove_all(dir_);
  }

  Services MakeServices() {
    core::Logger logger(clock_, {.level = core::LogLevel::kInfo,
                                 .format = core::LogFormat::kLogfmt,
                                 .writer = [this](std::string_view line) {
                                   std::lock_guard lock(mutex_);
                                   log_ += line;
                                 }});
    return Services{io_, client_, executor_, clock_, registry_, logger, "test"};
  }
  void StartManager(size_t max_targets = 1'000'000) {
    ManagerOptions options{.name = "scrape", .interval_ms = 20, .max_targets = max_targets};
    manager_ = std::make_unique<Manager>(MakeServices(), options, [this](TargetSets sets) {
      std::lock_guard lock(mutex_);
      sets_ = std::move(sets);
      ++updates_;
    });
  }
  // Written beside and renamed, as careful people do.
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/.new") << text;
    std::filesystem::rename(dir_ + "/.new", dir_ + "/" + name);
  }
  // All targets of a set: "source labels target", one a line.
  std::string Targets(const std::string& set) {
    std::lock_guard lock(mutex_);
    std::string out;
    for (const TargetGroup& group : sets_[set]) {
      for (const model::Labels& target : group.targets) {
        out += fmt::format("{}{} ", group.labels.Get("env"), target.Get("__address__"));
      }
    }
    return out;
  }
  bool HasMetric(const std::string& line) { return registry_.RenderText().find(line) != std::string::npos; }
  bool HasLog(const std::string& text) {
    std::lock_guard lock(mutex_);
    return log_.find(text) != std::string::npos;
  }
  config::DiscoveryConfigs Files() {
    config::DiscoveryConfigs configs;
    configs.file = {{{dir_ + "/*.yml", dir_ + "/*.json"}, 3'600'000}};
    return configs;
  }
  config::DiscoveryConfigs Http(core::DurationMs interval_ms = 30) {
    config::DiscoveryConfigs configs;
    configs.http = {{{}, interval_ms, "http://" + server_->bound_address() + "/sd"}};
    return configs;
  }
  void Answer(int status, std::string type, std::string text) {
    std::lock_guard lock(mutex_);
    status_ = status;
    type_ = std::move(type);
    answer_ = std::move(text);
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  std::string dir_;
  std::mutex mutex_;
  TargetSets sets_;
  int updates_ = 0;
  std::string log_;
  int status_ = 200;
  std::string type_ = "application/json";
  std::string answer_ = "[]";
  std::string asked_;
  int requests_ = 0;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(DiscoveryTest, FilesAreReadAtOnceAndWhenTheyChange) {
  Write("a.yml", "- targets: [a:1, a:2]\n- targets: [a:3]\n");
  Write("b.json", R"([{"targets": ["b:1"], "labels": {"env": "x/"}}])");
  StartManager();
  manager_->Apply({{"job", Files()}});
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "a:1 a:2 a:3 x/b:1 "; })) << Targets("job");
  EXPECT_TRUE(HasMetric("prometheus_sd_file_mtime_seconds{filename=\"" + dir_ + "/a.yml\"}"));
  EXPECT_TRUE(Eventually(
      [&] { return HasMetric("prometheus_sd_discovered_targets{name=\"scrape\",config=\"job\"} 4"); }));

  Write("a.yml", "- targets: [a:9]\n");  // one group less
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "a:9 x/b:1 "; })) << Targets("job");
  Write("c.yml", "- targets: [c:1]\n");
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "a:9 x/b:1 c:1 "; })) << Targets("job");
  std::filesystem::remove(dir_ + "/b.json");
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "a:9 c:1 "; })) << Targets("job");
  EXPECT_FALSE(HasMetric("b.json"));
}

TEST_F(DiscoveryTest, ABadFileKeepsItsLastGoodTargets) {
  Write("a.yml", "- targets: [a:1]\n");
  StartManager();
  manager_->Apply({{"job", Files()}});
  ASSERT_TRUE(Eventually([&] { return Targets("job") == "a:1 "; }));
  Write("a.yml", "- targets: [a:1]\n- targets: {\n");
  EXPECT_TRUE(Eventually([&] { return HasMetric("prometheus_sd_file_read_errors_total 1"); }));
  EXPECT_TRUE(HasLog(dir_ + "/a.yml:3:")) << log_;
  Write("b.yml", "- targets: [b:1]\n");
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "a:1 b:1 "; })) << Targets("job");
}

TEST_F(DiscoveryTest, AFolderThatComesLaterIsFoundAtTheInterval) {
  config::DiscoveryConfigs configs;
  configs.file = {{{dir_ + "/later/*.yml"}, 20}};
  StartManager();
  manager_->Apply({{"job", configs}});
  std::filesystem::create_directory(dir_ + "/later");
  Write("later/a.yml", "- targets: [a:1]\n");
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "a:1 "; }));
}

TEST_F(DiscoveryTest, HttpIsAskedAgainAndAgain) {
  Answer(200, "application/json; charset=utf-8", R"([{"targets": ["h:1"]}, {"targets": ["h:2"]}])");
  StartManager();
  manager_->Apply({{"job", Http()}});
  ASSERT_TRUE(Eventually([&] { return Targets("job") == "h:1 h:2 "; })) << Targets("job");
  EXPECT_EQ(asked_, "0.03");
  {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(sets_["job"][0].labels.Get("__meta_url"), "http://" + server_->bound_address() + "/sd");
  }
  Answer(200, "application/json", R"([{"targets": ["h:1"]}])");
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "h:1 "; })) << Targets("job");
}

TEST_F(DiscoveryTest, WhatIsNoAnswerChangesNothing) {
  Answer(200, "application/json", R"([{"targets": ["h:1"]}])");
  StartManager();
  manager_->Apply({{"job", Http()}});
  ASSERT_TRUE(Eventually([&] { return Targets("job") == "h:1 "; }));
  Answer(500, "application/json", "[]");
  EXPECT_TRUE(Eventually([&] { return HasLog("server returned HTTP status 500 Internal Server Error"); }));
  Answer(200, "text/html", "[]");
  EXPECT_TRUE(Eventually([&] { return HasLog("unsupported content type"); }));
  Answer(200, "application/json", "[null]");
  EXPECT_TRUE(Eventually([&] { return HasLog("nil target group item found"); }));
  EXPECT_EQ(Targets("job"), "h:1 ");
  EXPECT_TRUE(HasMetric("prometheus_sd_refresh_failures_total{mechanism=\"http\",config=\"job\"}"));
}

TEST_F(DiscoveryTest, UpstreamsHttpAnswer) {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = std::string(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) +
                     "/prometheus/discovery/http/fixtures/http_sd.good.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  std::ifstream file(path);
  Answer(200, "application/json", std::string(std::istreambuf_iterator<char>(file), {}));
  StartManager();
  manager_->Apply({{"job", Http()}});
  ASSERT_TRUE(Eventually([&] { return Targets("job") == "127.0.0.1:9090 "; }));
  std::lock_guard lock(mutex_);
  std::string url = "http://" + server_->bound_address() + "/sd";
  EXPECT_EQ(sets_["job"][0].source, url + ":0");
  EXPECT_EQ(sets_["job"][0].labels, model::Labels::Of({{"__meta_datacenter", "bru1"}, {"__meta_url", url}}));
}

TEST_F(DiscoveryTest, EqualConfigurationsShareOneAskerAndSurviveReloads) {
  Answer(200, "application/json", R"([{"targets": ["h:1"]}])");
  StartManager();
  manager_->Apply({{"one", Http(3'600'000)}, {"two", Http(3'600'000)}});
  ASSERT_TRUE(Eventually([&] { return Targets("one") == "h:1 " && Targets("two") == "h:1 "; }));
  manager_->Apply({{"two", Http(3'600'000)}});
  EXPECT_TRUE(Eventually([&] { return Targets("one").empty(); }));
  EXPECT_EQ(Targets("two"), "h:1 ");
  EXPECT_EQ(requests_, 1);
  EXPECT_FALSE(HasMetric("config=\"one\"} 1"));
  manager_->Apply({});
  EXPECT_TRUE(Eventually([&] { return Targets("two").empty(); }));
}

TEST_F(DiscoveryTest, TooManyTargetsAreNotTaken) {
  Answer(200, "application/json", R"([{"targets": ["h:1"]}, {"targets": ["h:2", "h:3"]}])");
  StartManager(2);
  manager_->Apply({{"job", Http()}});
  EXPECT_TRUE(Eventually([&] { return Targets("job") == "h:1 "; }));
  EXPECT_TRUE(HasLog("too many targets"));
}

// Answers every question with a fixed answer section, over UDP.
class NameServer {
 public:
  NameServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~NameServer() {
    is_stopping_ = true;
    thread_.join();
    close(fd_);
  }
  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }
  // Records as on the wire, with names that point to the question (offset 12).
  void Answer(int code, std::vector<std::string> records) {
    std::lock_guard lock(mutex_);
    code_ = code;
    records_ = std::move(records);
  }

 private:
  void Run() {
    while (!is_stopping_) {
      pollfd fd{fd_, POLLIN, 0};
      if (poll(&fd, 1, 20) <= 0) continue;
      char query[1500];
      sockaddr_in from{};
      socklen_t length = sizeof from;
      ssize_t size = recvfrom(fd_, query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (size < 12) continue;
      size_t end = 12;
      while (query[end] != 0) end += static_cast<size_t>(query[end]) + 1;
      std::lock_guard lock(mutex_);
      std::string answer(query, 2);
      answer +=
          {'\x81', static_cast<char>(0x80 | code_), 0, 1, 0, static_cast<char>(records_.size()), 0, 0, 0, 0};
      answer.append(query + 12, end + 5 - 12);
      for (const std::string& record : records_) answer += record;
      sendto(fd_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  int fd_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  int code_ = 0;
  std::vector<std::string> records_;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

std::string Record(char type, const std::string& data) {
  std::string record = {'\xc0', 12, 0, type, 0, 1, 0, 0, 0, 60, 0, static_cast<char>(data.size())};
  return record + data;
}
const std::string kHost(
    "\x03web\x07"
    "example\0",
    13);

class DnsTest : public DiscoveryTest {
 protected:
  std::vector<TargetGroup> LookUp(config::DnsDiscoveryConfig config) {
    core::Executor blocking{{.threads = 2, .queue_limit_tasks = 10}};
    config.refresh_interval_ms = 3'600'000;
    auto discoverer =
        MakeDnsDiscoverer(MakeServices(), blocking, config, "job", {.server = names_.address()});
    std::atomic<bool> is_done = false;
    std::vector<TargetGroup> found;
    discoverer->Start([&](std::vector<TargetGroup> groups) {
      found = std::move(groups);
      is_done = true;
    });
    EXPECT_TRUE(Eventually([&] { return is_done.load(); }));
    discoverer->Stop();
    return found;
  }
  NameServer names_;
};

TEST_F(DnsTest, ServicesNameHostAndPort) {
  names_.Answer(0, {Record(5, kHost), Record(33, std::string("\0\1\0\2\x1f\x90", 6) + kHost)});
  std::vector<TargetGroup> groups = LookUp({.names = {"_http._tcp.example"}});
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].source, "_http._tcp.example");
  ASSERT_EQ(groups[0].targets.size(), 1u);
  EXPECT_EQ(groups[0].targets[0].ToString(),
            R"({__address__="web.example:8080", __meta_dns_name="_http._tcp.example", )"
            R"(__meta_dns_srv_record_port="8080", __meta_dns_srv_record_target="web.example."})");
}

TEST_F(DnsTest, AddressesMailAndNameServersGetTheConfiguredPort) {
  auto address = [&](char type, const std::string& data, const std::string& name) {
    names_.Answer(0, {Record(type, data)});
    std::vector<TargetGroup> groups = LookUp({.names = {"x.example"}, .type = name, .port = 80});
    return groups.empty() || groups[0].targets.empty() ? "" : groups[0].targets[0].ToString();
  };
  EXPECT_EQ(address(1, "\x0a\x01\x02\x03", "a"),
            R"({__address__="10.1.2.3:80", __meta_dns_name="x.example"})");
  EXPECT_EQ(address(28, std::string("\xfe\x80", 2) + std::string(13, '\0') + '\1', "AAAA"),
            R"({__address__="[fe80::1]:80", __meta_dns_name="x.example"})");
  EXPECT_EQ(
      address(15, std::string("\0\1", 2) + kHost, "MX"),
      R"({__address__="web.example:80", __meta_dns_mx_record_target="web.example.", __meta_dns_name="x.example"})");
  EXPECT_EQ(
      address(2, kHost, "NS"),
      R"({__address__="web.example:80", __meta_dns_name="x.example", __meta_dns_ns_record_target="web.example."})");
}

TEST_F(DnsTest, ANameThatIsNotThereHasNoTargetsAndAnErrorKeepsThem) {
  names_.Answer(3, {});
  std::vector<TargetGroup> groups = LookUp({.names = {"gone.example"}});
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_TRUE(groups[0].targets.empty());
  names_.Answer(2, {});
  EXPECT_TRUE(LookUp({.names = {"x.example"}}).empty());
  EXPECT_TRUE(HasMetric("prometheus_sd_dns_lookups_total 2"));
  EXPECT_TRUE(HasMetric("prometheus_sd_dns_lookup_failures_total 1"));
  names_.Answer(0, {Record(33, "\1\2")});  // too short for a service
  EXPECT_TRUE(LookUp({.names = {"x.example"}}).empty());
}

}  // namespace
}  // namespace sextant::discovery
