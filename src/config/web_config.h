// The web configuration file (`--web.config.file`) that Prometheus and its exporters share: TLS, users and
// response headers of the server. What our server cannot do yet is refused by name.
#pragma once

#include <map>
#include <string>

#include "config/decode.h"
#include "core/result.h"

namespace sextant::config {

struct WebTlsConfig {
  std::string cert_file;  // paths are already relative to the working folder
  std::string key_file;
  std::string client_auth_type;
  std::string client_ca_file;
  std::string min_version = "TLS12";

  // Whether TLS is asked for at all.
  bool is_on() const { return !(cert_file + key_file + client_auth_type + client_ca_file).empty(); }
  bool requires_client_certificate() const { return client_auth_type == "RequireAndVerifyClientCert"; }
};

struct WebHttpConfig {
  std::map<std::string, std::string> headers;  // for every answer
};

struct WebConfig {
  WebTlsConfig tls;
  WebHttpConfig http;
  std::map<std::string, std::string> basic_auth_users;  // name → bcrypt hash
};

const Struct& FieldsOf(const WebTlsConfig*);
const Struct& FieldsOf(const WebHttpConfig*);
const Struct& FieldsOf(const WebConfig*);

// Reads a file. Errors are kInvalidArgument or kUnimplemented and name file, line, column and field. Whether
// certificates and hashes are any good, the server says.
core::Result<WebConfig> LoadWebConfig(const std::string& path);

}  // namespace sextant::config
