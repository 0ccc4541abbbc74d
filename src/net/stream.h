// A TCP connection, plain or under TLS, with one interface for both; also fit as the lower layer of Beast's
// WebSocket. Internal to net: includes Asio and OpenSSL.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/role.hpp>
#include <memory>
#include <utility>
#include <variant>

#include "net/io_internal.h"

namespace sextant::net {

class Stream {
 public:
  using executor_type = IoExecutor;
  using Tls = asio::ssl::stream<TcpSocket>;

  explicit Stream(TcpSocket socket) : layer_(std::move(socket)) {}
  Stream(TcpSocket socket, asio::ssl::context& context)
      : layer_(std::in_place_type<Tls>, std::move(socket), context) {}

  TcpSocket& socket() { return is_tls() ? std::get<Tls>(layer_).next_layer() : std::get<TcpSocket>(layer_); }
  bool is_tls() const { return std::holds_alternative<Tls>(layer_); }
  Tls& tls() { return std::get<Tls>(layer_); }
  executor_type get_executor() { return socket().get_executor(); }

  // Asio's AsyncReadStream and AsyncWriteStream.
  template <typename Buffers, typename Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, size_t)>(
        [](auto&& completion, Stream* self, const Buffers& wanted) {
          if (self->is_tls()) {
            self->tls().async_read_some(wanted, std::forward<decltype(completion)>(completion));
          } else {
            self->socket().async_read_some(wanted, std::forward<decltype(completion)>(completion));
          }
        },
        handler, this, buffers);
  }

  template <typename Buffers, typename Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, size_t)>(
        [](auto&& completion, Stream* self, const Buffers& given) {
          if (self->is_tls()) {
            self->tls().async_write_some(given, std::forward<decltype(completion)>(completion));
          } else {
            self->socket().async_write_some(given, std::forward<decltype(completion)>(completion));
          }
        },
        handler, this, buffers);
  }

  void Close() {
    error_code ignored;
    socket().close(ignored);
  }

 private:
  std::variant<TcpSocket, Tls> layer_;
};

// What Beast asks of a lower layer: how to end it.
inline void teardown(boost::beast::role_type, Stream& stream, error_code& error) {
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
}

inline void beast_close_socket(Stream& stream) { stream.Close(); }

template <typename Handler>
void async_teardown(boost::beast::role_type, Stream& stream, Handler&& handler) {
  error_code error;
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  asio::post(stream.get_executor(),
             [handler = std::forward<Handler>(handler), error]() mutable { handler(error); });
}

}  // namespace sextant::net
