#include "httpclient/web_settings.h"

#include "config/web_config.h"

namespace sextant::httpclient {

namespace {

net::ClientCertificates ClientCertificatesOf(std::string_view type) {
  using enum net::ClientCertificates;
  if (type == "RequestClientCert") return kAsked;
  if (type == "RequireClientCert" || type == "RequireAnyClientCert") return kRequired;
  if (type == "VerifyClientCertIfGiven") return kVerifiedIfGiven;
  if (type == "RequireAndVerifyClientCert") return kRequiredVerified;
  return kNotAsked;
}

}  // namespace

core::Result<WebSettings> LoadWebSettings(const std::string& path) {
  SEXTANT_ASSIGN(config::WebConfig config, config::LoadWebConfig(path));
  WebSettings settings;
  net::WebSecurity& security = settings.security;
  security.cert_file = config.tls.cert_file;
  security.cert = config.tls.cert;
  security.key_file = config.tls.key_file;
  security.key = config.tls.key.Reveal();
  security.client_ca_file = config.tls.client_ca_file;
  security.client_ca = config.tls.client_ca;
  security.client_certificates = ClientCertificatesOf(config.tls.client_auth_type);
  security.client_allowed_sans = config.tls.client_allowed_sans;
  security.min_tls_version = config.tls.min_version;
  security.max_tls_version = config.tls.max_version;
  security.cipher_suites = config.tls.cipher_suites;
  security.prefers_own_cipher_suites = config.tls.prefer_server_cipher_suites;
  security.curves = config.tls.curve_preferences;
  security.http2 = config.http.http2;
  security.rate_interval_ms = config.rate_limit.interval_ms;
  security.rate_burst = config.rate_limit.burst;
  settings.security.basic_auth_users = std::move(config.basic_auth_users);
  settings.headers = std::move(config.http.headers);
  SEXTANT_TRY(net::ValidateWebSecurity(settings.security));
  return settings;
}

}  // namespace sextant::httpclient
