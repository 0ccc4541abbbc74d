#include "pipeline/settings/server_config.h"

#include <algorithm>

#include "config/text.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

constexpr int64_t kDefaultMessageMib = 4;

Status CheckTransport(const std::string& transport, Node node) {
  if (transport == "tcp" || transport == "tcp4" || transport == "tcp6") return {};
  if (transport == "unix") {
    return node.FailAt(node.position(), core::Code::kUnimplemented, "transport unix is not supported yet");
  }
  return node.Fail("invalid transport type {}", config::Quote(transport));
}

Status CheckNotNegative(const int64_t& value, Node node) {
  if (value >= 0) return {};
  return node.Fail("must not be negative");
}

// Clients are never turned away for their pings, which gives them all that a policy grants. One that is
// stricter than gRPC's default asks for protection that there is not.
Status CheckMinTime(const core::DurationMs& min_time_ms, Node node) {
  constexpr core::DurationMs kDefaultMs = 300'000;
  if (min_time_ms <= kDefaultMs) return {};
  return node.FailAt(node.position(), core::Code::kUnimplemented,
                     "a min_time above 5m is not supported yet: clients may ping as often as they like");
}

Status CheckMessageSize(const int64_t& mib, Node node) {
  if (mib >= 0 && mib <= 4'096) return {};
  return node.Fail("invalid max_recv_msg_size_mib value, must be between 0 and 4096: {}", mib);
}

Status CheckOrigins(const std::vector<std::string>& origins, Node node) {
  for (const std::string& origin : origins) {
    if (std::ranges::count(origin, '*') > 1) return node.Fail("more than one * in {}", config::Quote(origin));
  }
  return {};
}

}  // namespace

size_t GrpcServerConfig::MaxMessageBytes() const {
  return static_cast<size_t>(max_recv_msg_size_mib == 0 ? kDefaultMessageMib : max_recv_msg_size_mib) << 20;
}

const config::Struct& FieldsOf(const KeepaliveServerParameters*) {
  using namespace config;
  using C = KeepaliveServerParameters;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::max_connection_idle_ms>("max_connection_idle", GoDuration()),
      Member<&C::max_connection_age_ms>("max_connection_age", GoDuration()),
      Member<&C::max_connection_age_grace_ms>("max_connection_age_grace", GoDuration()),
      Member<&C::time_ms>("time", GoDuration()),
      Member<&C::timeout_ms>("timeout", GoDuration()),
  });
  return kFields;
}

const config::Struct& FieldsOf(const KeepaliveEnforcementPolicy*) {
  using namespace config;
  using C = KeepaliveEnforcementPolicy;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::min_time_ms>("min_time", GoDuration()).Check(&CheckMinTime),
      Member<&C::permit_without_stream>("permit_without_stream"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const KeepaliveServerConfig*) {
  using namespace config;
  using C = KeepaliveServerConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::server_parameters>("server_parameters", Section<KeepaliveServerParameters>()),
      Member<&C::enforcement_policy>("enforcement_policy", Section<KeepaliveEnforcementPolicy>()),
  });
  return kFields;
}

const config::Struct& FieldsOf(const GrpcServerConfig*) {
  using namespace config;
  using C = GrpcServerConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::endpoint>("endpoint"),
      Member<&C::transport>("transport").Check(&CheckTransport),
      NotYet("dialer", "a server does not dial"),
      Member<&C::tls>("tls", Section<ServerTlsConfig>()),
      Member<&C::max_recv_msg_size_mib>("max_recv_msg_size_mib").Check(&CheckMessageSize),
      Member<&C::max_concurrent_streams>("max_concurrent_streams").Check(&CheckNotNegative),
      NotYet("read_buffer_size", "buffers are the library's").Allowing({"0", "524288"}),
      NotYet("write_buffer_size", "buffers are the library's").Allowing({"0", "524288"}),
      Member<&C::keepalive>("keepalive", Section<KeepaliveServerConfig>()),
      Member<&C::auth>("auth", Section<AuthConfig>()),
      Member<&C::include_metadata>("include_metadata"),
      NotYet("middlewares"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const CorsConfig*) {
  using namespace config;
  using C = CorsConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::allowed_origins>("allowed_origins").Check(&CheckOrigins),
      Member<&C::allowed_headers>("allowed_headers"),
      Member<&C::exposed_headers>("exposed_headers"),
      Member<&C::max_age>("max_age").Check(&CheckNotNegative),
  });
  return kFields;
}

const config::Struct& FieldsOf(const ServerAuthConfig*) {
  using namespace config;
  using C = ServerAuthConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::authenticator>("authenticator").Required(),
      NotYet("request_params", "authenticators get headers"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const HttpServerConfig*) {
  using namespace config;
  using C = HttpServerConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::endpoint>("endpoint"),
      Member<&C::transport>("transport").Check(&CheckTransport),
      Member<&C::tls>("tls", Section<ServerTlsConfig>()),
      Member<&C::cors>("cors", Section<CorsConfig>()),
      Member<&C::auth>("auth", Section<ServerAuthConfig>()),
      Member<&C::max_request_body_size>("max_request_body_size").Check(&CheckNotNegative),
      Member<&C::include_metadata>("include_metadata"),
      Member<&C::response_headers>("response_headers", Headers()),
      NotYet("compression_algorithms", "all that the server knows are taken"),
      Member<&C::read_timeout_ms>("read_timeout", GoDuration()),
      Member<&C::read_header_timeout_ms>("read_header_timeout", GoDuration()),
      Member<&C::write_timeout_ms>("write_timeout", GoDuration()),
      Member<&C::idle_timeout_ms>("idle_timeout", GoDuration()),
      Member<&C::keep_alives_enabled>("keep_alives_enabled"),
      NotYet("middlewares"),
  });
  return kFields;
}

bool AllowsOrigin(const CorsConfig& cors, std::string_view origin) {
  return std::ranges::any_of(cors.allowed_origins, [&](std::string_view allowed) {
    size_t star = allowed.find('*');
    if (star == std::string_view::npos) return net::EqualsIgnoreCase(allowed, origin);
    std::string_view before = allowed.substr(0, star);
    std::string_view after = allowed.substr(star + 1);
    return origin.size() >= before.size() + after.size() &&
           net::EqualsIgnoreCase(origin.substr(0, before.size()), before) &&
           net::EqualsIgnoreCase(origin.substr(origin.size() - after.size()), after);
  });
}

std::string LocalAddress(const std::string& endpoint) {
  // "localhost" alone would be looked up; what is meant is this machine.
  if (endpoint.starts_with("localhost:")) return "127.0.0.1" + endpoint.substr(9);
  return endpoint;
}

net::HttpServerOptions ServerOptionsOf(const GrpcServerConfig& config) {
  net::HttpServerOptions options;
  options.listen = {LocalAddress(config.endpoint)};
  if (config.tls) options.security = SecurityOf(*config.tls);
  if (config.max_concurrent_streams > 0) {
    options.limits.max_concurrent_streams = static_cast<uint32_t>(config.max_concurrent_streams);
  }
  if (config.keepalive && config.keepalive->server_parameters) {
    const KeepaliveServerParameters& parameters = *config.keepalive->server_parameters;
    net::HttpTimeouts& timeouts = options.timeouts;
    if (parameters.max_connection_idle_ms > 0) timeouts.idle_ms = parameters.max_connection_idle_ms;
    if (parameters.max_connection_age_ms > 0) timeouts.http2_max_age_ms = parameters.max_connection_age_ms;
    if (parameters.max_connection_age_grace_ms > 0) {
      timeouts.http2_max_age_grace_ms = parameters.max_connection_age_grace_ms;
    }
    if (parameters.time_ms > 0) timeouts.http2_ping_ms = parameters.time_ms;
    if (parameters.timeout_ms > 0) timeouts.http2_ping_timeout_ms = parameters.timeout_ms;
  }
  return options;
}

net::HttpServerOptions ServerOptionsOf(const HttpServerConfig& config) {
  net::HttpServerOptions options;
  options.listen = {LocalAddress(config.endpoint)};
  if (config.tls) options.security = SecurityOf(*config.tls);
  auto set = [](core::DurationMs from, core::DurationMs& to) {
    if (from > 0) to = from;
  };
  set(config.read_header_timeout_ms, options.timeouts.header_ms);
  set(config.read_timeout_ms, options.timeouts.body_ms);
  set(config.write_timeout_ms, options.timeouts.write_ms);
  set(config.idle_timeout_ms, options.timeouts.idle_ms);
  return options;
}

std::shared_ptr<const Client> ClientOf(std::string_view remote_address, const net::HttpHeaders& headers,
                                       bool include_metadata) {
  auto client = std::make_shared<Client>();
  std::string_view host = remote_address.substr(0, remote_address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  client->address = host;
  if (!include_metadata) return client;
  for (size_t i = 0; i < headers.size(); ++i) {
    std::string name(headers.name(i));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    client->metadata.emplace_back(std::move(name), headers.value(i));
  }
  return client;
}

}  // namespace sextant::pipeline
