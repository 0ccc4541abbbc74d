#include "net/grpc_connection.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "net/http_server.h"
#include "net/tls.h"

namespace sextant::net {

namespace {

constexpr size_t kIdleInputBytes = 16 << 10;
constexpr size_t kMaxInputBytes = 256 << 10;
constexpr size_t kMaxOutputBytes = 256 << 10;  // per write
constexpr size_t kIdleOutputBytes = 16 << 10;
constexpr double kBackoffGrowth = 1.6;
constexpr double kBackoffJitter = 0.2;
constexpr unsigned char kProtocols[] = "\x02h2";

std::string_view ErrorName(Http2Error error) {
  static constexpr std::string_view kNames[] = {"NO_ERROR",
                                                "PROTOCOL_ERROR",
                                                "INTERNAL_ERROR",
                                                "FLOW_CONTROL_ERROR",
                                                "SETTINGS_TIMEOUT",
                                                "STREAM_CLOSED",
                                                "FRAME_SIZE_ERROR",
                                                "REFUSED_STREAM",
                                                "CANCEL",
                                                "COMPRESSION_ERROR",
                                                "CONNECT_ERROR",
                                                "ENHANCE_YOUR_CALM",
                                                "INADEQUATE_SECURITY",
                                                "HTTP_1_1_REQUIRED"};
  auto index = static_cast<size_t>(error);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors
GrpcCode CodeOfReset(Http2Error error) {
  constexpr uint32_t kInadequateSecurity = 12;
  switch (error) {
    case Http2Error::kRefusedStream:
      return GrpcCode::kUnavailable;
    case Http2Error::kCancel:
      return GrpcCode::kCancelled;
    case Http2Error::kEnhanceYourCalm:
      return GrpcCode::kResourceExhausted;
    default:
      return static_cast<uint32_t>(error) == kInadequateSecurity ? GrpcCode::kPermissionDenied
                                                                 : GrpcCode::kInternal;
  }
}

std::string Describe(const asio::ip::tcp::endpoint& endpoint) {
  return JoinHostPort(endpoint.address().to_string(), endpoint.port());
}

core::DurationMs BackoffMs(const GrpcClientOptions& options, int failures) {
  double pause = static_cast<double>(options.min_backoff_ms) * std::pow(kBackoffGrowth, failures - 1);
  pause = std::min(pause, static_cast<double>(options.max_backoff_ms));
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> jitter(1 - kBackoffJitter, 1 + kBackoffJitter);
  return static_cast<core::DurationMs>(pause * jitter(random));
}

}  // namespace

struct GrpcConnection::CallStream final : Http2Stream {
  CallStream(GrpcCallPtr call_in, size_t max_receive_bytes)
      : call(std::move(call_in)), reader(max_receive_bytes, nullptr) {}

  const GrpcCallPtr call;
  GrpcMessageReader reader;
  GrpcStatus failure;  // what went wrong with the answer, when not OK
};

GrpcConnection::GrpcConnection(Owner& owner, IoLoop& loop, const GrpcClientOptions& options,
                               std::shared_ptr<asio::ssl::context> tls_context)
    : owner_(&owner),
      loop_(loop),
      options_(options),
      tls_context_(std::move(tls_context)),
      authority_(options.authority.empty() ? options.target : options.authority),
      timer_(loop.context.get_executor()) {}

void GrpcConnection::Connect() {
  if (state_ != State::kIdle) return;
  state_ = State::kConnecting;
  next_endpoint_ = 0;
  timer_.expires_after(std::chrono::milliseconds(options_.connect_timeout_ms));
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->state_ != State::kConnecting) return;
    self->error_ = "connection error: context deadline exceeded";
    self->Pause();
  });
  TryNext();
}

void GrpcConnection::TryNext() {
  if (next_endpoint_ >= endpoints_.size()) {
    if (endpoints_.empty()) error_ = "no addresses";
    Pause();
    return;
  }
  TcpSocket socket(loop_.context.get_executor());
  wire_ = std::make_shared<Wire>(tls_context_ == nullptr ? Stream(std::move(socket))
                                                         : Stream(std::move(socket), *tls_context_));
  wire_->stream.socket().async_connect(endpoints_[next_endpoint_],
                                       [self = shared_from_this(), wire = wire_](const error_code& error) {
                                         if (self->wire_ != wire || self->state_ != State::kConnecting)
                                           return;
                                         if (error) {
                                           self->AttemptFailed("connect: " + error.message());
                                         } else {
                                           self->OnConnected();
                                         }
                                       });
}

void GrpcConnection::AttemptFailed(const std::string& what) {
  error_ = "connection error: desc = \"transport: Error while dialing: dial tcp " +
           Describe(endpoints_[next_endpoint_]) + ": " + what + "\"";
  wire_->stream.Close();
  ++next_endpoint_;
  TryNext();
}

void GrpcConnection::OnConnected() {
  error_code ignored;
  wire_->stream.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  if (!wire_->stream.is_tls()) {
    OnSecured();
    return;
  }
  SSL* ssl = wire_->stream.tls().native_handle();
  std::string name = options_.tls->server_name;
  if (name.empty()) name = authority_.substr(0, authority_.rfind(':'));
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  SSL_set_tlsext_host_name(ssl, name.c_str());
  SSL_set_alpn_protos(ssl, kProtocols, sizeof kProtocols - 1);
  if (!options_.tls->insecure_skip_verify)
    wire_->stream.tls().set_verify_callback(asio::ssl::host_name_verification(name), ignored);
  wire_->stream.tls().async_handshake(
      asio::ssl::stream_base::client, [self = shared_from_this(), wire = wire_](const error_code& error) {
        if (self->wire_ != wire || self->state_ != State::kConnecting) return;
        if (error) {
          self->AttemptFailed("authentication handshake failed: " + error.message());
        } else if (!HasChosenHttp2(self->wire_->stream.tls().native_handle())) {
          self->AttemptFailed("the server does not offer HTTP/2 (ALPN)");
        } else {
          self->OnSecured();
        }
      });
}

void GrpcConnection::OnSecured() {
  timer_.cancel();
  state_ = State::kReady;
  has_settings_ = false;
  session_ = std::make_unique<Http2Session>(
      Http2Options{.is_server = false, .max_header_bytes = options_.max_header_bytes}, *this);
  wire_->in.resize(kIdleInputBytes);
  last_read_ = std::chrono::steady_clock::now();
  is_pinged_ = false;
  ScheduleFlush();
  StartRead();
  ScheduleKeepalive();
  if (owner_ != nullptr) owner_->OnState(*this);
}

// Waits before the next attempt.
void GrpcConnection::Pause() {
  if (wire_ != nullptr) wire_->stream.Close();
  wire_ = nullptr;
  state_ = State::kPausing;
  ++failures_;
  timer_.expires_after(std::chrono::milliseconds(BackoffMs(options_, failures_)));
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->state_ != State::kPausing) return;
    self->state_ = State::kIdle;
    if (self->owner_ != nullptr) self->owner_->OnState(*self);
  });
  if (owner_ != nullptr) owner_->OnState(*this);
}

void GrpcConnection::Start(const GrpcCallPtr& call, GrpcEncoding encoding, std::string_view compressed) {
  bool is_compressed = encoding != GrpcEncoding::kIdentity;
  HttpHeaders fields;
  fields.Add("content-type", "application/grpc");
  fields.Add("user-agent", options_.user_agent);
  fields.Add("te", "trailers");
  fields.Add("grpc-accept-encoding", kGrpcAcceptEncoding);
  if (is_compressed) fields.Add("grpc-encoding", GrpcEncodingName(encoding));
  if (call->deadline != Time::max()) {
    auto left = call->deadline - std::chrono::steady_clock::now();
    fields.Add("grpc-timeout",
               FormatGrpcTimeout(std::chrono::duration_cast<std::chrono::nanoseconds>(left).count()));
  }
  HttpHeaders metadata = EncodeGrpcMetadata(call->request.metadata);
  for (size_t i = 0; i < metadata.size(); ++i) fields.Add(metadata.name(i), metadata.value(i));

  Http2Stream* stream =
      session_->Open(std::make_unique<CallStream>(call, options_.max_receive_bytes), "POST",
                     tls_context_ == nullptr ? "http" : "https", authority_, call->request.method, fields);
  if (stream == nullptr) {
    owner_->OnUnseen(call, {GrpcCode::kUnavailable, "the connection takes no more calls"});
    return;
  }
  call->connection = weak_from_this();
  call->stream_id = stream->id();
  size_t size = is_compressed ? compressed.size() : call->request.message->size();
  std::string prefix;
  AppendGrpcPrefix(is_compressed, size, prefix);
  if (is_compressed) {
    prefix.append(compressed);
    session_->Append(*stream, std::move(prefix));
  } else {
    session_->Append(*stream, std::move(prefix));
    session_->Append(*stream, {}, *call->request.message);
  }
  session_->End(*stream);
  ScheduleFlush();
}

void GrpcConnection::Cancel(const GrpcCallPtr& call) {
  if (session_ == nullptr) return;
  if (Http2Stream* stream = session_->Find(call->stream_id)) {
    session_->Reset(*stream, Http2Error::kCancel);
    ScheduleFlush();
  }
}

void GrpcConnection::OnData(Http2Stream& base, std::string_view bytes) {
  auto& stream = static_cast<CallStream&>(base);
  if (!stream.failure.is_ok() || stream.status != 200) return;
  if (stream.reader.Feed(bytes)) return;
  stream.failure = stream.reader.error();
  session_->Reset(stream, Http2Error::kCancel);
}

std::optional<GrpcStatus> GrpcConnection::Decode(CallStream& stream, GrpcResult& result) const {
  if (!stream.reader.has_message())
    return GrpcStatus{GrpcCode::kInternal, "cardinality violation: the answer has no message"};
  std::string message = stream.reader.TakeMessage();
  if (!stream.reader.is_compressed()) {
    result.message = std::move(message);
    return std::nullopt;
  }
  std::string_view name = stream.headers.Get("grpc-encoding");
  auto encoding = ParseGrpcEncoding(name);
  if (!encoding) {
    return GrpcStatus{GrpcCode::kUnimplemented,
                      fmt::format("grpc: Decompressor is not installed for grpc-encoding \"{}\"", name)};
  }
  if (*encoding == GrpcEncoding::kIdentity)
    return GrpcStatus{GrpcCode::kInternal, "grpc: compressed flag set with identity or empty encoding"};
  GrpcStatus undone = DecompressGrpc(*encoding, message, options_.max_receive_bytes, result.message);
  if (undone.is_ok()) return std::nullopt;
  return undone;
}

GrpcResult GrpcConnection::ResultOf(CallStream& stream, Http2Error error) const {
  GrpcResult result;
  // An answer of trailers alone has them in its header.
  bool is_trailers_only = stream.trailers.empty() && stream.headers.Has("grpc-status");
  const HttpHeaders& trailers = is_trailers_only ? stream.headers : stream.trailers;
  std::string_view content_type = stream.headers.Get("content-type");
  auto status = ParseGrpcStatus(trailers);
  if (!stream.failure.is_ok()) {
    result.status = stream.failure;
  } else if (stream.status != 0 && (stream.status != 200 || !IsGrpcContentType(content_type))) {
    result.status.code = stream.status == 200 ? GrpcCode::kUnknown : GrpcCodeOfAnswer(stream.status);
    result.status.message = fmt::format(
        "unexpected HTTP status code received from server: {} ({}); transport: received unexpected "
        "content-type \"{}\"",
        stream.status, StatusText(stream.status), content_type);
  } else if (!stream.header_excess.empty()) {
    result.status = {GrpcCode::kInternal, "the server's header or trailer is larger than allowed"};
  } else if (status && stream.has_all_of_peer) {
    result.status = std::move(*status);
  } else if (error != Http2Error::kNone) {
    result.status = {CodeOfReset(error),
                     fmt::format("stream terminated by RST_STREAM with error code: {}", ErrorName(error))};
  } else {
    result.status = {GrpcCode::kInternal, "server closed the stream without sending trailers"};
  }
  if (!is_trailers_only) result.headers = DecodeGrpcMetadata(stream.headers);
  result.trailers = DecodeGrpcMetadata(trailers);
  if (result.status.is_ok()) {
    if (auto failed = Decode(stream, result)) result.status = std::move(*failed);
  }
  result.retry_delay_ms = ParseGrpcRetryDelay(result.status.details);
  return result;
}

void GrpcConnection::OnClosed(Http2Stream& base, Http2Error error) {
  auto& stream = static_cast<CallStream&>(base);
  if (owner_ == nullptr) return;
  if (error == Http2Error::kRefusedStream && stream.status == 0) {
    owner_->OnUnseen(stream.call, {GrpcCode::kUnavailable, "the server refused the stream"});
    return;
  }
  owner_->OnResult(stream.call, ResultOf(stream, error));
}

void GrpcConnection::OnGoAway(int32_t, std::string_view text) {
  if (state_ != State::kReady) return;
  error_ = fmt::format("the server is closing the connection{}{}", text.empty() ? "" : ": ", text);
  state_ = State::kDraining;
  if (owner_ != nullptr) owner_->OnState(*this);
}

// Gives up the socket and the session, with the calls it had.
std::vector<GrpcCallPtr> GrpcConnection::DropSession() {
  timer_.cancel();
  if (wire_ != nullptr) wire_->stream.Close();
  wire_ = nullptr;
  std::vector<GrpcCallPtr> lost;
  if (session_ == nullptr) return lost;
  session_->ForEach([&](Http2Stream& stream) { lost.push_back(static_cast<CallStream&>(stream).call); });
  // Destroyed later: it may be the one that calls.
  asio::post(loop_.context, [session = std::shared_ptr<Http2Session>(std::move(session_))] {});
  return lost;
}

// The connection is of no more use: calls on it fail.
void GrpcConnection::Close(const std::string& reason) {
  if (state_ == State::kClosed) return;
  bool was_draining = state_ == State::kDraining;
  bool has_failed = state_ == State::kReady && !has_settings_;
  state_ = State::kClosed;
  error_ = reason;
  std::vector<GrpcCallPtr> lost = DropSession();
  for (const GrpcCallPtr& call : lost) {
    if (owner_ != nullptr) owner_->OnResult(call, {.status = {GrpcCode::kUnavailable, reason}});
  }
  if (owner_ == nullptr) return;
  if (has_failed) {
    Pause();  // a server that takes connections and closes them is no better than none
    return;
  }
  if (!was_draining) state_ = State::kIdle;
  owner_->OnState(*this);
}

void GrpcConnection::Drain() {
  if (session_ != nullptr && session_->open_streams() > 0) {
    state_ = State::kDraining;
    return;
  }
  Detach();
}

std::vector<GrpcCallPtr> GrpcConnection::Detach() {
  owner_ = nullptr;
  state_ = State::kClosed;
  return DropSession();
}

void GrpcConnection::StartRead() {
  wire_->stream.async_read_some(asio::buffer(wire_->in), [self = shared_from_this(), wire = wire_](
                                                             const error_code& error, size_t bytes) {
    if (self->wire_ == wire) self->OnRead(error, bytes);
  });
}

void GrpcConnection::OnRead(const error_code& error, size_t bytes) {
  if (error) {
    bool is_eof = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    Close(fmt::format(
        "{}: {}",
        has_settings_ ? "error reading from server" : "connection closed before server preface received",
        is_eof ? "EOF" : error.message()));
    return;
  }
  last_read_ = std::chrono::steady_clock::now();
  is_pinged_ = false;
  core::Status received =
      session_->Receive(std::string_view(wire_->in).substr(0, bytes), last_read_.time_since_epoch().count());
  if (!received) {
    Close("connection error: desc = \"error reading server preface: " + received.error().message() + "\"");
    return;
  }
  if (session_->has_settings()) {
    has_settings_ = true;
    failures_ = 0;
  }
  std::string& in = wire_->in;
  if (bytes == in.size() && in.size() < kMaxInputBytes) in.resize(in.size() * 2);
  Flush();
  if (wire_ != nullptr) StartRead();
}

// Calls that begin one after the other leave in one write.
void GrpcConnection::ScheduleFlush() {
  if (is_flush_due_) return;
  is_flush_due_ = true;
  asio::post(loop_.context, [self = shared_from_this()] {
    self->is_flush_due_ = false;
    self->Flush();
  });
}

void GrpcConnection::Flush() {
  if (wire_ == nullptr || session_ == nullptr || wire_->is_writing) return;
  std::string& out = wire_->out;
  out.clear();
  wire_->out_offset = 0;
  session_->Produce(out, kMaxOutputBytes);
  if (!out.empty()) {
    StartWrite();
    return;
  }
  if (out.capacity() > kIdleOutputBytes) out.shrink_to_fit();
  bool is_over = session_->is_finished() || (state_ == State::kDraining && session_->open_streams() == 0);
  if (is_over) Close(error_.empty() ? "the connection has ended" : error_);
}

void GrpcConnection::StartWrite() {
  wire_->is_writing = true;
  std::string_view rest = std::string_view(wire_->out).substr(wire_->out_offset);
  wire_->stream.async_write_some(
      asio::buffer(rest.data(), rest.size()),
      [self = shared_from_this(), wire = wire_](const error_code& error, size_t bytes) {
        if (self->wire_ != wire) return;
        wire->is_writing = false;
        if (error) {
          self->Close("transport is closing: " + error.message());
          return;
        }
        wire->out_offset += bytes;
        if (wire->out_offset < wire->out.size()) {
          self->StartWrite();
        } else {
          self->Flush();
        }
      });
}

void GrpcConnection::ScheduleKeepalive() {
  if (options_.keepalive_ms <= 0) return;
  core::DurationMs step_ms = std::min(options_.keepalive_ms, options_.keepalive_timeout_ms);
  timer_.expires_after(std::chrono::milliseconds(std::max<core::DurationMs>(step_ms / 2, 1)));
  timer_.async_wait([self = shared_from_this(), wire = wire_](const error_code& error) {
    if (!error && self->wire_ == wire) self->CheckKeepalive();
  });
}

void GrpcConnection::CheckKeepalive() {
  auto silent_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - last_read_)
          .count();
  if (is_pinged_ && silent_ms >= options_.keepalive_ms + options_.keepalive_timeout_ms) {
    Close("keepalive ping failed to receive ACK within timeout");
    return;
  }
  bool is_wanted = options_.keepalive_without_calls || session_->open_streams() > 0;
  if (!is_pinged_ && is_wanted && silent_ms >= options_.keepalive_ms) {
    is_pinged_ = true;
    session_->Ping();
    Flush();
  }
  if (session_ != nullptr) ScheduleKeepalive();
}

}  // namespace sextant::net
