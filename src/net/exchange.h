// One request and its answer, between the connection (on its I/O loop) and whoever answers (on any thread).
// It turns a response into bytes (head, chunks, compression) where the answer is made, so that the loop only
// sends, and it carries backpressure and cancellation back. Internal to net.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/trace.h"
#include "net/compression.h"
#include "net/grpc_wire.h"
#include "net/http_message.h"
#include "net/server_core.h"

namespace sextant::net {

// Bytes to send, in this order: head, then body or static_body.
struct OutputPiece {
  std::string head = {};  // HTTP/1.1
  std::string body = {};
  std::string_view static_body = {};
  // HTTP/2: what the answer begins with (when there is a status), and, with ends_response, what follows it.
  int status = 0;
  HttpHeaders fields = {};
  HttpHeaders trailers = {};
  bool ends_response = false;
  bool closes = false;  // with ends_response: close the connection behind it
  bool cuts = false;    // close at once: the answer is broken

  size_t size() const { return head.size() + body.size() + static_body.size(); }
};

// The connection, as an exchange sees it.
class ExchangeOutput {
 public:
  virtual ~ExchangeOutput() = default;
  // Sends a piece of this exchange's answer. Thread-safe.
  virtual void PostOutput(std::shared_ptr<Exchange> exchange, OutputPiece piece) = 0;
  // Lives while the connection does.
  virtual ServerCore& core() = 0;
};

// What the request said that shapes the answer.
struct ExchangeTraits {
  bool is_head = false;
  int version_minor = 1;
  bool keeps_alive = true;
  Encoding accepted = Encoding::kIdentity;  // kIdentity also when the route does not want compression
  RouteMetrics* metrics = nullptr;          // lives while the connection does
  HttpHeaders extra_headers = {};           // of the server's own, on every answer
  int64_t begin_ns = 0;
  core::Span span = {};  // of the request; ends with the answer
  int32_t stream_id = 0;  // of HTTP/2; 0: HTTP/1.1
  // How a gRPC reply may be compressed.
  GrpcEncoding grpc_accepted = GrpcEncoding::kIdentity;
  // Held for as long as somebody may still answer.
  std::shared_ptr<const void> ticket = {};
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::weak_ptr<ExchangeOutput> output, ExchangeTraits traits);

  // For ResponseWriter; see there.
  void Send(HttpResponse response);
  void Start(int status, HttpHeaders headers, bool is_endless);
  core::Status Write(std::string_view piece, bool may_wait);
  core::Status Flush();
  void Finish();
  void Abandon();
  // For GrpcResponder; see there.
  void Reply(GrpcReply reply);
  void AbandonCall();
  bool IsCancelled() const { return cancelled_->load(std::memory_order_relaxed); }
  void OnCancelled(std::function<void()> callback);

  // For the connection, on its loop.
  int32_t stream_id() const { return traits_.stream_id; }
  void OnSent(size_t bytes);
  void Cancel();
  void End();  // the answer was sent, or the connection is gone
  bool is_endless() const { return is_endless_.load(std::memory_order_relaxed); }
  // The connection will be closed behind the answer, whatever the client wanted.
  void CloseAfter() { keeps_alive_.store(false, std::memory_order_relaxed); }
  const std::shared_ptr<std::atomic<bool>>& cancelled_flag() const { return cancelled_; }

 private:
  enum class Phase { kWaiting, kStarted, kEnded };
  enum class Framing { kChunked, kLength, kUntilClose };
  // The header field that says how the body ends; an empty name when none does.
  struct FramingField {
    std::string_view name = {};
    std::string value = {};
  };

  bool is_http2() const { return traits_.stream_id != 0; }
  void SetHead(OutputPiece& piece, int status, const HttpHeaders& headers, const FramingField& framing,
               int64_t now_ms);
  std::string MakeHead(int status, const HttpHeaders& headers, const FramingField& framing, int64_t now_ms);
  void Compress(HttpResponse& response) const;
  core::Status SendPiece(std::string_view data, bool may_wait);
  core::Status Reserve(size_t bytes, bool may_wait);
  void Post(OutputPiece piece);
  void Observe(int status, size_t bytes);

  const std::weak_ptr<ExchangeOutput> output_;
  ExchangeTraits traits_;
  std::atomic<bool> keeps_alive_;
  std::atomic<bool> is_endless_{false};

  // Used by whoever answers.
  Phase phase_ = Phase::kWaiting;
  Framing framing_ = Framing::kChunked;
  uint64_t promised_bytes_ = 0;  // kLength: still to come
  int status_ = 0;
  size_t body_bytes_ = 0;
  std::optional<StreamCompressor> compressor_;
  std::string compressed_;  // not sent yet

  const std::shared_ptr<std::atomic<bool>> cancelled_;
  std::mutex mutex_;
  std::condition_variable drained_;
  size_t unsent_bytes_ = 0;             // guarded by mutex_
  bool is_over_ = false;                // guarded by mutex_
  std::function<void()> on_cancelled_;  // guarded by mutex_
};

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7).
std::string FormatHttpDate(core::TimestampMs now_ms);

}  // namespace sextant::net
