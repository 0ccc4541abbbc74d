#include "metrics/discovery/kubernetes_groups.h"

#include <algorithm>
#include <set>

#include "metrics/discovery/meta_labels.h"

namespace sextant::discovery {

namespace {

using kube::Object;
using kube::ObjectPtr;
using model::LabelsBuilder;

constexpr std::string_view kPrefix = "__meta_kubernetes_";
constexpr const char* kServiceNameLabel = "kubernetes.io/service-name";

void Set(LabelsBuilder& labels, std::string_view name, std::string_view value) {
  labels.Set(fmt::format("{}{}", kPrefix, name), value);
}

void Set(LabelsBuilder& labels, std::string_view name, const std::optional<std::string>& value) {
  if (value) Set(labels, name, std::string_view(*value));
}

void Set(LabelsBuilder& labels, std::string_view name, std::optional<bool> value) {
  if (value) Set(labels, name, std::string_view(*value ? "true" : "false"));
}

void SetAll(LabelsBuilder& labels, std::string_view role, std::string_view what,
            const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    std::string clean = SanitizeLabelName(name);
    Set(labels, fmt::format("{}_{}_{}", role, what, clean), std::string_view(value));
    Set(labels, fmt::format("{}_{}present_{}", role, what, clean), std::string_view("true"));
  }
}

void SetMeta(LabelsBuilder& labels, std::string_view role, const kube::Meta& meta) {
  Set(labels, fmt::format("{}_name", role), std::string_view(meta.name));
  SetAll(labels, role, "label", meta.labels);
  SetAll(labels, role, "annotation", meta.annotations);
}

ObjectPtr FindIn(const ClusterView::Find& find, const std::string& name_space, const std::string& name) {
  return find ? find(name_space, name) : nullptr;
}

void AttachNamespace(LabelsBuilder& labels, const std::string& name_space, const ClusterView& view) {
  ObjectPtr found = FindIn(view.name_space, "", name_space);
  if (found == nullptr) return;
  SetAll(labels, "namespace", "label", found->meta.labels);
  SetAll(labels, "namespace", "annotation", found->meta.annotations);
}

void AttachNode(LabelsBuilder& labels, const std::string& name, const ClusterView& view) {
  if (ObjectPtr found = FindIn(view.node, "", name)) SetMeta(labels, "node", found->meta);
}

void SetPod(LabelsBuilder& labels, const Object& object) {
  const auto& pod = std::get<kube::Pod>(object.body);
  Set(labels, "pod_ip", std::string_view(pod.ip));
  Set(labels, "pod_ready", std::string_view(pod.ready));
  Set(labels, "pod_phase", std::string_view(pod.phase));
  Set(labels, "pod_node_name", std::string_view(pod.node));
  Set(labels, "pod_host_ip", std::string_view(pod.host_ip));
  Set(labels, "pod_uid", std::string_view(object.meta.uid));
  Set(labels, "pod_controller_kind", std::string_view(object.meta.controller.kind));
  Set(labels, "pod_controller_name", std::string_view(object.meta.controller.name));
  SetMeta(labels, "pod", object.meta);
}

// The names of what controls the pod's controller.
void AttachControllers(LabelsBuilder& labels, const Object& pod, const ClusterView& view) {
  const kube::Reference& controller = pod.meta.controller;
  auto owner_of = [&](const ClusterView::Find& find, std::string_view kind, std::string_view label) {
    ObjectPtr found = FindIn(find, pod.meta.name_space, controller.name);
    if (found != nullptr && found->meta.controller.kind == kind)
      Set(labels, label, std::string_view(found->meta.controller.name));
  };
  if (controller.kind == "ReplicaSet") owner_of(view.replica_set, "Deployment", "pod_deployment_name");
  if (controller.kind != "Job") return;
  if (view.attach_job) Set(labels, "pod_job_name", std::string_view(controller.name));
  owner_of(view.job, "CronJob", "pod_cronjob_name");
}

void SetContainer(LabelsBuilder& labels, const kube::Container& container) {
  Set(labels, "pod_container_name", std::string_view(container.name));
  Set(labels, "pod_container_image", std::string_view(container.image));
  Set(labels, "pod_container_init", std::optional<bool>(container.is_init));
}

void SetContainerPort(LabelsBuilder& labels, const kube::Port& port) {
  Set(labels, "pod_container_port_name", std::string_view(port.name));
  Set(labels, "pod_container_port_number", std::string_view(std::to_string(port.number.value_or(0))));
  Set(labels, "pod_container_port_protocol", std::string_view(port.protocol));
}

void MakePod(const Object& object, const ClusterView& view, TargetGroup& group) {
  const auto& pod = std::get<kube::Pod>(object.body);
  if (pod.ip.empty()) return;  // it is starting, or was evicted
  if (view.needs_node && FindIn(view.node, "", pod.node) == nullptr) return;
  LabelsBuilder labels;
  Set(labels, "namespace", std::string_view(object.meta.name_space));
  SetPod(labels, object);
  AttachNode(labels, pod.node, view);
  AttachNamespace(labels, object.meta.name_space, view);
  AttachControllers(labels, object, view);
  group.labels = labels.Build();
  for (const kube::Container& container : pod.containers) {
    LabelsBuilder target;
    SetContainer(target, container);
    Set(target, "pod_container_id", std::string_view(container.id));
    target.Set("__address__", pod.ip);  // without a port, when the container names none
    if (container.ports.empty()) group.targets.push_back(target.Build());
    for (const kube::Port& port : container.ports) {
      LabelsBuilder with_port = target;
      SetContainerPort(with_port, port);
      with_port.Set("__address__", JoinAddress(pod.ip, port.number.value_or(0)));
      group.targets.push_back(with_port.Build());
    }
  }
}

void MakeService(const Object& object, const ClusterView& view, TargetGroup& group) {
  const auto& service = std::get<kube::Service>(object.body);
  LabelsBuilder labels;
  Set(labels, "namespace", std::string_view(object.meta.name_space));
  SetMeta(labels, "service", object.meta);
  AttachNamespace(labels, object.meta.name_space, view);
  group.labels = labels.Build();
  for (const kube::Port& port : service.ports) {
    LabelsBuilder target;
    int64_t number = port.number.value_or(0);
    target.Set("__address__",
               JoinAddress(fmt::format("{}.{}.svc", object.meta.name, object.meta.name_space), number));
    Set(target, "service_port_name", std::string_view(port.name));
    Set(target, "service_port_number", std::string_view(std::to_string(number)));
    Set(target, "service_port_protocol", std::string_view(port.protocol));
    Set(target, "service_type", std::string_view(service.type));
    if (service.type == "ExternalName") {
      Set(target, "service_external_name", std::string_view(service.external_name));
    } else {
      Set(target, "service_cluster_ip", std::string_view(service.cluster_ip));
    }
    if (service.type == "LoadBalancer")
      Set(target, "service_loadbalancer_ip", std::string_view(service.load_balancer_ip));
    group.targets.push_back(target.Build());
  }
}

// Collects the targets of endpoints, then those of their pods' ports that no endpoint has.
class EndpointTargets {
 public:
  EndpointTargets(const ClusterView& view, TargetGroup& group) : view_(view), group_(group) {}

  void Add(LabelsBuilder target, const std::optional<kube::Reference>& reference, const kube::Port& port) {
    ObjectPtr pod;
    if (reference && reference->kind == "Pod")
      pod = FindIn(view_.pod, reference->name_space, reference->name);
    if (pod == nullptr) {
      group_.targets.push_back(target.Build());
      return;
    }
    SetPod(target, *pod);
    for (const kube::Container& container : std::get<kube::Pod>(pod->body).containers) {
      auto same = std::ranges::find_if(
          container.ports, [&](const kube::Port& one) { return port.number && one.number == port.number; });
      if (same == container.ports.end()) continue;
      SetContainer(target, container);
      SetContainerPort(target, *same);
    }
    auto seen = std::ranges::find_if(pods_, [&](const SeenPod& one) { return one.pod == pod; });
    if (seen == pods_.end()) seen = pods_.insert(pods_.end(), SeenPod{pod, {}});
    if (port.number) seen->ports.insert(*port.number);
    group_.targets.push_back(target.Build());
  }

  void AddOtherPorts() {
    for (const SeenPod& seen : pods_) {
      const auto& pod = std::get<kube::Pod>(seen.pod->body);
      if (pod.ip.empty()) continue;
      for (const kube::Container& container : pod.containers) {
        for (const kube::Port& port : container.ports) {
          if (port.number && seen.ports.contains(*port.number)) continue;
          LabelsBuilder target;
          target.Set("__address__", JoinAddress(pod.ip, port.number.value_or(0)));
          SetContainer(target, container);
          SetContainerPort(target, port);
          SetPod(target, *seen.pod);
          group_.targets.push_back(target.Build());
        }
      }
    }
  }

 private:
  struct SeenPod {
    ObjectPtr pod;
    std::set<int64_t> ports;
  };
  const ClusterView& view_;
  TargetGroup& group_;
  std::vector<SeenPod> pods_;
};

void AttachService(LabelsBuilder& labels, const std::string& name_space, const std::string& name,
                   const ClusterView& view) {
  if (ObjectPtr service = FindIn(view.service, name_space, name)) SetMeta(labels, "service", service->meta);
}

void MakeEndpoints(const Object& object, const ClusterView& view, TargetGroup& group) {
  LabelsBuilder labels;
  Set(labels, "namespace", std::string_view(object.meta.name_space));
  SetMeta(labels, "endpoints", object.meta);
  AttachService(labels, object.meta.name_space, object.meta.name, view);
  AttachNamespace(labels, object.meta.name_space, view);
  group.labels = labels.Build();

  EndpointTargets targets(view, group);
  auto add = [&](const kube::EndpointAddress& address, const kube::Port& port, bool is_ready) {
    LabelsBuilder target;
    target.Set("__address__", JoinAddress(address.ip, port.number.value_or(0)));
    Set(target, "endpoint_port_name", std::string_view(port.name));
    Set(target, "endpoint_port_protocol", std::string_view(port.protocol));
    Set(target, "endpoint_ready", std::optional<bool>(is_ready));
    if (address.target) {
      Set(target, "endpoint_address_target_kind", std::string_view(address.target->kind));
      Set(target, "endpoint_address_target_name", std::string_view(address.target->name));
    }
    Set(target, "endpoint_node_name", address.node);
    Set(target, "endpoint_hostname", std::string_view(address.hostname));
    if (address.target && address.target->kind == "Node") {
      AttachNode(target, address.target->name, view);
    } else if (address.node) {
      AttachNode(target, *address.node, view);
    }
    targets.Add(std::move(target), address.target, port);
  };
  for (const kube::EndpointSubset& subset : std::get<kube::Endpoints>(object.body).subsets) {
    for (const kube::Port& port : subset.ports) {
      for (const auto& address : subset.ready) add(address, port, true);
      for (const auto& address : subset.not_ready) add(address, port, false);
    }
  }
  targets.AddOtherPorts();
}

LabelsBuilder SliceTarget(const kube::SliceEndpoint& endpoint, const kube::Port& port,
                          const std::string& address, const ClusterView& view) {
  LabelsBuilder target;
  target.Set("__address__", port.number ? JoinAddress(address, *port.number) : address);
  Set(target, "endpointslice_port_name", std::string_view(port.name));
  Set(target, "endpointslice_port_protocol", std::string_view(port.protocol));
  if (port.number) Set(target, "endpointslice_port", std::string_view(std::to_string(*port.number)));
  Set(target, "endpointslice_port_app_protocol", std::string_view(port.app_protocol));
  Set(target, "endpointslice_endpoint_conditions_ready", endpoint.ready);
  Set(target, "endpointslice_endpoint_conditions_serving", endpoint.serving);
  Set(target, "endpointslice_endpoint_conditions_terminating", endpoint.terminating);
  Set(target, "endpointslice_endpoint_hostname", endpoint.hostname);
  Set(target, "endpointslice_endpoint_node_name", endpoint.node);
  Set(target, "endpointslice_endpoint_zone", endpoint.zone);
  if (endpoint.target) {
    Set(target, "endpointslice_address_target_kind", std::string_view(endpoint.target->kind));
    Set(target, "endpointslice_address_target_name", std::string_view(endpoint.target->name));
  }
  for (const auto& [name, value] : endpoint.topology) {
    Set(target, "endpointslice_endpoint_topology_" + SanitizeLabelName(name), std::string_view(value));
    Set(target, "endpointslice_endpoint_topology_present_" + SanitizeLabelName(name),
        std::string_view("true"));
  }
  if (endpoint.target && endpoint.target->kind == "Node") {
    AttachNode(target, endpoint.target->name, view);
  } else if (endpoint.node) {
    AttachNode(target, *endpoint.node, view);
  }
  return target;
}

// Whether the slice repeats, in the other family of addresses, what a dual-stack service's first slice has.
bool IsSecondary(const Object& object, const kube::EndpointSlice& slice, const ClusterView& view) {
  auto name = object.meta.labels.find(kServiceNameLabel);
  if (name == object.meta.labels.end()) return false;
  ObjectPtr found = FindIn(view.service, object.meta.name_space, name->second);
  if (found == nullptr) return false;
  const auto& service = std::get<kube::Service>(found->body);
  return service.is_dual_stack && !service.primary_ip_family.empty() &&
         slice.address_type != service.primary_ip_family;
}

void MakeEndpointSlice(const Object& object, const ClusterView& view, TargetGroup& group) {
  const auto& slice = std::get<kube::EndpointSlice>(object.body);
  if (IsSecondary(object, slice, view)) return;
  LabelsBuilder labels;
  Set(labels, "namespace", std::string_view(object.meta.name_space));
  Set(labels, "endpointslice_address_type", std::string_view(slice.address_type));
  SetMeta(labels, "endpointslice", object.meta);
  auto service = object.meta.labels.find(kServiceNameLabel);
  if (service != object.meta.labels.end())
    AttachService(labels, object.meta.name_space, service->second, view);
  AttachNamespace(labels, object.meta.name_space, view);
  group.labels = labels.Build();

  EndpointTargets targets(view, group);
  for (const kube::SliceEndpoint& endpoint : slice.endpoints) {
    for (const kube::Port& port : slice.ports) {
      for (const std::string& address : endpoint.addresses)
        targets.Add(SliceTarget(endpoint, port, address, view), endpoint.target, port);
    }
  }
  targets.AddOtherPorts();
}

void MakeNode(const Object& object, TargetGroup& group) {
  const auto& node = std::get<kube::Node>(object.body);
  LabelsBuilder labels;
  Set(labels, "node_provider_id", std::string_view(node.provider_id));
  for (const auto& [type, status] : node.conditions) {
    std::string name = SanitizeLabelName(type);
    std::string value = status;
    for (std::string* text : {&name, &value})
      std::ranges::transform(*text, text->begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    Set(labels, "node_condition_" + name, std::string_view(value));
  }
  SetMeta(labels, "node", object.meta);
  group.labels = labels.Build();

  std::map<std::string, std::string> by_type;  // the first of each
  for (const auto& [type, address] : node.addresses) by_type.emplace(type, address);
  for (const char* type :
       {"InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"}) {
    auto found = by_type.find(type);
    if (found == by_type.end()) continue;
    LabelsBuilder target;
    target.Set("__address__", JoinAddress(found->second, node.kubelet_port));
    target.Set("instance", object.meta.name);
    for (const auto& [other, address] : by_type)
      Set(target, "node_address_" + SanitizeLabelName(other), std::string_view(address));
    group.targets.push_back(target.Build());
    return;
  }
}

// Whether a host is meant by a name that may begin with a wildcard for one part.
bool MatchesHost(std::string_view pattern, std::string_view host) {
  if (pattern == host) return true;
  if (!pattern.starts_with("*.")) return false;
  size_t dot = host.find('.');
  return dot != std::string_view::npos && host.substr(dot) == pattern.substr(1);
}

void MakeIngress(const Object& object, const ClusterView& view, TargetGroup& group) {
  const auto& ingress = std::get<kube::Ingress>(object.body);
  LabelsBuilder labels;
  Set(labels, "namespace", std::string_view(object.meta.name_space));
  Set(labels, "ingress_class_name", ingress.class_name);
  SetMeta(labels, "ingress", object.meta);
  AttachNamespace(labels, object.meta.name_space, view);
  group.labels = labels.Build();
  for (const kube::IngressRule& rule : ingress.rules) {
    bool is_tls = std::ranges::any_of(
        ingress.tls_hosts, [&](const std::string& pattern) { return MatchesHost(pattern, rule.host); });
    for (const std::string& path : rule.paths) {
      LabelsBuilder target;
      target.Set("__address__", rule.host);
      Set(target, "ingress_scheme", std::string_view(is_tls ? "https" : "http"));
      Set(target, "ingress_host", std::string_view(rule.host));
      Set(target, "ingress_path", std::string_view(path));
      group.targets.push_back(target.Build());
    }
  }
}

}  // namespace

std::string KubernetesSource(const std::string& role, const std::string& key) {
  return fmt::format("{}/{}", role == "service" ? "svc" : role, key);
}

TargetGroup MakeKubernetesGroup(const std::string& role, const Object& object, const ClusterView& view) {
  TargetGroup group;
  group.source = KubernetesSource(role, object.meta.key());
  if (role == "pod") MakePod(object, view, group);
  if (role == "service") MakeService(object, view, group);
  if (role == "endpoints") MakeEndpoints(object, view, group);
  if (role == "endpointslice") MakeEndpointSlice(object, view, group);
  if (role == "node") MakeNode(object, group);
  if (role == "ingress") MakeIngress(object, view, group);
  return group;
}

}  // namespace sextant::discovery
