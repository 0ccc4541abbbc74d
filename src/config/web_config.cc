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
       {"", "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}) {
    if (type == known) return {};
  }
  for (std::string_view known : {"RequestClientCert", "RequireClientCert", "RequireAnyClientCert"}) {
    if (type == known) {
      return node.FailAt(
          node.position(), core::Code::kUnimplemented,
          fmt::format("{} is not supported yet: certificates are verified when they are asked for", type));
    }
  }
  return node.Fail("invalid ClientAuth: {}", type);
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
  if (tls.cert_file.empty()) return node.Fail("missing one of cert or cert_file");
  if (tls.key_file.empty()) return node.Fail("missing one of key or key_file");
  if (Node type = node.Find("client_auth_type")) SEXTANT_TRY(CheckClientAuth(tls.client_auth_type, type));
  if (!tls.client_ca_file.empty() &&
      (tls.client_auth_type.empty() || tls.client_auth_type == "NoClientCert")) {
    return node.Fail("client CA's have been configured without a Client Auth Policy");
  }
  if (tls.requires_client_certificate() && tls.client_ca_file.empty()) {
    return node.FailAt(node.position(), core::Code::kUnimplemented,
                       "client certificates can be verified with client_ca_file only, not with the system's "
                       "authorities");
  }
  std::string directory = DirectoryOf(node.file());
  for (std::string* path : {&tls.cert_file, &tls.key_file, &tls.client_ca_file})
    *path = JoinDirectory(directory, *path);
  return {};
}

}  // namespace

const Struct& FieldsOf(const WebTlsConfig*) {
  static const Struct kFields = Struct::Of<WebTlsConfig>(
      {
          NotYet("cert", "use cert_file").Allowing({""}),
          NotYet("key", "use key_file").Allowing({""}),
          NotYet("client_ca", "use client_ca_file").Allowing({""}),
          Member<&WebTlsConfig::cert_file>("cert_file"),
          Member<&WebTlsConfig::key_file>("key_file"),
          Member<&WebTlsConfig::client_auth_type>("client_auth_type"),
          Member<&WebTlsConfig::client_ca_file>("client_ca_file"),
          NotYet("cipher_suites"),
          NotYet("curve_preferences"),
          Member<&WebTlsConfig::min_version>("min_version").Check<std::string>(CheckVersion),
          NotYet("max_version").Allowing({"TLS13"}),
          NotYet("prefer_server_cipher_suites").Allowing({"true"}),
          NotYet("client_allowed_sans"),
      },
      FinishTls);
  return kFields;
}

const Struct& FieldsOf(const WebHttpConfig*) {
  static const Struct kFields = Struct::Of<WebHttpConfig>({
      // It allows HTTP/2, which our server does not offer.
      NotYet("http2").Allowing({"true", "false"}),
      Member<&WebHttpConfig::headers>("headers").Check<std::map<std::string, std::string>>(CheckHeaders),
  });
  return kFields;
}

const Struct& FieldsOf(const WebConfig*) {
  static const Struct kFields = Struct::Of<WebConfig>({
      Member<&WebConfig::tls>("tls_server_config"),
      Member<&WebConfig::http>("http_server_config"),
      Member<&WebConfig::basic_auth_users>("basic_auth_users"),
      NotYet("rate_limit"),
  });
  return kFields;
}

core::Result<WebConfig> LoadWebConfig(const std::string& path) {
  SEXTANT_ASSIGN(Document document, Document::Load(path));
  return Decode<WebConfig>(document.root());
}

}  // namespace sextant::config
