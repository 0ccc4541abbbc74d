#include "metrics/discovery/docker_groups.h"

#include <algorithm>

#include "metrics/discovery/json_node.h"
#include "metrics/discovery/meta_labels.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr std::string_view kPrefix = "__meta_docker_";
constexpr std::string_view kContainerMode = "container:";
// Containers may share each other's networks in a circle.
constexpr int kMaxSharing = 16;

std::string Name(std::string_view name) { return fmt::format("{}{}", kPrefix, name); }

struct Network {
  std::string name;
  JsonNode settings;
};

std::vector<Network> NetworksOf(JsonNode container) {
  std::vector<Network> networks;
  container["NetworkSettings"]["Networks"].ForEachField(
      [&](std::string_view name, JsonNode settings) { networks.push_back({std::string(name), settings}); });
  return networks;
}

class ContainerReader {
 public:
  ContainerReader(const LabelsById& networks, const config::DockerDiscoveryConfig& config)
      : networks_(networks), config_(config) {}

  TargetGroup Read(JsonNode root) {
    root.ForEach([&](JsonNode container) { containers_.emplace(container["Id"].Text(), container); });
    root.ForEach([&](JsonNode container) { Add(container); });
    group_.source = "Docker";
    return std::move(group_);
  }

 private:
  // The networks of a container, or of the one whose networks it shares.
  std::vector<Network> Resolve(JsonNode container) const {
    std::vector<Network> networks = NetworksOf(container);
    for (int i = 0; networks.empty() && i < kMaxSharing; ++i) {
      std::string_view mode = container["HostConfig"]["NetworkMode"].Text();
      if (!mode.starts_with(kContainerMode)) break;
      auto other = containers_.find(mode.substr(kContainerMode.size()));
      if (other == containers_.end()) break;
      container = other->second;
      networks = NetworksOf(container);
    }
    if (config_.match_first_network && networks.size() > 1) {
      std::erase_if(networks, [](const Network& network) { return !network.settings.exists(); });
      std::ranges::sort(networks, {}, &Network::name);
      if (!networks.empty()) networks.resize(1);
    }
    return networks;
  }

  void Add(JsonNode container) {
    std::string_view name;
    container["Names"].ForEach([&](JsonNode one) {
      if (name.empty()) name = one.Text();
    });
    if (name.empty()) return;
    model::LabelsBuilder common;
    container["Labels"].ForEachField([&](std::string_view label, JsonNode value) {
      common.Set(Name("container_label_" + SanitizeLabelName(label)), value.Text());
    });
    std::string_view mode = container["HostConfig"]["NetworkMode"].Text();
    common.Set(Name("container_id"), container["Id"].Text());
    common.Set(Name("container_name"), name);
    common.Set(Name("container_network_mode"), mode);
    for (const Network& network : Resolve(container)) {
      if (network.settings.exists()) AddNetwork(container, common.Build(), mode == "host", network.settings);
    }
  }

  void AddNetwork(JsonNode container, const model::Labels& common, bool is_host_network, JsonNode network) {
    std::string_view ip = network["IPAddress"].Text();
    if (ip.empty()) ip = network["GlobalIPv6Address"].Text();
    model::LabelsBuilder base(common);
    base.Set(Name("network_ip"), ip);
    if (auto found = networks_.find(network["NetworkID"].Text()); found != networks_.end()) {
      for (const auto& [label, value] : found->second) base.Set(label, value);
    }
    model::Labels base_labels = base.Build();
    bool is_added = false;
    container["Ports"].ForEach([&](JsonNode port) {
      if (port["Type"].Text() != "tcp") return;
      model::LabelsBuilder labels(base_labels);
      labels.Set(Name("port_private"), fmt::format("{}", port["PrivatePort"].Int()));
      if (port["PublicPort"].Int() > 0) {
        labels.Set(Name("port_public"), fmt::format("{}", port["PublicPort"].Int()));
        labels.Set(Name("port_public_ip"), port["IP"].Text());
      }
      labels.Set(kAddressLabel, JoinAddress(ip, port["PrivatePort"].Int()));
      group_.targets.push_back(labels.Build());
      is_added = true;
    });
    if (is_added) return;
    model::LabelsBuilder labels(base_labels);
    labels.Set(kAddressLabel, is_host_network ? config_.host_networking_host : JoinAddress(ip, config_.port));
    group_.targets.push_back(labels.Build());
  }

  const LabelsById& networks_;
  const config::DockerDiscoveryConfig& config_;
  std::map<std::string, JsonNode, std::less<>> containers_;
  TargetGroup group_;
};

}  // namespace

Result<LabelsById> ReadDockerNetworks(std::string_view json, std::string_view prefix) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS || !root.is_array()) {
    return Fail(Code::kInvalidArgument, "the list of networks is not a JSON list");
  }
  LabelsById networks;
  JsonNode(root).ForEach([&](JsonNode network) {
    std::map<std::string, std::string>& labels = networks[std::string(network["Id"].Text())];
    auto set = [&](std::string_view name, std::string_view value) {
      labels[fmt::format("{}network_{}", prefix, name)] = value;
    };
    network["Labels"].ForEachField([&](std::string_view name, JsonNode value) {
      set("label_" + SanitizeLabelName(name), value.Text());
    });
    set("id", network["Id"].Text());
    set("name", network["Name"].Text());
    set("scope", network["Scope"].Text());
    set("internal", network["Internal"].Bool() ? "true" : "false");
    set("ingress", network["Ingress"].Bool() ? "true" : "false");
  });
  return networks;
}

Result<TargetGroup> ReadDockerContainers(std::string_view json, const LabelsById& networks,
                                         const config::DockerDiscoveryConfig& config) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS || !root.is_array()) {
    return Fail(Code::kInvalidArgument, "the list of containers is not a JSON list");
  }
  return ContainerReader(networks, config).Read(JsonNode(root));
}

}  // namespace sextant::discovery
