// Discovery from the APIs of Consul, Docker, Docker Swarm and EC2, against a server of ours that answers as
// they do. Docker's answers are upstream's own where the conformance data is there.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "config/node.h"
#include "metrics/discovery/consul_groups.h"
#include "metrics/discovery/docker_groups.h"
#include "metrics/discovery/docker_swarm_groups.h"
#include "metrics/discovery/ec2_groups.h"
#include "metrics/discovery/manager.h"
#include "metrics/discovery/meta_labels.h"
#include "net/http_server.h"

namespace sextant::discovery {
namespace {

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// Labels of a target with those of its group, without "__meta_" and the prefix.
std::map<std::string, std::string> Meta(const TargetGroup& group, size_t index, std::string_view prefix) {
  std::map<std::string, std::string> out;
  for (const model::Labels* labels : {&group.labels, &group.targets.at(index)}) {
    for (model::LabelView label : *labels) {
      std::string_view name = label.name;
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
      out[std::string(name)] = label.value;
    }
  }
  return out;
}

class ApiDiscoveryTest : public testing::Test {
 protected:
  ApiDiscoveryTest() {
    net::Router router;
    for (const char* method : {"GET", "POST"}) {
      router.Add(method, "/*", [this](const net::HttpRequest& request) { return Answer(request); });
    }
    auto server =
        net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(), std::move(router),
                               {.listen = {"127.0.0.1:0"}, .security = {}, .limits = {}, .timeouts = {}});
    EXPECT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    core::Logger logger(clock_, {.level = core::LogLevel::kDebug,
                                 .format = core::LogFormat::kLogfmt,
                                 .writer = [this](std::string_view line) {
                                   std::lock_guard lock(mutex_);
                                   log_ += line;
                                 }});
    ManagerOptions options{.name = "scrape", .interval_ms = 20, .max_targets = 1'000};
    manager_ = std::make_unique<Manager>(Services{io_, client_, executor_, clock_, registry_, logger, "test"},
                                         options, [this](TargetSets sets) {
                                           std::lock_guard lock(mutex_);
                                           sets_ = std::move(sets);
                                         });
  }
  ~ApiDiscoveryTest() override {
    manager_->Stop();
    client_.Stop();
    server_->Stop(1000);
  }

  net::HttpResponse Answer(const net::HttpRequest& request) {
    std::lock_guard lock(mutex_);
    asked_.push_back(request.method + " " + request.target);
    last_ = request;
    return answer_ ? answer_(request) : net::HttpResponse::Json(200, "[]");
  }
  void AnswerWith(std::function<net::HttpResponse(const net::HttpRequest&)> answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  bool HasAsked(const std::string& text) {
    std::lock_guard lock(mutex_);
    return std::ranges::any_of(asked_,
                               [&](const std::string& one) { return one.find(text) != std::string::npos; });
  }
  std::string Log() {
    std::lock_guard lock(mutex_);
    return log_;
  }
  void Discover(const std::string& yaml) {
    auto document = config::Document::Parse(yaml, "test.yml");
    ASSERT_TRUE(document);
    auto configs = config::Decode<config::DiscoveryConfigs>(document->root());
    ASSERT_TRUE(configs) << configs.error().message();
    manager_->Apply({{"job", *configs}});
  }
  std::vector<TargetGroup> Groups() {
    std::lock_guard lock(mutex_);
    return sets_["job"];
  }
  std::string Addresses() {
    std::string out;
    for (const TargetGroup& group : Groups()) {
      for (const model::Labels& target : group.targets) out += fmt::format("{} ", target.Get(kAddressLabel));
    }
    return out;
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 4, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  std::unique_ptr<net::HttpServer> server_;

  std::mutex mutex_;  // guards what follows
  std::function<net::HttpResponse(const net::HttpRequest&)> answer_;
  std::vector<std::string> asked_;
  net::HttpRequest last_;
  TargetSets sets_;
  std::string log_;

  std::unique_ptr<Manager> manager_;
};

// ---- Consul

constexpr const char* kInstances = R"([{
  "Node": {"Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1", "Meta": {"rack-id": "7"},
           "TaggedAddresses": {"lan": "10.0.0.1", "wan": "1.2.3.4"}},
  "Service": {"ID": "web-1", "Service": "web", "Tags": ["a", "b"], "Address": "", "Port": 8080,
              "Meta": {"version": "2"}, "Namespace": "ns", "Partition": "p"},
  "Checks": [{"CheckID": "serfHealth", "Status": "passing"}, {"CheckID": "service:web", "Status": "warning"}]
}, {
  "Node": {"Node": "n2", "Address": "10.0.0.2"},
  "Service": {"ID": "web-2", "Service": "web", "Tags": [], "Address": "fd00::2", "Port": 8080},
  "Checks": []
}])";

net::HttpResponse WithIndex(std::string body, uint64_t index) {
  net::HttpResponse response = net::HttpResponse::Json(200, std::move(body));
  response.headers.Set("X-Consul-Index", fmt::format("{}", index));
  return response;
}

TEST(ConsulGroups, AllLabels) {
  auto group = ReadConsulInstances(kInstances, "web", "dc1", ",");
  ASSERT_TRUE(group);
  EXPECT_EQ(group->source, "web");
  ASSERT_EQ(group->targets.size(), 2u);
  EXPECT_EQ(Meta(*group, 0, "__meta_consul_"),
            (std::map<std::string, std::string>{{"__address__", "10.0.0.1:8080"},
                                                {"address", "10.0.0.1"},
                                                {"dc", "dc1"},
                                                {"health", "warning"},
                                                {"metadata_rack_id", "7"},
                                                {"namespace", "ns"},
                                                {"node", "n1"},
                                                {"partition", "p"},
                                                {"service", "web"},
                                                {"service_id", "web-1"},
                                                {"service_metadata_version", "2"},
                                                {"service_port", "8080"},
                                                {"tagged_address_lan", "10.0.0.1"},
                                                {"tagged_address_wan", "1.2.3.4"},
                                                {"tags", ",a,b,"}}));
  auto second = Meta(*group, 1, "__meta_consul_");
  EXPECT_EQ(second["__address__"], "[fd00::2]:8080");
  EXPECT_EQ(second["tags"], ",,");
  EXPECT_EQ(second["health"], "passing");
  EXPECT_EQ(second["service_address"], "fd00::2");
}

TEST(ConsulGroups, TheWorstCheckCounts) {
  auto health = [](const std::string& checks) {
    auto group = ReadConsulInstances(R"([{"Checks": [)" + checks + "]}]", "s", "d", ",");
    return std::string(group->targets.at(0).Get("__meta_consul_health"));
  };
  EXPECT_EQ(health(R"({"Status": "warning"}, {"Status": "critical"})"), "critical");
  EXPECT_EQ(health(R"({"Status": "critical"}, {"CheckID": "_node_maintenance", "Status": "critical"})"),
            "maintenance");
  EXPECT_EQ(health(R"({"CheckID": "_service_maintenance:x", "Status": "critical"})"), "maintenance");
  EXPECT_EQ(health(R"({"Status": "odd"})"), "");
}

TEST(ConsulGroups, NonsenseIsAnErrorOrEmpty) {
  EXPECT_FALSE(ReadConsulInstances("{}", "s", "d", ","));
  EXPECT_FALSE(ReadConsulInstances("[", "s", "d", ","));
  EXPECT_EQ(ReadConsulInstances("[1, null, {\"Service\": []}]", "s", "d", ",")->targets.size(), 3u);
  EXPECT_FALSE(ReadConsulServices("[]", {}));
  EXPECT_FALSE(ReadConsulDatacenter("{}"));
  EXPECT_EQ(*ReadConsulDatacenter(R"({"Config": {"Datacenter": "x"}})"), "x");
}

TEST_F(ApiDiscoveryTest, ConsulServicesComeAndGoWithBlockingQueries) {
  std::atomic<uint64_t> index = 5;
  std::atomic<int> waiting = 0;
  AnswerWith([&](const net::HttpRequest& request) {
    if (request.path == "/p/v1/agent/self") {
      return net::HttpResponse::Json(200, R"({"Config": {"Datacenter": "dc9"}})");
    }
    uint64_t now = index;
    // What Consul would hold back for two minutes is answered with the same index.
    bool is_waiting = request.Query().Get("index") == fmt::format("{}", now);
    if (is_waiting) ++waiting;
    if (request.path == "/p/v1/catalog/services") {
      return WithIndex(now == 5 ? R"({"web": ["a", "b"], "db": ["b"], "other": ["a"]})" : R"({"db": ["b"]})",
                       now);
    }
    if (request.path == "/p/v1/health/service/web") return WithIndex(kInstances, now);
    return WithIndex(R"([{"Node": {"Address": "10.0.0.9"}, "Service": {"Port": 5432}}])", now);
  });
  Discover(
      fmt::format("consul_sd_configs:\n"
                  "- server: {}\n  path_prefix: /p\n  token: t0ken\n  services: [web, db]\n  tags: [b]\n"
                  "  node_meta: {{rack: '1'}}\n  health_filter: 'Service.Port > 1'\n  namespace: ns\n"
                  "  refresh_interval: 20ms\n",
                  server_->bound_address()));
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.9:5432 10.0.0.1:8080 [fd00::2]:8080 "; }))
      << Addresses();
  EXPECT_EQ(Groups().at(1).labels.Get("__meta_consul_dc"), "dc9");
  {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(last_.headers.Get("X-Consul-Token"), "t0ken");
    EXPECT_EQ(last_.headers.Get("User-Agent"), "test");
  }
  EXPECT_TRUE(HasAsked("GET /p/v1/catalog/services?node-meta=rack%3A1&ns=ns&stale=&wait=120000ms"));
  EXPECT_TRUE(HasAsked(
      "GET /p/v1/health/service/web?filter=Service.Port+%3E+1&node-meta=rack%3A1&ns=ns&stale=&tag=b"));
  EXPECT_FALSE(HasAsked("/service/other"));
  EXPECT_TRUE(Eventually([&] { return waiting > 3; }));

  index = 6;
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.9:5432 "; })) << Addresses();
  index = 3;  // another server, which knows them again
  AnswerWith([&](const net::HttpRequest& request) {
    if (request.path == "/p/v1/catalog/services") return WithIndex(R"({"web": ["b"]})", 3);
    return WithIndex(kInstances, 3);
  });
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.1:8080 [fd00::2]:8080 "; })) << Addresses();
}

TEST_F(ApiDiscoveryTest, ConsulThatFailsIsCountedAndDoesNotHoldUpTheOthers) {
  AnswerWith([&](const net::HttpRequest& request) {
    if (request.path == "/v1/health/service/bad") return net::HttpResponse::Text(500, "no leader");
    return WithIndex(R"([{"Node": {"Address": "10.0.0.9"}, "Service": {"Port": 1}}])", 1);
  });
  Discover(fmt::format("consul_sd_configs: [{{server: '{}', datacenter: dc, services: [good, bad]}}]",
                       server_->bound_address()));
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.9:1 "; }));
  EXPECT_NE(registry_.RenderText().find("prometheus_sd_consul_rpc_failures_total 1"), std::string::npos);
  EXPECT_NE(Log().find("Unexpected response code: 500 (no leader)"), std::string::npos) << Log();
  EXPECT_FALSE(HasAsked("/v1/agent/self"));
  EXPECT_FALSE(HasAsked("/v1/catalog"));
}

// ---- Docker

constexpr const char* kNetworks = R"([
  {"Id": "net1", "Name": "front", "Scope": "local", "Internal": false, "Ingress": true, "Labels": {"a.b": "c"}},
  {"Id": "net2", "Name": "back", "Scope": "swarm", "Internal": true, "Ingress": false, "Labels": {}}])";

config::DockerDiscoveryConfig DockerConfig(bool match_first_network = true) {
  config::DockerDiscoveryConfig config;
  config.match_first_network = match_first_network;
  return config;
}

TEST(DockerGroups, AllLabels) {
  auto networks = ReadDockerNetworks(kNetworks, "__meta_docker_");
  ASSERT_TRUE(networks);
  auto group = ReadDockerContainers(R"([{
    "Id": "c1", "Names": ["/web", "/alias"], "Labels": {"com.x/y": "z"}, "HostConfig": {"NetworkMode": "front"},
    "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
              {"PrivatePort": 53, "Type": "udp"}],
    "NetworkSettings": {"Networks": {"front": {"NetworkID": "net1", "IPAddress": "172.17.0.2"}}}}])",
                                    *networks, DockerConfig());
  ASSERT_TRUE(group);
  EXPECT_EQ(group->source, "Docker");
  ASSERT_EQ(group->targets.size(), 1u);
  EXPECT_EQ(Meta(*group, 0, "__meta_docker_"),
            (std::map<std::string, std::string>{{"__address__", "172.17.0.2:80"},
                                                {"container_id", "c1"},
                                                {"container_label_com_x_y", "z"},
                                                {"container_name", "/web"},
                                                {"container_network_mode", "front"},
                                                {"network_id", "net1"},
                                                {"network_ingress", "true"},
                                                {"network_internal", "false"},
                                                {"network_ip", "172.17.0.2"},
                                                {"network_label_a_b", "c"},
                                                {"network_name", "front"},
                                                {"network_scope", "local"},
                                                {"port_private", "80"},
                                                {"port_public", "8080"},
                                                {"port_public_ip", "0.0.0.0"}}));
}

TEST(DockerGroups, NetworksAreChosenAndShared) {
  auto networks = ReadDockerNetworks(kNetworks, "__meta_docker_");
  constexpr const char* kContainers = R"([
    {"Id": "c1", "Names": ["/two"], "HostConfig": {"NetworkMode": "front"}, "NetworkSettings": {"Networks": {
       "front": {"NetworkID": "net1", "IPAddress": "10.1.0.1"}, "back": {"NetworkID": "net2", "IPAddress": "10.2.0.1"},
       "gone": null}}},
    {"Id": "c2", "Names": ["/shares"], "HostConfig": {"NetworkMode": "container:c1"},
     "Ports": [{"PrivatePort": 9, "Type": "tcp"}]},
    {"Id": "c3", "Names": ["/host"], "HostConfig": {"NetworkMode": "host"},
     "NetworkSettings": {"Networks": {"host": {"IPAddress": ""}}}},
    {"Id": "c4", "Names": ["/circle"], "HostConfig": {"NetworkMode": "container:c4"}},
    {"Id": "c5", "Names": []},
    {"Id": "c6", "Names": ["/lost"], "HostConfig": {"NetworkMode": "container:nobody"}}])";
  auto addresses = [&](const config::DockerDiscoveryConfig& config) {
    std::string out;
    auto group = ReadDockerContainers(kContainers, *networks, config);
    for (const model::Labels& target : group->targets) {
      out += fmt::format("{}={} ", target.Get("__meta_docker_container_name"), target.Get(kAddressLabel));
    }
    return out;
  };
  EXPECT_EQ(addresses(DockerConfig()), "/two=10.2.0.1:80 /shares=10.2.0.1:9 /host=localhost ");
  EXPECT_EQ(addresses(DockerConfig(false)),
            "/two=10.1.0.1:80 /two=10.2.0.1:80 /shares=10.1.0.1:9 /shares=10.2.0.1:9 /host=localhost ");
}

std::string ReadConformance(const std::string& path) {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::ifstream file(std::string(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) +
                     "/prometheus/discovery/moby/testdata/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(DockerGroupsConformance, UpstreamsAnswers) {
  std::string containers = ReadConformance("dockerprom/containers/json.json");
  if (containers.empty()) GTEST_SKIP() << "the conformance data is not there";
  auto networks = ReadDockerNetworks(ReadConformance("dockerprom/networks.json"), "__meta_docker_");
  ASSERT_TRUE(networks);
  auto addresses = [](const TargetGroup& group) {
    std::vector<std::string> out;
    for (const model::Labels& target : group.targets) out.emplace_back(target.Get(kAddressLabel));
    std::ranges::sort(out);
    return fmt::format("{}", fmt::join(out, " "));
  };
  auto group = ReadDockerContainers(containers, *networks, DockerConfig());
  ASSERT_TRUE(group);
  EXPECT_EQ(addresses(*group),
            "172.19.0.2:9100 172.19.0.3:80 172.20.0.2:3306 172.20.0.2:33060 172.20.0.2:9104 172.20.0.3:3306 "
            "172.20.0.3:33060 localhost");
  auto v6 = ReadDockerContainers(
      ReadConformance("dockeripv6/containers/json.json"),
      *ReadDockerNetworks(ReadConformance("dockeripv6/networks.json"), "__meta_docker_"), DockerConfig());
  ASSERT_TRUE(v6);
  EXPECT_EQ(addresses(*v6), "[fc00::2]:80");
  EXPECT_EQ(v6->targets[0].Get("__meta_docker_network_ip"), "fc00::2");
  EXPECT_EQ(v6->targets[0].Get("__meta_docker_network_name"), "mynetwork");
}

TEST(DockerSwarmConformance, UpstreamsAnswers) {
  SwarmAnswers answers{ReadConformance("swarmprom/tasks.json"), ReadConformance("swarmprom/services.json"),
                       ReadConformance("swarmprom/nodes.json"), ReadConformance("swarmprom/networks.json")};
  if (answers.tasks.empty()) GTEST_SKIP() << "the conformance data is not there";
  auto nodes = ReadSwarmNodes(answers, 80);
  ASSERT_TRUE(nodes);
  EXPECT_EQ(nodes->targets.size(), 5u);
  auto services = ReadSwarmServices(answers, 80);
  ASSERT_TRUE(services) << services.error().message();
  EXPECT_EQ(services->targets.size(), 15u);
  auto tasks = ReadSwarmTasks(answers, 80);
  ASSERT_TRUE(tasks) << tasks.error().message();
  EXPECT_EQ(tasks->targets.size(), 27u);
  answers = {
      ReadConformance("swarmprom-plugin/tasks.json"), ReadConformance("swarmprom-plugin/services.json"),
      ReadConformance("swarmprom-plugin/nodes.json"), ReadConformance("swarmprom-plugin/networks.json")};
  EXPECT_TRUE(ReadSwarmServices(answers, 80));
}

TEST(DockerSwarmGroups, AllLabels) {
  SwarmAnswers answers;
  answers.networks = kNetworks;
  answers.nodes =
      R"([{"ID": "n1", "Spec": {"Labels": {"zone": "z"}, "Role": "manager", "Availability": "active"},
    "Description": {"Hostname": "h", "Platform": {"Architecture": "x86_64", "OS": "linux"},
                    "Engine": {"EngineVersion": "20"}},
    "Status": {"State": "ready", "Addr": "10.0.0.5"},
    "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "10.0.0.5:2377"}}])";
  answers.services =
      R"([{"ID": "s1", "Spec": {"Name": "web", "Labels": {"l": "v"}, "Mode": {"Replicated": {}},
      "TaskTemplate": {"ContainerSpec": {"Image": "i", "Hostname": "ch"}}},
    "Endpoint": {"Ports": [{"Name": "http", "Protocol": "tcp", "PublishedPort": 8080, "PublishMode": "ingress"}],
                 "VirtualIPs": [{"NetworkID": "net1", "Addr": "10.255.0.2/16"}]},
    "UpdateStatus": {"State": "completed"}}])";
  answers.tasks = R"([{"ID": "t1", "ServiceID": "s1", "NodeID": "n1", "Slot": 2, "DesiredState": "running",
    "Spec": {"ContainerSpec": {"Labels": {"c": "d"}}},
    "Status": {"State": "running", "ContainerStatus": {"ContainerID": "cid"},
               "PortStatus": {"Ports": [{"Protocol": "tcp", "PublishedPort": 9, "PublishMode": "host"}]}},
    "NetworksAttachments": [{"Network": {"ID": "net2"}, "Addresses": ["10.9.0.1/24"]}]}])";
  EXPECT_EQ(Meta(*ReadSwarmNodes(answers, 77), 0, "__meta_dockerswarm_"),
            (std::map<std::string, std::string>{{"__address__", "10.0.0.5:77"},
                                                {"node_address", "10.0.0.5"},
                                                {"node_availability", "active"},
                                                {"node_engine_version", "20"},
                                                {"node_hostname", "h"},
                                                {"node_id", "n1"},
                                                {"node_label_zone", "z"},
                                                {"node_manager_address", "10.0.0.5:2377"},
                                                {"node_manager_leader", "true"},
                                                {"node_manager_reachability", "reachable"},
                                                {"node_platform_architecture", "x86_64"},
                                                {"node_platform_os", "linux"},
                                                {"node_role", "manager"},
                                                {"node_status", "ready"}}));
  auto service = Meta(*ReadSwarmServices(answers, 77), 0, "__meta_dockerswarm_");
  EXPECT_EQ(service["__address__"], "10.255.0.2:8080");
  EXPECT_EQ(service["service_endpoint_port_name"] + service["service_endpoint_port_publish_mode"],
            "httpingress");
  EXPECT_EQ(service["service_mode"] + service["service_updating_status"], "replicatedcompleted");
  EXPECT_EQ(service["service_task_container_image"] + service["service_task_container_hostname"], "ich");
  EXPECT_EQ(service["network_name"] + service["service_label_l"], "frontv");
  auto tasks = ReadSwarmTasks(answers, 77);
  ASSERT_EQ(tasks->targets.size(), 2u);
  auto own = Meta(*tasks, 0, "__meta_dockerswarm_");
  EXPECT_EQ(own["__address__"], "10.0.0.5:9");
  EXPECT_EQ(own["task_port_publish_mode"] + own["task_slot"] + own["task_container_id"], "host2cid");
  EXPECT_EQ(own["container_label_c"] + own["node_hostname"] + own["service_name"], "dhweb");
  auto at_network = Meta(*tasks, 1, "__meta_dockerswarm_");
  EXPECT_EQ(at_network["__address__"] + at_network["network_name"], "10.9.0.1:8080back");
  answers.tasks = R"([{"NetworksAttachments": [{"Addresses": ["10.9.0.1"]}]}])";
  EXPECT_EQ(ReadSwarmTasks(answers, 1).error().message(),
            "error while parsing address 10.9.0.1: invalid CIDR address");
}

TEST_F(ApiDiscoveryTest, DockerIsAskedInItsVersionWithFilters) {
  AnswerWith([&](const net::HttpRequest& request) {
    net::HttpResponse response = net::HttpResponse::Json(200, "[]");
    if (request.path == "/_ping") response.headers.Set("Api-Version", "1.40");
    if (request.path == "/v1.40/networks") response.body = kNetworks;
    if (request.path == "/v1.40/containers/json") {
      response.body =
          R"([{"Id": "c", "Names": ["/n"], "NetworkSettings": {"Networks": {"x": {"IPAddress": "10.0.0.1"}}}}])";
    }
    return response;
  });
  Discover(fmt::format(
      "docker_sd_configs:\n- host: http://{}\n  port: 90\n  basic_auth: {{username: u, password: p}}\n"
      "  refresh_interval: 50ms\n  filters: [{{name: status, values: [running, paused]}}]\n"
      "dockerswarm_sd_configs: [{{host: 'tcp://{}', role: nodes}}]\n",
      server_->bound_address(), server_->bound_address()));
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.1:90 "; })) << Addresses() << Log();
  EXPECT_TRUE(
      HasAsked("GET "
               "/v1.40/containers/"
               "json?filters=%7B%22status%22%3A%7B%22paused%22%3Atrue%2C%22running%22%3Atrue%7D%7D"));
  EXPECT_TRUE(HasAsked("GET /v1.40/nodes"));
  AnswerWith([&](const net::HttpRequest&) { return net::HttpResponse::Json(500, R"({"message": "down"})"); });
  EXPECT_TRUE(Eventually([&] { return Log().find("HTTP status 500") != std::string::npos; }));
  EXPECT_EQ(Addresses(), "10.0.0.1:90 ");
}

// ---- EC2

constexpr const char* kZones =
    "<R><availabilityZoneInfo><item><zoneName>eu-1a</zoneName><zoneId>euw1-az2</zoneId></item></"
    "availabilityZoneInfo></R>";

constexpr const char* kEc2Page =
    "<?xml version=\"1.0\"?><DescribeInstancesResponse "
    "xmlns=\"x\"><reservationSet><item><ownerId>42</ownerId>"
    "<instancesSet><item><instanceId>i-1</instanceId><imageId>ami-1</imageId>"
    "<instanceState><code>16</code><name>running</name></instanceState>"
    "<privateDnsName>ip.internal</privateDnsName><dnsName>pub.example</dnsName><instanceType>t3.micro</"
    "instanceType>"
    "<instanceLifecycle>spot</instanceLifecycle><architecture>x86_64</architecture><platform>windows</"
    "platform>"
    "<placement><availabilityZone>eu-1a</availabilityZone></placement>"
    "<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.7</privateIpAddress>"
    "<ipAddress>54.0.0.7</ipAddress><tagSet><item><key>my-Name</key><value>a &amp; b</value></item></tagSet>"
    "<networkInterfaceSet><item><subnetId>subnet-1</subnetId><attachment><deviceIndex>1</deviceIndex></"
    "attachment>"
    "<ipv6AddressesSet><item><ipv6Address>fd00::7</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item>"
    "<item><ipv6Address>fd00::8</ipv6Address></item></ipv6AddressesSet></item>"
    "<item><subnetId>subnet-2</subnetId></item><item><subnetId>subnet-1</subnetId></item></"
    "networkInterfaceSet>"
    "</item><item><instanceId>i-2</instanceId></item></instancesSet></item></reservationSet>"
    "<nextToken>more</nextToken></DescribeInstancesResponse>";

TEST(Ec2Groups, AllLabels) {
  auto zones = ReadEc2Zones(kZones);
  ASSERT_TRUE(zones);
  auto page = ReadEc2Instances(kEc2Page, *zones, "eu-1", 9100);
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_EQ(page->next_token, "more");
  ASSERT_EQ(page->targets.size(), 1u);  // the other has no address
  TargetGroup group{"", {}, page->targets};
  EXPECT_EQ(Meta(group, 0, "__meta_ec2_"),
            (std::map<std::string, std::string>{{"__address__", "10.0.0.7:9100"},
                                                {"ami", "ami-1"},
                                                {"architecture", "x86_64"},
                                                {"availability_zone", "eu-1a"},
                                                {"availability_zone_id", "euw1-az2"},
                                                {"default_ipv6_address", "fd00::7"},
                                                {"instance_id", "i-1"},
                                                {"instance_lifecycle", "spot"},
                                                {"instance_state", "running"},
                                                {"instance_type", "t3.micro"},
                                                {"ipv6_addresses", ",fd00::7,fd00::8,"},
                                                {"owner_id", "42"},
                                                {"platform", "windows"},
                                                {"primary_ipv6_addresses", ",,fd00::7,"},
                                                {"primary_subnet_id", "subnet-1"},
                                                {"private_dns_name", "ip.internal"},
                                                {"private_ip", "10.0.0.7"},
                                                {"public_dns_name", "pub.example"},
                                                {"public_ip", "54.0.0.7"},
                                                {"region", "eu-1"},
                                                {"subnet_id", ",subnet-1,subnet-2,"},
                                                {"tag_my_Name", "a & b"},
                                                {"vpc_id", "vpc-1"}}));
  EXPECT_EQ(
      ReadEc2Error("<Response><Errors><Error><Code>C</Code><Message>M</Message></Error></Errors></Response>"),
      "C: M");
  EXPECT_EQ(ReadEc2Error("no XML"), "");
  EXPECT_FALSE(ReadEc2Instances("no XML", {}, "r", 1));
}

TEST_F(ApiDiscoveryTest, Ec2PagesAreSignedAndFollowed) {
  AnswerWith([&](const net::HttpRequest& request) {
    asked_.push_back(request.body);
    asked_.push_back(std::string(request.headers.Get("Authorization")));
    net::QueryParams form = *request.Form();
    if (form.Get("Action") == "DescribeAvailabilityZones") return net::HttpResponse::Text(200, kZones);
    if (form.Get("NextToken") == "more") {
      return net::HttpResponse::Text(
          200,
          "<R><reservationSet><item><instancesSet><item><privateIpAddress>10.0.0.8</privateIpAddress></item>"
          "</instancesSet></item></reservationSet></R>");
    }
    return net::HttpResponse::Text(200, kEc2Page);
  });
  Discover(fmt::format(
      "ec2_sd_configs:\n- endpoint: http://{}\n  region: eu-1\n  access_key: AK\n  secret_key: SK\n"
      "  refresh_interval: 50ms\n  filters: [{{name: 'tag:env', values: [prod, test]}}]\n",
      server_->bound_address()));
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.7:80 10.0.0.8:80 "; })) << Addresses() << Log();
  EXPECT_TRUE(
      HasAsked("Action=DescribeInstances&Filter.1.Name=tag%3Aenv&Filter.1.Value.1=prod&Filter.1.Value.2=test&"
               "NextToken=more&Version=2016-11-15"));
  EXPECT_TRUE(HasAsked("/eu-1/ec2/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="));
  AnswerWith([](const net::HttpRequest&) {
    return net::HttpResponse::Text(401,
                                   "<Response><Errors><Error><Code>AuthFailure</Code><Message>who</Message></"
                                   "Error></Errors></Response>");
  });
  EXPECT_TRUE(Eventually([&] {
    return Log().find("could not describe instances: HTTP status 401 Unauthorized: AuthFailure: who") !=
           std::string::npos;
  })) << Log();
  EXPECT_EQ(Addresses(), "10.0.0.7:80 10.0.0.8:80 ");
}

TEST_F(ApiDiscoveryTest, TheRegionIsTheInstances) {
  const std::string address = server_->bound_address();
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"}) unsetenv(variable);
  setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", ("http://" + address).c_str(), 1);
  auto is_there = std::make_shared<std::atomic<bool>>(false);
  AnswerWith([this, is_there](const net::HttpRequest& request) {
    if (request.path == "/latest/meta-data/placement/region") {
      return *is_there ? net::HttpResponse::Text(200, "mars-1") : net::HttpResponse::Text(404, "not yet");
    }
    if (request.method != "POST") return net::HttpResponse::Text(404, "");  // version 1 of the metadata
    asked_.push_back(std::string(request.headers.Get("Authorization")));
    if (request.body.find("Zones") != std::string::npos) return net::HttpResponse::Text(200, kZones);
    bool is_last = request.body.find("NextToken") != std::string::npos;
    return net::HttpResponse::Text(200, is_last ? "<R><reservationSet/></R>" : kEc2Page);
  });
  Discover(
      fmt::format("ec2_sd_configs:\n- endpoint: http://{}\n  access_key: AK\n  secret_key: SK\n  "
                  "refresh_interval: 50ms\n",
                  address));
  EXPECT_TRUE(Eventually([&] {
    return Log().find("EC2 SD configuration requires a region: HTTP status 404") != std::string::npos;
  })) << Log();
  *is_there = true;
  EXPECT_TRUE(Eventually([&] { return Addresses() == "10.0.0.7:80 "; })) << Addresses() << Log();
  EXPECT_TRUE(HasAsked("/mars-1/ec2/aws4_request"));
  for (const char* variable :
       {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT"}) {
    unsetenv(variable);
  }
}

}  // namespace
}  // namespace sextant::discovery
