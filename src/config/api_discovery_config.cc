#include "config/api_discovery_config.h"

#include <algorithm>

#include "config/text.h"

namespace sextant::config {

namespace {

core::Status FinishConsul(ConsulDiscoveryConfig& consul, Node node) {
  if (consul.server.find_first_not_of(" \t\r\n") == std::string::npos) {
    return node.Fail("consul SD configuration requires a server address");
  }
  if (!consul.username.empty() || !consul.password.empty()) {
    if (consul.http.basic_auth) {
      return node.Fail(
          "at most one of consul SD configuration username and password and basic auth can be configured");
    }
    if (consul.http.authorization || consul.http.oauth2) {
      return node.Fail("at most one of basic_auth, oauth2 & authorization must be configured");
    }
    BasicAuthConfig basic;
    basic.username = std::move(consul.username);
    basic.password = std::move(consul.password);
    consul.http.basic_auth = std::move(basic);
    consul.username.clear();
    consul.password = Secret();
  }
  if (!consul.token.empty() && (consul.http.authorization || consul.http.oauth2)) {
    return node.Fail("at most one of consul SD token, authorization, or oauth2 can be configured");
  }
  return {};
}

core::Status CheckDockerHost(const std::string& host, Node node) {
  if (host.empty()) return node.Fail("host missing");
  for (std::string_view scheme : {"unix://", "tcp://", "http://", "https://"}) {
    if (host.starts_with(scheme) && host.size() > scheme.size()) return {};
  }
  return node.Fail("the host {} must begin with unix://, tcp://, http:// or https://", Quote(host));
}

core::Status FinishDocker(DockerDiscoveryConfig& docker, Node node) {
  return CheckDockerHost(docker.host, node);
}

core::Status FinishDockerSwarm(DockerSwarmDiscoveryConfig& swarm, Node node) {
  SEXTANT_TRY(CheckDockerHost(swarm.host, node));
  if (swarm.role.empty()) return node.Fail("role missing (one of: tasks, services, nodes)");
  if (swarm.role != "services" && swarm.role != "nodes" && swarm.role != "tasks") {
    return node.Fail("invalid role {}, expected tasks, services, or nodes", swarm.role);
  }
  return {};
}

core::Status FinishEc2(Ec2DiscoveryConfig& ec2, Node node) {
  bool has_empty = std::ranges::any_of(ec2.filters, [](const auto& filter) { return filter.values.empty(); });
  if (has_empty) return node.Fail("EC2 SD configuration filter values cannot be empty");
  return {};
}

}  // namespace

core::Status CheckRefreshInterval(const int64_t& interval_ms, Node node) {
  if (interval_ms > 0) return {};
  return node.Fail("the refresh interval must be longer than 0");
}

const Struct& FieldsOf(const ConsulDiscoveryConfig*) {
  using Config = ConsulDiscoveryConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::server>("server"),
          Member<&Config::path_prefix>("path_prefix"),
          Member<&Config::token>("token"),
          Member<&Config::datacenter>("datacenter"),
          Member<&Config::name_space>("namespace"),
          Member<&Config::partition>("partition"),
          Member<&Config::tag_separator>("tag_separator"),
          Member<&Config::scheme>("scheme"),
          Member<&Config::username>("username"),
          Member<&Config::password>("password"),
          Member<&Config::allow_stale>("allow_stale").AlwaysWritten(),
          Member<&Config::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
          Member<&Config::services>("services"),
          Member<&Config::tags>("tags"),
          Member<&Config::node_meta>("node_meta"),
          Member<&Config::filter>("filter"),
          Member<&Config::health_filter>("health_filter"),
          Inline<&Config::http>(),
      },
      FinishConsul);
  return kFields;
}

const Struct& FieldsOf(const DiscoveryFilter*) {
  static const Struct kFields = Struct::Of<DiscoveryFilter>({
      Member<&DiscoveryFilter::name>("name"),
      Member<&DiscoveryFilter::values>("values"),
  });
  return kFields;
}

const Struct& FieldsOf(const DockerDiscoveryConfig*) {
  using Config = DockerDiscoveryConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Inline<&Config::http>(),
          Member<&Config::host>("host"),
          Member<&Config::port>("port"),
          Member<&Config::filters>("filters"),
          Member<&Config::host_networking_host>("host_networking_host"),
          Member<&Config::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
          Member<&Config::match_first_network>("match_first_network").AlwaysWritten(),
      },
      FinishDocker);
  return kFields;
}

const Struct& FieldsOf(const DockerSwarmDiscoveryConfig*) {
  using Config = DockerSwarmDiscoveryConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Inline<&Config::http>(),
          Member<&Config::host>("host"),
          Member<&Config::role>("role"),
          Member<&Config::port>("port"),
          Member<&Config::filters>("filters"),
          Member<&Config::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
      },
      FinishDockerSwarm);
  return kFields;
}

const Struct& FieldsOf(const Ec2DiscoveryConfig*) {
  using Config = Ec2DiscoveryConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::endpoint>("endpoint"),
          Member<&Config::region>("region"),
          Member<&Config::access_key>("access_key"),
          Member<&Config::secret_key>("secret_key"),
          Member<&Config::profile>("profile"),
          Member<&Config::role_arn>("role_arn"),
          Member<&Config::external_id>("external_id"),
          Member<&Config::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
          Member<&Config::port>("port"),
          Member<&Config::filters>("filters"),
          Inline<&Config::http>(),
      },
      FinishEc2);
  return kFields;
}

}  // namespace sextant::config
