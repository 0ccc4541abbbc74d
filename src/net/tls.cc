#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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

}  // namespace

core::Result<TlsContextPtr> MakeTlsServerContext(const WebSecurity& security) {
  if (security.cert_file.empty() || security.key_file.empty()) {
    return Fail(Code::kInvalidArgument, "TLS needs both cert_file and key_file");
  }
  SEXTANT_TRY(CheckReadable("cert_file", security.cert_file));
  SEXTANT_TRY(CheckReadable("key_file", security.key_file));
  TlsContextPtr context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return Fail(Code::kInternal, "TLS: {}", LastOpenSslError());
  SSL_CTX* raw = context.get();

  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(raw, security.cert_file.c_str()) != 1) {
    return Fail(Code::kInvalidArgument, "cert_file {} holds no PEM certificate: {}", security.cert_file,
                LastOpenSslError());
  }
  if (SSL_CTX_use_PrivateKey_file(raw, security.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    bool is_mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    std::string reason = LastOpenSslError();
    if (is_mismatch) {
      return Fail(Code::kInvalidArgument, "key_file {} does not belong to cert_file {}", security.key_file,
                  security.cert_file);
    }
    return Fail(Code::kInvalidArgument, "key_file {} holds no PEM key: {}", security.key_file, reason);
  }

  if (security.min_tls_version != "TLS12" && security.min_tls_version != "TLS13") {
    return Fail(Code::kInvalidArgument, "min_version \"{}\" is not supported: use TLS12 or TLS13",
                security.min_tls_version);
  }
  SSL_CTX_set_min_proto_version(raw, security.min_tls_version == "TLS13" ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(
      raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);

  if (security.require_client_certificate && security.client_ca_file.empty()) {
    return Fail(Code::kInvalidArgument, "client certificates are required but client_ca_file is not set");
  }
  if (!security.client_ca_file.empty()) {
    SEXTANT_TRY(CheckReadable("client_ca_file", security.client_ca_file));
    if (SSL_CTX_load_verify_locations(raw, security.client_ca_file.c_str(), nullptr) != 1) {
      return Fail(Code::kInvalidArgument, "client_ca_file {} holds no PEM certificate: {}",
                  security.client_ca_file, LastOpenSslError());
    }
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(security.client_ca_file.c_str()));
    int mode = SSL_VERIFY_PEER | (security.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(raw, mode, nullptr);
    // Sessions that are resumed would skip the check unless they are bound to us.
    static constexpr unsigned char kSessionContext[] = "sextant";
    SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);
  }
  return context;
}

core::Status ValidateWebSecurity(const WebSecurity& security) {
  SEXTANT_TRY(BasicAuth::Validate(security.basic_auth_users));
  bool wants_tls = !security.cert_file.empty() || !security.key_file.empty() ||
                   !security.client_ca_file.empty() || security.require_client_certificate;
  if (wants_tls) SEXTANT_TRY(MakeTlsServerContext(security));
  return {};
}

}  // namespace sextant::net
