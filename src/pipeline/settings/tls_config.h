// The collector's TLS settings (configtls), as they stand under `tls`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/secret.h"
#include "core/clock.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace sextant::pipeline {

struct ClientTlsConfig {
  bool insecure = false;  // no TLS at all
  bool insecure_skip_verify = false;
  std::string server_name_override;
  std::string ca_file;
  config::Secret ca_pem;
  std::string cert_file;
  config::Secret cert_pem;
  std::string key_file;
  config::Secret key_pem;
  std::string min_version;  // "1.2", "1.3", …
  std::string max_version;
  bool include_system_ca_certs_pool = false;
  core::DurationMs reload_interval_ms = 0;  // files are read for each connection in any case
};

struct ServerTlsConfig {
  std::string cert_file;
  config::Secret cert_pem;
  std::string key_file;
  config::Secret key_pem;
  std::string ca_file;  // what a server's own certificate chains to: not needed, checked to be there
  std::string client_ca_file;
  bool client_ca_file_reload = false;
  std::string min_version;
  std::string max_version;
  std::vector<std::string> cipher_suites;
  std::vector<std::string> curve_preferences;
  core::DurationMs reload_interval_ms = 0;
};

const config::Struct& FieldsOf(const ClientTlsConfig*);
const config::Struct& FieldsOf(const ServerTlsConfig*);

// What a client is to use; null for no TLS.
std::shared_ptr<const net::TlsClientOptions> TlsOptionsOf(const ClientTlsConfig& config);
// Of a server, without its users.
net::WebSecurity SecurityOf(const ServerTlsConfig& config);

}  // namespace sextant::pipeline
