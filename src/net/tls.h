// The server's TLS settings as an OpenSSL context. Internal to net.
#pragma once

#include <memory>

#include "core/result.h"
#include "net/http_server.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sextant::net {

using TlsContextPtr = std::shared_ptr<ssl_ctx_st>;

// Reads certificate, key and client authorities. kInvalidArgument names the file and what is wrong with it.
core::Result<TlsContextPtr> MakeTlsServerContext(const WebSecurity& security);

// After the handshake: whether both sides agreed on HTTP/2 (ALPN, RFC 7301).
bool HasChosenHttp2(ssl_st* ssl);

}  // namespace sextant::net
