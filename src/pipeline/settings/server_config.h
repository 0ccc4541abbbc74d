// How the collector's components serve: configgrpc's and confighttp's server settings.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "net/http_server.h"
#include "pipeline/component.h"
#include "pipeline/settings/client_config.h"
#include "pipeline/settings/tls_config.h"

namespace sextant::pipeline {

struct KeepaliveServerParameters {
  core::DurationMs max_connection_idle_ms = 0;  // 0: no limit of this kind
  core::DurationMs max_connection_age_ms = 0;
  core::DurationMs max_connection_age_grace_ms = 0;
  core::DurationMs time_ms = 0;
  core::DurationMs timeout_ms = 0;
};
struct KeepaliveEnforcementPolicy {
  core::DurationMs min_time_ms = 0;
  bool permit_without_stream = false;
};
struct KeepaliveServerConfig {
  std::optional<KeepaliveServerParameters> server_parameters;
  std::optional<KeepaliveEnforcementPolicy> enforcement_policy;
};

struct GrpcServerConfig {
  std::string endpoint = "localhost:4317";
  std::string transport = "tcp";
  std::optional<ServerTlsConfig> tls;
  int64_t max_recv_msg_size_mib = 0;   // 0: 4
  int64_t max_concurrent_streams = 0;  // 0: the server's own limit
  std::optional<KeepaliveServerConfig> keepalive;
  std::optional<AuthConfig> auth;
  bool include_metadata = false;

  size_t MaxMessageBytes() const;
};

struct CorsConfig {
  std::vector<std::string> allowed_origins;
  std::vector<std::string> allowed_headers;
  std::vector<std::string> exposed_headers;
  int64_t max_age = 0;  // seconds
};

struct ServerAuthConfig {
  std::string authenticator;
  std::vector<std::string> request_params;
};

struct HttpServerConfig {
  std::string endpoint = "localhost:4318";
  std::string transport = "tcp";
  std::optional<ServerTlsConfig> tls;
  std::optional<CorsConfig> cors;
  std::optional<ServerAuthConfig> auth;
  int64_t max_request_body_size = 20 << 20;
  bool include_metadata = false;
  HeaderMap response_headers;
  core::DurationMs read_timeout_ms = 0;
  core::DurationMs read_header_timeout_ms = 60'000;
  core::DurationMs write_timeout_ms = 30'000;
  core::DurationMs idle_timeout_ms = 60'000;
  bool keep_alives_enabled = true;
};

const config::Struct& FieldsOf(const KeepaliveServerParameters*);
const config::Struct& FieldsOf(const KeepaliveEnforcementPolicy*);
const config::Struct& FieldsOf(const KeepaliveServerConfig*);
const config::Struct& FieldsOf(const GrpcServerConfig*);
const config::Struct& FieldsOf(const CorsConfig*);
const config::Struct& FieldsOf(const ServerAuthConfig*);
const config::Struct& FieldsOf(const HttpServerConfig*);

// Whether a browser's page of `origin` may send, by a list of origins with `*` for any characters.
bool AllowsOrigin(const CorsConfig& cors, std::string_view origin);

// What an endpoint means as an address to listen on: "localhost" is this machine without a look-up.
std::string LocalAddress(const std::string& endpoint);

// Options that serve as the settings say, without routes. `fallback_address` for an endpoint without a port.
net::HttpServerOptions ServerOptionsOf(const GrpcServerConfig& config);
net::HttpServerOptions ServerOptionsOf(const HttpServerConfig& config);

// Who sent a request. `headers` go along when the settings include metadata.
std::shared_ptr<const Client> ClientOf(std::string_view remote_address, const net::HttpHeaders& headers,
                                       bool include_metadata);

}  // namespace sextant::pipeline
