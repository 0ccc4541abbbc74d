// gRPC calls with one request message and one answer ("unary"), as a server's handler sees them. Register the
// handler with Router::AddGrpc; the HttpServer then answers such calls on its own ports, over HTTP/2 in the
// clear or under TLS.
//
//   router.AddGrpc("/pkg.Service/Export", [](GrpcCall call, GrpcResponder responder) {
//     auto data = Decode(*call.message);
//     if (!data) return responder.Fail({GrpcCode::kInvalidArgument, data.error().message()});
//     pipeline.Push(std::move(*data), [responder = std::move(responder)](core::Status status) mutable { ...
//     });
//   });
//
// Protocol: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Messages may be compressed with
// gzip, zstd or snappy (its framed format), and are handed over decompressed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "net/http_message.h"

namespace sextant::net {

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
enum class GrpcCode : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "InvalidArgument": as Go's gRPC writes it.
std::string_view GrpcCodeName(GrpcCode code);

// How a call ended.
struct GrpcStatus {
  GrpcCode code = GrpcCode::kOk;
  std::string message = {};  // any text; escaped on the wire
  // What goes into grpc-status-details-bin: an encoded google.rpc.Status that repeats code and message;
  // empty: none.
  std::string details = {};

  bool is_ok() const { return code == GrpcCode::kOk; }
};

// A status that tells the client when to try again, as a google.rpc.RetryInfo among its details.
GrpcStatus GrpcStatusWithRetry(GrpcCode code, std::string message, core::DurationMs retry_delay_ms);
// The delay of the RetryInfo in an encoded google.rpc.Status, if it has one and is well-formed.
std::optional<core::DurationMs> ParseGrpcRetryDelay(std::string_view details);

// A message's bytes. Whoever keeps the pointer keeps them; large buffers go back to a pool when the last one
// lets go. Never null.
using GrpcMessage = std::shared_ptr<const std::string>;

// A call whose request was read whole.
struct GrpcCall {
  std::string method = {};  // "/package.Service/Method"
  // All header fields of the request ("authorization", "user-agent", the caller's own; ":authority" as Host),
  // values of names in "-bin" decoded.
  HttpHeaders metadata = {};
  GrpcMessage message = {};         // decompressed, within the route's limit
  std::string remote_address = {};  // "127.0.0.1:40312"
  std::string user = {};            // as in HttpRequest
  std::string role = {};
  bool is_tls = false;
  int64_t received_ns = 0;                  // when the message was complete, on the monotonic clock
  std::optional<int64_t> deadline_ns = {};  // of grpc-timeout, on the monotonic clock
  std::shared_ptr<const std::atomic<bool>> cancelled = {};  // see HttpRequest

  bool IsCancelled() const { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); }
};

// What a call is answered with. Without an OK status the message is not sent.
struct GrpcReply {
  GrpcStatus status = {};
  std::string message = {};
  HttpHeaders headers = {};   // further metadata before the message; values of names in "-bin" are encoded
  HttpHeaders trailers = {};  // and behind it
};

class Exchange;

// A movable handle to one call: answer from any thread, now or later, once. A handle that is dropped unused
// answers INTERNAL.
class GrpcResponder {
 public:
  explicit GrpcResponder(std::shared_ptr<Exchange> exchange);
  ~GrpcResponder();
  GrpcResponder(GrpcResponder&&) noexcept;
  GrpcResponder& operator=(GrpcResponder&&) noexcept;

  // Never waits for the network.
  void Reply(GrpcReply reply);
  void Finish(std::string message) { Reply({.message = std::move(message)}); }
  void Fail(GrpcStatus status) { Reply({.status = std::move(status)}); }

  // True once the client has cancelled or gone, the deadline has passed, or the server stops.
  bool IsCancelled() const;
  // Calls `callback` once, on an I/O thread, when IsCancelled becomes true (at once if it is). It must be
  // short. Not called after the call was answered. Replaces a callback set before.
  void OnCancelled(std::function<void()> callback);

 private:
  std::shared_ptr<Exchange> exchange_;
};

// Must not throw.
using GrpcHandler = std::function<void(GrpcCall call, GrpcResponder responder)>;

}  // namespace sextant::net
