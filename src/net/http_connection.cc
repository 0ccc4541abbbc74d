#include "net/http_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <span>

#include "net/compression.h"
#include "net/http2_connection.h"
#include "net/http2_session.h"
#include "net/request_span.h"
#include "net/request_steps.h"
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
        if (HasChosenHttp2(self->stream_->tls().native_handle())) {
          self->ContinueAsHttp2();
          return;
        }
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
  if (is_fresh_ && core_->http2_enabled.load(std::memory_order_relaxed)) {
    size_t compared = std::min(input().size(), kHttp2Preface.size());
    if (input().substr(0, compared) == kHttp2Preface.substr(0, compared)) {
      // As far as it goes it is HTTP/2; no request of HTTP/1.1 begins so.
      if (compared < kHttp2Preface.size()) {
        StartRead();
      } else {
        ContinueAsHttp2();
      }
      return;
    }
    is_fresh_ = false;
  }
  Advance();
}

void HttpConnection::ContinueAsHttp2() {
  phase_ = Phase::kClosed;
  StartHttp2({core_, loop_, std::move(tls_context_), std::move(stream_), std::move(remote_address_),
              std::move(ticket_), std::string(input())});
  loop_->Remove(this);
}

void HttpConnection::OnHeader() {
  request_begin_ns_ = core_->clock.MonotonicNs();
  read_deadline_ = DeadlineIn(timeouts().body_ms);
  match_ = core_->router().Match(reader_.request().method, reader_.raw_path());
  user_.clear();
  role_.clear();
  planned_.reset();

  HttpRequest& request = reader_.request();
  request.path = match_.path;
  request.remote_address = remote_address_;
  request.is_tls = stream_->is_tls();
  auto admission = Admit(core_, loop_, request, match_.route, [self = shared_from_this()](Admission late) {
    if (self->phase_ != Phase::kChecking) return;
    self->phase_ = Phase::kReading;
    self->read_deadline_ = self->DeadlineIn(self->timeouts().body_ms);
    self->OnAdmission(std::move(late));
    self->Advance();
  });
  if (admission) {
    OnAdmission(std::move(*admission));
    return;
  }
  // Nothing is read meanwhile.
  phase_ = Phase::kChecking;
  read_deadline_ = MonotonicTime::max();
}

void HttpConnection::OnAdmission(Admission admission) {
  if (admission.is_admitted) {
    user_ = std::move(admission.user);
    role_ = std::move(admission.role);
    OnAuthenticated();
    return;
  }
  match_.route = nullptr;
  Plan(std::move(admission.answer));
  if (CheckExpectation()) reader_.ReadBody(kSmallBodyBytes);
}

void HttpConnection::OnAuthenticated() {
  if (match_.route == nullptr) Plan(AnswerUnmatched(*core_, match_, reader_.request().method));
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
  traits.span = StartRequestSpan(core_->options.tracer, request, request.version_minor == 0 ? "1.0" : "1.1",
                                 request_begin_ns_);
  exchange_ = std::make_shared<Exchange>(weak_from_this(), std::move(traits));
  request.cancelled = exchange_->cancelled_flag();
  if (planned_) {
    std::shared_ptr<Exchange> exchange = exchange_;
    exchange->Send(std::move(*planned_));
    return;
  }
  RunHandler(core_, *match_.route, std::move(request), exchange_);
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
