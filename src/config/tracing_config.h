// Where a server sends the traces of its own work (the section `tracing` of prometheus.yml and of
// alertmanager.yml, which differ in how headers are written).
#pragma once

#include <map>
#include <string>

#include "config/decode.h"
#include "config/http_client_config.h"
#include "core/clock.h"

namespace sextant::config {

enum class TracingProtocol { kGrpc, kHttp };

struct TracingClientConfig {
  TracingProtocol protocol = TracingProtocol::kGrpc;
  std::string endpoint;          // "host:port", or this behind http:// or https://, which say nothing
  double sampling_fraction = 0;  // of new traces; those that others began are recorded as they say
  bool insecure = false;         // without TLS
  TlsConfig tls;
  std::string compression;          // "gzip", or empty
  core::DurationMs timeout_ms = 0;  // of one request; 0: the protocol's usual one
};

// The endpoint without a scheme. A view of it.
std::string_view HostAndPort(const TracingClientConfig& client);

// As in prometheus.yml.
struct TracingConfig {
  TracingClientConfig client;
  std::map<std::string, std::string> headers;
};

// As in alertmanager.yml.
struct AlertmanagerTracingConfig {
  TracingClientConfig client;
  std::map<std::string, HttpHeaderConfig> headers;  // without files
};

// The first value of each header, or else its first secret.
TracingConfig ToTracingConfig(const AlertmanagerTracingConfig& config);

const Struct& FieldsOf(const TracingClientConfig*);
const Struct& FieldsOf(const TracingConfig*);
const Struct& FieldsOf(const AlertmanagerTracingConfig*);

}  // namespace sextant::config
