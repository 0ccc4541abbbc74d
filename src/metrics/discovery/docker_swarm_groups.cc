#include "metrics/discovery/docker_swarm_groups.h"

#include "metrics/discovery/json_node.h"
#include "metrics/discovery/meta_labels.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using model::LabelsBuilder;

std::string Name(std::string_view name) { return fmt::format("{}{}", kSwarmPrefix, name); }

// A list of JSON, kept as long as its items are read.
class JsonList {
 public:
  Result<JsonNode> Parse(std::string_view json, std::string_view what) {
    simdjson::dom::element root;
    if (parser_.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS || !root.is_array()) {
      return Fail(Code::kInvalidArgument, "error while listing swarm {}: the answer is not a JSON list",
                  what);
    }
    return JsonNode(root);
  }

 private:
  simdjson::dom::parser parser_;
};

void SetLabels(LabelsBuilder& labels, std::string_view what, JsonNode fields) {
  fields.ForEachField([&](std::string_view name, JsonNode value) {
    labels.Set(Name(fmt::format("{}_label_{}", what, SanitizeLabelName(name))), value.Text());
  });
}

void SetAll(LabelsBuilder& labels, const LabelsById& by_id, std::string_view id) {
  auto found = by_id.find(id);
  if (found == by_id.end()) return;
  for (const auto& [name, value] : found->second) labels.Set(name, value);
}

void SetNode(LabelsBuilder& labels, JsonNode node) {
  SetLabels(labels, "node", node["Spec"]["Labels"]);
  JsonNode description = node["Description"];
  labels.Set(Name("node_id"), node["ID"].Text());
  labels.Set(Name("node_role"), node["Spec"]["Role"].Text());
  labels.Set(Name("node_availability"), node["Spec"]["Availability"].Text());
  labels.Set(Name("node_hostname"), description["Hostname"].Text());
  labels.Set(Name("node_platform_architecture"), description["Platform"]["Architecture"].Text());
  labels.Set(Name("node_platform_os"), description["Platform"]["OS"].Text());
  labels.Set(Name("node_status"), node["Status"]["State"].Text());
  labels.Set(Name("node_address"), node["Status"]["Addr"].Text());
}

std::string_view ModeOf(JsonNode service) {
  if (service["Spec"]["Mode"]["Global"].exists()) return "global";
  return service["Spec"]["Mode"]["Replicated"].exists() ? "replicated" : "";
}

void SetService(LabelsBuilder& labels, JsonNode service) {
  SetLabels(labels, "service", service["Spec"]["Labels"]);
  labels.Set(Name("service_id"), service["ID"].Text());
  labels.Set(Name("service_name"), service["Spec"]["Name"].Text());
  labels.Set(Name("service_mode"), ModeOf(service));
}

Result<std::string> ParseCidr(std::string_view text) {
  std::string address = AddressOfCidr(text);
  if (address.empty()) {
    return Fail(Code::kInvalidArgument, "error while parsing address {}: invalid CIDR address", text);
  }
  return address;
}

TargetGroup SwarmGroup() {
  TargetGroup group;
  group.source = "DockerSwarm";
  return group;
}

// Adds the targets of one task: its own published ports, then those of its service at each of its addresses.
class TaskReader {
 public:
  TaskReader(std::map<std::string, JsonNode, std::less<>> services,
             std::map<std::string, JsonNode, std::less<>> nodes, const LabelsById& networks, int32_t port)
      : services_(std::move(services)), nodes_(std::move(nodes)), networks_(networks), port_(port) {}

  core::Status Add(JsonNode task) {
    LabelsBuilder builder;
    JsonNode status = task["Status"];
    builder.Set(Name("task_id"), task["ID"].Text());
    builder.Set(Name("task_desired_state"), task["DesiredState"].Text());
    builder.Set(Name("task_state"), status["State"].Text());
    builder.Set(Name("task_slot"), fmt::format("{}", task["Slot"].Int()));
    builder.Set(Name("task_container_id"), status["ContainerStatus"]["ContainerID"].Text());
    SetLabels(builder, "container", task["Spec"]["ContainerSpec"]["Labels"]);
    JsonNode service = Find(services_, task["ServiceID"].Text());
    JsonNode node = Find(nodes_, task["NodeID"].Text());
    if (service.exists()) SetService(builder, service);
    if (node.exists()) SetNode(builder, node);
    model::Labels common = builder.Build();

    status["PortStatus"]["Ports"].ForEach([&](JsonNode port) {
      if (port["Protocol"].Text() != "tcp") return;
      LabelsBuilder labels(common);
      labels.Set(Name("task_port_publish_mode"), port["PublishMode"].Text());
      labels.Set(kAddressLabel, JoinAddress(common.Get(Name("node_address")), port["PublishedPort"].Int()));
      group_.targets.push_back(labels.Build());
    });
    core::Status outcome;
    task["NetworksAttachments"].ForEach([&](JsonNode attachment) {
      attachment["Addresses"].ForEach([&](JsonNode address) {
        if (outcome)
          outcome = AddAddress(common, service, attachment["Network"]["ID"].Text(), address.Text());
      });
    });
    return outcome;
  }

  TargetGroup Take() { return std::move(group_); }

 private:
  static JsonNode Find(const std::map<std::string, JsonNode, std::less<>>& nodes, std::string_view id) {
    auto found = nodes.find(id);
    return found == nodes.end() ? JsonNode() : found->second;
  }

  core::Status AddAddress(const model::Labels& common, JsonNode service, std::string_view network,
                          std::string_view address) {
    SEXTANT_ASSIGN(std::string ip, ParseCidr(address));
    bool is_added = false;
    service["Endpoint"]["Ports"].ForEach([&](JsonNode port) {
      if (port["Protocol"].Text() != "tcp") return;
      LabelsBuilder labels(common);
      labels.Set(Name("task_port_publish_mode"), port["PublishMode"].Text());
      SetAll(labels, networks_, network);
      labels.Set(kAddressLabel, JoinAddress(ip, port["PublishedPort"].Int()));
      group_.targets.push_back(labels.Build());
      is_added = true;
    });
    if (is_added) return {};
    LabelsBuilder labels(common);
    SetAll(labels, networks_, network);
    labels.Set(kAddressLabel, JoinAddress(ip, port_));
    group_.targets.push_back(labels.Build());
    return {};
  }

  const std::map<std::string, JsonNode, std::less<>> services_;
  const std::map<std::string, JsonNode, std::less<>> nodes_;
  const LabelsById& networks_;
  const int32_t port_;
  TargetGroup group_ = SwarmGroup();
};

}  // namespace

Result<TargetGroup> ReadSwarmNodes(const SwarmAnswers& answers, int32_t port) {
  JsonList list;
  SEXTANT_ASSIGN(JsonNode nodes, list.Parse(answers.nodes, "nodes"));
  TargetGroup group = SwarmGroup();
  nodes.ForEach([&](JsonNode node) {
    LabelsBuilder labels;
    SetNode(labels, node);
    labels.Set(Name("node_engine_version"), node["Description"]["Engine"]["EngineVersion"].Text());
    if (JsonNode manager = node["ManagerStatus"]; manager.exists()) {
      labels.Set(Name("node_manager_leader"), manager["Leader"].Bool() ? "true" : "false");
      labels.Set(Name("node_manager_reachability"), manager["Reachability"].Text());
      labels.Set(Name("node_manager_address"), manager["Addr"].Text());
    }
    labels.Set(kAddressLabel, JoinAddress(node["Status"]["Addr"].Text(), port));
    group.targets.push_back(labels.Build());
  });
  return group;
}

Result<TargetGroup> ReadSwarmServices(const SwarmAnswers& answers, int32_t port) {
  JsonList list;
  SEXTANT_ASSIGN(JsonNode services, list.Parse(answers.services, "services"));
  SEXTANT_ASSIGN(LabelsById networks, ReadDockerNetworks(answers.networks, kSwarmPrefix));
  TargetGroup group = SwarmGroup();
  core::Status outcome;
  auto add = [&](JsonNode service, JsonNode address, JsonNode endpoint_port) -> core::Status {
    SEXTANT_ASSIGN(std::string ip, ParseCidr(address["Addr"].Text()));
    LabelsBuilder labels;
    SetService(labels, service);
    JsonNode container = service["Spec"]["TaskTemplate"]["ContainerSpec"];
    labels.Set(Name("service_task_container_hostname"), container["Hostname"].Text());
    labels.Set(Name("service_task_container_image"), container["Image"].Text());
    labels.Set(Name("service_updating_status"), service["UpdateStatus"]["State"].Text());
    SetAll(labels, networks, address["NetworkID"].Text());
    labels.Set(kAddressLabel, JoinAddress(ip, port));
    if (endpoint_port.exists()) {
      labels.Set(Name("service_endpoint_port_name"), endpoint_port["Name"].Text());
      labels.Set(Name("service_endpoint_port_publish_mode"), endpoint_port["PublishMode"].Text());
      labels.Set(kAddressLabel, JoinAddress(ip, endpoint_port["PublishedPort"].Int()));
    }
    group.targets.push_back(labels.Build());
    return {};
  };
  services.ForEach([&](JsonNode service) {
    service["Endpoint"]["VirtualIPs"].ForEach([&](JsonNode address) {
      bool is_added = false;
      service["Endpoint"]["Ports"].ForEach([&](JsonNode endpoint_port) {
        if (endpoint_port["Protocol"].Text() != "tcp") return;
        if (outcome) outcome = add(service, address, endpoint_port);
        is_added = true;
      });
      if (!is_added && outcome) outcome = add(service, address, JsonNode());
    });
  });
  if (!outcome) return tl::unexpected(outcome.error());
  return group;
}

Result<TargetGroup> ReadSwarmTasks(const SwarmAnswers& answers, int32_t port) {
  JsonList task_list;
  JsonList service_list;
  JsonList node_list;
  SEXTANT_ASSIGN(JsonNode tasks, task_list.Parse(answers.tasks, "tasks"));
  SEXTANT_ASSIGN(JsonNode services, service_list.Parse(answers.services, "services"));
  SEXTANT_ASSIGN(JsonNode nodes, node_list.Parse(answers.nodes, "nodes"));
  SEXTANT_ASSIGN(LabelsById networks, ReadDockerNetworks(answers.networks, kSwarmPrefix));
  std::map<std::string, JsonNode, std::less<>> services_by_id;
  std::map<std::string, JsonNode, std::less<>> nodes_by_id;
  services.ForEach([&](JsonNode service) { services_by_id.emplace(service["ID"].Text(), service); });
  nodes.ForEach([&](JsonNode node) { nodes_by_id.emplace(node["ID"].Text(), node); });
  TaskReader reader(std::move(services_by_id), std::move(nodes_by_id), networks, port);
  core::Status outcome;
  tasks.ForEach([&](JsonNode task) {
    if (outcome) outcome = reader.Add(task);
  });
  if (!outcome) return tl::unexpected(outcome.error());
  return reader.Take();
}

}  // namespace sextant::discovery
