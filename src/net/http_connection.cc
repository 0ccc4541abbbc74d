#include "net/http_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <span>

#include "net/compression.h"
#include "net/request_span.h"
#include "net/websocket_session.h"

namespace sextant::net {

namespace {

constexpr size_t kIdleInputBytes = 4 << 10;
constexpr size_t kBodyInputBytes = 64 << 10;
constexpr size_t kMaxBuffersPerWrite = 32;
// A body nobody wants is read up to here so that the connection can be kept; a longer one ends it. Inline
// routes get no more either.
constexpr size_t kSmallBodyBytes = 64 << 10;
// After a last answer: how much and how long to read on, so that the client sees the answer and not a reset.
constexpr size_t kMaxLingeringBytes = 1 << 20;
constexpr core::DurationMs kLingerMs = 2'000;
constexpr int kMaxPasswordChecks = 32;

std::string ErrorText(int status, std::string_view message) {
  return fmt::format("{} {}: {}\n", status, StatusText(status), message);
}

HttpResponse ErrorResponse(int status, std::string_view message) {
  HttpResponse response = HttpResponse::Text(status, ErrorText(status, message));
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

bool Passes(const RouteOptions& options, std::string_view encoding) {
  return std::any_of(options.passed_encodings.begin(), options.passed_encodings.end(),
                     [&](const std::string& passed) { return EqualsIgnoreCase(passed, encoding); });
}

// Undoes the body's coding; an answer when it cannot.
std::optional<HttpResponse> DecodeBody(const RouteOptions& options, HttpRequest& request) {
  std::string_view name = request.headers.Get("Content-Encoding");
  if (name.empty() || request.body.empty() || Passes(options, name)) return std::nullopt;
  if (options.run_inline) return ErrorResponse(415, "this path takes no body with a Content-Encoding");
  std::optional<Encoding> encoding = ParseEncoding(name);
  if (!encoding) {
    return ErrorResponse(
        415, fmt::format("Content-Encoding \"{}\" is not supported here: use gzip, zstd or deflate", name));
  }
  if (*encoding == Encoding::kIdentity) return std::nullopt;
  std::string decoded;
  core::Status status = Decompress(*encoding, request.body, options.max_body_bytes, decoded);
  if (!status) {
    return ErrorResponse(status.error().code() == core::Code::kResourceExhausted ? 413 : 400,
                         status.error().message());
  }
  request.body = std::move(decoded);
  request.headers.Remove("Content-Encoding");
  return std::nullopt;
}

// Calls the route's handler; an exception is a defect, but not one to end the process for.
void CallHandler(ServerCore& core, const Route& route, HttpRequest request,
                 const std::shared_ptr<Exchange>& exchange) {
  ResponseWriter writer(exchange);
  if (auto refused = DecodeBody(route.options, request)) {
    core.CountRefusal("body_encoding");
    writer.Send(std::move(*refused));
    return;
  }
  try {
    if (route.kind == RouteKind::kStream) {
      route.stream_handler(std::move(request), std::move(writer));
    } else {
      writer.Send(route.handler(request));
    }
  } catch (const std::exception& exception) {
    core.logger.Error("request handler failed", {{"handler", route.pattern}, {"error", exception.what()}});
  }
}

}  // namespace

ServerLoop::ServerLoop(IoLoop& io_in, std::chrono::milliseconds sweep_interval)
    : io(io_in), sweep_interval_(sweep_interval), sweep_timer_(io.context.get_executor()) {}

void ServerLoop::Add(std::shared_ptr<LoopMember> member) {
  LoopMember* key = member.get();
  members_.emplace(key, std::move(member));
  ScheduleSweep();
}

void ServerLoop::Remove(LoopMember* member) {
  auto it = members_.find(member);
  if (it == members_.end()) return;
  auto kept = std::move(it->second);  // it may be the last reference
  members_.erase(it);
  if (members_.empty()) sweep_timer_.cancel();
}

// One timer for all deadlines: a timer per connection would cost more than the requests.
void ServerLoop::ScheduleSweep() {
  if (is_sweeping_ || members_.empty()) return;
  is_sweeping_ = true;
  sweep_timer_.expires_after(sweep_interval_);
  sweep_timer_.async_wait([self = shared_from_this()](const error_code&) {
    self->is_sweeping_ = false;
    MonotonicTime now = std::chrono::steady_clock::now();
    for (const auto& member : self->Snapshot()) member->Sweep(now);
    self->ScheduleSweep();
  });
}

std::vector<std::shared_ptr<LoopMember>> ServerLoop::Snapshot() const {
  std::vector<std::shared_ptr<LoopMember>> snapshot;
  snapshot.reserve(members_.size());
  for (const auto& [key, member] : members_) snapshot.push_back(member);
  return snapshot;
}

void ServerLoop::BeginStop() {
  for (const auto& member : Snapshot()) member->BeginStop();
}

void ServerLoop::CloseAll() {
  for (const auto& member : Snapshot()) member->CloseNow();
}

HttpConnection::HttpConnection(std::shared_ptr<ServerCore> core, std::shared_ptr<ServerLoop> loop,
                               ConnectionTicket ticket, TcpSocket socket,
                               std::shared_ptr<asio::ssl::context> tls_context)
    : ticket_(std::move(ticket)),
      core_(std::move(core)),
      loop_(std::move(loop)),
      tls_context_(std::move(tls_context)),
      reader_(core_->options.limits) {
  error_code error;
  auto endpoint = socket.remote_endpoint(error);
  if (!error) {
    // An IPv4 client of a socket for both families is shown as what it is.
    auto address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    remote_address_ = JoinHostPort(address.to_string(), endpoint.port());
  }
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  if (tls_context_ != nullptr) {
    stream_ = std::make_unique<Stream>(std::move(socket), *tls_context_);
  } else {
    stream_ = std::make_unique<Stream>(std::move(socket));
  }
}

HttpConnection::~HttpConnection() { core_->ReleaseBody(accounted_body_bytes_); }

MonotonicTime HttpConnection::DeadlineIn(core::DurationMs delay_ms) const {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(delay_ms);
}

void HttpConnection::Begin() {
  loop_->Add(shared_from_this());
  if (stream_->is_tls()) {
    Handshake();
    return;
  }
  read_deadline_ = DeadlineIn(timeouts().header_ms);
  StartRead();
}

void HttpConnection::Handshake() {
  phase_ = Phase::kHandshake;
  read_deadline_ = DeadlineIn(timeouts().tls_handshake_ms);
  stream_->tls().async_handshake(
      asio::ssl::stream_base::server, [self = shared_from_this()](const error_code& error) {
        if (self->phase_ != Phase::kHandshake) return;
        if (error) {
          self->core_->CountRefusal("tls_handshake");
          if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST)
            self->AnswerPlainHttp();
          self->CloseNow();
          return;
        }
        self->phase_ = Phase::kReading;
        self->read_deadline_ = self->DeadlineIn(self->timeouts().header_ms);
        self->StartRead();
      });
}

// Somebody speaks http:// to an https:// port. One try: the socket's buffer is empty, so the line fits.
void HttpConnection::AnswerPlainHttp() {
  std::string text = ErrorText(400, "this port speaks TLS: use https://");
  std::string answer = fmt::format(
      "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
      "{}\r\nConnection: "
      "close\r\n\r\n{}",
      text.size(), text);
  error_code ignored;
  stream_->socket().non_blocking(true, ignored);
  stream_->socket().write_some(asio::buffer(answer), ignored);
  stream_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

// Parses what has arrived, as far as the current request goes.
void HttpConnection::Advance() {
  while (phase_ == Phase::kReading) {
    switch (reader_.state()) {
      case RequestReader::State::kHeader:
      case RequestReader::State::kBody: {
        bool had_begun = reader_.has_begun();
        size_t used = input().empty() ? 0 : reader_.Feed(input());
        in_begin_ += used;
        if (!had_begun && reader_.has_begun()) read_deadline_ = DeadlineIn(timeouts().header_ms);
        if (!AccountBody()) return;
        bool needs_more = reader_.state() == RequestReader::State::kHeader ||
                          reader_.state() == RequestReader::State::kBody;
        if (needs_more && (used == 0 || input().empty())) {
          StartRead();
          return;
        }
        break;
      }
      case RequestReader::State::kHeaderDone:
        OnHeader();
        break;
      case RequestReader::State::kDone:
        OnRequest();
        break;
      case RequestReader::State::kRefused: {
        // A body that is too long for a planned answer: that answer still says best what is wrong.
        const Refusal& refusal = reader_.refusal();
        if (planned_) {
          Refuse(planned_->status, refusal.reason, "");
        } else {
          Refuse(refusal.status, refusal.reason, refusal.message);
        }
        return;
      }
    }
  }
  if (phase_ == Phase::kHandling) StartRead();
}

bool HttpConnection::AccountBody() {
  size_t size = reader_.request().body.capacity();
  if (size <= accounted_body_bytes_ || size <= kIdleInputBytes) return true;
  if (!core_->ReserveBody(size - accounted_body_bytes_)) {
    Refuse(503, "buffered_bodies", "too many request bodies are under way; try again later");
    return false;
  }
  accounted_body_bytes_ = size;
  return true;
}

void HttpConnection::MakeRoomToRead() {
  size_t wanted = reader_.state() == RequestReader::State::kBody ? kBodyInputBytes : kIdleInputBytes;
  if (in_begin_ > 0) {
    std::copy(in_.begin() + static_cast<ptrdiff_t>(in_begin_), in_.begin() + static_cast<ptrdiff_t>(in_end_),
              in_.begin());
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (in_.size() < wanted) in_.resize(wanted);
  if (in_end_ == in_.size()) in_.resize(in_.size() * 2);
}

void HttpConnection::StartRead() {
  if (is_reading_ || has_eof_ || phase_ == Phase::kClosed || phase_ == Phase::kChecking) return;
  // While an answer is made the connection is watched, but only so much is read ahead.
  if (phase_ == Phase::kHandling && in_end_ - in_begin_ >= core_->options.limits.max_pipelined_bytes) return;
  if (phase_ == Phase::kLingering) in_begin_ = in_end_ = 0;
  MakeRoomToRead();
  is_reading_ = true;
  stream_->async_read_some(asio::buffer(in_.data() + in_end_, in_.size() - in_end_),
                           [self = shared_from_this()](const error_code& error, size_t bytes) {
                             self->is_reading_ = false;
                             self->OnRead(error, bytes);
                           });
}

void HttpConnection::OnRead(const error_code& error, size_t bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) {
    // With an orderly end the client may still wait for the answer under way.
    bool is_orderly = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    has_eof_ = true;
    if (phase_ == Phase::kHandling && is_orderly && !exchange_->is_endless()) {
      exchange_->Cancel();
    } else {
      CloseNow();
    }
    return;
  }
  in_end_ += bytes;
  core_->received_bytes.Increment(static_cast<double>(bytes));
  if (phase_ == Phase::kLingering) {
    lingered_bytes_ += bytes;
    if (lingered_bytes_ > kMaxLingeringBytes) {
      CloseNow();
    } else {
      StartRead();
    }
    return;
  }
  Advance();
}

void HttpConnection::OnHeader() {
  request_begin_ns_ = core_->clock.MonotonicNs();
  read_deadline_ = DeadlineIn(timeouts().body_ms);
  match_ = core_->router().Match(reader_.request().method, reader_.raw_path());
  user_.clear();
  role_.clear();
  planned_.reset();

  SecurityState security = core_->security();
  if (security.limiter != nullptr && !security.limiter->Allow(request_begin_ns_)) {
    core_->CountRefusal("rate_limit");
    match_.route = nullptr;
    Plan(HttpResponse::Text(429, "Too Many Requests\n"));
    if (CheckExpectation()) reader_.ReadBody(kSmallBodyBytes);
    return;
  }
  if (security.auth != nullptr) {
    CheckPassword(security.auth);
  } else if (core_->options.gate != nullptr) {
    AskGate(*core_->options.gate);
  } else {
    OnAuthenticated();
  }
}

void HttpConnection::CheckPassword(const std::shared_ptr<BasicAuth>& auth) {
  std::string authorization(reader_.request().headers.Get("Authorization"));
  BasicAuth::Verdict verdict = auth->Check(authorization, user_);
  if (verdict != BasicAuth::Verdict::kUnknown) {
    OnPasswordChecked(verdict == BasicAuth::Verdict::kAccepted, user_);
    return;
  }
  RunCheck([self = shared_from_this(), auth, authorization = std::move(authorization)] {
    std::string user;
    bool is_accepted = auth->Verify(authorization, user);
    return [self, is_accepted, user = std::move(user)] { self->OnPasswordChecked(is_accepted, user); };
  });
}

void HttpConnection::AskGate(AccessGate& gate) {
  HttpRequest& request = reader_.request();
  request.path = match_.path;
  request.remote_address = remote_address_;
  request.is_tls = stream_->is_tls();
  AccessDecision decision = gate.Check(request, match_.route);
  if (decision.kind != AccessDecision::Kind::kMustVerify) {
    OnGate(std::move(decision));
    return;
  }
  // The connection may end while the gate works, so that works on a copy.
  RunCheck([self = shared_from_this(), &gate, request, route = match_.route] {
    auto verified = std::make_shared<AccessDecision>(gate.Verify(request, route));
    return [self, verified] { self->OnGate(std::move(*verified)); };
  });
}

void HttpConnection::OnGate(AccessDecision decision) {
  if (decision.kind == AccessDecision::Kind::kAllowed) {
    user_ = std::move(decision.user);
    role_ = std::move(decision.role);
    OnAuthenticated();
    return;
  }
  core_->CountRefusal(decision.answer.status == 401 ? "unauthorized" : "access");
  match_.route = nullptr;
  Plan(std::move(decision.answer));
  if (CheckExpectation()) reader_.ReadBody(kSmallBodyBytes);
}

// Runs a slow check on the executor, and what it returns back on the loop; nothing is read meanwhile.
void HttpConnection::RunCheck(std::function<std::function<void()>()> check) {
  if (core_->password_checks.fetch_add(1) >= kMaxPasswordChecks) {
    core_->password_checks.fetch_sub(1);
    Refuse(503, "password_checks", "too many passwords are being checked; try again later");
    return;
  }
  phase_ = Phase::kChecking;
  read_deadline_ = MonotonicTime::max();
  core_->AddHandler();
  core::Status submitted =
      core_->executor.Submit(core::Priority::kQuery, [self = shared_from_this(), check = std::move(check)] {
        std::function<void()> go_on = check();
        self->core_->password_checks.fetch_sub(1);
        asio::post(self->loop_->io.context, [self, go_on = std::move(go_on)] {
          if (self->phase_ != Phase::kChecking) return;
          self->phase_ = Phase::kReading;
          self->read_deadline_ = self->DeadlineIn(self->timeouts().body_ms);
          go_on();
          self->Advance();
        });
        self->core_->RemoveHandler();
      });
  if (submitted) return;
  core_->password_checks.fetch_sub(1);
  core_->RemoveHandler();
  phase_ = Phase::kReading;
  Refuse(503, "executor_full", submitted.error().message());
}

void HttpConnection::OnPasswordChecked(bool is_accepted, std::string user) {
  if (is_accepted) {
    user_ = std::move(user);
    OnAuthenticated();
    return;
  }
  core_->CountRefusal("unauthorized");
  match_.route = nullptr;
  HttpResponse response = HttpResponse::Text(401, "Unauthorized\n");
  response.headers.Add("WWW-Authenticate", "Basic");
  Plan(std::move(response));
  if (CheckExpectation()) reader_.ReadBody(kSmallBodyBytes);
}

void HttpConnection::OnAuthenticated() {
  if (match_.route == nullptr) PlanForUnmatched();
  if (!planned_ && match_.route->kind == RouteKind::kWebSocket) {
    if (CheckWebSocket()) {
      UpgradeToWebSocket();
      return;
    }
  }
  if (!CheckExpectation()) return;
  bool is_small = planned_.has_value() || match_.route->options.run_inline;
  reader_.ReadBody(is_small ? kSmallBodyBytes : match_.route->options.max_body_bytes);
}

void HttpConnection::Plan(HttpResponse response) { planned_ = std::move(response); }

void HttpConnection::PlanForUnmatched() {
  const HttpRequest& request = reader_.request();
  switch (match_.status) {
    case 204: {
      HttpResponse response;
      response.status = 204;
      response.headers.Add("Allow", match_.allow);
      Plan(std::move(response));
      return;
    }
    case 302: {
      Plan(HttpResponse::Redirect(302, core_->router().prefix() + "/"));
      return;
    }
    case 405: {
      HttpResponse response = ErrorResponse(
          405, fmt::format("{} does not answer {}, only {}", match_.path, request.method, match_.allow));
      response.headers.Add("Allow", match_.allow);
      Plan(std::move(response));
      return;
    }
    case 400:
      core_->CountRefusal("malformed");
      Plan(ErrorResponse(400, match_.error));
      return;
    default:
      Plan(ErrorResponse(404, fmt::format("nothing is at {}", match_.path)));
      return;
  }
}

// "Expect: 100-continue" waits for our leave to send the body.
bool HttpConnection::CheckExpectation() {
  const HttpRequest& request = reader_.request();
  std::string_view expectation = request.headers.Get("Expect");
  if (expectation.empty() || request.version_minor == 0) return true;
  if (!EqualsIgnoreCase(expectation, "100-continue")) {
    Refuse(417, "malformed", "only \"Expect: 100-continue\" is understood");
    return false;
  }
  if (planned_) {
    // The client holds its body back, and after this answer it may send it or not: the connection cannot be
    // kept.
    if (reader_.has_body()) {
      Refuse(planned_->status, "unwanted_body", "");
      return false;
    }
    return true;
  }
  if (reader_.has_body() && input().empty()) QueueRaw("HTTP/1.1 100 Continue\r\n\r\n", false);
  return true;
}

// True when the request may be upgraded; otherwise an answer is planned.
bool HttpConnection::CheckWebSocket() {
  const HttpRequest& request = reader_.request();
  bool is_upgrade = request.method == "GET" && request.version_minor >= 1 &&
                    request.headers.HasToken("Connection", "upgrade") &&
                    EqualsIgnoreCase(request.headers.Get("Upgrade"), "websocket") && !reader_.has_body();
  if (!is_upgrade) {
    HttpResponse response = ErrorResponse(426, "this path speaks WebSocket");
    response.headers.Add("Upgrade", "websocket");
    Plan(std::move(response));
    return false;
  }
  // Other sites' pages may open sockets in a visitor's name; only our own may (RFC 6455 10.2).
  std::string_view origin = request.headers.Get("Origin");
  size_t host = origin.find("://");
  if (!origin.empty() && (host == std::string_view::npos ||
                          !EqualsIgnoreCase(origin.substr(host + 3), request.headers.Get("Host")))) {
    core_->CountRefusal("websocket_origin");
    Plan(ErrorResponse(403, "a WebSocket may only be opened by a page of this host"));
    return false;
  }
  if (!input().empty() || is_reading_) {
    Plan(ErrorResponse(400, "bytes follow the WebSocket upgrade before it was answered"));
    return false;
  }
  return true;
}

void HttpConnection::UpgradeToWebSocket() {
  HttpRequest& request = reader_.request();
  request.path = std::move(match_.path);
  request.path_params = std::move(match_.path_params);
  request.remote_address = remote_address_;
  request.user = user_;
  request.role = role_;
  request.is_tls = stream_->is_tls();
  phase_ = Phase::kClosed;
  StartWebSocket({core_, loop_, std::move(tls_context_), std::move(stream_), match_.route, std::move(request),
                  std::move(ticket_)});
  loop_->Remove(this);
}

void HttpConnection::OnRequest() {
  phase_ = Phase::kHandling;
  read_deadline_ = MonotonicTime::max();
  HttpRequest request = std::move(reader_.request());
  request.path = std::move(match_.path);
  request.path_params = std::move(match_.path_params);
  request.remote_address = remote_address_;
  request.user = std::move(user_);
  request.role = std::move(role_);
  request.is_tls = stream_->is_tls();
  request.received_ns = core_->clock.MonotonicNs();

  ExchangeTraits traits;
  traits.is_head = request.method == "HEAD";
  traits.version_minor = request.version_minor;
  traits.keeps_alive = reader_.keeps_alive() && !core_->stopping.load(std::memory_order_relaxed);
  traits.metrics = match_.route == nullptr ? &core_->unmatched_metrics : &core_->MetricsOf(*match_.route);
  traits.begin_ns = request_begin_ns_;
  if (match_.route != nullptr && match_.route->options.compress) {
    traits.accepted = NegotiateEncoding(request.headers.Get("Accept-Encoding"));
  }
  if (core_->options.add_headers) core_->options.add_headers(request, traits.extra_headers);
  traits.span = StartRequestSpan(core_->options.tracer, request, request_begin_ns_);
  exchange_ = std::make_shared<Exchange>(weak_from_this(), std::move(traits));
  request.cancelled = exchange_->cancelled_flag();
  if (planned_) {
    std::shared_ptr<Exchange> exchange = exchange_;
    exchange->Send(std::move(*planned_));
    return;
  }
  RunHandler(std::move(request));
}

void HttpConnection::RunHandler(HttpRequest request) {
  std::shared_ptr<Exchange> exchange = exchange_;
  const Route& route = *match_.route;
  if (route.options.run_inline) {
    CallHandler(*core_, route, std::move(request), exchange);
    return;
  }
  core_->AddHandler();
  core::Status submitted = core_->executor.Submit(
      route.options.priority, [core = core_, &route, request = std::move(request), exchange]() mutable {
        CallHandler(*core, route, std::move(request), exchange);
        core->RemoveHandler();
      });
  if (submitted) return;
  core_->RemoveHandler();
  core_->CountRefusal("executor_full");
  HttpResponse response = ErrorResponse(503, submitted.error().message());
  response.headers.Add("Retry-After", "1");
  exchange->Send(std::move(response));
}

// Answers with an error of the server's own and closes. An empty message sends the planned answer.
void HttpConnection::Refuse(int status, std::string_view reason, std::string_view message) {
  core_->CountRefusal(reason);
  phase_ = Phase::kHandling;
  read_deadline_ = MonotonicTime::max();
  ExchangeTraits traits;
  traits.is_head = reader_.request().method == "HEAD";
  traits.keeps_alive = false;
  traits.metrics = &core_->unmatched_metrics;
  traits.begin_ns = request_begin_ns_ != 0 ? request_begin_ns_ : core_->clock.MonotonicNs();
  auto exchange = std::make_shared<Exchange>(weak_from_this(), std::move(traits));
  exchange_ = exchange;
  exchange->Send(message.empty() && planned_ ? std::move(*planned_) : ErrorResponse(status, message));
}

void HttpConnection::PostOutput(std::shared_ptr<Exchange> exchange, OutputPiece piece) {
  asio::dispatch(loop_->io.context,
                 [self = shared_from_this(), exchange = std::move(exchange),
                  piece = std::move(piece)]() mutable { self->OnOutput(exchange, std::move(piece)); });
}

void HttpConnection::OnOutput(const std::shared_ptr<Exchange>& exchange, OutputPiece piece) {
  if (phase_ == Phase::kClosed || exchange != exchange_) return;
  if (piece.cuts) {
    CloseNow();
    return;
  }
  out_.push_back(std::move(piece));
  StartWrite();
}

void HttpConnection::QueueRaw(std::string bytes, bool closes) {
  OutputPiece piece;
  piece.head = std::move(bytes);
  piece.closes = closes;
  out_.push_back(std::move(piece));
  StartWrite();
}

void HttpConnection::StartWrite() {
  if (is_writing_ || out_.empty()) return;
  std::array<asio::const_buffer, kMaxBuffersPerWrite> buffers;
  size_t count = 0;
  size_t skip = out_offset_;
  for (const OutputPiece& piece : out_) {
    for (std::string_view part :
         {std::string_view(piece.head), std::string_view(piece.body), piece.static_body}) {
      if (skip >= part.size()) {
        skip -= part.size();
        continue;
      }
      if (count == buffers.size()) break;
      buffers[count++] = asio::buffer(part.data() + skip, part.size() - skip);
      skip = 0;
    }
  }
  if (count == 0) {
    // An end without bytes of its own (a body of exactly its Content-Length).
    OnWritten({}, 0);
    return;
  }
  is_writing_ = true;
  write_deadline_ = DeadlineIn(timeouts().write_ms);
  std::span<const asio::const_buffer> given(buffers.data(), count);
  stream_->async_write_some(given, [self = shared_from_this()](const error_code& error, size_t bytes) {
    self->is_writing_ = false;
    self->OnWritten(error, bytes);
  });
}

void HttpConnection::OnWritten(const error_code& error, size_t bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) {
    CloseNow();
    return;
  }
  write_deadline_ = MonotonicTime::max();
  core_->sent_bytes.Increment(static_cast<double>(bytes));
  if (exchange_ != nullptr && bytes > 0) exchange_->OnSent(bytes);
  out_offset_ += bytes;
  bool is_answered = false;
  bool closes = false;
  while (!out_.empty() && out_offset_ >= out_.front().size()) {
    out_offset_ -= out_.front().size();
    is_answered |= out_.front().ends_response;
    closes |= out_.front().closes;
    out_.pop_front();
  }
  if (is_answered) {
    OnResponseSent(closes);
  } else {
    StartWrite();
  }
}

void HttpConnection::OnResponseSent(bool closes) {
  std::shared_ptr<Exchange> exchange = std::move(exchange_);
  exchange_ = nullptr;
  exchange->End();
  core_->ReleaseBody(accounted_body_bytes_);
  accounted_body_bytes_ = 0;
  planned_.reset();
  request_begin_ns_ = 0;
  if (closes || core_->stopping.load(std::memory_order_relaxed)) {
    Linger();
    return;
  }
  if (has_eof_) {
    CloseNow();
    return;
  }
  reader_.Next();
  phase_ = Phase::kReading;
  read_deadline_ = DeadlineIn(timeouts().idle_ms);
  ShrinkInput();
  Advance();
}

// A connection at rest should not keep the room that its largest request took.
void HttpConnection::ShrinkInput() {
  if (is_reading_ || in_.size() <= kIdleInputBytes || in_begin_ != in_end_) return;
  in_begin_ = in_end_ = 0;
  in_.resize(kIdleInputBytes);
  in_.shrink_to_fit();
}

void HttpConnection::Linger() {
  if (has_eof_) {
    CloseNow();
    return;
  }
  phase_ = Phase::kLingering;
  read_deadline_ = DeadlineIn(kLingerMs);
  if (stream_->is_tls()) {
    stream_->tls().async_shutdown([self = shared_from_this()](const error_code&) { self->CloseNow(); });
    return;
  }
  error_code error;
  stream_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) {
    CloseNow();
    return;
  }
  StartRead();
}

void HttpConnection::BeginStop() {
  switch (phase_) {
    case Phase::kHandling:
      exchange_->CloseAfter();
      if (exchange_->is_endless()) exchange_->Cancel();
      return;
    case Phase::kChecking:
    case Phase::kLingering:
    case Phase::kClosed:
      return;
    case Phase::kHandshake:
      CloseNow();
      return;
    case Phase::kReading:
      // A request that has begun may still be finished within the grace.
      if (!reader_.has_begun() && input().empty()) CloseNow();
      return;
  }
}

void HttpConnection::CloseNow() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  stream_->Close();
  if (exchange_ != nullptr) {
    exchange_->Cancel();
    exchange_->End();
    exchange_ = nullptr;
  }
  out_.clear();
  loop_->Remove(this);
}

void HttpConnection::Sweep(MonotonicTime now) {
  if (now >= write_deadline_) {
    core_->CountRefusal("write_timeout");
    CloseNow();
    return;
  }
  if (now < read_deadline_) return;
  switch (phase_) {
    case Phase::kReading: {
      if (!reader_.has_begun()) {
        CloseNow();
        return;
      }
      bool is_body = reader_.state() == RequestReader::State::kBody;
      planned_.reset();
      Refuse(408, is_body ? "body_timeout" : "header_timeout",
             is_body ? "the body took too long to arrive" : "the header took too long to arrive");
      return;
    }
    case Phase::kHandshake:
      core_->CountRefusal("tls_handshake_timeout");
      [[fallthrough]];
    case Phase::kLingering:
      CloseNow();
      return;
    case Phase::kChecking:
    case Phase::kHandling:
    case Phase::kClosed:
      return;
  }
}

}  // namespace sextant::net
