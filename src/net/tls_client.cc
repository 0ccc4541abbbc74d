#include "net/tls_client.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>

namespace sextant::net {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using core::Code;
using core::Fail;
using core::Status;

core::Result<int> VersionOf(const std::string& name, int otherwise) {
  if (name.empty()) return otherwise;
  if (name == "TLS10") return TLS1_VERSION;
  if (name == "TLS11") return TLS1_1_VERSION;
  if (name == "TLS12") return TLS1_2_VERSION;
  if (name == "TLS13") return TLS1_3_VERSION;
  return Fail(Code::kInvalidArgument, "parse TLS configuration: unknown version \"{}\"", name);
}

Status Failed(const std::string& file, std::string_view what, const error_code& error) {
  return Fail(Code::kInvalidArgument, "parse TLS configuration: {}: {}", file.empty() ? what : file,
              error.message());
}

Status UseAuthorities(asio::ssl::context& context, const TlsClientOptions& options) {
  error_code error;
  if (!options.ca_pem.empty()) {
    if (context.add_certificate_authority(asio::buffer(options.ca_pem), error))
      return Failed({}, "ca_pem", error);
  } else if (options.ca_file.empty()) {
    context.set_default_verify_paths(error);
  } else if (context.load_verify_file(options.ca_file, error)) {
    return Failed(options.ca_file, "", error);
  }
  return {};
}

Status UseCertificate(asio::ssl::context& context, const TlsClientOptions& options) {
  error_code error;
  constexpr auto kPem = asio::ssl::context::pem;
  if (!options.cert_pem.empty()) {
    if (context.use_certificate_chain(asio::buffer(options.cert_pem), error))
      return Failed({}, "cert_pem", error);
  } else if (!options.cert_file.empty()) {
    if (context.use_certificate_chain_file(options.cert_file, error))
      return Failed(options.cert_file, "", error);
  }
  if (!options.key_pem.empty()) {
    if (context.use_private_key(asio::buffer(options.key_pem), kPem, error))
      return Failed({}, "key_pem", error);
  } else if (!options.key_file.empty()) {
    if (context.use_private_key_file(options.key_file, kPem, error))
      return Failed(options.key_file, "", error);
  }
  return {};
}

}  // namespace

core::Result<std::unique_ptr<asio::ssl::context>> MakeTlsClientContext(const TlsClientOptions& options) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  SEXTANT_ASSIGN(int least, VersionOf(options.min_version, TLS1_2_VERSION));
  SEXTANT_ASSIGN(int most, VersionOf(options.max_version, 0));
  SSL_CTX_set_min_proto_version(context->native_handle(), least);
  SSL_CTX_set_max_proto_version(context->native_handle(), most);
  error_code error;
  if (options.insecure_skip_verify) {
    context->set_verify_mode(asio::ssl::verify_none, error);
  } else {
    context->set_verify_mode(asio::ssl::verify_peer, error);
    SEXTANT_TRY(UseAuthorities(*context, options));
  }
  SEXTANT_TRY(UseCertificate(*context, options));
  return context;
}

}  // namespace sextant::net
