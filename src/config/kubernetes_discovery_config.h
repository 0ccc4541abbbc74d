// kubernetes_sd_configs: what is looked for in a Kubernetes cluster, with Prometheus' defaults and
// validations.
#pragma once

#include <string>
#include <vector>

#include "config/decode.h"
#include "config/http_client_config.h"

namespace sextant::config {

struct KubernetesNamespaces {
  bool own_namespace = false;
  std::vector<std::string> names;  // empty: all
};

struct KubernetesSelector {
  std::string role;
  std::string label;
  std::string field;
};

struct KubernetesAttach {
  bool node = false;
  bool name_space = false;
  bool deployment = false;
  bool job = false;
  bool cron_job = false;
};

struct KubernetesDiscoveryConfig {
  std::string api_server;       // empty: the cluster that this process is a pod of, or kubeconfig_file's
  std::string role;             // pod, service, endpoints, endpointslice, node, ingress
  std::string kubeconfig_file;  // already relative to the working folder
  HttpClientConfig http;
  KubernetesNamespaces namespaces;
  std::vector<KubernetesSelector> selectors;
  KubernetesAttach attach_metadata;
};

const Struct& FieldsOf(const KubernetesNamespaces*);
const Struct& FieldsOf(const KubernetesSelector*);
const Struct& FieldsOf(const KubernetesAttach*);
const Struct& FieldsOf(const KubernetesDiscoveryConfig*);

}  // namespace sextant::config
