#include "pipeline/receivers/otlp_grpc.h"

#include <memory>

#include "pipeline/receivers/otlp_answer.h"
#include "pipeline/telemetry_codec.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using net::GrpcCode;

constexpr std::string_view kServices[] = {"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                                          "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                                          "/opentelemetry.proto.collector.logs.v1.LogsService/Export"};

net::GrpcStatus StatusOf(const Refusal& refusal) {
  GrpcCode code = refusal.code.value_or(refusal.is_permanent ? GrpcCode::kInternal : GrpcCode::kUnavailable);
  if (refusal.retry_after_ms > 0 && !refusal.is_permanent) {
    return net::GrpcStatusWithRetry(code, refusal.message, refusal.retry_after_ms);
  }
  return {.code = code, .message = refusal.message};
}

void Handle(Signal signal, bool include_metadata, Consumer& next, ReceiverMetrics& metrics,
            net::GrpcCall call, net::GrpcResponder responder) {
  Result<Telemetry> batch = DecodeBatch(signal, OtlpEncoding::kProtobuf, call.message);
  if (!batch) {
    bool is_limit = batch.error().code() == core::Code::kResourceExhausted;
    return responder.Fail({.code = is_limit ? GrpcCode::kResourceExhausted : GrpcCode::kInvalidArgument,
                           .message = "grpc: error unmarshalling request: " + batch.error().message()});
  }
  size_t items = batch->CountItems();
  if (items == 0) return responder.Finish("");
  batch->client = ClientOf(call.remote_address, call.metadata, include_metadata);
  // Shared, since callbacks are copied.
  auto shared = std::make_shared<net::GrpcResponder>(std::move(responder));
  next.Consume(std::move(*batch), [&metrics, signal, items, shared](Outcome outcome) {
    metrics.Count(signal, items, outcome.has_value());
    if (outcome) return shared->Finish(EncodeExportAnswer(*outcome));
    shared->Fail(StatusOf(outcome.error()));
  });
}

}  // namespace

void AddOtlpGrpcRoute(net::Router& router, const GrpcServerConfig& config, Signal signal, Consumer& next,
                      ReceiverMetrics& metrics) {
  router.AddGrpc(kServices[static_cast<size_t>(signal)],
                 [signal, include_metadata = config.include_metadata, &next, &metrics](
                     net::GrpcCall call, net::GrpcResponder responder) {
                   Handle(signal, include_metadata, next, metrics, std::move(call), std::move(responder));
                 },
                 {.priority = core::Priority::kIngest, .max_body_bytes = config.MaxMessageBytes()});
}

}  // namespace sextant::pipeline
