#include "net/grpc_client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <set>

#include "net/grpc_connection.h"
#include "net/tls_client.h"
#include "net/url.h"

namespace sextant::net {

namespace {

using Time = std::chrono::steady_clock::time_point;
using State = GrpcConnection::State;
using Balancing = GrpcClientOptions::Balancing;

// Addresses of one name are looked up again no more often than this, unless there is no connection.
constexpr std::chrono::seconds kResolveInterval{30};

GrpcEncoding EncodingOf(GrpcCompression compression) {
  switch (compression) {
    case GrpcCompression::kGzip:
      return GrpcEncoding::kGzip;
    case GrpcCompression::kZstd:
      return GrpcEncoding::kZstd;
    case GrpcCompression::kSnappy:
      return GrpcEncoding::kSnappy;
    case GrpcCompression::kNone:
      break;
  }
  return GrpcEncoding::kIdentity;
}

void Deliver(FetchDelivery delivery, GrpcCallback callback, GrpcResult result) {
  if (delivery.executor != nullptr) {
    auto shared =
        std::make_shared<std::pair<GrpcCallback, GrpcResult>>(std::move(callback), std::move(result));
    auto run = [shared] { shared->first(std::move(shared->second)); };
    if (!delivery.executor->Submit(delivery.priority, run)) run();
    return;
  }
  callback(std::move(result));
}

}  // namespace

// Everything below runs on the loop's thread, but for Submit, Cancel and what they use.
struct GrpcClient::Impl : GrpcConnection::Owner, std::enable_shared_from_this<GrpcClient::Impl> {
  Impl(IoContext& io_in, GrpcClientOptions options_in, HostPort host_in,
       std::shared_ptr<asio::ssl::context> tls_context_in)
      : io(io_in),
        loop(io_in.impl().PickLoop()),
        options(std::move(options_in)),
        host(std::move(host_in)),
        tls_context(std::move(tls_context_in)),
        resolver(loop.context),
        deadline_timer(loop.context.get_executor()) {}

  void Submit(GrpcCallPtr call);
  void TakeSubmitted();
  void Begin(const GrpcCallPtr& call);
  void CancelCall(const GrpcCallPtr& call);
  void Finish(const GrpcCallPtr& call, GrpcResult result);
  void Fail(const GrpcCallPtr& call, GrpcCode code, std::string message) {
    Finish(call, {.status = {code, std::move(message)}});
  }

  std::shared_ptr<GrpcConnection> PickReady();
  void Assign();
  void Resolve();
  void OnResolved(const error_code& error, GrpcConnection::Endpoints endpoints);
  void UseEndpoints(GrpcConnection::Endpoints endpoints);
  void ConnectIdle();
  void KeepConnected();
  bool IsOnTheWay() const;
  std::shared_ptr<GrpcConnection> NewConnection(GrpcConnection::Endpoints endpoints);
  void ArmDeadline();
  void OnDeadline();
  void StopOnLoop();

  // GrpcConnection::Owner
  void OnState(GrpcConnection& connection) override;
  void OnResult(const GrpcCallPtr& call, GrpcResult result) override { Finish(call, std::move(result)); }
  void OnUnseen(const GrpcCallPtr& call, GrpcStatus status) override;

  IoContext& io;
  IoLoop& loop;
  const GrpcClientOptions options;
  const HostPort host;
  const std::shared_ptr<asio::ssl::context> tls_context;
  std::atomic<size_t> in_flight{0};
  std::atomic<bool> is_stopped{false};

  std::mutex mutex;
  std::vector<GrpcCallPtr> submitted;  // guarded by mutex

  // On the loop.
  asio::ip::tcp::resolver resolver;
  bool is_resolving = false;
  Time resolved_at{};
  std::vector<std::shared_ptr<GrpcConnection>> connections;
  std::vector<std::shared_ptr<GrpcConnection>> draining;  // with the calls they still have
  size_t next_connection = 0;
  std::deque<GrpcCallPtr> waiting;  // for a connection
  std::set<std::pair<Time, GrpcCallPtr>> deadlines;
  SteadyTimer deadline_timer;
  Time armed_for = Time::max();
  std::string last_error = "no connection was tried";
};

void GrpcClient::Impl::Submit(GrpcCallPtr call) {
  bool is_first = false;
  {
    std::lock_guard lock(mutex);
    is_first = submitted.empty();
    submitted.push_back(std::move(call));
  }
  if (is_first) asio::post(loop.context, [self = shared_from_this()] { self->TakeSubmitted(); });
}

void GrpcClient::Impl::TakeSubmitted() {
  std::vector<GrpcCallPtr> taken;
  {
    std::lock_guard lock(mutex);
    taken.swap(submitted);
  }
  for (const GrpcCallPtr& call : taken) Begin(call);
}

void GrpcClient::Impl::Begin(const GrpcCallPtr& call) {
  if (call->is_done) return;
  if (is_stopped.load()) {
    Fail(call, GrpcCode::kCancelled, "grpc: the client connection is closing");
    return;
  }
  if (in_flight.load(std::memory_order_relaxed) > options.max_calls_in_flight) {
    Fail(call, GrpcCode::kResourceExhausted,
         fmt::format("more than {} calls are under way", options.max_calls_in_flight));
    return;
  }
  if (call->request.message->size() > options.max_send_bytes) {
    Fail(call, GrpcCode::kResourceExhausted,
         fmt::format("trying to send message larger than max ({} vs. {})", call->request.message->size(),
                     options.max_send_bytes));
    return;
  }
  if (call->deadline != Time::max()) {
    deadlines.emplace(call->deadline, call);
    ArmDeadline();
  }
  waiting.push_back(call);
  Assign();
}

std::shared_ptr<GrpcConnection> GrpcClient::Impl::PickReady() {
  for (size_t i = 0; i < connections.size(); ++i) {
    auto& connection = connections[next_connection++ % connections.size()];
    if (connection->state() == State::kReady) return connection;
  }
  return nullptr;
}

bool GrpcClient::Impl::IsOnTheWay() const {
  return is_resolving || std::ranges::any_of(connections, [](const auto& connection) {
           return connection->state() == State::kConnecting;
         });
}

// Gives waiting calls to connections, opens such, or lets the calls fail while none can be had.
void GrpcClient::Impl::Assign() {
  while (!waiting.empty()) {
    std::shared_ptr<GrpcConnection> connection = PickReady();
    if (connection == nullptr) break;
    GrpcCallPtr call = std::move(waiting.front());
    waiting.pop_front();
    if (call->is_done) continue;
    std::string compressed;
    GrpcEncoding encoding =
        call->request.message->empty() ? GrpcEncoding::kIdentity : EncodingOf(options.compression);
    if (encoding != GrpcEncoding::kIdentity) {
      if (core::Status done = CompressGrpc(encoding, *call->request.message, compressed); !done) {
        Fail(call, GrpcCode::kInternal, "grpc: error while compressing: " + done.error().message());
        continue;
      }
    }
    connection->Start(call, encoding, compressed);
  }
  if (waiting.empty() || IsOnTheWay()) return;
  ConnectIdle();
  if (IsOnTheWay()) return;
  std::deque<GrpcCallPtr> failed;
  failed.swap(waiting);
  for (const GrpcCallPtr& call : failed) Fail(call, GrpcCode::kUnavailable, last_error);
}

void GrpcClient::Impl::ConnectIdle() {
  bool is_pausing = std::ranges::any_of(
      connections, [](const auto& connection) { return connection->state() == State::kPausing; });
  bool is_fresh = std::chrono::steady_clock::now() - resolved_at < kResolveInterval;
  if (connections.empty() || (!is_pausing && !is_fresh)) {
    Resolve();
    return;
  }
  for (const auto& connection : std::vector(connections)) {
    if (connection->state() == State::kIdle) connection->Connect();
  }
}

void GrpcClient::Impl::Resolve() {
  if (is_resolving) return;
  is_resolving = true;
  resolver.async_resolve(host.host, std::to_string(host.port), asio::ip::tcp::resolver::numeric_service,
                         [self = shared_from_this()](const error_code& error,
                                                     const asio::ip::tcp::resolver::results_type& found) {
                           GrpcConnection::Endpoints endpoints;
                           for (const auto& entry : found) endpoints.push_back(entry.endpoint());
                           self->OnResolved(error, std::move(endpoints));
                         });
}

void GrpcClient::Impl::OnResolved(const error_code& error, GrpcConnection::Endpoints endpoints) {
  is_resolving = false;
  if (is_stopped.load()) return;
  if (error || endpoints.empty()) {
    last_error = fmt::format("name resolver error: lookup {}: {}", host.host,
                             error ? error.message() : "produced zero addresses");
    // Older addresses may still be good.
    bool has_connecting = false;
    for (const auto& connection : std::vector(connections)) {
      if (connection->state() == State::kIdle) connection->Connect();
      has_connecting |= connection->state() == State::kConnecting;
    }
    if (has_connecting) return;
    std::deque<GrpcCallPtr> failed;
    failed.swap(waiting);
    for (const GrpcCallPtr& call : failed) Fail(call, GrpcCode::kUnavailable, last_error);
    return;
  }
  resolved_at = std::chrono::steady_clock::now();
  // The same order each time, and IPv4 first where both are offered for one name, as Go sorts them.
  std::ranges::stable_sort(endpoints, {}, [](const auto& endpoint) { return endpoint.address().is_v6(); });
  UseEndpoints(std::move(endpoints));
  for (const auto& connection : std::vector(connections)) {
    if (connection->state() == State::kIdle) connection->Connect();
  }
  Assign();
}

std::shared_ptr<GrpcConnection> GrpcClient::Impl::NewConnection(GrpcConnection::Endpoints endpoints) {
  auto connection = std::make_shared<GrpcConnection>(*this, loop, options, tls_context);
  connection->SetEndpoints(std::move(endpoints));
  return connection;
}

void GrpcClient::Impl::UseEndpoints(GrpcConnection::Endpoints endpoints) {
  if (options.balancing == Balancing::kPickFirst) {
    if (connections.empty()) {
      connections.push_back(NewConnection(std::move(endpoints)));
    } else {
      connections.front()->SetEndpoints(std::move(endpoints));
    }
    return;
  }
  std::vector<std::shared_ptr<GrpcConnection>> kept;
  for (const auto& endpoint : endpoints) {
    auto known = std::ranges::find_if(connections, [&](const auto& connection) {
      return connection->endpoints() == GrpcConnection::Endpoints{endpoint};
    });
    kept.push_back(known == connections.end() ? NewConnection({endpoint}) : *known);
  }
  std::vector<std::shared_ptr<GrpcConnection>> gone;
  for (const auto& connection : connections) {
    if (std::ranges::find(kept, connection) == kept.end()) gone.push_back(connection);
  }
  connections = std::move(kept);
  for (const auto& connection : gone) {
    connection->Drain();
    if (connection->state() == State::kDraining) draining.push_back(connection);
  }
}

void GrpcClient::Impl::OnState(GrpcConnection& connection) {
  if (is_stopped.load()) return;
  if (!connection.error().empty()) last_error = connection.error();
  if (connection.state() == State::kDraining || connection.state() == State::kClosed) {
    // It goes on by itself with the calls it has; another takes its place.
    auto place =
        std::ranges::find_if(connections, [&](const auto& known) { return known.get() == &connection; });
    if (place != connections.end()) {
      if (connection.state() == State::kDraining) draining.push_back(*place);
      *place = NewConnection(connection.endpoints());
    }
    if (connection.state() == State::kClosed)
      std::erase_if(draining, [&](const auto& known) { return known.get() == &connection; });
  }
  // Not from inside the connection.
  asio::post(loop.context, [self = shared_from_this()] {
    if (self->is_stopped.load()) return;
    self->KeepConnected();
    self->Assign();
  });
}

// Turns need all addresses, so their connections are kept up without calls that wait for them.
void GrpcClient::Impl::KeepConnected() {
  if (options.balancing != Balancing::kRoundRobin) return;
  bool is_missing = std::ranges::any_of(
      connections, [](const auto& connection) { return connection->state() != State::kReady; });
  if (is_missing && std::chrono::steady_clock::now() - resolved_at >= kResolveInterval) Resolve();
  for (const auto& connection : std::vector(connections)) {
    if (connection->state() == State::kIdle) connection->Connect();
  }
}

void GrpcClient::Impl::OnUnseen(const GrpcCallPtr& call, GrpcStatus status) {
  if (call->is_done) return;
  if (call->was_retried || is_stopped.load()) {
    Finish(call, {.status = std::move(status)});
    return;
  }
  call->was_retried = true;
  call->connection.reset();
  waiting.push_back(call);
  asio::post(loop.context, [self = shared_from_this()] {
    if (!self->is_stopped.load()) self->Assign();
  });
}

void GrpcClient::Impl::Finish(const GrpcCallPtr& call, GrpcResult result) {
  if (call->is_done) return;
  call->is_done = true;
  if (call->deadline != Time::max()) deadlines.erase(std::pair(call->deadline, call));
  call->connection.reset();
  in_flight.fetch_sub(1, std::memory_order_relaxed);
  Deliver(call->delivery, std::move(call->callback), std::move(result));
  call->callback = nullptr;
}

void GrpcClient::Impl::CancelCall(const GrpcCallPtr& call) {
  if (call->is_done) return;
  auto connection = call->connection.lock();
  Fail(call, GrpcCode::kCancelled, "context canceled");
  if (connection != nullptr) connection->Cancel(call);
}

// One timer for the earliest deadline. It is not set later when that call ends: it then finds nothing to do.
void GrpcClient::Impl::ArmDeadline() {
  if (deadlines.empty() || deadlines.begin()->first >= armed_for) return;
  armed_for = deadlines.begin()->first;
  deadline_timer.expires_at(armed_for);
  deadline_timer.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error) self->OnDeadline();
  });
}

void GrpcClient::Impl::OnDeadline() {
  armed_for = Time::max();
  Time now = std::chrono::steady_clock::now();
  while (!deadlines.empty() && deadlines.begin()->first <= now) {
    GrpcCallPtr call = deadlines.begin()->second;
    auto connection = call->connection.lock();
    Fail(call, GrpcCode::kDeadlineExceeded,
         connection == nullptr
             ? fmt::format("context deadline exceeded while waiting for connections to become "
                           "ready: {}",
                           last_error)
             : "context deadline exceeded");
    if (connection != nullptr) connection->Cancel(call);
  }
  std::erase_if(waiting, [](const GrpcCallPtr& call) { return call->is_done; });
  if (!is_stopped.load()) ArmDeadline();
}

void GrpcClient::Impl::StopOnLoop() {
  resolver.cancel();
  deadline_timer.cancel();
  TakeSubmitted();
  std::deque<GrpcCallPtr> failed;
  failed.swap(waiting);
  std::vector<std::shared_ptr<GrpcConnection>> closed = std::move(connections);
  closed.insert(closed.end(), draining.begin(), draining.end());
  connections.clear();
  draining.clear();
  for (const auto& connection : closed) {
    for (GrpcCallPtr& call : connection->Detach()) failed.push_back(std::move(call));
  }
  for (const GrpcCallPtr& call : failed)
    Fail(call, GrpcCode::kCancelled, "grpc: the client connection is closing");
}

void GrpcCallHandle::Cancel() {
  auto call = state_.lock();
  auto client = call == nullptr ? nullptr : call->client.lock();
  if (client == nullptr) return;
  asio::post(client->loop.context, [client, call] { client->CancelCall(call); });
}

GrpcClient::GrpcClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

GrpcClient::~GrpcClient() { Stop(); }

core::Result<std::unique_ptr<GrpcClient>> GrpcClient::Create(IoContext& io, GrpcClientOptions options) {
  SEXTANT_ASSIGN(HostPort host, ParseHostPort(options.target));
  if (host.host.empty()) host.host = "localhost";
  std::shared_ptr<asio::ssl::context> tls_context;
  if (options.tls != nullptr) {
    SEXTANT_ASSIGN(tls_context, MakeTlsClientContext(*options.tls));
  }
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(host), std::move(tls_context));
  return std::unique_ptr<GrpcClient>(new GrpcClient(std::move(impl)));
}

GrpcCallHandle GrpcClient::Call(GrpcRequest request, FetchDelivery delivery, GrpcCallback callback) {
  auto call = std::make_shared<GrpcCallHandle::State>();
  call->request = std::move(request);
  if (call->request.message == nullptr) call->request.message = std::make_shared<std::string>();
  call->delivery = delivery;
  call->callback = std::move(callback);
  call->client = impl_;
  if (call->request.timeout_ms > 0)
    call->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(call->request.timeout_ms);
  impl_->in_flight.fetch_add(1, std::memory_order_relaxed);
  if (impl_->io.impl().is_stopped.load()) {
    Deliver({}, std::move(call->callback),
            {.status = {GrpcCode::kCancelled, "grpc: the client connection is closing"}});
    return {};
  }
  impl_->Submit(call);
  return GrpcCallHandle(call);
}

void GrpcClient::Stop() {
  if (impl_->is_stopped.exchange(true) || impl_->io.impl().is_stopped.load()) return;
  std::promise<void> done;
  asio::post(impl_->loop.context, [&] {
    impl_->StopOnLoop();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace sextant::net
