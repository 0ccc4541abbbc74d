// Service discovery from the APIs of other systems: Consul, Docker, Docker Swarm and EC2, with Prometheus'
// defaults and validations.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/http_client_config.h"
#include "core/clock.h"

namespace sextant::config {

struct ConsulDiscoveryConfig {
  std::string server = "localhost:8500";
  std::string path_prefix;
  Secret token;
  std::string datacenter;
  std::string name_space;
  std::string partition;
  std::string tag_separator = ",";
  std::string scheme = "http";
  std::string username;  // empty after decoding: they have become http.basic_auth
  Secret password;
  bool allow_stale = true;
  core::DurationMs refresh_interval_ms = 30'000;  // the shortest time between two requests of one kind
  std::vector<std::string> services;              // empty: all
  std::vector<std::string> tags;                  // all of them
  std::map<std::string, std::string> node_meta;
  std::string filter;         // of the catalog, in Consul's language
  std::string health_filter;  // of a service's instances
  HttpClientConfig http;
};

// What an API is asked for: one of the values.
struct DiscoveryFilter {
  std::string name;
  std::vector<std::string> values;
};

struct DockerDiscoveryConfig {
  std::string host;   // unix://, tcp://, http:// or https://
  int32_t port = 80;  // of containers that expose none
  std::vector<DiscoveryFilter> filters;
  std::string host_networking_host = "localhost";
  core::DurationMs refresh_interval_ms = 60'000;
  bool match_first_network = true;
  HttpClientConfig http;
};

struct DockerSwarmDiscoveryConfig {
  std::string host;
  std::string role;   // services, tasks, nodes
  int32_t port = 80;  // of what publishes none
  std::vector<DiscoveryFilter> filters;
  core::DurationMs refresh_interval_ms = 60'000;
  HttpClientConfig http;
};

struct Ec2DiscoveryConfig {
  std::string endpoint;  // empty: AWS' own
  std::string region;    // empty: the environment's
  std::string access_key;
  Secret secret_key;
  std::string profile;
  std::string role_arn;     // empty: the keys themselves sign
  std::string external_id;  // told when the role is assumed
  int32_t port = 80;
  std::vector<DiscoveryFilter> filters;
  core::DurationMs refresh_interval_ms = 60'000;
  HttpClientConfig http;
};

const Struct& FieldsOf(const ConsulDiscoveryConfig*);
const Struct& FieldsOf(const DiscoveryFilter*);
const Struct& FieldsOf(const DockerDiscoveryConfig*);
const Struct& FieldsOf(const DockerSwarmDiscoveryConfig*);
const Struct& FieldsOf(const Ec2DiscoveryConfig*);

// What must hold of every refresh interval: longer than 0.
core::Status CheckRefreshInterval(const int64_t& interval_ms, Node node);

}  // namespace sextant::config
