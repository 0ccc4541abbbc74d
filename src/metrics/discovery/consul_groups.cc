#include "metrics/discovery/consul_groups.h"

#include <algorithm>

#include "metrics/discovery/json_node.h"
#include "metrics/discovery/meta_labels.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;

std::string Name(std::string_view name) { return fmt::format("__meta_consul_{}", name); }

// The worst of its checks; a service or node in maintenance is that before anything else.
std::string_view Health(JsonNode checks) {
  constexpr std::string_view kNodeMaintenance = "_node_maintenance";
  constexpr std::string_view kServiceMaintenance = "_service_maintenance:";
  bool is_in_maintenance = false;
  bool is_critical = false;
  bool is_warning = false;
  bool is_unknown = false;
  checks.ForEach([&](JsonNode check) {
    std::string_view id = check["CheckID"].Text();
    std::string_view status = check["Status"].Text();
    if (id == kNodeMaintenance || id.starts_with(kServiceMaintenance)) {
      is_in_maintenance = true;
    } else if (status == "critical") {
      is_critical = true;
    } else if (status == "warning") {
      is_warning = true;
    } else if (status != "passing") {
      is_unknown = true;
    }
  });
  if (is_unknown) return "";
  if (is_in_maintenance) return "maintenance";
  if (is_critical) return "critical";
  return is_warning ? "warning" : "passing";
}

// Surrounded by separators, so that a regular expression can look for a whole tag.
std::string JoinTags(JsonNode tags, const std::string& separator) {
  std::string joined = separator;
  tags.ForEach([&](JsonNode tag) {
    joined += tag.Text();
    joined += separator;
  });
  return joined == separator ? separator + separator : joined;
}

model::Labels Instance(JsonNode entry, const std::string& tag_separator) {
  JsonNode node = entry["Node"];
  JsonNode service = entry["Service"];
  std::string_view host = service["Address"].Text();
  if (host.empty()) host = node["Address"].Text();
  model::LabelsBuilder labels;
  auto set_all = [&](std::string_view prefix, JsonNode fields) {
    fields.ForEachField([&](std::string_view name, JsonNode value) {
      labels.Set(Name(fmt::format("{}_{}", prefix, SanitizeLabelName(name))), value.Text());
    });
  };
  set_all("metadata", node["Meta"]);
  set_all("service_metadata", service["Meta"]);
  set_all("tagged_address", node["TaggedAddresses"]);
  labels.Set(kAddressLabel, JoinAddress(host, service["Port"].Int()));
  labels.Set(Name("address"), node["Address"].Text());
  labels.Set(Name("node"), node["Node"].Text());
  labels.Set(Name("namespace"), service["Namespace"].Text());
  labels.Set(Name("partition"), service["Partition"].Text());
  labels.Set(Name("tags"), JoinTags(service["Tags"], tag_separator));
  labels.Set(Name("service_address"), service["Address"].Text());
  labels.Set(Name("service_port"), fmt::format("{}", service["Port"].Int()));
  labels.Set(Name("service_id"), service["ID"].Text());
  labels.Set(Name("health"), Health(entry["Checks"]));
  return labels.Build();
}

}  // namespace

Result<std::string> ReadConsulDatacenter(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "the agent's answer is not JSON");
  }
  std::string_view datacenter = JsonNode(root)["Config"]["Datacenter"].Text();
  if (datacenter.empty()) return Fail(Code::kInvalidArgument, "invalid value for Config.Datacenter");
  return std::string(datacenter);
}

Result<std::map<std::string, bool>> ReadConsulServices(std::string_view json,
                                                       const config::ConsulDiscoveryConfig& config) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return Fail(Code::kInvalidArgument, "the catalog's answer is not a JSON object");
  }
  std::map<std::string, bool> services;
  JsonNode(root).ForEachField([&](std::string_view name, JsonNode tags) {
    bool is_named =
        config.services.empty() || std::ranges::find(config.services, name) != config.services.end();
    auto has_tag = [&](const std::string& wanted) {
      bool has = false;
      tags.ForEach([&](JsonNode tag) { has = has || tag.Text() == wanted; });
      return has;
    };
    services[std::string(name)] = is_named && std::ranges::all_of(config.tags, has_tag);
  });
  return services;
}

Result<TargetGroup> ReadConsulInstances(std::string_view json, const std::string& service,
                                        const std::string& datacenter, const std::string& tag_separator) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS ||
      (!root.is_array() && !root.is_null())) {
    return Fail(Code::kInvalidArgument, "the answer about the service {} is not a JSON list", service);
  }
  TargetGroup group;
  group.source = service;
  model::LabelsBuilder labels;
  labels.Set(Name("service"), service);
  labels.Set(Name("dc"), datacenter);
  group.labels = labels.Build();
  JsonNode(root).ForEach([&](JsonNode entry) { group.targets.push_back(Instance(entry, tag_separator)); });
  return group;
}

}  // namespace sextant::discovery
