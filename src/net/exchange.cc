#include "net/exchange.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "net/request_span.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Status;

constexpr size_t kMaxUnsentBytes = 256 << 10;
// Below this a compressed body saves no packet.
constexpr size_t kMinCompressedBytes = 1'024;
// What a stream's compressor yields is sent in pieces of this size.
constexpr size_t kCompressedPieceBytes = 16 << 10;
constexpr std::string_view kContentLength = "Content-Length";

bool IsCompressible(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  if (content_type.starts_with("text/")) return content_type != "text/event-stream";
  for (std::string_view known :
       {"application/json", "application/javascript", "application/xml", "application/openmetrics-text",
        "application/x-yaml", "application/yaml", "application/wasm", "image/svg+xml",
        "application/manifest+json", "application/vnd.google.protobuf"}) {
    if (content_type == known) return true;
  }
  return false;
}

bool HasBody(int status) { return status >= 200 && status != 204 && status != 304; }

// A header value may come from outside: line breaks in it must not become header fields.
void AppendClean(std::string_view text, std::string& out) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) {
    out.append(text);
    return;
  }
  for (char c : text) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

}  // namespace

std::string FormatHttpDate(core::TimestampMs now_ms) {
  using namespace std::chrono;
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  sys_seconds now = floor<seconds>(sys_time<milliseconds>(milliseconds(now_ms)));
  sys_days day = floor<days>(now);
  year_month_day date(day);
  hh_mm_ss time(now - day);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

Exchange::Exchange(std::weak_ptr<ExchangeOutput> output, ExchangeTraits traits)
    : output_(std::move(output)),
      traits_(std::move(traits)),
      keeps_alive_(traits_.keeps_alive),
      cancelled_(std::make_shared<std::atomic<bool>>(false)) {}

void Exchange::SetHead(OutputPiece& piece, int status, const HttpHeaders& headers,
                       const FramingField& framing, int64_t now_ms) {
  if (!is_http2()) {
    piece.head = MakeHead(status, headers, framing, now_ms);
    return;
  }
  piece.status = status;
  piece.fields.Add("date", FormatHttpDate(now_ms));
  for (size_t i = 0; i < headers.size(); ++i) {
    if (!EqualsIgnoreCase(headers.name(i), "Content-Length"))
      piece.fields.Add(headers.name(i), headers.value(i));
  }
  for (size_t i = 0; i < traits_.extra_headers.size(); ++i)
    piece.fields.Add(traits_.extra_headers.name(i), traits_.extra_headers.value(i));
  if (framing.name == kContentLength) piece.fields.Add("content-length", framing.value);
}

std::string Exchange::MakeHead(int status, const HttpHeaders& headers, const FramingField& framing,
                               int64_t now_ms) {
  if (headers.HasToken("Connection", "close")) CloseAfter();
  bool keeps_alive = keeps_alive_.load(std::memory_order_relaxed);
  std::string head;
  head.reserve(256);
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\nDate: {}\r\n", status, StatusText(status),
                 FormatHttpDate(now_ms));
  for (size_t i = 0; i < headers.size(); ++i) {
    std::string_view name = headers.name(i);
    if (EqualsIgnoreCase(name, "Content-Length") || EqualsIgnoreCase(name, "Transfer-Encoding") ||
        EqualsIgnoreCase(name, "Connection")) {
      continue;
    }
    AppendClean(name, head);
    head += ": ";
    AppendClean(headers.value(i), head);
    head += "\r\n";
  }
  for (size_t i = 0; i < traits_.extra_headers.size(); ++i) {
    AppendClean(traits_.extra_headers.name(i), head);
    head += ": ";
    AppendClean(traits_.extra_headers.value(i), head);
    head += "\r\n";
  }
  if (!framing.name.empty())
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", framing.name, framing.value);
  if (!keeps_alive) {
    head += "Connection: close\r\n";
  } else if (traits_.version_minor == 0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

void Exchange::Compress(HttpResponse& response) const {
  if (!IsCompressible(response.headers.Get("Content-Type")) || response.headers.Has("Content-Encoding"))
    return;
  if (response.Body().size() < kMinCompressedBytes) return;
  response.headers.Add("Vary", "Accept-Encoding");
  if (traits_.accepted == Encoding::kIdentity || traits_.is_head) return;
  std::string compressed;
  if (!net::Compress(traits_.accepted, response.Body(), compressed)) return;  // then as it is
  response.body = std::move(compressed);
  response.static_body = {};
  response.headers.Add("Content-Encoding", EncodingName(traits_.accepted));
}

void Exchange::Post(OutputPiece piece) {
  if (auto output = output_.lock()) output->PostOutput(shared_from_this(), std::move(piece));
}

void Exchange::Observe(int status, size_t bytes) {
  FinishRequestSpan(status, bytes, traits_.span);
  auto output = output_.lock();
  if (output == nullptr || traits_.metrics == nullptr) return;
  int64_t duration_ns = output->core().clock.MonotonicNs() - traits_.begin_ns;
  traits_.metrics->Observe(status, static_cast<double>(duration_ns) * 1e-9, bytes);
}

void Exchange::Send(HttpResponse response) {
  SEXTANT_CHECK(phase_ == Phase::kWaiting);
  phase_ = Phase::kEnded;
  auto output = output_.lock();
  if (output == nullptr) return;
  OutputPiece piece;
  piece.ends_response = true;
  FramingField framing;
  if (HasBody(response.status)) {
    Compress(response);
    framing = {kContentLength, std::to_string(response.Body().size())};
    if (!traits_.is_head) {
      piece.static_body = response.static_body;
      if (response.static_body.empty()) piece.body = std::move(response.body);
    }
  }
  SetHead(piece, response.status, response.headers, framing, output->core().clock.NowMs());
  piece.closes = !keeps_alive_.load(std::memory_order_relaxed);
  Observe(response.status, piece.body.size() + piece.static_body.size());
  output->PostOutput(shared_from_this(), std::move(piece));
}

void Exchange::Start(int status, HttpHeaders headers, bool is_endless) {
  SEXTANT_CHECK(phase_ == Phase::kWaiting);
  phase_ = Phase::kStarted;
  status_ = status;
  is_endless_.store(is_endless, std::memory_order_relaxed);
  auto output = output_.lock();
  if (output == nullptr) return;

  FramingField framing;
  std::string_view length = headers.Get("Content-Length");
  auto parsed = std::from_chars(length.data(), length.data() + length.size(), promised_bytes_);
  if (!HasBody(status)) {
    framing_ = Framing::kLength;
    promised_bytes_ = 0;
  } else if (!length.empty() && parsed.ec == std::errc() && parsed.ptr == length.data() + length.size()) {
    framing_ = Framing::kLength;
    framing = {kContentLength, std::to_string(promised_bytes_)};
  } else {
    bool is_compressible =
        !is_endless && IsCompressible(headers.Get("Content-Type")) && !headers.Has("Content-Encoding");
    if (is_compressible) headers.Add("Vary", "Accept-Encoding");
    if (is_compressible && traits_.accepted != Encoding::kIdentity) {
      headers.Add("Content-Encoding", EncodingName(traits_.accepted));
      if (!traits_.is_head) compressor_.emplace(traits_.accepted);
    }
    if (is_http2()) {
      framing_ = Framing::kUntilClose;  // the stream's end is the body's
    } else if (traits_.version_minor >= 1) {
      framing_ = Framing::kChunked;
      framing = {"Transfer-Encoding", "chunked"};
    } else {
      framing_ = Framing::kUntilClose;
      CloseAfter();
    }
  }
  OutputPiece piece;
  SetHead(piece, status, headers, framing, output->core().clock.NowMs());
  // The head is small and always accepted: Reserve only counts it.
  {
    std::lock_guard lock(mutex_);
    unsent_bytes_ += piece.size();
  }
  output->PostOutput(shared_from_this(), std::move(piece));
}

// Waits until there is room for `bytes`, and counts them as unsent.
Status Exchange::Reserve(size_t bytes, bool may_wait) {
  std::unique_lock lock(mutex_);
  auto is_ready = [&] { return is_over_ || IsCancelled() || unsent_bytes_ < kMaxUnsentBytes; };
  if (may_wait) drained_.wait(lock, is_ready);
  if (is_over_ || IsCancelled()) return Fail(Code::kCancelled, "the client has gone away");
  if (!is_ready()) return Fail(Code::kResourceExhausted, "the client reads too slowly");
  unsent_bytes_ += bytes;
  return {};
}

Status Exchange::SendPiece(std::string_view data, bool may_wait) {
  if (data.empty() || traits_.is_head)
    return IsCancelled() ? Fail(Code::kCancelled, "the client has gone away") : Status();
  OutputPiece piece;
  if (framing_ == Framing::kChunked) {
    piece.body.reserve(data.size() + 20);
    fmt::format_to(std::back_inserter(piece.body), "{:x}\r\n", data.size());
    piece.body += data;
    piece.body += "\r\n";
  } else {
    if (framing_ == Framing::kLength && data.size() > promised_bytes_) {
      return Fail(Code::kInternal, "the answer is longer than its Content-Length");
    }
    piece.body = data;
  }
  SEXTANT_TRY(Reserve(piece.size(), may_wait));
  if (framing_ == Framing::kLength) promised_bytes_ -= data.size();
  body_bytes_ += data.size();
  Post(std::move(piece));
  return {};
}

Status Exchange::Write(std::string_view data, bool may_wait) {
  SEXTANT_CHECK(phase_ == Phase::kStarted);
  if (!compressor_) return SendPiece(data, may_wait);
  SEXTANT_TRY(compressor_->Write(data, compressed_));
  if (compressed_.size() < kCompressedPieceBytes) {
    return IsCancelled() ? Fail(Code::kCancelled, "the client has gone away") : Status();
  }
  SEXTANT_TRY(SendPiece(compressed_, may_wait));
  compressed_.clear();
  return {};
}

Status Exchange::Flush() {
  SEXTANT_CHECK(phase_ == Phase::kStarted);
  if (!compressor_) return {};
  SEXTANT_TRY(compressor_->Flush(compressed_));
  SEXTANT_TRY(SendPiece(compressed_, true));
  compressed_.clear();
  return {};
}

void Exchange::Finish() {
  SEXTANT_CHECK(phase_ == Phase::kStarted);
  OutputPiece last;
  if (compressor_) {
    bool is_sent = compressor_->Finish(compressed_) && SendPiece(compressed_, true);
    last.cuts = !is_sent;
  }
  phase_ = Phase::kEnded;
  if (framing_ == Framing::kLength && promised_bytes_ != 0 && !traits_.is_head) last.cuts = true;
  if (framing_ == Framing::kChunked && !traits_.is_head) last.body = "0\r\n\r\n";
  last.ends_response = true;
  last.closes = !keeps_alive_.load(std::memory_order_relaxed);
  Observe(status_, body_bytes_);
  Post(std::move(last));
}

void Exchange::Abandon() {
  if (phase_ == Phase::kWaiting) {
    Send(HttpResponse::Text(500, "internal error: the handler gave no answer\n"));
  } else if (phase_ == Phase::kStarted) {
    phase_ = Phase::kEnded;
    Observe(status_, body_bytes_);
    OutputPiece cut;
    cut.cuts = true;
    Post(std::move(cut));
  }
}

void Exchange::Reply(GrpcReply reply) {
  SEXTANT_CHECK(phase_ == Phase::kWaiting);
  phase_ = Phase::kEnded;
  OutputPiece piece;
  piece.status = 200;
  piece.ends_response = true;
  piece.fields.Add("content-type", "application/grpc");
  if (reply.status.is_ok()) {
    std::string compressed;
    bool is_compressed = traits_.grpc_accepted != GrpcEncoding::kIdentity &&
                         reply.message.size() >= kMinCompressedBytes &&
                         CompressGrpc(traits_.grpc_accepted, reply.message, compressed);
    if (is_compressed) piece.fields.Add("grpc-encoding", GrpcEncodingName(traits_.grpc_accepted));
    const std::string& message = is_compressed ? compressed : reply.message;
    piece.body.reserve(message.size() + 5);
    AppendGrpcPrefix(is_compressed, message.size(), piece.body);
    piece.body += message;
  }
  HttpHeaders headers = EncodeGrpcMetadata(reply.headers);
  for (size_t i = 0; i < headers.size(); ++i) piece.fields.Add(headers.name(i), headers.value(i));
  for (size_t i = 0; i < traits_.extra_headers.size(); ++i)
    piece.fields.Add(traits_.extra_headers.name(i), traits_.extra_headers.value(i));
  piece.trailers = EncodeGrpcMetadata(reply.trailers);
  AppendGrpcStatus(reply.status, piece.trailers);
  Observe(200, piece.body.size());
  Post(std::move(piece));
}

void Exchange::AbandonCall() {
  if (phase_ != Phase::kWaiting) return;
  Reply({.status = {GrpcCode::kInternal, "the handler gave no answer"}});
}

void Exchange::OnCancelled(std::function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    if (!IsCancelled() && !is_over_) {
      on_cancelled_.swap(callback);
      return;
    }
  }
  if (IsCancelled() && callback) callback();
}

void Exchange::OnSent(size_t bytes) {
  std::lock_guard lock(mutex_);
  unsent_bytes_ -= std::min(bytes, unsent_bytes_);
  if (unsent_bytes_ < kMaxUnsentBytes) drained_.notify_all();
}

void Exchange::Cancel() {
  std::function<void()> callback;
  {
    std::lock_guard lock(mutex_);
    if (is_over_ || cancelled_->exchange(true)) return;
    callback.swap(on_cancelled_);
    drained_.notify_all();
  }
  if (callback) callback();
}

void Exchange::End() {
  std::function<void()> dropped;
  std::lock_guard lock(mutex_);
  is_over_ = true;
  dropped.swap(on_cancelled_);
  drained_.notify_all();
}

}  // namespace sextant::net
