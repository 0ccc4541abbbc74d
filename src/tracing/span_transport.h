// How a batch of spans gets to a collector: the seam between what is sent and the protocol. OTLP over HTTP is
// in http_transport.cc, over gRPC in grpc_transport.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/tracing_config.h"
#include "core/executor.h"
#include "core/result.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::tracing {

struct SendOutcome {
  bool is_delivered = false;
  bool may_retry = false;               // the same batch may be taken later
  core::DurationMs retry_after_ms = 0;  // as the collector asked; 0: it did not
  uint64_t rejected_spans = 0;          // of a delivered batch
  std::string error = {};               // of one not delivered; or why spans were rejected
};

class SpanTransport {
 public:
  virtual ~SpanTransport() = default;
  // Sends an ExportTraceServiceRequest; `done` is called once, later, on the executor. One at a time.
  virtual void Send(std::string request, std::function<void(SendOutcome)> done) = 0;
  // Gives the request under way up, and any after it: their `done` comes soon. Thread-safe.
  virtual void Cancel() = 0;
};

// `client`, `executor` and `clock` must outlive the transport and what it has under way.
std::unique_ptr<SpanTransport> MakeHttpTransport(const config::TracingConfig& config, net::HttpClient& client,
                                                 core::Executor& executor, const core::Clock& clock);

// Errors: kInvalidArgument (an endpoint that is not host:port, a TLS file that cannot be used).
core::Result<std::unique_ptr<SpanTransport>> MakeGrpcTransport(const config::TracingConfig& config,
                                                               net::IoContext& io, core::Executor& executor);

}  // namespace sextant::tracing
