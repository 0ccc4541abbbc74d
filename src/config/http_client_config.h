// How to talk to an HTTP server: the fields that Prometheus, Alertmanager and their kin share (`basic_auth`,
// `authorization`, `tls_config`, …; prometheus/common's http_config). Stands inline in scrape_configs and
// alertmanagers, and under `http_config` elsewhere. Paths of files are already relative to the working
// folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/secret.h"

namespace sextant::config {

struct BasicAuthConfig {
  std::string username;
  std::string username_file;
  Secret password;
  std::string password_file;
};

struct AuthorizationConfig {
  std::string type = "Bearer";
  Secret credentials;
  std::string credentials_file;
};

// PEM files; the key is there when and only when the certificate is.
struct TlsConfig {
  std::string ca_file;  // empty: the system's
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // expected in the server's certificate instead of the host; empty: the host
  bool insecure_skip_verify = false;
  std::string min_version;  // "TLS10" … "TLS13", or empty
};

// Values of one header of requests, in this order.
struct HttpHeaderConfig {
  std::vector<std::string> values;
  std::vector<Secret> secrets;
  std::vector<std::string> files;  // each holds one value
};

struct HttpClientConfig {
  std::optional<BasicAuthConfig> basic_auth;
  // Also what `bearer_token` and `bearer_token_file`, its older names, turn into.
  std::optional<AuthorizationConfig> authorization;
  Secret bearer_token;            // empty after decoding
  std::string bearer_token_file;  // empty after decoding
  TlsConfig tls;
  bool follow_redirects = true;
  std::string proxy_url;  // empty: none
  std::string no_proxy;   // hosts, domains, addresses and networks that are reached without it, with commas
  bool proxy_from_environment = false;  // HTTP_PROXY, HTTPS_PROXY and NO_PROXY say so instead
  std::map<std::string, std::vector<Secret>> proxy_connect_headers;  // for the proxy alone
  std::map<std::string, HttpHeaderConfig> http_headers;
};

const Struct& FieldsOf(const BasicAuthConfig*);
const Struct& FieldsOf(const AuthorizationConfig*);
const Struct& FieldsOf(const TlsConfig*);
const Struct& FieldsOf(const HttpHeaderConfig*);
const Struct& FieldsOf(const HttpClientConfig*);

// The secrets that a dump hides, for telling whether a configuration has changed; not to be shown.
std::string RevealSecrets(const HttpClientConfig& http);

}  // namespace sextant::config
