// The client's side of TLS for what speaks Asio. Internal to net: includes Asio and OpenSSL.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "core/result.h"
#include "net/http_client.h"

namespace sextant::net {

// Reads authorities, certificate and key. Who checks the server's name is the caller, per connection.
// kInvalidArgument names the file.
core::Result<std::unique_ptr<boost::asio::ssl::context>> MakeTlsClientContext(
    const TlsClientOptions& options);

}  // namespace sextant::net
