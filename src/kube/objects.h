// Kubernetes' objects, as far as we look at them: pods, services, endpoints, endpoint slices, nodes,
// ingresses, and what all others have in common. Plain values, read from the API's JSON.
//
// Two that are equal differ in nothing that we use: the heartbeat of a node makes no new value.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace sextant::kube {

struct Reference {
  std::string kind;
  std::string name;
  std::string name_space;

  friend bool operator==(const Reference&, const Reference&) = default;
};

// Who owns an object.
struct Owner {
  std::string kind;
  std::string name;
  std::string uid;
  bool is_controller = false;

  friend bool operator==(const Owner&, const Owner&) = default;
};

struct Meta {
  std::string name_space;
  std::string name;
  std::string uid;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  Reference controller;  // the owner that controls it; empty: none
  std::vector<Owner> owners;
  std::string created;  // as the API has it: "2024-05-01T10:00:00Z"

  // "namespace/name", or the name alone.
  std::string key() const { return name_space.empty() ? name : name_space + "/" + name; }
  friend bool operator==(const Meta&, const Meta&) = default;
};

struct Port {
  std::string name;
  std::string protocol;
  std::string app_protocol;
  std::optional<int64_t> number;
  bool has_name = false;
  bool has_protocol = false;
  bool has_app_protocol = false;

  friend bool operator==(const Port&, const Port&) = default;
};

struct Container {
  std::string name;
  std::string image;
  std::string id;  // by the status, as what follows
  std::string image_id = {};
  int64_t restart_count = 0;
  bool is_init = false;
  std::vector<Port> ports = {};

  friend bool operator==(const Container&, const Container&) = default;
};

struct Pod {
  std::string phase;
  std::string ip;
  std::string host_ip;
  std::string node;
  std::string hostname;  // that the specification asks for
  std::string started;   // as the API has it; empty: not yet
  bool uses_host_network = false;
  std::string ready = "unknown";      // of the condition Ready: true, false, unknown
  std::vector<Container> containers;  // then those that initialize

  friend bool operator==(const Pod&, const Pod&) = default;
};

struct Service {
  std::string type;
  std::string cluster_ip;
  std::string external_name;
  std::string load_balancer_ip;   // all addresses, with commas
  bool is_dual_stack = false;     // prefers or requires it
  std::string primary_ip_family;  // "IPv4" or "IPv6"; empty: not said
  std::vector<Port> ports;

  friend bool operator==(const Service&, const Service&) = default;
};

struct EndpointAddress {
  std::string ip;
  std::optional<std::string> node;
  std::string hostname;
  std::optional<Reference> target;

  friend bool operator==(const EndpointAddress&, const EndpointAddress&) = default;
};

struct EndpointSubset {
  std::vector<EndpointAddress> ready;
  std::vector<EndpointAddress> not_ready;
  std::vector<Port> ports;

  friend bool operator==(const EndpointSubset&, const EndpointSubset&) = default;
};

struct Endpoints {
  std::vector<EndpointSubset> subsets;

  friend bool operator==(const Endpoints&, const Endpoints&) = default;
};

struct SliceEndpoint {
  std::vector<std::string> addresses;
  std::optional<bool> ready;
  std::optional<bool> serving;
  std::optional<bool> terminating;
  std::optional<std::string> hostname;
  std::optional<std::string> node;
  std::optional<std::string> zone;
  std::optional<Reference> target;
  std::map<std::string, std::string> topology;

  friend bool operator==(const SliceEndpoint&, const SliceEndpoint&) = default;
};

struct EndpointSlice {
  std::string address_type;
  std::vector<SliceEndpoint> endpoints;
  std::vector<Port> ports;

  friend bool operator==(const EndpointSlice&, const EndpointSlice&) = default;
};

struct Node {
  std::string provider_id;
  int64_t kubelet_port = 0;
  std::vector<std::pair<std::string, std::string>> addresses;  // type, address
  std::map<std::string, std::string> conditions;               // type → status

  friend bool operator==(const Node&, const Node&) = default;
};

struct IngressRule {
  std::string host;
  std::vector<std::string> paths;  // {"/"} when none are given

  friend bool operator==(const IngressRule&, const IngressRule&) = default;
};

struct Ingress {
  std::optional<std::string> class_name;
  std::vector<std::string> tls_hosts;
  std::vector<IngressRule> rules;

  friend bool operator==(const Ingress&, const Ingress&) = default;
};

// Of another kind: only its metadata is known.
struct Other {
  friend bool operator==(const Other&, const Other&) = default;
};

struct Object {
  Meta meta;
  std::variant<Other, Pod, Service, Endpoints, EndpointSlice, Node, Ingress> body;

  friend bool operator==(const Object&, const Object&) = default;
};
using ObjectPtr = std::shared_ptr<const Object>;

// The kinds that have a body of their own.
enum class Kind { kOther, kPod, kService, kEndpoints, kEndpointSlice, kNode, kIngress };

// The part of a list's answer that one page is.
struct ListPage {
  std::vector<ObjectPtr> items;
  std::string resource_version;
  std::string next;  // the token of the next page; empty: the last
};

// What a watch says, one a line.
enum class EventType { kPut, kDelete, kBookmark, kError };
struct Event {
  EventType type = EventType::kBookmark;
  ObjectPtr object;              // of kPut and kDelete
  std::string resource_version;  // of all but kError
  int error_code = 0;            // of kError: an HTTP status
  std::string error_message;
};

// Fields that are absent, null or of another type than they should be count as absent. kCorruption for what
// is no JSON or no such answer.
core::Result<ObjectPtr> ParseObject(std::string_view json, Kind kind);
core::Result<ListPage> ParseList(std::string_view json, Kind kind);
core::Result<Event> ParseEvent(std::string_view json, Kind kind);
// The message of a Status object, or "" when it is none.
std::string StatusMessage(std::string_view json);

}  // namespace sextant::kube
