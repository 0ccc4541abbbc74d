// Runs an upgraded connection as a WebSocket. Internal to net: includes Asio.
#pragma once

#include <memory>

#include "net/http_connection.h"

namespace sextant::net {

struct WebSocketUpgrade {
  std::shared_ptr<ServerCore> core;
  std::shared_ptr<ServerLoop> loop;
  std::shared_ptr<asio::ssl::context> tls_context;
  std::unique_ptr<Stream> stream;
  const Route* route = nullptr;
  HttpRequest request;
  ConnectionTicket ticket;
};

// Answers the upgrade and serves the socket until it closes. On the loop's thread.
void StartWebSocket(WebSocketUpgrade upgrade);

}  // namespace sextant::net
