// From Kubernetes' objects to target groups: the labels that Prometheus' kubernetes_sd gives, per role. Pure
// functions of what is known of the cluster.
#pragma once

#include <functional>
#include <string>

#include "kube/objects.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

// What else is known of the cluster. Each finds an object by namespace and name (nodes and namespaces: the
// name alone), or null; one that is not set finds nothing, and then its labels are not attached.
struct ClusterView {
  using Find = std::function<kube::ObjectPtr(const std::string& name_space, const std::string& name)>;
  Find pod;
  Find service;
  Find node;         // attach_metadata: node
  Find name_space;   // attach_metadata: namespace
  Find replica_set;  // attach_metadata: deployment
  Find job;          // attach_metadata: cronjob
  bool attach_job = false;
  // Nodes are selected: pods on others are no targets.
  bool needs_node = false;
};

// "pod", "svc", "endpoints", … and the object: "pod/default/web-1". The source of its group.
std::string KubernetesSource(const std::string& role, const std::string& key);

// The group of one object of the role's own kind. Its source is KubernetesSource of the role and the object.
TargetGroup MakeKubernetesGroup(const std::string& role, const kube::Object& object, const ClusterView& view);

}  // namespace sextant::discovery
