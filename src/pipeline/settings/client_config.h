// How the collector's components talk to other servers: configgrpc's and confighttp's client settings.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/secret.h"
#include "core/clock.h"
#include "net/http_client.h"
#include "pipeline/settings/cookie_jar.h"
#include "pipeline/settings/tls_config.h"

namespace sextant::pipeline {

// Headers, as a mapping or as a list of {name, value}.
using HeaderMap = std::map<std::string, config::Secret>;
config::CodecFor<HeaderMap> Headers();

// "auth: {authenticator: basicauth/client}".
struct AuthConfig {
  std::string authenticator;
};

struct KeepaliveClientConfig {
  core::DurationMs time_ms = 10'000;
  core::DurationMs timeout_ms = 10'000;
  bool permit_without_stream = false;
};

struct GrpcClientConfig {
  std::string endpoint;  // host:port, or with a scheme
  std::string compression = "gzip";
  ClientTlsConfig tls;
  std::optional<KeepaliveClientConfig> keepalive = KeepaliveClientConfig();
  HeaderMap headers;
  std::string balancer_name = "round_robin";
  std::string authority;
  std::string user_agent;
  std::optional<AuthConfig> auth;

  // Without a scheme, which says whether TLS is used, too.
  std::string Address() const;
  bool UsesTls() const;
};

struct CompressionParams {
  int64_t level = 0;  // 0: the coding's own choice
};

struct CookiesConfig {
  bool enabled = true;  // where the section is
};

struct HttpClientConfig {
  std::string endpoint;
  std::string proxy_url;
  ClientTlsConfig tls;
  core::DurationMs timeout_ms = 30'000;
  HeaderMap headers;
  std::string compression = "gzip";
  CompressionParams compression_params;
  std::optional<CookiesConfig> cookies;
  std::optional<AuthConfig> auth;
  bool disable_keep_alives = false;
  int64_t max_idle_conns = 100;
  int64_t max_idle_conns_per_host = 0;
  int64_t max_conns_per_host = 0;
  core::DurationMs idle_conn_timeout_ms = 90'000;
};

const config::Struct& FieldsOf(const AuthConfig*);
const config::Struct& FieldsOf(const KeepaliveClientConfig*);
const config::Struct& FieldsOf(const GrpcClientConfig*);
const config::Struct& FieldsOf(const CompressionParams*);
const config::Struct& FieldsOf(const CookiesConfig*);
const config::Struct& FieldsOf(const HttpClientConfig*);

// A request with what the settings say, but its URL, body and authentication.
net::FetchRequest RequestOf(const HttpClientConfig& config);
// Where the cookies of these requests are kept; null without.
std::unique_ptr<CookieJar> CookiesOf(const HttpClientConfig& config, std::string_view url,
                                     const core::Clock& clock);
// Compresses a body as the settings say and adds its header; what they say was checked when they were read.
core::Status CompressBody(const HttpClientConfig& config, net::FetchRequest& request);

}  // namespace sextant::pipeline
