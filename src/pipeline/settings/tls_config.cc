#include "pipeline/settings/tls_config.h"

#include "config/text.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

Status CheckVersion(const std::string& version, Node node) {
  for (std::string_view known : {"", "1.0", "1.1", "1.2", "1.3"}) {
    if (version == known) return {};
  }
  return node.Fail("unsupported TLS version: {}", config::Quote(version));
}

// "1.2" → "TLS12".
std::string VersionName(const std::string& version) {
  if (version.empty()) return "";
  return fmt::format("TLS{}{}", version[0], version[2]);
}

// A certificate and its key come together, each as a file or as text.
Status CheckPair(const std::string& cert_file, const config::Secret& cert_pem, const std::string& key_file,
                 const config::Secret& key_pem, Node node) {
  if (!cert_file.empty() && !cert_pem.empty()) {
    return node.Fail("provide either a certificate file or the PEM-encoded string, but not both");
  }
  if (!key_file.empty() && !key_pem.empty()) {
    return node.Fail("provide either a key file or the PEM-encoded string, but not both");
  }
  bool has_cert = !cert_file.empty() || !cert_pem.empty();
  bool has_key = !key_file.empty() || !key_pem.empty();
  if (has_cert != has_key) return node.Fail("provide both certificate and key, or neither");
  return {};
}

Status CheckRange(const std::string& min_version, const std::string& max_version, Node node) {
  if (!min_version.empty() && !max_version.empty() && max_version < min_version) {
    return node.Fail("invalid TLS configuration: min_version cannot be greater than max_version");
  }
  return {};
}

Status FinishClient(ClientTlsConfig& tls, Node node) {
  SEXTANT_TRY(CheckPair(tls.cert_file, tls.cert_pem, tls.key_file, tls.key_pem, node));
  if (!tls.ca_file.empty() && !tls.ca_pem.empty()) {
    return node.Fail("provide either a CA file or the PEM-encoded string, but not both");
  }
  return CheckRange(tls.min_version, tls.max_version, node);
}

Status FinishServer(ServerTlsConfig& tls, Node node) {
  SEXTANT_TRY(CheckPair(tls.cert_file, tls.cert_pem, tls.key_file, tls.key_pem, node));
  if (tls.cert_file.empty() && tls.cert_pem.empty()) {
    return node.Fail("provide both certificate and key, or neither");
  }
  return CheckRange(tls.min_version, tls.max_version, node);
}

constexpr std::string_view kNoTpm = "keys of a TPM cannot be used";

}  // namespace

const config::Struct& FieldsOf(const ClientTlsConfig*) {
  using namespace config;
  using C = ClientTlsConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::insecure>("insecure"),
          Member<&C::insecure_skip_verify>("insecure_skip_verify"),
          Member<&C::server_name_override>("server_name_override"),
          Member<&C::ca_file>("ca_file"),
          Member<&C::ca_pem>("ca_pem"),
          Member<&C::cert_file>("cert_file"),
          Member<&C::cert_pem>("cert_pem"),
          Member<&C::key_file>("key_file"),
          Member<&C::key_pem>("key_pem"),
          Member<&C::min_version>("min_version").Check(&CheckVersion),
          Member<&C::max_version>("max_version").Check(&CheckVersion),
          Member<&C::include_system_ca_certs_pool>("include_system_ca_certs_pool"),
          Member<&C::reload_interval_ms>("reload_interval", GoDuration()),
          NotYet("cipher_suites", "clients offer what the library has"),
          NotYet("curve_preferences", "clients offer what the library has"),
          NotYet("tpm", std::string(kNoTpm)),
      },
      &FinishClient);
  return kFields;
}

const config::Struct& FieldsOf(const ServerTlsConfig*) {
  using namespace config;
  using C = ServerTlsConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::cert_file>("cert_file"),
          Member<&C::cert_pem>("cert_pem"),
          Member<&C::key_file>("key_file"),
          Member<&C::key_pem>("key_pem"),
          Member<&C::ca_file>("ca_file"),
          Member<&C::client_ca_file>("client_ca_file"),
          Member<&C::client_ca_file_reload>("client_ca_file_reload"),
          Member<&C::min_version>("min_version").Check(&CheckVersion),
          Member<&C::max_version>("max_version").Check(&CheckVersion),
          Member<&C::cipher_suites>("cipher_suites"),
          Member<&C::curve_preferences>("curve_preferences"),
          Member<&C::reload_interval_ms>("reload_interval", GoDuration()),
          NotYet("ca_pem", "a server's own certificate needs none"),
          NotYet("include_system_ca_certs_pool", "clients are verified by client_ca_file")
              .Allowing({"false"}),
          NotYet("tpm", std::string(kNoTpm)),
      },
      &FinishServer);
  return kFields;
}

std::shared_ptr<const net::TlsClientOptions> TlsOptionsOf(const ClientTlsConfig& config) {
  auto options = std::make_shared<net::TlsClientOptions>();
  options->ca_file = config.ca_file;
  options->ca_pem = config.ca_pem.Reveal();
  options->cert_file = config.cert_file;
  options->cert_pem = config.cert_pem.Reveal();
  options->key_file = config.key_file;
  options->key_pem = config.key_pem.Reveal();
  options->server_name = config.server_name_override;
  options->insecure_skip_verify = config.insecure_skip_verify;
  options->min_version = VersionName(config.min_version);
  options->max_version = VersionName(config.max_version);
  return options;
}

net::WebSecurity SecurityOf(const ServerTlsConfig& config) {
  net::WebSecurity security;
  security.cert_file = config.cert_file;
  security.cert = config.cert_pem.Reveal();
  security.key_file = config.key_file;
  security.key = config.key_pem.Reveal();
  if (!config.client_ca_file.empty()) {
    security.client_ca_file = config.client_ca_file;
    security.client_certificates = net::ClientCertificates::kRequiredVerified;
  }
  if (!config.min_version.empty()) security.min_tls_version = VersionName(config.min_version);
  security.max_tls_version = VersionName(config.max_version);
  security.cipher_suites = config.cipher_suites;
  security.curves = config.curve_preferences;
  return security;
}

}  // namespace sextant::pipeline
