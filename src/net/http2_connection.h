// Runs a connection as HTTP/2: the Http2Session speaks the protocol, this admits, routes, hands requests and
// gRPC calls to handlers and sends what their exchanges post. Internal to net: includes Asio.
#pragma once

#include <memory>
#include <string>

#include "net/http_connection.h"

namespace sextant::net {

struct Http2Start {
  std::shared_ptr<ServerCore> core;
  std::shared_ptr<ServerLoop> loop;
  std::shared_ptr<asio::ssl::context> tls_context;
  std::unique_ptr<Stream> stream;
  std::string remote_address;
  ConnectionTicket ticket;
  std::string input;  // what was read already: the preface, or its beginning, and what follows
};

// Serves the connection until it closes. On the loop's thread.
void StartHttp2(Http2Start start);

}  // namespace sextant::net
