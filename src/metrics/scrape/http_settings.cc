#include "metrics/scrape/http_settings.h"

namespace sextant::scrape {

void ApplyHttpConfig(const config::HttpClientConfig& config, net::FetchRequest& request) {
  request.follow_redirects = config.follow_redirects;
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

}  // namespace sextant::scrape
