#include "net/http_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <charconv>
#include <future>

#include "net/http_connection.h"
#include "net/listen_address.h"

namespace sextant::net {

namespace {

using asio::ip::tcp;
using core::Code;
using core::Fail;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::string_view kBusyText = "503 Service Unavailable: too many connections; try again later\n";

constexpr std::string_view kInherited = "fd:";

// A listening socket that somebody else has made, such as systemd.
core::Result<TcpAcceptor> TakeOver(const std::string& text, asio::io_context& context) {
  int fd = -1;
  const auto [end, parsed] = std::from_chars(text.data() + kInherited.size(), text.data() + text.size(), fd);
  if (parsed != std::errc() || end != text.data() + text.size() || fd < 0) {
    return Fail(Code::kInvalidArgument, "listen on {}: not the number of an open file", text);
  }
  int family = 0;
  int is_listening = 0;
  socklen_t length = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) != 0) {
    return core::FailErrno(errno, fmt::format("listen on {}", text));
  }
  if ((family != AF_INET && family != AF_INET6) || is_listening == 0) {
    return Fail(Code::kInvalidArgument, "listen on {}: not a TCP socket that listens", text);
  }
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  TcpAcceptor acceptor(context.get_executor());
  error_code error;
  acceptor.assign(family == AF_INET ? tcp::v4() : tcp::v6(), fd, error);
  if (error) return tl::unexpected(DescribeBindError(text, error).error());
  return acceptor;
}

core::Result<TcpAcceptor> Bind(const std::string& text, asio::io_context& context) {
  if (text.starts_with(kInherited)) return TakeOver(text, context);
  SEXTANT_ASSIGN(ListenAddress address, ResolveListen(text, context));
  tcp::endpoint endpoint(address.address, address.port);
  TcpAcceptor acceptor(context.get_executor());
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error && address.is_wildcard) {
    endpoint = tcp::endpoint(tcp::v4(), address.port);
    acceptor.open(endpoint.protocol(), error);
  }
  if (!error && endpoint.protocol() == tcp::v6()) {
    acceptor.set_option(asio::ip::v6_only(!address.is_wildcard), error);
  }
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return tl::unexpected(DescribeBindError(text, error).error());
  return acceptor;
}

core::Result<SecurityState> MakeSecurity(const WebSecurity& security, const core::Clock& clock) {
  SEXTANT_TRY(ValidateWebSecurity(security));
  SecurityState state;
  if (!security.basic_auth_users.empty()) state.auth = std::make_shared<BasicAuth>(security.basic_auth_users);
  if (security.rate_interval_ms > 0) {
    state.limiter = std::make_shared<RateLimiter>(security.rate_interval_ms * 1'000'000, security.rate_burst,
                                                  clock.MonotonicNs());
  }
  if (security.has_tls()) {
    SEXTANT_ASSIGN(state.tls, MakeTlsServerContext(security));
  }
  return state;
}

std::chrono::milliseconds SweepInterval(const HttpTimeouts& timeouts) {
  core::DurationMs shortest = std::min(
      {timeouts.header_ms, timeouts.body_ms, timeouts.idle_ms, timeouts.write_ms, timeouts.tls_handshake_ms});
  return std::chrono::milliseconds(std::clamp<core::DurationMs>(shortest / 4, 5, 1'000));
}

// One listening socket; lives on the first loop.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(TcpAcceptor acceptor, std::shared_ptr<ServerCore> core,
           std::vector<std::shared_ptr<ServerLoop>> loops)
      : acceptor_(std::move(acceptor)),
        retry_(acceptor_.get_executor()),
        core_(std::move(core)),
        loops_(std::move(loops)) {}

  void Accept() {
    if (!acceptor_.is_open()) return;
    std::shared_ptr<ServerLoop> loop = loops_[next_loop_++ % loops_.size()];
    acceptor_.async_accept(loop->io.context.get_executor(),
                           [self = shared_from_this(), loop](const error_code& error, TcpSocket socket) {
                             self->OnAccept(error, std::move(socket), loop);
                           });
  }

  void Close() {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  }

 private:
  void OnAccept(const error_code& error, TcpSocket socket, const std::shared_ptr<ServerLoop>& loop) {
    if (!acceptor_.is_open()) return;
    if (error) {
      Pause(error);
      return;
    }
    if (core_->AddConnection()) {
      Serve(std::move(socket), loop);
    } else {
      core_->CountRefusal("connections");
      error_code ignored;
      socket.non_blocking(true, ignored);
      // To a TLS client these bytes mean nothing, but it sees the close.
      if (core_->security().tls == nullptr) socket.write_some(asio::buffer(BusyAnswer()), ignored);
      socket.shutdown(tcp::socket::shutdown_both, ignored);
    }
    Accept();
  }

  void Serve(TcpSocket socket, const std::shared_ptr<ServerLoop>& loop) {
    std::shared_ptr<asio::ssl::context> tls_context;
    if (TlsContextPtr tls = core_->security().tls) {
      SSL_CTX_up_ref(tls.get());  // asio's context takes a reference of its own
      tls_context = std::make_shared<asio::ssl::context>(tls.get());
    }
    auto connection = std::make_shared<HttpConnection>(core_, loop, ConnectionTicket(core_),
                                                       std::move(socket), std::move(tls_context));
    asio::dispatch(loop->io.context, [connection = std::move(connection)] { connection->Begin(); });
  }

  static std::string BusyAnswer() {
    return fmt::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
        "{}\r\n"
        "Connection: close\r\n\r\n{}",
        kBusyText.size(), kBusyText);
  }

  // Out of file descriptors, mostly: try again when some may have been closed.
  void Pause(const error_code& error) {
    core_->CountRefusal("accept_error");
    core_->logger.Warn("cannot accept connections", {{"error", error.message()}});
    retry_.expires_after(kAcceptPause);
    retry_.async_wait([self = shared_from_this()](const error_code&) { self->Accept(); });
  }

  TcpAcceptor acceptor_;
  SteadyTimer retry_;
  const std::shared_ptr<ServerCore> core_;
  const std::vector<std::shared_ptr<ServerLoop>> loops_;
  size_t next_loop_ = 0;
};

}  // namespace

struct HttpServer::Impl {
  explicit Impl(IoContext& io_in) : io(io_in) {}

  // Runs `work` on a loop's thread and waits for it. False when the loops have ended.
  bool RunOn(IoLoop& loop, std::function<void()> work) {
    if (io.impl().is_stopped.load()) return false;
    std::promise<void> done;
    asio::post(loop.context, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
    return true;
  }

  IoContext& io;
  std::shared_ptr<ServerCore> core;
  std::vector<std::shared_ptr<ServerLoop>> loops;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::vector<HostPort> bound;
  std::mutex stop_mutex;
  bool is_stopped = false;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(0); }

core::Result<std::unique_ptr<HttpServer>> HttpServer::Start(IoContext& io, core::Executor& executor,
                                                            const core::Clock& clock,
                                                            core::Registry& registry, core::Logger logger,
                                                            Router router, HttpServerOptions options) {
  SEXTANT_ASSIGN(SecurityState security, MakeSecurity(options.security, clock));
  if (options.listen.empty()) return Fail(Code::kInvalidArgument, "no address to listen on");
  IoLoop& accept_loop = *io.impl().loops.front();
  std::vector<TcpAcceptor> acceptors;
  auto impl = std::make_unique<Impl>(io);
  for (const std::string& text : options.listen) {
    SEXTANT_ASSIGN(TcpAcceptor acceptor, Bind(text, accept_loop.context));
    error_code error;
    auto endpoint = acceptor.local_endpoint(error);
    impl->bound.push_back({endpoint.address().to_string(), endpoint.port()});
    acceptors.push_back(std::move(acceptor));
  }

  std::chrono::milliseconds sweep_interval = SweepInterval(options.timeouts);
  impl->core = std::make_shared<ServerCore>(executor, clock, registry, std::move(logger), std::move(router),
                                            std::move(options));
  impl->core->SetSecurity(std::move(security));
  for (auto& loop : io.impl().loops)
    impl->loops.push_back(std::make_shared<ServerLoop>(*loop, sweep_interval));
  for (TcpAcceptor& acceptor : acceptors) {
    impl->listeners.push_back(std::make_shared<Listener>(std::move(acceptor), impl->core, impl->loops));
    asio::post(accept_loop.context, [listener = impl->listeners.back()] { listener->Accept(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::bound_port(size_t index) const { return impl_->bound.at(index).port; }

std::string HttpServer::bound_address(size_t index) const {
  const HostPort& bound = impl_->bound.at(index);
  return JoinHostPort(bound.host, bound.port);
}

void HttpServer::SetRouter(Router router) { impl_->core->SetRouter(std::move(router)); }

core::Status HttpServer::SetSecurity(const WebSecurity& security) {
  SEXTANT_ASSIGN(SecurityState state, MakeSecurity(security, impl_->core->clock));
  bool had_tls = impl_->core->security().tls != nullptr;
  if (had_tls != (state.tls != nullptr)) {
    return Fail(Code::kInvalidArgument, "TLS cannot be switched {} while running; restart",
                had_tls ? "off" : "on");
  }
  impl_->core->SetSecurity(std::move(state));
  impl_->core->http2_enabled = security.http2;
  return {};
}

void HttpServer::Stop(core::DurationMs grace_ms) {
  std::lock_guard lock(impl_->stop_mutex);
  if (impl_->is_stopped) return;
  impl_->is_stopped = true;
  impl_->core->stopping = true;
  bool is_running = impl_->RunOn(impl_->loops.front()->io, [&] {
    for (auto& listener : impl_->listeners) listener->Close();
  });
  if (!is_running) return;
  for (auto& loop : impl_->loops) {
    impl_->RunOn(loop->io, [&] { loop->BeginStop(); });
  }
  if (!impl_->core->WaitIdle(std::chrono::milliseconds(grace_ms))) {
    for (auto& loop : impl_->loops) {
      impl_->RunOn(loop->io, [&] { loop->CloseAll(); });
    }
    impl_->core->WaitIdle();
  }
  impl_->listeners.clear();
}

}  // namespace sextant::net
