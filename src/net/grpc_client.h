// Unary gRPC calls to one target over few lasting HTTP/2 connections.
//
//   SEXTANT_ASSIGN(auto client, GrpcClient::Create(io, {.target = "collector:4317"}));
//   client->Call({.method = "/pkg.Service/Export", .message = message, .timeout_ms = 5'000},
//                {.executor = &executor}, [](GrpcResult result) { ... });
//
// Connections are opened when first needed and again when lost, with a pause that grows while that fails
// (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md); calls made during such a pause fail
// at once with UNAVAILABLE. Every Call calls back exactly once. The texts of errors are those of Go's gRPC
// where users know them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "net/grpc.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::net {

enum class GrpcCompression { kNone, kGzip, kZstd, kSnappy };

struct GrpcClientOptions {
  std::string target = {};  // "host:port"
  // Which of the host's addresses are used: the first that answers, or all in turn.
  enum class Balancing { kPickFirst, kRoundRobin } balancing = Balancing::kPickFirst;
  std::shared_ptr<const TlsClientOptions> tls = {};  // null: in the clear
  std::string authority = {};                        // empty: the target
  std::string user_agent = "sextant";
  GrpcCompression compression = GrpcCompression::kNone;
  size_t max_receive_bytes = 4 << 20;  // of an answer's message, compressed and not
  size_t max_send_bytes = 2'147'483'647;
  size_t max_header_bytes = 64 << 10;   // of an answer's header and trailer each
  size_t max_calls_in_flight = 10'000;  // RESOURCE_EXHAUSTED above
  core::DurationMs connect_timeout_ms = 20'000;
  core::DurationMs min_backoff_ms = 1'000;  // before the second attempt; then 1.6 times longer each
  core::DurationMs max_backoff_ms = 120'000;
  // A connection that was silent for so long is asked for a sign of life, and given up when none comes in
  // time. 0: never.
  core::DurationMs keepalive_ms = 0;
  core::DurationMs keepalive_timeout_ms = 20'000;
  bool keepalive_without_calls = false;
};

struct GrpcRequest {
  std::string method = {};          // "/package.Service/Method"
  GrpcMessage message = {};         // kept until the call has ended; null: empty
  HttpHeaders metadata = {};        // values of names in "-bin" are encoded
  core::DurationMs timeout_ms = 0;  // for everything, waiting for a connection included; 0: none
};

struct GrpcResult {
  GrpcStatus status = {};
  std::string message = {};   // decompressed; of an OK status
  HttpHeaders headers = {};   // the server's metadata, values of names in "-bin" decoded
  HttpHeaders trailers = {};  // likewise
  // What a RetryInfo among the status' details asks for.
  std::optional<core::DurationMs> retry_delay_ms = {};
};

using GrpcCallback = std::function<void(GrpcResult result)>;

// A call under way. Copies mean the same call; dropping them does not cancel.
class GrpcCallHandle {
 public:
  GrpcCallHandle() = default;
  // The callback gets CANCELLED unless it has run or is about to. Thread-safe, returns at once.
  void Cancel();

  struct State;
  explicit GrpcCallHandle(std::weak_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::weak_ptr<State> state_;
};

class GrpcClient {
 public:
  // `io` must outlive the client. Connects to nothing yet. Errors: kInvalidArgument (the target is not
  // host:port, a TLS file cannot be used).
  static core::Result<std::unique_ptr<GrpcClient>> Create(IoContext& io, GrpcClientOptions options);
  ~GrpcClient();  // stops
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  // Begins a call; never waits and never calls back from inside. The callback runs where `delivery` says, on
  // the I/O thread when the executor's queue is full. A status of the client's own: UNAVAILABLE (no
  // connection, or lost), DEADLINE_EXCEEDED, CANCELLED (also after Stop), RESOURCE_EXHAUSTED (limits),
  // INTERNAL (an answer that is malformed), UNIMPLEMENTED (not a gRPC server, an unknown compression).
  // Thread-safe.
  GrpcCallHandle Call(GrpcRequest request, FetchDelivery delivery, GrpcCallback callback);

  // Cancels all calls, hands over their callbacks and closes all connections. Later calls get CANCELLED. Not
  // from an I/O thread; may be called again.
  void Stop();

  struct Impl;

 private:
  explicit GrpcClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sextant::net
