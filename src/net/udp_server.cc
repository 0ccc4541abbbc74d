#include "net/udp_server.h"

#include <sys/socket.h>

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <future>

#include "net/io_internal.h"
#include "net/listen_address.h"
#include "net/socket_text.h"

namespace sextant::net {

namespace {

using asio::ip::udp;
using UdpSocket = asio::basic_datagram_socket<udp, IoExecutor>;

// Packets that are read before other sockets of the loop get their turn.
constexpr int kPacketsPerTurn = 64;

core::Result<UdpSocket> Bind(const UdpServerOptions& options, asio::io_context& context) {
  SEXTANT_ASSIGN(ListenAddress address, ResolveListen(options.listen, context));
  udp::endpoint endpoint(address.address, address.port);
  UdpSocket socket(context.get_executor());
  error_code error;
  socket.open(endpoint.protocol(), error);
  if (error && address.is_wildcard) {
    endpoint = udp::endpoint(udp::v4(), address.port);
    socket.open(endpoint.protocol(), error);
  }
  if (!error && endpoint.protocol() == udp::v6()) {
    socket.set_option(asio::ip::v6_only(!address.is_wildcard), error);
  }
  if (!error && options.socket_buffer_bytes > 0) {
    socket.set_option(asio::socket_base::receive_buffer_size(options.socket_buffer_bytes), error);
  }
  if (!error) socket.bind(endpoint, error);
  if (!error) socket.non_blocking(true, error);
  if (error) return tl::unexpected(DescribeBindError(options.listen, error).error());
  return socket;
}

}  // namespace

struct UdpServer::State : std::enable_shared_from_this<UdpServer::State> {
  State(IoContext& context, IoLoop& on, UdpSocket bound, size_t max_packet_bytes, Handler handle)
      : io(context),
        loop(on),
        socket(std::move(bound)),
        buffer(max_packet_bytes, '\0'),
        handler(std::move(handle)) {}

  void Wait() {
    socket.async_wait(UdpSocket::wait_read, [self = shared_from_this()](error_code error) {
      if (error || self->is_stopped) return;
      self->Read();
      self->Wait();
    });
  }

  void Read() {
    for (int i = 0; i < kPacketsPerTurn; ++i) {
      sockaddr_storage from{};
      auto* address = reinterpret_cast<sockaddr*>(&from);
      socklen_t length = sizeof from;
      // With MSG_TRUNC the whole length is told, also of what did not fit.
      ssize_t size =
          ::recvfrom(socket.native_handle(), buffer.data(), buffer.size(), MSG_TRUNC, address, &length);
      if (size < 0) return;
      auto whole = static_cast<size_t>(size);
      handler({.bytes = buffer.substr(0, whole),
               .remote_address = FormatAddress(address),
               .is_cut = whole > buffer.size()});
    }
  }

  IoContext& io;
  IoLoop& loop;
  UdpSocket socket;  // used on the loop's thread
  std::string buffer;
  const Handler handler;
  bool is_stopped = false;  // written on the loop's thread
};

core::Result<std::unique_ptr<UdpServer>> UdpServer::Start(IoContext& io, UdpServerOptions options,
                                                          Handler handler) {
  IoLoop& loop = io.impl().PickLoop();
  SEXTANT_ASSIGN(UdpSocket socket, Bind(options, loop.context));
  auto state =
      std::make_shared<State>(io, loop, std::move(socket), options.max_packet_bytes, std::move(handler));
  asio::post(loop.context, [state] { state->Wait(); });
  return std::unique_ptr<UdpServer>(new UdpServer(std::move(state)));
}

UdpServer::UdpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
UdpServer::~UdpServer() { Stop(); }

uint16_t UdpServer::bound_port() const {
  error_code error;
  return state_->socket.local_endpoint(error).port();
}

void UdpServer::Stop() {
  if (!state_) return;
  std::shared_ptr<State> state = std::move(state_);
  auto close = [&] {
    state->is_stopped = true;
    error_code ignored;
    state->socket.close(ignored);
  };
  // Without its thread nothing else uses the socket.
  if (state->io.impl().is_stopped.load()) return close();
  std::promise<void> closed;
  asio::post(state->loop.context, [&] {
    close();
    closed.set_value();
  });
  closed.get_future().wait();
}

}  // namespace sextant::net
