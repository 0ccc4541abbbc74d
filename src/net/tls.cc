#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "net/basic_auth.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;

// What OpenSSL has against the file, in one line; its queue is emptied.
std::string LastOpenSslError() {
  unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

core::Status CheckReadable(std::string_view field, const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return {};
  return Fail(Code::kInvalidArgument, "{}: open {}: {}", field, path, strerror(errno));
}

// Names of Go's crypto/tls and of OpenSSL.
constexpr std::pair<std::string_view, std::string_view> kCipherSuites[] = {
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    // Of TLS 1.3, which has them always, as in Go.
    {"TLS_AES_128_GCM_SHA256", ""},
    {"TLS_AES_256_GCM_SHA384", ""},
    {"TLS_CHACHA20_POLY1305_SHA256", ""},
};
constexpr std::pair<std::string_view, std::string_view> kCurves[] = {
    {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}};

// OpenSSL's list of what is known by these names; empty for none. kInvalidArgument for an unknown one.
template <typename Table>
core::Result<std::string> ListOf(const Table& table, const std::vector<std::string>& names,
                                 std::string_view what) {
  std::string list;
  for (const std::string& name : names) {
    auto known = std::ranges::find(table, name, [](const auto& row) { return row.first; });
    if (known == std::end(table)) return Fail(Code::kInvalidArgument, "unknown {}: {}", what, name);
    if (known->second.empty()) continue;
    list += (list.empty() ? "" : ":") + std::string(known->second);
  }
  return list;
}

core::Status CheckVersion(std::string_view field, const std::string& version) {
  if (version == "TLS12" || version == "TLS13") return {};
  return Fail(Code::kInvalidArgument, "{} \"{}\" is not supported: use TLS12 or TLS13", field, version);
}

int VersionNumber(const std::string& version) { return version == "TLS13" ? TLS1_3_VERSION : TLS1_2_VERSION; }

core::Status SetVersionsAndCiphers(SSL_CTX* context, const WebSecurity& security) {
  SEXTANT_TRY(CheckVersion("min_version", security.min_tls_version));
  int least = VersionNumber(security.min_tls_version);
  if (!security.max_tls_version.empty()) {
    SEXTANT_TRY(CheckVersion("max_version", security.max_tls_version));
    if (VersionNumber(security.max_tls_version) < least)
      return Fail(Code::kInvalidArgument, "max_version is less than min_version");
    SSL_CTX_set_max_proto_version(context, VersionNumber(security.max_tls_version));
  }
  SEXTANT_ASSIGN(std::string ciphers, ListOf(kCipherSuites, security.cipher_suites, "cipher"));
  if (!ciphers.empty() && SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1)
    return Fail(Code::kInvalidArgument, "cipher_suites: {}", LastOpenSslError());
  // None but those of TLS 1.3: then there is no other version.
  if (ciphers.empty() && !security.cipher_suites.empty()) least = TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context, least);
  SEXTANT_ASSIGN(std::string curves, ListOf(kCurves, security.curves, "curve"));
  if (!curves.empty() && SSL_CTX_set1_groups_list(context, curves.c_str()) != 1)
    return Fail(Code::kInvalidArgument, "curve_preferences: {}", LastOpenSslError());
  if (security.prefers_own_cipher_suites) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return {};
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Bio OpenText(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

// All certificates of a PEM text, in order.
std::vector<Certificate> ReadCertificates(const std::string& text) {
  std::vector<Certificate> certificates;
  Bio bio = OpenText(text);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate, X509_free);
  }
  ERR_clear_error();  // the end of the text counts as an error
  return certificates;
}

core::Status UseCertificateText(SSL_CTX* context, const std::string& text) {
  std::vector<Certificate> chain = ReadCertificates(text);
  if (chain.empty()) return Fail(Code::kInvalidArgument, "cert holds no PEM certificate");
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1)
    return Fail(Code::kInvalidArgument, "cert: {}", LastOpenSslError());
  for (size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());
  return {};
}

core::Status UseCertificate(SSL_CTX* context, const WebSecurity& security) {
  ERR_clear_error();
  if (!security.cert.empty()) return UseCertificateText(context, security.cert);
  SEXTANT_TRY(CheckReadable("cert_file", security.cert_file));
  if (SSL_CTX_use_certificate_chain_file(context, security.cert_file.c_str()) == 1) return {};
  return Fail(Code::kInvalidArgument, "cert_file {} holds no PEM certificate: {}", security.cert_file,
              LastOpenSslError());
}

core::Status UseKey(SSL_CTX* context, const WebSecurity& security) {
  std::string key_name = "key";
  std::string cert_name = security.cert.empty() ? "cert_file " + security.cert_file : "cert";
  int used = 0;
  if (!security.key.empty()) {
    Bio bio = OpenText(security.key);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    if (key != nullptr) used = SSL_CTX_use_PrivateKey(context, key.get());
  } else {
    SEXTANT_TRY(CheckReadable("key_file", security.key_file));
    key_name = "key_file " + security.key_file;
    used = SSL_CTX_use_PrivateKey_file(context, security.key_file.c_str(), SSL_FILETYPE_PEM);
  }
  if (used == 1) return {};
  bool is_mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
  std::string reason = LastOpenSslError();
  if (is_mismatch) return Fail(Code::kInvalidArgument, "{} does not belong to {}", key_name, cert_name);
  return Fail(Code::kInvalidArgument, "{} holds no PEM key: {}", key_name, reason);
}

// The authorities that clients' certificates are verified by: those that are named, else the system's.
core::Status UseClientAuthorities(SSL_CTX* context, const WebSecurity& security) {
  if (!security.client_ca.empty()) {
    std::vector<Certificate> authorities = ReadCertificates(security.client_ca);
    if (authorities.empty()) return Fail(Code::kInvalidArgument, "client_ca holds no PEM certificate");
    for (const Certificate& authority : authorities) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
      SSL_CTX_add_client_CA(context, authority.get());
    }
    return {};
  }
  if (security.client_ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  SEXTANT_TRY(CheckReadable("client_ca_file", security.client_ca_file));
  if (SSL_CTX_load_verify_locations(context, security.client_ca_file.c_str(), nullptr) != 1) {
    return Fail(Code::kInvalidArgument, "client_ca_file {} holds no PEM certificate: {}",
                security.client_ca_file, LastOpenSslError());
  }
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(security.client_ca_file.c_str()));
  return {};
}

// How certificates of clients are looked at; lives as long as the context.
struct ClientRules {
  bool verifies = false;
  std::vector<std::string> allowed_sans;
};

std::string TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

// A DNS name, mail address, URI or address of a certificate as text; empty for other kinds.
std::string NameText(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
      return TextOf(name->d.ia5);
    case GEN_IPADD: {
      std::string bytes = TextOf(name->d.iPAddress);
      char text[INET6_ADDRSTRLEN] = {};
      int family = bytes.size() == 4 ? AF_INET : AF_INET6;
      bool is_address = bytes.size() == 4 || bytes.size() == 16;
      return is_address && inet_ntop(family, bytes.data(), text, sizeof text) != nullptr ? text : "";
    }
    default:
      return "";
  }
}

bool HasAllowedName(X509* certificate, const std::vector<std::string>& allowed) {
  std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string name = NameText(sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty() && std::ranges::find(allowed, name) != allowed.end()) return true;
  }
  return false;
}

int VerifyClient(X509_STORE_CTX* store, void* argument) {
  const auto& rules = *static_cast<const ClientRules*>(argument);
  if (rules.verifies && X509_verify_cert(store) != 1) return 0;
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (rules.allowed_sans.empty() || HasAllowedName(certificate, rules.allowed_sans)) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

core::Status SetClientCertificates(SSL_CTX* context, const WebSecurity& security, ClientRules& rules) {
  ClientCertificates mode = security.client_certificates;
  if (mode == ClientCertificates::kNotAsked) return {};
  rules.verifies =
      mode == ClientCertificates::kVerifiedIfGiven || mode == ClientCertificates::kRequiredVerified;
  rules.allowed_sans = security.client_allowed_sans;
  if (rules.verifies) SEXTANT_TRY(UseClientAuthorities(context, security));
  bool is_required = mode == ClientCertificates::kRequired || mode == ClientCertificates::kRequiredVerified;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_cert_verify_callback(context, VerifyClient, &rules);
  // Sessions that are resumed would skip the check unless they are bound to us.
  static constexpr unsigned char kSessionContext[] = "sextant";
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  return {};
}

// What is spoken here, best first, each with its length before it (RFC 7301).
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";

// `argument` is null where HTTP/2 is switched off. A client that names nothing we know goes on without.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void* argument) {
  std::string_view ours = argument == nullptr ? kProtocols.substr(3) : kProtocols;
  std::string_view theirs(reinterpret_cast<const char*>(offered), offered_size);
  for (; !ours.empty(); ours.remove_prefix(1 + static_cast<size_t>(ours[0]))) {
    std::string_view wanted = ours.substr(1, static_cast<size_t>(ours[0]));
    for (std::string_view rest = theirs; !rest.empty();) {
      size_t size = static_cast<unsigned char>(rest[0]);
      if (size >= rest.size()) break;
      if (rest.substr(1, size) == wanted) {
        *chosen = reinterpret_cast<const unsigned char*>(rest.data() + 1);
        *chosen_size = static_cast<unsigned char>(size);
        return SSL_TLSEXT_ERR_OK;
      }
      rest.remove_prefix(1 + size);
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

bool HasChosenHttp2(ssl_st* ssl) {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  return size == 2 && memcmp(protocol, "h2", 2) == 0;
}

core::Result<TlsContextPtr> MakeTlsServerContext(const WebSecurity& security) {
  bool has_key = !security.key_file.empty() || !security.key.empty();
  if (!security.has_tls() || !has_key)
    return Fail(Code::kInvalidArgument, "TLS needs both a certificate and a key");
  auto rules = std::make_shared<ClientRules>();
  TlsContextPtr context(SSL_CTX_new(TLS_server_method()), [rules](SSL_CTX* gone) { SSL_CTX_free(gone); });
  if (context == nullptr) return Fail(Code::kInternal, "TLS: {}", LastOpenSslError());
  SSL_CTX* raw = context.get();
  SEXTANT_TRY(UseCertificate(raw, security));
  SEXTANT_TRY(UseKey(raw, security));
  SEXTANT_TRY(SetVersionsAndCiphers(raw, security));
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(
      raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SEXTANT_TRY(SetClientCertificates(raw, security, *rules));
  SSL_CTX_set_alpn_select_cb(raw, ChooseProtocol, security.http2 ? raw : nullptr);
  return context;
}

core::Status ValidateWebSecurity(const WebSecurity& security) {
  SEXTANT_TRY(BasicAuth::Validate(security.basic_auth_users));
  bool wants_tls = security.has_tls() || !security.key_file.empty() || !security.key.empty() ||
                   !security.client_ca_file.empty() || !security.client_ca.empty() ||
                   security.client_certificates != ClientCertificates::kNotAsked;
  if (wants_tls) SEXTANT_TRY(MakeTlsServerContext(security));
  return {};
}

}  // namespace sextant::net
