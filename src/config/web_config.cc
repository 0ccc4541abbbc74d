#include "config/web_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/paths.h"
#include "config/text.h"

namespace sextant::config {

namespace {

// Which response headers may be set, and to what; without values, to anything.
struct AllowedHeader {
  std::string_view name;
  std::vector<std::string_view> values;
};

const std::vector<AllowedHeader>& AllowedHeaders() {
  static const std::vector<AllowedHeader> kHeaders = {
      {"Strict-Transport-Security", {}}, {"X-Content-Type-Options", {"nosniff"}},
      {"X-XSS-Protection", {}},          {"X-Frame-Options", {"deny", "sameorigin"}},
      {"Content-Security-Policy", {}},
  };
  return kHeaders;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return lower;
}

core::Status CheckHeaders(const std::map<std::string, std::string>& headers, Node node) {
  for (const auto& [name, value] : headers) {
    auto allowed =
        std::ranges::find_if(AllowedHeaders(), [&](const AllowedHeader& one) { return one.name == name; });
    Node at = node.Find(name);
    if (allowed == AllowedHeaders().end())
      return at.Fail("HTTP header {} can not be configured", Quote(name));
    if (value.empty() || allowed->values.empty()) continue;
    if (std::ranges::find(allowed->values, Lower(value)) == allowed->values.end()) {
      return at.Fail("invalid value for {}. Expected one of: [{}], but got: {}", name,
                     fmt::join(allowed->values, " "), value);
    }
  }
  return {};
}

core::Status CheckClientAuth(const std::string& type, Node node) {
  for (std::string_view known :
       {"", "NoClientCert", "RequestClientCert", "RequireClientCert", "RequireAnyClientCert",
        "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}) {
    if (type == known) return {};
  }
  return node.Fail("invalid ClientAuth: {}", type);
}

// Go's names of what is not called insecure there.
core::Status CheckCipherSuites(const std::vector<std::string>& names, Node node) {
  constexpr std::string_view kKnown[] = {
      "TLS_AES_128_GCM_SHA256",
      "TLS_AES_256_GCM_SHA384",
      "TLS_CHACHA20_POLY1305_SHA256",
      "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
      "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
      "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
      "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
      "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  };
  size_t index = 0;
  for (Node item : node.children()) {
    const std::string& name = names[index++];
    if (std::ranges::find(kKnown, name) == std::end(kKnown)) return item.Fail("unknown cipher: {}", name);
  }
  return {};
}

core::Status CheckCurves(const std::vector<std::string>& names, Node node) {
  constexpr std::string_view kKnown[] = {"CurveP256", "CurveP384", "CurveP521", "X25519"};
  size_t index = 0;
  for (Node item : node.children()) {
    const std::string& name = names[index++];
    if (name == "X25519MLKEM768") {
      return item.FailAt(item.position(), core::Code::kUnimplemented,
                         fmt::format("{} is not supported: the TLS library does not have it", name));
    }
    if (std::ranges::find(kKnown, name) == std::end(kKnown)) return item.Fail("unknown curve: {}", name);
  }
  return {};
}

core::Status CheckRateLimit(const int64_t& burst, Node node) {
  if (burst >= 0) return {};
  return node.Fail("burst must not be negative");
}

core::Status CheckVersion(const std::string& version, Node node) {
  for (std::string_view known : {"TLS12", "TLS13"}) {
    if (version == known) return {};
  }
  if (version == "TLS10" || version == "TLS11") {
    return node.FailAt(node.position(), core::Code::kUnimplemented,
                       fmt::format("{} is not supported: it is broken; TLS12 is the least", version));
  }
  return node.Fail("unknown TLS version: {}", version);
}

core::Status FinishTls(WebTlsConfig& tls, Node node) {
  if (!tls.is_on()) return {};
  if (tls.cert.empty() && tls.cert_file.empty()) return node.Fail("missing one of cert or cert_file");
  if (tls.key.empty() && tls.key_file.empty()) return node.Fail("missing one of key or key_file");
  if (!tls.cert.empty() && !tls.cert_file.empty())
    return node.Fail("cert and cert_file are mutually exclusive");
  if (!tls.key.empty() && !tls.key_file.empty()) return node.Fail("key and key_file are mutually exclusive");
  if (!tls.client_ca.empty() && !tls.client_ca_file.empty())
    return node.Fail("client_ca and client_ca_file are mutually exclusive");
  if (Node type = node.Find("client_auth_type")) SEXTANT_TRY(CheckClientAuth(tls.client_auth_type, type));
  bool has_policy = !tls.client_auth_type.empty() && tls.client_auth_type != "NoClientCert";
  if (!has_policy && (!tls.client_ca.empty() || !tls.client_ca_file.empty()))
    return node.Fail("client CA's have been configured without a Client Auth Policy");
  if (!tls.max_version.empty() && tls.max_version < tls.min_version)
    return node.Find("max_version").Fail("max_version is less than min_version");
  std::string directory = DirectoryOf(node.file());
  for (std::string* path : {&tls.cert_file, &tls.key_file, &tls.client_ca_file})
    *path = JoinDirectory(directory, *path);
  return {};
}

}  // namespace

const Struct& FieldsOf(const WebTlsConfig*) {
  static const Struct kFields = Struct::Of<WebTlsConfig>(
      {
          Member<&WebTlsConfig::cert>("cert"),
          Member<&WebTlsConfig::key>("key"),
          Member<&WebTlsConfig::client_ca>("client_ca"),
          Member<&WebTlsConfig::cert_file>("cert_file"),
          Member<&WebTlsConfig::key_file>("key_file"),
          Member<&WebTlsConfig::client_auth_type>("client_auth_type"),
          Member<&WebTlsConfig::client_ca_file>("client_ca_file"),
          Member<&WebTlsConfig::cipher_suites>("cipher_suites")
              .Check<std::vector<std::string>>(CheckCipherSuites),
          Member<&WebTlsConfig::curve_preferences>("curve_preferences")
              .Check<std::vector<std::string>>(CheckCurves),
          Member<&WebTlsConfig::min_version>("min_version").Check<std::string>(CheckVersion),
          Member<&WebTlsConfig::max_version>("max_version").Check<std::string>(CheckVersion),
          Member<&WebTlsConfig::prefer_server_cipher_suites>("prefer_server_cipher_suites"),
          Member<&WebTlsConfig::client_allowed_sans>("client_allowed_sans"),
      },
      FinishTls);
  return kFields;
}

const Struct& FieldsOf(const WebHttpConfig*) {
  static const Struct kFields = Struct::Of<WebHttpConfig>({
      Member<&WebHttpConfig::http2>("http2"),
      Member<&WebHttpConfig::headers>("headers").Check<std::map<std::string, std::string>>(CheckHeaders),
  });
  return kFields;
}

const Struct& FieldsOf(const WebRateLimitConfig*) {
  static const Struct kFields = Struct::Of<WebRateLimitConfig>({
      Member<&WebRateLimitConfig::interval_ms>("interval", Duration()),
      Member<&WebRateLimitConfig::burst>("burst").Check<int64_t>(CheckRateLimit),
  });
  return kFields;
}

const Struct& FieldsOf(const WebConfig*) {
  static const Struct kFields = Struct::Of<WebConfig>({
      Member<&WebConfig::tls>("tls_server_config"),
      Member<&WebConfig::http>("http_server_config"),
      Member<&WebConfig::basic_auth_users>("basic_auth_users"),
      Member<&WebConfig::rate_limit>("rate_limit"),
  });
  return kFields;
}

core::Result<WebConfig> LoadWebConfig(const std::string& path) {
  SEXTANT_ASSIGN(Document document, Document::Load(path));
  return Decode<WebConfig>(document.root());
}

}  // namespace sextant::config
