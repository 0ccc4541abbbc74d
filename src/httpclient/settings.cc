#include "httpclient/settings.h"

#include <algorithm>

#include "config/node.h"

namespace sextant::httpclient {

namespace {

core::Result<std::string> ReadSecret(const std::string& path) {
  constexpr size_t kMaxBytes = 1 << 20;
  SEXTANT_ASSIGN(
      std::string text,
      config::ReadTextFile(path, kMaxBytes).map_error(core::AddContext("unable to read file {}", path)));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

}  // namespace

core::Status ReadSecretFiles(const config::HttpClientConfig& config, net::FetchRequest& request) {
  if (config.basic_auth && !config.basic_auth->password_file.empty()) {
    SEXTANT_ASSIGN(request.basic_password, ReadSecret(config.basic_auth->password_file));
  }
  if (config.basic_auth && !config.basic_auth->username_file.empty()) {
    SEXTANT_ASSIGN(request.basic_user, ReadSecret(config.basic_auth->username_file));
  }
  if (config.authorization && !config.authorization->credentials_file.empty()) {
    SEXTANT_ASSIGN(std::string credentials, ReadSecret(config.authorization->credentials_file));
    if (config.authorization->type == "Bearer") {
      request.bearer_token = std::move(credentials);
    } else {
      request.headers.Set("Authorization", config.authorization->type + " " + credentials);
    }
  }
  for (const auto& [name, header] : config.http_headers) {
    for (const std::string& path : header.files) {
      SEXTANT_ASSIGN(std::string value, ReadSecret(path));
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
  return std::ranges::any_of(config.http_headers,
                             [](const auto& header) { return !header.second.files.empty(); });
}

void ApplyHttpConfig(const config::HttpClientConfig& config, net::FetchRequest& request) {
  request.follow_redirects = config.follow_redirects;
  request.proxy_url = config.proxy_url;
  request.no_proxy = config.no_proxy;
  request.proxy_from_environment = config.proxy_from_environment;
  for (const auto& [name, secrets] : config.proxy_connect_headers) {
    for (const config::Secret& secret : secrets) request.proxy_connect_headers.Add(name, secret.Reveal());
  }
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
  net::TlsClientOptions tls;
  tls.ca_file = config.tls.ca_file;
  tls.cert_file = config.tls.cert_file;
  tls.key_file = config.tls.key_file;
  tls.server_name = config.tls.server_name;
  tls.insecure_skip_verify = config.tls.insecure_skip_verify;
  tls.min_version = config.tls.min_version;
  request.tls = std::make_shared<const net::TlsClientOptions>(std::move(tls));
}

}  // namespace sextant::httpclient
