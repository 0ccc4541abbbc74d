// The server's TLS settings as an OpenSSL context. Internal to net.
#pragma once

#include <memory>

#include "core/result.h"
#include "net/http_server.h"

struct ssl_ctx_st;

namespace sextant::net {

using TlsContextPtr = std::shared_ptr<ssl_ctx_st>;

// Reads certificate, key and client authorities. kInvalidArgument names the file and what is wrong with it.
core::Result<TlsContextPtr> MakeTlsServerContext(const WebSecurity& security);

}  // namespace sextant::net
