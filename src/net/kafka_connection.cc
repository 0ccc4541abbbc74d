#include "net/kafka_connection.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "net/io_internal.h"
#include "net/tls_client.h"

namespace sextant::net {
namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

template <typename T>
using Awaitable = asio::awaitable<T, IoExecutor>;
constexpr asio::use_awaitable_t<IoExecutor> kAwait;

// Answers name the brokers of the cluster and the partitions of one topic.
constexpr uint32_t kMaxAnswerBytes = 8 << 20;

}  // namespace

// All of it belongs to the loop's thread.
struct KafkaConnection::Session : std::enable_shared_from_this<Session> {
  Session(IoLoop& io_loop, HostPort broker, std::shared_ptr<const TlsClientOptions> tls_client_options)
      : loop(io_loop),
        address(std::move(broker)),
        tls_options(std::move(tls_client_options)),
        socket(loop.context.get_executor()),
        timer(loop.context.get_executor()) {}

  IoLoop& loop;
  const HostPort address;
  const std::shared_ptr<const TlsClientOptions> tls_options;
  TcpSocket socket;
  SteadyTimer timer;
  std::unique_ptr<asio::ssl::context> tls_context;
  std::optional<asio::ssl::stream<TcpSocket&>> tls;
  bool is_open = false;
  bool is_late = false;
  bool is_closed = false;
  bool is_looking_up = false;  // a name, which nothing can hurry

  // Of the exchange under way.
  std::string request;
  bool expects_answer = true;
  FetchDelivery delivery;
  Callback callback;

  void Start(core::DurationMs timeout_ms) {
    if (is_closed || is_late) return End(Fail(Code::kCancelled, "context canceled"));
    timer.expires_after(std::chrono::milliseconds(std::max<core::DurationMs>(timeout_ms, 1)));
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (error) return;
      self->is_late = true;
      self->Break();
    });
    asio::co_spawn(
        loop.context.get_executor(),
        [self = shared_from_this()]() -> Awaitable<void> {
          Result<std::string> answer = co_await self->Talk();
          self->End(std::move(answer));
        },
        asio::detached);
  }

  void Break() {
    error_code ignored;
    socket.close(ignored);
    is_open = false;
    if (is_looking_up) End(Fail(Code::kUnavailable, "dial tcp: lookup {}", address.host));
  }

  void End(Result<std::string> answer) {
    if (callback == nullptr) return;  // said already
    is_looking_up = false;
    timer.cancel();
    if (!answer) Break();
    if (!answer && is_closed) {
      answer = Fail(Code::kCancelled, "context canceled");
    } else if (!answer && is_late) {
      answer = Fail(Code::kDeadlineExceeded, "{}: context deadline exceeded", answer.error().message());
    }
    auto deliver = [call = std::exchange(callback, nullptr), said = std::move(answer)] { call(said); };
    if (delivery.executor == nullptr || !delivery.executor->Submit(delivery.priority, deliver)) deliver();
  }

  void Close() {
    is_closed = true;
    Break();
  }

  // Whether the broker has ended what is open: nothing else is to be read before we ask.
  bool IsStale() {
    char byte = 0;
    const ssize_t got = recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

  // Coroutines take references to what stands in their callers' frames, which wait for them: what GCC 12 does
  // to temporaries in an expression with co_await ends with freeing them twice.

  Awaitable<Status> Connect() {
    error_code error;
    asio::ip::basic_resolver<asio::ip::tcp, IoExecutor> resolver(loop.context.get_executor());
    const std::string port = std::to_string(address.port);
    is_looking_up = true;
    const auto endpoints =
        co_await resolver.async_resolve(address.host, port, asio::redirect_error(kAwait, error));
    is_looking_up = false;
    if (error) co_return Fail(Code::kUnavailable, "dial tcp: lookup {}: {}", address.host, error.message());
    const std::string shown = JoinHostPort(address.host, address.port);
    if (is_late || is_closed) co_return Fail(Code::kUnavailable, "dial tcp {}", shown);
    co_await asio::async_connect(socket, endpoints, asio::redirect_error(kAwait, error));
    if (error) co_return Fail(Code::kUnavailable, "dial tcp {}: {}", shown, error.message());
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    if (tls_options != nullptr) {
      const Status secured = co_await StartTls();
      if (!secured) co_return secured;
    }
    is_open = true;
    co_return Status();
  }

  Awaitable<Status> StartTls() {
    auto made = MakeTlsClientContext(*tls_options);
    if (!made) co_return tl::unexpected(made.error());
    tls.reset();
    tls_context = std::move(*made);
    tls.emplace(socket, *tls_context);
    const std::string& name = tls_options->server_name.empty() ? address.host : tls_options->server_name;
    SSL_set_tlsext_host_name(tls->native_handle(), name.c_str());
    if (!tls_options->insecure_skip_verify) tls->set_verify_callback(asio::ssl::host_name_verification(name));
    error_code error;
    co_await tls->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(kAwait, error));
    if (!error) co_return Status();
    const bool is_distrusted = SSL_get_verify_result(tls->native_handle()) != X509_V_OK;
    co_return Fail(is_distrusted ? Code::kPermissionDenied : Code::kUnavailable, "tls: {}", error.message());
  }

  Awaitable<Status> Write() {
    error_code error;
    const auto buffer = asio::buffer(request);
    if (tls) {
      co_await asio::async_write(*tls, buffer, asio::redirect_error(kAwait, error));
    } else {
      co_await asio::async_write(socket, buffer, asio::redirect_error(kAwait, error));
    }
    if (error) co_return Fail(Code::kUnavailable, "write: {}", error.message());
    co_return Status();
  }

  Awaitable<Status> Read(std::string& into) {
    error_code error;
    const auto buffer = asio::buffer(into);
    if (tls) {
      co_await asio::async_read(*tls, buffer, asio::redirect_error(kAwait, error));
    } else {
      co_await asio::async_read(socket, buffer, asio::redirect_error(kAwait, error));
    }
    if (error) co_return Fail(Code::kUnavailable, "read: {}", error.message());
    co_return Status();
  }

  Awaitable<Result<std::string>> Talk() {
    if (is_open && IsStale()) Break();
    if (!is_open) {
      const Status connected = co_await Connect();
      if (!connected) co_return tl::unexpected(connected.error());
    }
    const Status sent = co_await Write();
    if (!sent) co_return tl::unexpected(sent.error());
    std::string answer;
    if (!expects_answer) co_return answer;
    std::string head(4, '\0');
    Status got = co_await Read(head);
    if (!got) co_return tl::unexpected(got.error());
    uint32_t size = 0;
    for (const char c : head) size = size << 8 | static_cast<unsigned char>(c);
    if (size > kMaxAnswerBytes) co_return Fail(Code::kCorruption, "kafka: an answer of {} bytes", size);
    answer.resize(size);
    got = co_await Read(answer);
    if (!got) co_return tl::unexpected(got.error());
    co_return answer;
  }
};

KafkaConnection::KafkaConnection(IoContext& io, HostPort address, std::shared_ptr<const TlsClientOptions> tls)
    : session_(std::make_shared<Session>(io.impl().PickLoop(), std::move(address), std::move(tls))) {}

KafkaConnection::~KafkaConnection() { Close(); }

void KafkaConnection::Exchange(std::string request, bool expects_answer, core::DurationMs timeout_ms,
                               FetchDelivery delivery, Callback callback) {
  asio::post(session_->loop.context, [session = session_, request = std::move(request), expects_answer,
                                      timeout_ms, delivery, callback = std::move(callback)]() mutable {
    session->request = std::move(request);
    session->expects_answer = expects_answer;
    session->delivery = delivery;
    session->callback = std::move(callback);
    session->Start(timeout_ms);
  });
}

void KafkaConnection::Close() {
  asio::post(session_->loop.context, [session = session_] { session->Close(); });
}

}  // namespace sextant::net
