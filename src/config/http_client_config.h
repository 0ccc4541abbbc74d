// How to talk to an HTTP server: the fields that Prometheus, Alertmanager and their kin share (`basic_auth`,
// `authorization`, `tls_config`, …; prometheus/common's http_config). Stands inline in scrape_configs and
// alertmanagers, and under `http_config` elsewhere. Paths of files are already relative to the working
// folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
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

// PEM files, or the same as text; the key is there when and only when the certificate is.
struct TlsConfig {
  std::string ca;
  std::string cert;
  Secret key;
  std::string ca_file;  // empty: the system's
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // expected in the server's certificate instead of the host; empty: the host
  bool insecure_skip_verify = false;
  std::string min_version;  // "TLS10" … "TLS13", or empty
  std::string max_version;
  std::vector<std::string> next_protos;  // offered to the server (ALPN); empty: "http/1.1"
};

struct ProxyConfig {
  std::string url;       // empty: none
  std::string no_proxy;  // hosts, domains, addresses and networks that are reached without it, with commas
  bool from_environment = false;  // HTTP_PROXY, HTTPS_PROXY and NO_PROXY say so instead
  std::map<std::string, std::vector<Secret>> connect_header;  // sent to the proxy with CONNECT
};

inline constexpr std::string_view kJwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

// For what a server gives a token: client credentials (RFC 6749, 4.4) or a signed assertion (RFC 7523, 2.1).
struct OAuth2Config {
  std::string client_id;
  Secret client_secret;
  std::string client_secret_file;
  std::vector<std::string> scopes;
  std::string token_url;
  std::string grant_type;  // "client_credentials", or empty for it, or kJwtBearerGrant
  // The rest is of assertions: an RSA key as PEM, its name, "RS256" (also when empty), "RS384" or "RS512".
  Secret client_certificate_key;
  std::string client_certificate_key_file;
  std::string client_certificate_key_id;
  std::string signature_algorithm;
  std::string iss;          // empty: client_id
  std::string audience;     // empty: token_url
  std::string claims_json;  // more claims, as a JSON object; empty: none
  std::map<std::string, std::string> endpoint_params;
  TlsConfig tls;
  ProxyConfig proxy;
};

// How requests to AWS are signed. What is empty comes from the environment and AWS' shared files.
struct SigV4Config {
  std::string region;
  std::string access_key;
  Secret secret_key;
  std::string profile;
  std::string service_name = {};  // empty: "aps"
  std::string role_arn = {};      // empty: the keys themselves sign; else those of this role
  std::string external_id = {};   // told when the role is assumed, as are the next two
  std::string session_name = {};
  std::map<std::string, std::string> tags = {};
  bool use_fips_sts_endpoint = false;
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
  std::optional<OAuth2Config> oauth2;
  Secret bearer_token;            // empty after decoding
  std::string bearer_token_file;  // empty after decoding
  TlsConfig tls;
  bool follow_redirects = true;
  ProxyConfig proxy;
  std::map<std::string, HttpHeaderConfig> http_headers;
};

const Struct& FieldsOf(const BasicAuthConfig*);
const Struct& FieldsOf(const AuthorizationConfig*);
const Struct& FieldsOf(const TlsConfig*);
const Struct& FieldsOf(const ProxyConfig*);
const Struct& FieldsOf(const OAuth2Config*);
const Struct& FieldsOf(const SigV4Config*);
const Struct& FieldsOf(const HttpHeaderConfig*);
const Struct& FieldsOf(const HttpClientConfig*);

// The secrets that a dump hides, for telling whether a configuration has changed; not to be shown.
std::string RevealSecrets(const HttpClientConfig& http);
std::string RevealSecrets(const std::optional<SigV4Config>& sigv4);

}  // namespace sextant::config
