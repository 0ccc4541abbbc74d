#include "net/http2_connection.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "net/http2_session.h"
#include "net/request_span.h"
#include "net/request_steps.h"

namespace sextant::net {

namespace {

constexpr size_t kIdleInputBytes = 16 << 10;
constexpr size_t kMaxInputBytes = 256 << 10;
constexpr size_t kMaxOutputBytes = 128 << 10;  // per write
constexpr size_t kIdleOutputBytes = 16 << 10;
// Smaller bodies are not counted against what all connections may hold.
constexpr size_t kUncountedBodyBytes = 4 << 10;
// As over HTTP/1.1: inline routes take little.
constexpr size_t kMaxInlineBodyBytes = 64 << 10;
// A client that is served no longer gets so much time to read what was sent last.
constexpr core::DurationMs kFarewellMs = 2'000;
// A request that was answered early is read on so far, since some clients take the reset that could stop them
// for a failure and do not show the answer.
constexpr size_t kMaxUnwantedBytes = 4 << 20;

// A request and its answer.
struct ServerStream final : Http2Stream {
  enum class Phase { kChecking, kBody, kHandling, kAnswered };

  Phase phase = Phase::kChecking;
  RouteMatch match;
  HttpRequest request;
  bool is_grpc = false;
  std::optional<GrpcMessageReader> message_reader;  // of a gRPC call with a route
  GrpcEncoding grpc_encoding = GrpcEncoding::kIdentity;
  int64_t begin_ns = 0;
  std::optional<int64_t> call_deadline_ns;
  size_t accounted_bytes = 0;
  std::shared_ptr<Exchange> exchange;  // from when somebody may answer
  bool is_answer_queued = false;       // all of it
  MonotonicTime body_deadline = MonotonicTime::max();
  // Of a request that was answered before it was complete: what came since, and until when more may come.
  size_t unwanted_bytes = 0;
  MonotonicTime unwanted_deadline = MonotonicTime::max();
  // Since when nothing of the answer could be sent.
  MonotonicTime stalled_since = MonotonicTime::max();
  uint64_t seen_sent_bytes = 0;
};

class Http2Connection final : public ExchangeOutput,
                              public LoopMember,
                              public Http2Session::Owner,
                              public std::enable_shared_from_this<Http2Connection> {
 public:
  explicit Http2Connection(Http2Start start)
      : ticket_(std::move(start.ticket)),
        core_(std::move(start.core)),
        loop_(std::move(start.loop)),
        tls_context_(std::move(start.tls_context)),
        stream_(std::move(start.stream)),
        remote_address_(std::move(start.remote_address)),
        in_(std::move(start.input)),
        session_(OptionsOf(*core_), *this) {}

  void Begin();

  // ExchangeOutput
  void PostOutput(std::shared_ptr<Exchange> exchange, OutputPiece piece) override;
  ServerCore& core() override { return *core_; }

  // LoopMember
  void BeginStop() override;
  void CloseNow() override;
  void Sweep(MonotonicTime now) override;

  // Http2Session::Owner
  std::unique_ptr<Http2Stream> NewStream() override { return std::make_unique<ServerStream>(); }
  void OnHeader(Http2Stream& stream) override;
  void OnData(Http2Stream& stream, std::string_view bytes) override;
  void OnEnd(Http2Stream& stream) override;
  void OnAnsweredEarly(Http2Stream& stream) override;
  void OnSent(Http2Stream& stream, size_t bytes) override;
  void OnClosed(Http2Stream& stream, Http2Error error) override;
  void OnGoAway(int32_t, std::string_view) override {}
  void OnPong() override {}
  void OnRefused(std::string_view reason) override { core_->CountRefusal(reason); }

 private:
  using Phase = ServerStream::Phase;
  struct Posted {
    std::shared_ptr<Exchange> exchange;
    OutputPiece piece;
  };

  static Http2Options OptionsOf(const ServerCore& core) {
    return {.is_server = true,
            .max_header_bytes = core.options.limits.max_header_bytes,
            .max_header_fields = core.options.limits.max_header_fields,
            .max_concurrent_streams = core.options.limits.max_concurrent_streams};
  }
  static ServerStream& Mine(Http2Stream& stream) { return static_cast<ServerStream&>(stream); }
  const HttpTimeouts& timeouts() const { return core_->options.timeouts; }
  MonotonicTime DeadlineIn(core::DurationMs delay_ms) const {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(delay_ms);
  }

  void Consume(std::string_view bytes);
  void StartRead();
  void OnRead(const error_code& error, size_t bytes);
  void ScheduleFlush();
  void Flush();
  void OnWritten(const error_code& error, size_t bytes);
  void StartWrite();

  bool MakeRequest(ServerStream& stream);
  void MatchRoute(ServerStream& stream);
  void Continue(ServerStream& stream, Admission admission);
  void StartCall(ServerStream& stream);
  void AnswerUnknownMethod(ServerStream& stream);
  bool Account(ServerStream& stream, size_t capacity);
  void Dispatch(ServerStream& stream);
  void DispatchCall(ServerStream& stream);
  std::shared_ptr<Exchange> MakeExchange(ServerStream& stream);
  void Answer(ServerStream& stream, HttpResponse response);
  void AnswerCall(ServerStream& stream, GrpcStatus status);
  void Refuse(ServerStream& stream, int status, std::string_view reason, std::string message);
  void TakePosted();
  void OnOutput(ServerStream& stream, OutputPiece piece);
  void SweepStream(ServerStream& stream, MonotonicTime now, int64_t now_ns);
  void SweepConnection(MonotonicTime now);
  void BeginEnd(Http2Error error, std::string_view text);

  ConnectionTicket ticket_;  // first, so that it is given back when all else is gone
  const std::shared_ptr<ServerCore> core_;
  const std::shared_ptr<ServerLoop> loop_;
  std::shared_ptr<asio::ssl::context> tls_context_;  // lives as long as the stream that uses it
  std::unique_ptr<Stream> stream_;
  const std::string remote_address_;
  std::string in_;
  std::string out_;
  size_t out_offset_ = 0;
  bool is_closed_ = false;
  bool is_writing_ = false;
  bool is_flush_due_ = false;
  bool is_ending_ = false;  // a GOAWAY was sent
  bool is_broken_ = false;  // close when what is left was written
  Http2Session session_;
  // Requests that somebody may still answer, also those whose streams are gone.
  const std::shared_ptr<std::atomic<size_t>> unanswered_ = std::make_shared<std::atomic<size_t>>(0);

  MonotonicTime opened_ = std::chrono::steady_clock::now();
  MonotonicTime last_read_ = opened_;
  MonotonicTime header_deadline_ = MonotonicTime::max();
  MonotonicTime write_deadline_ = MonotonicTime::max();
  MonotonicTime end_deadline_ = MonotonicTime::max();
  bool is_pinged_ = false;

  std::mutex mutex_;
  std::vector<Posted> posted_;  // guarded by mutex_
};

void Http2Connection::Begin() {
  loop_->Add(shared_from_this());
  if (core_->stopping.load(std::memory_order_relaxed)) BeginStop();
  std::string first = std::move(in_);
  in_.clear();
  in_.resize(kIdleInputBytes);
  if (!first.empty()) Consume(first);
  if (is_closed_) return;
  ScheduleFlush();
  StartRead();
}

void Http2Connection::StartRead() {
  if (is_closed_ || is_broken_) return;
  stream_->async_read_some(
      asio::buffer(in_),
      [self = shared_from_this()](const error_code& error, size_t bytes) { self->OnRead(error, bytes); });
}

void Http2Connection::OnRead(const error_code& error, size_t bytes) {
  if (is_closed_) return;
  if (error) {
    // The client takes no more answers than it can read; nothing can come of requests under way.
    CloseNow();
    return;
  }
  core_->received_bytes.Increment(static_cast<double>(bytes));
  Consume(std::string_view(in_).substr(0, bytes));
  if (is_closed_) return;
  // Large reads when much comes at once; little room for a connection at rest.
  if (bytes == in_.size() && in_.size() < kMaxInputBytes) {
    in_.resize(in_.size() * 2);
  } else if (session_.open_streams() == 0 && in_.size() > kIdleInputBytes && bytes < kIdleInputBytes) {
    in_.resize(kIdleInputBytes);
    in_.shrink_to_fit();
  }
  StartRead();
}

void Http2Connection::Consume(std::string_view bytes) {
  last_read_ = std::chrono::steady_clock::now();
  is_pinged_ = false;
  if (!session_.Receive(bytes, core_->clock.MonotonicNs())) is_broken_ = true;
  if (!session_.is_in_header()) {
    header_deadline_ = MonotonicTime::max();
  } else if (header_deadline_ == MonotonicTime::max()) {
    header_deadline_ = DeadlineIn(timeouts().header_ms);
  }
  Flush();
}

// Answers that were posted one after the other leave in one write.
void Http2Connection::ScheduleFlush() {
  if (is_flush_due_) return;
  is_flush_due_ = true;
  asio::post(loop_->io.context, [self = shared_from_this()] {
    self->is_flush_due_ = false;
    self->Flush();
  });
}

void Http2Connection::Flush() {
  if (is_closed_) return;
  TakePosted();
  if (is_writing_) return;
  out_.clear();
  out_offset_ = 0;
  session_.Produce(out_, kMaxOutputBytes);
  if (out_.empty()) {
    if (out_.capacity() > kIdleOutputBytes) out_.shrink_to_fit();
    bool is_over = is_broken_ || session_.is_finished() || (is_ending_ && session_.open_streams() == 0);
    if (is_over) CloseNow();
    return;
  }
  StartWrite();
}

void Http2Connection::StartWrite() {
  is_writing_ = true;
  write_deadline_ = DeadlineIn(is_broken_ ? kFarewellMs : timeouts().write_ms);
  stream_->async_write_some(asio::buffer(out_.data() + out_offset_, out_.size() - out_offset_),
                            [self = shared_from_this()](const error_code& error, size_t bytes) {
                              self->is_writing_ = false;
                              self->OnWritten(error, bytes);
                            });
}

void Http2Connection::OnWritten(const error_code& error, size_t bytes) {
  if (is_closed_) return;
  if (error) {
    CloseNow();
    return;
  }
  write_deadline_ = MonotonicTime::max();
  core_->sent_bytes.Increment(static_cast<double>(bytes));
  out_offset_ += bytes;
  if (out_offset_ < out_.size()) {
    StartWrite();
  } else {
    Flush();
  }
}

// Turns the stream's fields into a request. False when it was answered instead.
bool Http2Connection::MakeRequest(ServerStream& stream) {
  const HttpLimits& limits = core_->options.limits;
  HttpRequest& request = stream.request;
  request.method = std::move(stream.method);
  request.target = std::move(stream.path);
  request.headers = std::move(stream.headers);
  if (!stream.authority.empty()) request.headers.Set("Host", stream.authority);
  request.remote_address = remote_address_;
  request.is_tls = stream_->is_tls();
  stream.is_grpc = IsGrpcContentType(request.headers.Get("Content-Type"));
  if (!stream.header_excess.empty()) {
    Refuse(stream, 431, stream.header_excess,
           stream.header_excess == "header_fields"
               ? fmt::format("more than {} header fields", limits.max_header_fields)
               : fmt::format("the header is larger than {} bytes", limits.max_header_bytes));
    return false;
  }
  if (request.target.size() > limits.max_target_bytes) {
    Refuse(stream, 414, "target_bytes",
           fmt::format("the request target is longer than {} bytes", limits.max_target_bytes));
    return false;
  }
  if (request.method == "CONNECT") {
    Refuse(stream, 501, "malformed", "CONNECT is not supported; WebSockets are opened over HTTP/1.1");
    return false;
  }
  if (!request.target.starts_with('/') && request.target != "*") {
    Refuse(stream, 400, "malformed", "the request target must start with /");
    return false;
  }
  return true;
}

void Http2Connection::MatchRoute(ServerStream& stream) {
  HttpRequest& request = stream.request;
  size_t question = std::min(request.target.find('?'), request.target.size());
  request.query_string = request.target.substr(std::min(question + 1, request.target.size()));
  std::string_view raw_path = std::string_view(request.target).substr(0, question);
  if (stream.is_grpc) {
    stream.match.path = request.target;
    stream.match.route = core_->router().FindGrpc(request.target);
  } else {
    stream.match = core_->router().Match(request.method, raw_path);
  }
  request.path = stream.match.path;
}

void Http2Connection::OnHeader(Http2Stream& base) {
  ServerStream& stream = Mine(base);
  stream.begin_ns = core_->clock.MonotonicNs();
  stream.body_deadline = DeadlineIn(timeouts().body_ms);
  if (!MakeRequest(stream)) return;
  // Resetting a stream frees its place, but not whoever works at it.
  if (unanswered_->load(std::memory_order_relaxed) >= core_->options.limits.max_concurrent_streams) {
    core_->CountRefusal("http2_streams");
    session_.Reset(stream, Http2Error::kRefusedStream);
    stream.phase = Phase::kAnswered;
    return;
  }
  MatchRoute(stream);
  auto admission = Admit(core_, loop_, stream.request, stream.match.route,
                         [self = shared_from_this(), id = stream.id()](Admission late) {
                           if (self->is_closed_) return;
                           Http2Stream* found = self->session_.Find(id);
                           if (found != nullptr && Mine(*found).phase == Phase::kChecking)
                             self->Continue(Mine(*found), std::move(late));
                           self->Flush();
                         });
  if (admission) Continue(stream, std::move(*admission));
}

void Http2Connection::Continue(ServerStream& stream, Admission admission) {
  if (!admission.is_admitted) {
    stream.match.route = nullptr;
    Answer(stream, std::move(admission.answer));
    return;
  }
  stream.request.user = std::move(admission.user);
  stream.request.role = std::move(admission.role);
  if (stream.is_grpc) {
    StartCall(stream);
  } else if (stream.match.route == nullptr) {
    Answer(stream, AnswerUnmatched(*core_, stream.match, stream.request.method));
  } else if (stream.match.route->kind == RouteKind::kWebSocket) {
    Answer(stream, ErrorResponse(426, "this path speaks WebSocket, which is opened over HTTP/1.1"));
  } else {
    stream.phase = Phase::kBody;
    if (!stream.has_all_of_peer && EqualsIgnoreCase(stream.request.headers.Get("Expect"), "100-continue") &&
        stream.request.body.empty()) {
      session_.Inform(stream, 100);
    }
  }
  if (stream.phase != Phase::kBody) return;
  // What came while the password was checked.
  std::string early = std::move(stream.request.body);
  stream.request.body.clear();
  if (!early.empty()) OnData(stream, early);
  if (stream.phase == Phase::kBody && stream.has_all_of_peer) Dispatch(stream);
}

void Http2Connection::StartCall(ServerStream& stream) {
  const HttpHeaders& headers = stream.request.headers;
  if (stream.request.method != "POST") {
    Refuse(stream, 405, "malformed", fmt::format("gRPC calls are POSTs, not {}", stream.request.method));
    return;
  }
  if (stream.match.route == nullptr) {
    AnswerUnknownMethod(stream);
    return;
  }
  std::string_view encoding = headers.Get("grpc-encoding");
  auto known = ParseGrpcEncoding(encoding);
  if (!known) {
    core_->CountRefusal("body_encoding");
    AnswerCall(stream,
               {GrpcCode::kUnimplemented,
                fmt::format("grpc: Decompressor is not installed for grpc-encoding \"{}\"", encoding)});
    return;
  }
  stream.grpc_encoding = *known;
  if (std::string_view timeout = headers.Get("grpc-timeout"); !timeout.empty()) {
    auto timeout_ns = ParseGrpcTimeout(timeout);
    if (!timeout_ns) {
      core_->CountRefusal("malformed");
      AnswerCall(stream, {GrpcCode::kInternal, fmt::format("malformed grpc-timeout: \"{}\"", timeout)});
      return;
    }
    stream.call_deadline_ns = stream.begin_ns + *timeout_ns;
  }
  stream.message_reader.emplace(stream.match.route->options.max_body_bytes, core_->message_pool);
  stream.phase = Phase::kBody;
}

// In the words of Go's gRPC.
void Http2Connection::AnswerUnknownMethod(ServerStream& stream) {
  std::string_view path = stream.request.target;
  size_t slash = path.rfind('/');
  GrpcStatus status{.code = GrpcCode::kUnimplemented};
  if (slash == 0 || slash == std::string_view::npos) {
    status.message = fmt::format("malformed method name: \"{}\"", path);
  } else {
    std::string_view service = path.substr(1, slash - 1);
    status.message = core_->router().HasGrpcService(service)
                         ? fmt::format("unknown method {} for service {}", path.substr(slash + 1), service)
                         : fmt::format("unknown service {}", service);
  }
  AnswerCall(stream, std::move(status));
}

bool Http2Connection::Account(ServerStream& stream, size_t capacity) {
  if (capacity <= stream.accounted_bytes || capacity <= kUncountedBodyBytes) return true;
  if (!core_->ReserveBody(capacity - stream.accounted_bytes)) {
    Refuse(stream, 503, "buffered_bodies", "too many request bodies are under way; try again later");
    return false;
  }
  stream.accounted_bytes = capacity;
  return true;
}

void Http2Connection::OnData(Http2Stream& base, std::string_view bytes) {
  ServerStream& stream = Mine(base);
  if (stream.phase == Phase::kHandling || stream.phase == Phase::kAnswered) {
    stream.unwanted_bytes += bytes.size();
    if (stream.unwanted_bytes > kMaxUnwantedBytes &&
        stream.unwanted_bytes - bytes.size() <= kMaxUnwantedBytes)
      session_.Reset(stream, Http2Error::kNone);
    return;
  }
  if (stream.message_reader) {
    if (!stream.message_reader->Feed(bytes)) {
      GrpcStatus error = stream.message_reader->error();
      core_->CountRefusal(error.code == GrpcCode::kResourceExhausted ? "body_bytes" : "malformed");
      AnswerCall(stream, std::move(error));
      return;
    }
    Account(stream, stream.message_reader->capacity());
    return;
  }
  std::string& body = stream.request.body;
  const Route* route = stream.match.route;
  if (route == nullptr) return;  // its answer is certain, and waits for a password to be checked
  size_t limit = route->options.max_body_bytes;
  // A gRPC message has five bytes more, and says itself how long it is.
  if (stream.is_grpc) limit += 5;
  if (!stream.is_grpc && route->options.run_inline) limit = std::min(limit, kMaxInlineBodyBytes);
  if (bytes.size() > limit - std::min(limit, body.size())) {
    Refuse(stream, 413, "body_bytes", fmt::format("the body is larger than {} bytes", limit));
    return;
  }
  body.append(bytes);
  Account(stream, body.capacity());
}

void Http2Connection::OnEnd(Http2Stream& base) {
  ServerStream& stream = Mine(base);
  if (stream.phase == Phase::kAnswered) return;
  if (!stream.header_excess.empty()) {
    Refuse(stream, 431, stream.header_excess, "the trailer is larger than allowed");
    return;
  }
  if (stream.phase == Phase::kBody) Dispatch(stream);
}

std::shared_ptr<Exchange> Http2Connection::MakeExchange(ServerStream& stream) {
  HttpRequest& request = stream.request;
  const Route* route = stream.match.route;
  ExchangeTraits traits;
  traits.is_head = request.method == "HEAD";
  traits.metrics = route == nullptr ? &core_->unmatched_metrics : &core_->MetricsOf(*route);
  traits.begin_ns = stream.begin_ns;
  traits.stream_id = stream.id();
  if (route != nullptr && route->options.compress && !stream.is_grpc)
    traits.accepted = NegotiateEncoding(request.headers.Get("Accept-Encoding"));
  // As Go does: what the client used, it can read.
  if (stream.is_grpc) traits.grpc_accepted = stream.grpc_encoding;
  if (core_->options.add_headers) core_->options.add_headers(request, traits.extra_headers);
  traits.span = StartRequestSpan(core_->options.tracer, request, "2", stream.begin_ns);
  unanswered_->fetch_add(1, std::memory_order_relaxed);
  traits.ticket = {nullptr, [count = unanswered_](const void*) { count->fetch_sub(1); }};
  stream.exchange = std::make_shared<Exchange>(weak_from_this(), std::move(traits));
  return stream.exchange;
}

void Http2Connection::Dispatch(ServerStream& stream) {
  stream.body_deadline = MonotonicTime::max();
  if (stream.is_grpc) {
    DispatchCall(stream);
    return;
  }
  stream.phase = Phase::kHandling;
  auto exchange = MakeExchange(stream);
  HttpRequest& request = stream.request;
  request.path_params = std::move(stream.match.path_params);
  request.received_ns = core_->clock.MonotonicNs();
  request.cancelled = exchange->cancelled_flag();
  RunHandler(core_, *stream.match.route, std::move(request), exchange);
}

void Http2Connection::DispatchCall(ServerStream& stream) {
  GrpcMessageReader& reader = *stream.message_reader;
  if (!reader.Finish()) {
    core_->CountRefusal("malformed");
    AnswerCall(stream, reader.error());
    return;
  }
  if (reader.is_compressed() && stream.grpc_encoding == GrpcEncoding::kIdentity) {
    core_->CountRefusal("malformed");
    AnswerCall(stream, {GrpcCode::kInternal, "grpc: compressed flag set with identity or empty encoding"});
    return;
  }
  stream.phase = Phase::kHandling;
  auto exchange = MakeExchange(stream);
  HttpRequest& request = stream.request;
  GrpcCall call;
  call.method = std::move(request.target);
  call.metadata = DecodeGrpcMetadata(request.headers);
  call.message = core_->message_pool->Share(reader.TakeMessage());
  call.remote_address = std::move(request.remote_address);
  call.user = std::move(request.user);
  call.role = std::move(request.role);
  call.is_tls = request.is_tls;
  call.received_ns = core_->clock.MonotonicNs();
  call.deadline_ns = stream.call_deadline_ns;
  call.cancelled = exchange->cancelled_flag();
  RunGrpcHandler(core_, *stream.match.route, std::move(call),
                 reader.is_compressed() ? stream.grpc_encoding : GrpcEncoding::kIdentity, exchange);
}

// Answers in place of a handler, whether or not the request is complete.
void Http2Connection::Answer(ServerStream& stream, HttpResponse response) {
  if (stream.is_grpc) {
    AnswerCall(stream, {GrpcCodeOfRefusal(response.status),
                        std::string(response.Body().substr(0, response.Body().find('\n')))});
    return;
  }
  if (stream.phase == Phase::kAnswered) return;
  stream.phase = Phase::kAnswered;
  stream.body_deadline = MonotonicTime::max();
  if (stream.exchange != nullptr) stream.exchange->Cancel();
  MakeExchange(stream)->Send(std::move(response));
}

void Http2Connection::AnswerCall(ServerStream& stream, GrpcStatus status) {
  if (stream.phase == Phase::kAnswered) return;
  stream.phase = Phase::kAnswered;
  stream.body_deadline = MonotonicTime::max();
  if (stream.exchange != nullptr) stream.exchange->Cancel();
  GrpcReply reply{.status = std::move(status)};
  if (reply.status.code == GrpcCode::kUnimplemented)
    reply.headers.Add("grpc-accept-encoding", kGrpcAcceptEncoding);
  MakeExchange(stream)->Reply(std::move(reply));
}

void Http2Connection::Refuse(ServerStream& stream, int status, std::string_view reason, std::string message) {
  core_->CountRefusal(reason);
  stream.match.route = nullptr;
  Answer(stream, ErrorResponse(status, message));
}

void Http2Connection::PostOutput(std::shared_ptr<Exchange> exchange, OutputPiece piece) {
  bool is_first = false;
  {
    std::lock_guard lock(mutex_);
    is_first = posted_.empty();
    posted_.push_back({std::move(exchange), std::move(piece)});
  }
  if (!is_first) return;
  asio::post(loop_->io.context, [self = shared_from_this()] { self->Flush(); });
}

void Http2Connection::TakePosted() {
  std::vector<Posted> posted;
  {
    std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (Posted& item : posted) {
    Http2Stream* found = session_.Find(item.exchange->stream_id());
    if (found != nullptr && Mine(*found).exchange == item.exchange)
      OnOutput(Mine(*found), std::move(item.piece));
  }
}

void Http2Connection::OnOutput(ServerStream& stream, OutputPiece piece) {
  if (piece.cuts) {
    session_.Reset(stream, Http2Error::kInternal);
    return;
  }
  bool has_body = !piece.body.empty() || !piece.static_body.empty();
  if (piece.status != 0) {
    // An answer of trailers alone has them in its header.
    bool is_trailers_only = piece.ends_response && !has_body && !piece.trailers.empty();
    if (is_trailers_only) {
      for (size_t i = 0; i < piece.trailers.size(); ++i)
        piece.fields.Add(piece.trailers.name(i), piece.trailers.value(i));
    }
    session_.Begin(stream, piece.status, piece.fields, piece.ends_response && !has_body);
  }
  if (has_body) session_.Append(stream, std::move(piece.body), piece.static_body);
  if (!piece.ends_response) return;
  session_.End(stream, std::move(piece.trailers));
  stream.is_answer_queued = true;
}

void Http2Connection::OnAnsweredEarly(Http2Stream& base) {
  ServerStream& stream = Mine(base);
  if (stream.is_grpc) {
    session_.Reset(stream, Http2Error::kNone);
  } else {
    stream.unwanted_deadline = DeadlineIn(kFarewellMs);
  }
}

void Http2Connection::OnSent(Http2Stream& base, size_t bytes) {
  if (Mine(base).exchange != nullptr) Mine(base).exchange->OnSent(bytes);
}

void Http2Connection::OnClosed(Http2Stream& base, Http2Error error) {
  ServerStream& stream = Mine(base);
  core_->ReleaseBody(stream.accounted_bytes);
  stream.accounted_bytes = 0;
  if (stream.exchange != nullptr) {
    bool is_answered = stream.is_answer_queued && stream.unsent_bytes() == 0 && error == Http2Error::kNone;
    if (!is_answered) stream.exchange->Cancel();
    stream.exchange->End();
  }
  stream.phase = Phase::kAnswered;
}

void Http2Connection::BeginEnd(Http2Error error, std::string_view text) {
  if (is_ending_) return;
  is_ending_ = true;
  session_.GoAway(error, text);
  ScheduleFlush();
}

void Http2Connection::BeginStop() {
  BeginEnd(Http2Error::kNone, {});
  session_.ForEach([](Http2Stream& base) {
    ServerStream& stream = Mine(base);
    if (stream.exchange != nullptr && stream.exchange->is_endless()) stream.exchange->Cancel();
  });
}

void Http2Connection::CloseNow() {
  if (is_closed_) return;
  is_closed_ = true;
  error_code ignored;
  // An orderly end, where the client may still read what was written.
  if (!is_writing_) stream_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_->Close();
  session_.ForEach([this](Http2Stream& base) { OnClosed(base, Http2Error::kCancel); });
  loop_->Remove(this);
}

void Http2Connection::Sweep(MonotonicTime now) {
  if (is_closed_) return;
  int64_t now_ns = core_->clock.MonotonicNs();
  session_.ForEach([&](Http2Stream& stream) { SweepStream(Mine(stream), now, now_ns); });
  SweepConnection(now);
  if (!is_closed_) Flush();
}

void Http2Connection::SweepStream(ServerStream& stream, MonotonicTime now, int64_t now_ns) {
  if (stream.call_deadline_ns && now_ns >= *stream.call_deadline_ns && !stream.is_answer_queued) {
    AnswerCall(stream, {GrpcCode::kDeadlineExceeded, "context deadline exceeded"});
    return;
  }
  if (now >= stream.unwanted_deadline) {
    session_.Reset(stream, Http2Error::kNone);
    stream.unwanted_deadline = MonotonicTime::max();
    return;
  }
  if (now >= stream.body_deadline) {
    Refuse(stream, 408, "body_timeout", "the body took too long to arrive");
    return;
  }
  if (stream.unsent_bytes() == 0 || stream.sent_bytes() != stream.seen_sent_bytes) {
    stream.seen_sent_bytes = stream.sent_bytes();
    stream.stalled_since = MonotonicTime::max();
  } else if (stream.stalled_since == MonotonicTime::max()) {
    stream.stalled_since = now;
  } else if (now - stream.stalled_since >= std::chrono::milliseconds(timeouts().write_ms)) {
    // The client opens no window for it.
    core_->CountRefusal("write_timeout");
    session_.Reset(stream, Http2Error::kCancel);
    stream.stalled_since = MonotonicTime::max();
  }
}

void Http2Connection::SweepConnection(MonotonicTime now) {
  auto has_passed = [&](MonotonicTime since, core::DurationMs delay_ms) {
    return delay_ms > 0 && now - since >= std::chrono::milliseconds(delay_ms);
  };
  if (now >= write_deadline_) {
    core_->CountRefusal("write_timeout");
    CloseNow();
  } else if (now >= header_deadline_) {
    core_->CountRefusal("header_timeout");
    CloseNow();
  } else if (now >= end_deadline_) {
    CloseNow();
  } else if (session_.open_streams() == 0 && has_passed(last_read_, timeouts().idle_ms)) {
    BeginEnd(Http2Error::kNone, "idle");
  } else if (is_pinged_ &&
             has_passed(last_read_, timeouts().http2_ping_ms + timeouts().http2_ping_timeout_ms)) {
    core_->CountRefusal("http2_ping_timeout");
    CloseNow();
  } else if (!is_pinged_ && has_passed(last_read_, timeouts().http2_ping_ms)) {
    is_pinged_ = true;
    session_.Ping();
  } else if (!is_ending_ && has_passed(opened_, timeouts().http2_max_age_ms)) {
    BeginEnd(Http2Error::kNone, "max_age");
    if (timeouts().http2_max_age_grace_ms > 0) end_deadline_ = DeadlineIn(timeouts().http2_max_age_grace_ms);
  }
}

}  // namespace

void StartHttp2(Http2Start start) { std::make_shared<Http2Connection>(std::move(start))->Begin(); }

}  // namespace sextant::net
