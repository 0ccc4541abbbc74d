// The server's side of a WebSocket (RFC 6455).
//
//   router.AddWebSocket("/live", [&](HttpRequest request, std::shared_ptr<WebSocket> socket) {
//     hub.Add(socket);
//     return WebSocketEvents{.on_message = [socket](std::string text, bool is_text) { ... },
//                            .on_close = [&hub, socket] { hub.Remove(socket); }};
//   });
//
// The upgrade is refused with 403 when Origin names another host than the request's. Pings are answered; a
// peer that stays silent through two ping intervals is dropped.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_message.h"

namespace sextant::net {

inline constexpr size_t kWebSocketMaxMessageBytes = 1 << 20;
inline constexpr size_t kWebSocketMaxUnsentBytes = 4 << 20;

// A handle to an open socket, usable from any thread. Outliving the connection is harmless.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  // Queues a message and returns. kCancelled when closed; kResourceExhausted when more than
  // kWebSocketMaxUnsentBytes wait: the peer is too slow, close it.
  virtual core::Status SendText(std::string message) = 0;
  virtual core::Status SendBinary(std::string message) = 0;
  // Starts the closing handshake with a status code (1000 normal, 1001 going away, 1008 policy, 1011 error).
  virtual void Close(uint16_t code, std::string_view reason) = 0;
  virtual bool IsOpen() const = 0;
};

struct WebSocketEvents {
  // A whole message of at most kWebSocketMaxMessageBytes (a larger one closes with 1009). Runs on the
  // executor with the route's priority, one at a time and in order; the next message is not read before it
  // returns.
  std::function<void(std::string message, bool is_text)> on_message = nullptr;
  // The socket is closed, from whichever side; exactly once, on the executor, after the last on_message.
  std::function<void()> on_close = nullptr;
};

// Called on the executor when a client has connected.
using WebSocketHandler =
    std::function<WebSocketEvents(HttpRequest request, std::shared_ptr<WebSocket> socket)>;

}  // namespace sextant::net
