// OTLP over gRPC: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
#include <mutex>

#include "httpclient/settings.h"
#include "net/grpc_client.h"
#include "otlp/span_export.h"
#include "tracing/span_transport.h"

namespace sextant::tracing {

namespace {

constexpr core::DurationMs kDefaultTimeoutMs = 10'000;
constexpr std::string_view kExport = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

// Those that the specification lets a client repeat; RESOURCE_EXHAUSTED only when the collector says when.
bool MayRetry(const net::GrpcResult& result) {
  switch (result.status.code) {
    case net::GrpcCode::kCancelled:
    case net::GrpcCode::kDeadlineExceeded:
    case net::GrpcCode::kAborted:
    case net::GrpcCode::kOutOfRange:
    case net::GrpcCode::kUnavailable:
    case net::GrpcCode::kDataLoss:
      return true;
    case net::GrpcCode::kResourceExhausted:
      return result.retry_delay_ms.has_value();
    default:
      return false;
  }
}

SendOutcome Judge(const net::GrpcResult& result) {
  SendOutcome outcome;
  if (!result.status.is_ok()) {
    outcome.may_retry = MayRetry(result);
    outcome.retry_after_ms = result.retry_delay_ms.value_or(0);
    outcome.error = fmt::format("rpc error: code = {} desc = {}", net::GrpcCodeName(result.status.code),
                                result.status.message);
    return outcome;
  }
  outcome.is_delivered = true;
  if (const auto partial = otlp::DecodeExportResponse(result.message)) {
    outcome.rejected_spans = partial->rejected_spans;
    outcome.error = partial->message;
  }
  return outcome;
}

class GrpcTransport final : public SpanTransport {
 public:
  GrpcTransport(const config::TracingConfig& config, std::unique_ptr<net::GrpcClient> client,
                core::Executor& executor)
      : client_(std::move(client)),
        executor_(executor),
        timeout_ms_(config.client.timeout_ms > 0 ? config.client.timeout_ms : kDefaultTimeoutMs) {
    for (const auto& [name, value] : config.headers) metadata_.Set(name, value);
  }

  void Send(std::string request, std::function<void(SendOutcome)> done) override {
    net::GrpcCallHandle call =
        client_->Call({.method = std::string(kExport),
                       .message = std::make_shared<const std::string>(std::move(request)),
                       .metadata = metadata_,
                       .timeout_ms = timeout_ms_},
                      {.executor = &executor_, .priority = core::Priority::kBackground},
                      [done = std::move(done)](const net::GrpcResult& result) { done(Judge(result)); });
    std::lock_guard lock(mutex_);
    call_ = call;
    if (is_cancelled_) call_.Cancel();
  }

  void Cancel() override {
    std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    call_.Cancel();
  }

 private:
  const std::unique_ptr<net::GrpcClient> client_;
  core::Executor& executor_;
  const core::DurationMs timeout_ms_;
  net::HttpHeaders metadata_;
  std::mutex mutex_;
  net::GrpcCallHandle call_;   // guarded by mutex_
  bool is_cancelled_ = false;  // likewise
};

}  // namespace

core::Result<std::unique_ptr<SpanTransport>> MakeGrpcTransport(const config::TracingConfig& config,
                                                               net::IoContext& io, core::Executor& executor) {
  net::GrpcClientOptions options;
  options.target = config::HostAndPort(config.client);
  if (!config.client.insecure) options.tls = httpclient::TlsOptions(config.client.tls);
  if (config.client.compression == "gzip") options.compression = net::GrpcCompression::kGzip;
  SEXTANT_ASSIGN(auto client, net::GrpcClient::Create(io, std::move(options)));
  return std::make_unique<GrpcTransport>(config, std::move(client), executor);
}

}  // namespace sextant::tracing
