#include "httpclient/settings.h"

#include <algorithm>

#include "httpclient/oauth2.h"
#include "httpclient/secret_file.h"

namespace sextant::httpclient {

core::Status ReadSecretFiles(const config::HttpClientConfig& config, net::FetchRequest& request) {
  if (config.basic_auth && !config.basic_auth->password_file.empty()) {
    SEXTANT_ASSIGN(request.basic_password, ReadSecretFile(config.basic_auth->password_file));
  }
  if (config.basic_auth && !config.basic_auth->username_file.empty()) {
    SEXTANT_ASSIGN(request.basic_user, ReadSecretFile(config.basic_auth->username_file));
  }
  if (config.authorization && !config.authorization->credentials_file.empty()) {
    SEXTANT_ASSIGN(std::string credentials, ReadSecretFile(config.authorization->credentials_file));
    if (config.authorization->type == "Bearer") {
      request.bearer_token = std::move(credentials);
    } else {
      request.headers.Set("Authorization", config.authorization->type + " " + credentials);
    }
  }
  for (const auto& [name, header] : config.http_headers) {
    for (const std::string& path : header.files) {
      SEXTANT_ASSIGN(std::string value, ReadSecretFile(path));
      request.headers.Add(name, value);
    }
  }
  return {};
}

bool HasSecretFiles(const config::HttpClientConfig& config) {
  if (config.basic_auth && !(config.basic_auth->password_file + config.basic_auth->username_file).empty()) {
    return true;
  }
  if (config.authorization && !config.authorization->credentials_file.empty()) return true;
  if (config.oauth2 &&
      !(config.oauth2->client_secret_file + config.oauth2->client_certificate_key_file).empty()) {
    return true;
  }
  return std::ranges::any_of(config.http_headers,
                             [](const auto& header) { return !header.second.files.empty(); });
}

void ApplyHttpConfig(const config::HttpClientConfig& config, const core::Clock& clock,
                     net::FetchRequest& request) {
  ApplyHttpConfig(config, MakeAuthorizer(config, clock), request);
}

void ApplyHttpConfig(const config::HttpClientConfig& config,
                     std::shared_ptr<net::RequestAuthorizer> authorizer, net::FetchRequest& request) {
  request.follow_redirects = config.follow_redirects;
  ApplyProxy(config.proxy, request);
  for (const auto& [name, header] : config.http_headers) {
    for (const std::string& value : header.values) request.headers.Add(name, value);
    for (const config::Secret& secret : header.secrets) request.headers.Add(name, secret.Reveal());
  }
  if (const auto& basic = config.basic_auth) {
    request.basic_user = basic->username;
    request.basic_password = basic->password.Reveal();
  }
  if (const auto& authorization = config.authorization) {
    if (authorization->type == "Bearer") {
      request.bearer_token = authorization->credentials.Reveal();
    } else {
      request.headers.Set("Authorization", authorization->type + " " + authorization->credentials.Reveal());
    }
  }
  request.tls = TlsOptions(config.tls);
  request.authorizer = std::move(authorizer);
}

std::shared_ptr<net::RequestAuthorizer> MakeAuthorizer(const config::HttpClientConfig& config,
                                                       const core::Clock& clock) {
  return config.oauth2 ? MakeOAuth2Authorizer(*config.oauth2, clock) : nullptr;
}

std::shared_ptr<const net::TlsClientOptions> TlsOptions(const config::TlsConfig& config) {
  net::TlsClientOptions tls;
  tls.ca_file = config.ca_file;
  tls.cert_file = config.cert_file;
  tls.key_file = config.key_file;
  tls.ca_pem = config.ca;
  tls.cert_pem = config.cert;
  tls.key_pem = config.key.Reveal();
  tls.server_name = config.server_name;
  tls.insecure_skip_verify = config.insecure_skip_verify;
  tls.min_version = config.min_version;
  tls.max_version = config.max_version;
  tls.next_protos = config.next_protos;
  return std::make_shared<const net::TlsClientOptions>(std::move(tls));
}

void ApplyProxy(const config::ProxyConfig& config, net::FetchRequest& request) {
  request.proxy_url = config.url;
  request.no_proxy = config.no_proxy;
  request.proxy_from_environment = config.from_environment;
  for (const auto& [name, values] : config.connect_header) {
    for (const config::Secret& value : values) request.proxy_connect_headers.Add(name, value.Reveal());
  }
}

}  // namespace sextant::httpclient
