// How targets are found besides static_configs: the `*_sd_configs` of scrape configs and Alertmanagers, with
// Prometheus' defaults and validations. Mechanisms of Prometheus that we do not have are refused by name.
#pragma once

#include <string>
#include <vector>

#include "config/api_discovery_config.h"
#include "config/decode.h"
#include "config/http_client_config.h"
#include "config/kubernetes_discovery_config.h"
#include "core/clock.h"

namespace sextant::config {

struct FileDiscoveryConfig {
  std::vector<std::string> files;  // patterns, already seen from the folder of the configuration
  core::DurationMs refresh_interval_ms = 300'000;
};

struct HttpDiscoveryConfig {
  HttpClientConfig http;
  core::DurationMs refresh_interval_ms = 60'000;
  std::string url;
};

struct DnsDiscoveryConfig {
  std::vector<std::string> names;
  core::DurationMs refresh_interval_ms = 30'000;
  std::string type = "SRV";  // SRV, A, AAAA, MX or NS, in any case
  int32_t port = 0;          // for all types but SRV
};

struct DiscoveryConfigs {
  std::vector<FileDiscoveryConfig> file;
  std::vector<HttpDiscoveryConfig> http;
  std::vector<DnsDiscoveryConfig> dns;
  std::vector<KubernetesDiscoveryConfig> kubernetes;
  std::vector<ConsulDiscoveryConfig> consul;
  std::vector<DockerDiscoveryConfig> docker;
  std::vector<DockerSwarmDiscoveryConfig> docker_swarm;
  std::vector<Ec2DiscoveryConfig> ec2;

  bool empty() const {
    return file.empty() && http.empty() && dns.empty() && kubernetes.empty() && consul.empty() &&
           docker.empty() && docker_swarm.empty() && ec2.empty();
  }
};

// A text that is equal when and only when the configurations are, secrets included; not to be shown.
std::string Fingerprint(const DiscoveryConfigs& configs);

const Struct& FieldsOf(const FileDiscoveryConfig*);
const Struct& FieldsOf(const HttpDiscoveryConfig*);
const Struct& FieldsOf(const DnsDiscoveryConfig*);
const Struct& FieldsOf(const DiscoveryConfigs*);

}  // namespace sextant::config
