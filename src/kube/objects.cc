#include "kube/objects.h"

#include <simdjson.h>

#include <algorithm>

namespace sextant::kube {

namespace {

using core::Code;
using core::Fail;
using core::Result;
namespace dom = simdjson::dom;

// The value of a field; an element that is nothing when there is none.
std::optional<dom::element> Get(dom::element object, std::string_view key) {
  dom::element value;
  if (!object.is_object() || object[key].get(value) != simdjson::SUCCESS || value.is_null())
    return std::nullopt;
  return value;
}

std::optional<dom::element> Get(const std::optional<dom::element>& object, std::string_view key) {
  return object ? Get(*object, key) : std::nullopt;
}

std::optional<std::string> OptionalText(const std::optional<dom::element>& object, std::string_view key) {
  auto value = Get(object, key);
  std::string_view text;
  if (!value || value->get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

std::string Text(const std::optional<dom::element>& object, std::string_view key) {
  return OptionalText(object, key).value_or("");
}

std::optional<bool> OptionalBool(const std::optional<dom::element>& object, std::string_view key) {
  auto value = Get(object, key);
  bool flag = false;
  if (!value || value->get(flag) != simdjson::SUCCESS) return std::nullopt;
  return flag;
}

std::optional<int64_t> OptionalInt(const std::optional<dom::element>& object, std::string_view key) {
  auto value = Get(object, key);
  int64_t number = 0;
  if (!value || value->get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

template <typename Visit>
void ForEach(const std::optional<dom::element>& object, std::string_view key, const Visit& visit) {
  auto value = Get(object, key);
  dom::array items;
  if (!value || value->get(items) != simdjson::SUCCESS) return;
  for (dom::element item : items) visit(item);
}

std::map<std::string, std::string> TextMap(const std::optional<dom::element>& object, std::string_view key) {
  std::map<std::string, std::string> map;
  auto value = Get(object, key);
  dom::object fields;
  if (!value || value->get(fields) != simdjson::SUCCESS) return map;
  for (auto [name, field] : fields) {
    std::string_view text;
    if (field.get(text) == simdjson::SUCCESS) map.emplace(name, text);
  }
  return map;
}

std::vector<std::string> TextList(const std::optional<dom::element>& object, std::string_view key) {
  std::vector<std::string> list;
  ForEach(object, key, [&](dom::element item) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) list.emplace_back(text);
  });
  return list;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return text;
}

std::optional<Reference> ReadReference(const std::optional<dom::element>& object, std::string_view key) {
  auto value = Get(object, key);
  if (!value) return std::nullopt;
  return Reference{Text(value, "kind"), Text(value, "name"), Text(value, "namespace")};
}

Meta ReadMeta(dom::element object) {
  auto metadata = Get(object, "metadata");
  Meta meta;
  meta.name_space = Text(metadata, "namespace");
  meta.name = Text(metadata, "name");
  meta.uid = Text(metadata, "uid");
  meta.labels = TextMap(metadata, "labels");
  meta.annotations = TextMap(metadata, "annotations");
  meta.created = Text(metadata, "creationTimestamp");
  ForEach(metadata, "ownerReferences", [&](dom::element owner) {
    meta.owners.push_back({Text(owner, "kind"), Text(owner, "name"), Text(owner, "uid"),
                           OptionalBool(owner, "controller").value_or(false)});
    if (meta.controller == Reference() && OptionalBool(owner, "controller").value_or(false))
      meta.controller = {Text(owner, "kind"), Text(owner, "name"), ""};
  });
  return meta;
}

// `number_key` is containerPort or port.
std::vector<Port> ReadPorts(const std::optional<dom::element>& object, std::string_view number_key) {
  std::vector<Port> ports;
  ForEach(object, "ports", [&](dom::element item) {
    Port port;
    auto text = [&](std::string_view key, std::string& value, bool& has_value) {
      std::optional<std::string> given = OptionalText(item, key);
      has_value = given.has_value();
      value = given.value_or("");
    };
    text("name", port.name, port.has_name);
    text("protocol", port.protocol, port.has_protocol);
    text("appProtocol", port.app_protocol, port.has_app_protocol);
    port.number = OptionalInt(item, number_key);
    ports.push_back(std::move(port));
  });
  return ports;
}

Pod ReadPod(dom::element object) {
  auto spec = Get(object, "spec");
  auto status = Get(object, "status");
  Pod pod;
  pod.phase = Text(status, "phase");
  pod.ip = Text(status, "podIP");
  pod.host_ip = Text(status, "hostIP");
  pod.node = Text(spec, "nodeName");
  ForEach(status, "conditions", [&](dom::element condition) {
    if (Text(condition, "type") == "Ready") pod.ready = Lower(Text(condition, "status"));
  });
  pod.hostname = Text(spec, "hostname");
  pod.started = Text(status, "startTime");
  pod.uses_host_network = OptionalBool(spec, "hostNetwork").value_or(false);
  for (bool is_init : {false, true}) {
    std::map<std::string, Container> statuses;
    ForEach(status, is_init ? "initContainerStatuses" : "containerStatuses", [&](dom::element item) {
      Container& container = statuses[Text(item, "name")];
      container.id = Text(item, "containerID");
      container.image_id = Text(item, "imageID");
      container.restart_count = OptionalInt(item, "restartCount").value_or(0);
    });
    ForEach(spec, is_init ? "initContainers" : "containers", [&](dom::element item) {
      std::string name = Text(item, "name");
      Container container = std::move(statuses[name]);
      container.name = std::move(name);
      container.image = Text(item, "image");
      container.is_init = is_init;
      container.ports = ReadPorts(item, "containerPort");
      pod.containers.push_back(std::move(container));
    });
  }
  return pod;
}

Service ReadService(dom::element object) {
  auto spec = Get(object, "spec");
  Service service;
  service.type = Text(spec, "type");
  service.cluster_ip = Text(spec, "clusterIP");
  service.external_name = Text(spec, "externalName");
  ForEach(Get(Get(object, "status"), "loadBalancer"), "ingress", [&](dom::element ingress) {
    std::string ip = Text(ingress, "ip");
    if (ip.empty()) return;
    service.load_balancer_ip += (service.load_balancer_ip.empty() ? "" : ",") + ip;
  });
  if (service.load_balancer_ip.empty()) service.load_balancer_ip = Text(spec, "loadBalancerIP");
  std::string policy = Text(spec, "ipFamilyPolicy");
  service.is_dual_stack = policy == "PreferDualStack" || policy == "RequireDualStack";
  std::vector<std::string> families = TextList(spec, "ipFamilies");
  if (!families.empty()) service.primary_ip_family = families.front();
  service.ports = ReadPorts(spec, "port");
  return service;
}

std::vector<EndpointAddress> ReadAddresses(dom::element subset, std::string_view key) {
  std::vector<EndpointAddress> addresses;
  ForEach(subset, key, [&](dom::element address) {
    addresses.push_back({Text(address, "ip"), OptionalText(address, "nodeName"), Text(address, "hostname"),
                         ReadReference(address, "targetRef")});
  });
  return addresses;
}

Endpoints ReadEndpoints(dom::element object) {
  Endpoints endpoints;
  ForEach(object, "subsets", [&](dom::element subset) {
    endpoints.subsets.push_back({ReadAddresses(subset, "addresses"),
                                 ReadAddresses(subset, "notReadyAddresses"), ReadPorts(subset, "port")});
  });
  return endpoints;
}

EndpointSlice ReadSlice(dom::element object) {
  EndpointSlice slice;
  slice.address_type = Text(object, "addressType");
  slice.ports = ReadPorts(object, "port");
  ForEach(object, "endpoints", [&](dom::element item) {
    auto conditions = Get(item, "conditions");
    SliceEndpoint endpoint;
    endpoint.addresses = TextList(item, "addresses");
    endpoint.ready = OptionalBool(conditions, "ready");
    endpoint.serving = OptionalBool(conditions, "serving");
    endpoint.terminating = OptionalBool(conditions, "terminating");
    endpoint.hostname = OptionalText(item, "hostname");
    endpoint.node = OptionalText(item, "nodeName");
    endpoint.zone = OptionalText(item, "zone");
    endpoint.target = ReadReference(item, "targetRef");
    endpoint.topology = TextMap(item, "deprecatedTopology");
    slice.endpoints.push_back(std::move(endpoint));
  });
  return slice;
}

Node ReadNode(dom::element object) {
  auto status = Get(object, "status");
  Node node;
  node.provider_id = Text(Get(object, "spec"), "providerID");
  node.kubelet_port = OptionalInt(Get(Get(status, "daemonEndpoints"), "kubeletEndpoint"), "Port").value_or(0);
  ForEach(status, "addresses", [&](dom::element address) {
    node.addresses.emplace_back(Text(address, "type"), Text(address, "address"));
  });
  ForEach(status, "conditions", [&](dom::element condition) {
    node.conditions[Text(condition, "type")] = Text(condition, "status");
  });
  return node;
}

Ingress ReadIngress(dom::element object) {
  auto spec = Get(object, "spec");
  Ingress ingress;
  ingress.class_name = OptionalText(spec, "ingressClassName");
  ForEach(spec, "tls", [&](dom::element tls) {
    for (std::string& host : TextList(tls, "hosts")) ingress.tls_hosts.push_back(std::move(host));
  });
  ForEach(spec, "rules", [&](dom::element item) {
    IngressRule rule;
    rule.host = Text(item, "host");
    auto http = Get(item, "http");
    if (!http) rule.paths = {"/"};
    ForEach(http, "paths", [&](dom::element path) {
      std::string text = Text(path, "path");
      rule.paths.push_back(text.empty() ? "/" : std::move(text));
    });
    ingress.rules.push_back(std::move(rule));
  });
  return ingress;
}

ObjectPtr ReadObject(dom::element json, Kind kind) {
  auto object = std::make_shared<Object>();
  object->meta = ReadMeta(json);
  switch (kind) {
    case Kind::kOther:
      break;
    case Kind::kPod:
      object->body = ReadPod(json);
      break;
    case Kind::kService:
      object->body = ReadService(json);
      break;
    case Kind::kEndpoints:
      object->body = ReadEndpoints(json);
      break;
    case Kind::kEndpointSlice:
      object->body = ReadSlice(json);
      break;
    case Kind::kNode:
      object->body = ReadNode(json);
      break;
    case Kind::kIngress:
      object->body = ReadIngress(json);
      break;
  }
  return object;
}

// A parsed text with what its elements point into.
struct Json {
  dom::parser parser;
  simdjson::padded_string text;
  dom::element root;

  core::Status Parse(std::string_view json) {
    text = simdjson::padded_string(json);
    if (auto code = parser.parse(text).get(root); code != simdjson::SUCCESS)
      return Fail(Code::kCorruption, "the answer is no JSON: {}", simdjson::error_message(code));
    if (!root.is_object()) return Fail(Code::kCorruption, "the answer is no object");
    return {};
  }
};

}  // namespace

Result<ObjectPtr> ParseObject(std::string_view text, Kind kind) {
  Json json;
  SEXTANT_TRY(json.Parse(text));
  return ReadObject(json.root, kind);
}

Result<ListPage> ParseList(std::string_view text, Kind kind) {
  Json json;
  SEXTANT_TRY(json.Parse(text));
  auto metadata = Get(json.root, "metadata");
  ListPage page;
  page.resource_version = Text(metadata, "resourceVersion");
  page.next = Text(metadata, "continue");
  if (page.resource_version.empty()) return Fail(Code::kCorruption, "the answer is no list");
  ForEach(json.root, "items", [&](dom::element item) { page.items.push_back(ReadObject(item, kind)); });
  return page;
}

Result<Event> ParseEvent(std::string_view text, Kind kind) {
  Json json;
  SEXTANT_TRY(json.Parse(text));
  Event event;
  std::string type = Text(json.root, "type");
  auto object = Get(json.root, "object");
  if (type == "ERROR" || (type.empty() && Text(json.root, "kind") == "Status")) {
    if (type.empty()) object = json.root;
    event.type = EventType::kError;
    event.error_code = static_cast<int>(OptionalInt(object, "code").value_or(0));
    event.error_message = Text(object, "message");
    return event;
  }
  if (!object) return Fail(Code::kCorruption, "the event has no object");
  event.resource_version = Text(Get(object, "metadata"), "resourceVersion");
  if (type == "BOOKMARK") return event;
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED")
    return Fail(Code::kCorruption, "unknown type of event \"{}\"", type);
  event.type = type == "DELETED" ? EventType::kDelete : EventType::kPut;
  event.object = ReadObject(*object, kind);
  return event;
}

std::string StatusMessage(std::string_view text) {
  Json json;
  if (!json.Parse(text)) return "";
  return Text(json.root, "kind") == "Status" ? Text(json.root, "message") : "";
}

}  // namespace sextant::kube
