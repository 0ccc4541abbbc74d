// The web configuration file (`--web.config.file`) that Prometheus and its exporters share: TLS, users and
// response headers of the server. What our server cannot do is refused by name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/secret.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::config {

struct WebTlsConfig {
  std::string cert;  // PEM
  Secret key;
  std::string client_ca;
  std::string cert_file;  // paths are already relative to the working folder
  std::string key_file;
  std::string client_auth_type;
  std::string client_ca_file;
  std::vector<std::string> cipher_suites;
  std::vector<std::string> curve_preferences;
  std::string min_version = "TLS12";
  std::string max_version;
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> client_allowed_sans;

  // Whether TLS is asked for at all.
  bool is_on() const {
    return !(cert + cert_file + key_file + client_auth_type + client_ca + client_ca_file).empty() ||
           !key.empty();
  }
};

// All requests together: one per interval, and `burst` at once; an interval of 0 is no limit.
struct WebRateLimitConfig {
  core::DurationMs interval_ms = 0;
  int64_t burst = 0;
};

struct WebHttpConfig {
  bool http2 = true;
  std::map<std::string, std::string> headers;  // for every answer
};

struct WebConfig {
  WebTlsConfig tls;
  WebHttpConfig http;
  std::map<std::string, std::string> basic_auth_users;  // name → bcrypt hash
  WebRateLimitConfig rate_limit;
};

const Struct& FieldsOf(const WebTlsConfig*);
const Struct& FieldsOf(const WebHttpConfig*);
const Struct& FieldsOf(const WebRateLimitConfig*);
const Struct& FieldsOf(const WebConfig*);

// Reads a file. Errors are kInvalidArgument or kUnimplemented and name file, line, column and field. Whether
// certificates and hashes are any good, the server says.
core::Result<WebConfig> LoadWebConfig(const std::string& path);

}  // namespace sextant::config
