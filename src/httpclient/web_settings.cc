#include "httpclient/web_settings.h"

#include "config/web_config.h"

namespace sextant::httpclient {

core::Result<WebSettings> LoadWebSettings(const std::string& path) {
  SEXTANT_ASSIGN(config::WebConfig config, config::LoadWebConfig(path));
  WebSettings settings;
  settings.security.cert_file = config.tls.cert_file;
  settings.security.key_file = config.tls.key_file;
  settings.security.client_ca_file = config.tls.client_ca_file;
  settings.security.require_client_certificate = config.tls.requires_client_certificate();
  settings.security.min_tls_version = config.tls.min_version;
  settings.security.basic_auth_users = std::move(config.basic_auth_users);
  settings.headers = std::move(config.http.headers);
  SEXTANT_TRY(net::ValidateWebSecurity(settings.security));
  return settings;
}

}  // namespace sextant::httpclient
