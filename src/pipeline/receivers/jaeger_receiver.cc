#include "pipeline/receivers/jaeger_receiver.h"

#include "pipeline/auth_gate.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/receivers/span_http.h"
#include "pipeline/settings/endpoint.h"
#include "traceformats/jaeger.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Result;
using core::Status;
using net::GrpcCode;

Result<otlp::TracesData> DecodeThrift(std::string_view type, std::string_view body) {
  if (type != "application/x-thrift" && type != "application/vnd.apache.thrift.binary") {
    return core::Fail(core::Code::kUnimplemented, "Unsupported content type: {}", type);
  }
  return traceformats::DecodeJaegerThrift(body);
}

class JaegerReceiver final : public Receiver {
 public:
  JaegerReceiver(const ComponentSettings& settings, const JaegerReceiverConfig& config, Consumer& next)
      : settings_(settings),
        config_(config),
        next_(next),
        grpc_metrics_(settings.environment.telemetry, settings.id, "grpc"),
        http_metrics_(settings.environment.telemetry, settings.id, "collector_http") {}

  Status Start() override {
    Status started = StartAll();
    if (!started) Shutdown();
    return started;
  }
  void Shutdown() override {
    if (grpc_ != nullptr) grpc_->Stop();
    if (http_ != nullptr) http_->Stop();
    if (compact_ != nullptr) compact_->Stop();
    if (binary_ != nullptr) binary_->Stop();
  }

 private:
  Status StartAll() {
    const JaegerProtocols& protocols = config_.protocols;
    if (protocols.grpc) SEXTANT_TRY(StartGrpc(protocols.grpc->server));
    if (protocols.thrift_http) SEXTANT_TRY(StartHttp(protocols.thrift_http->server));
    if (protocols.thrift_compact) {
      SEXTANT_ASSIGN(compact_,
                     JaegerUdp::Start(settings_, protocols.thrift_compact->udp, "udp_thrift_compact",
                                      &traceformats::DecodeJaegerAgentCompact, next_));
    }
    if (protocols.thrift_binary) {
      SEXTANT_ASSIGN(binary_, JaegerUdp::Start(settings_, protocols.thrift_binary->udp, "udp_thrift_binary",
                                               &traceformats::DecodeJaegerAgentBinary, next_));
    }
    return {};
  }

  Status AddGate(const std::string& authenticator, net::HttpServerOptions& options) const {
    SEXTANT_ASSIGN(ServerAuthenticator * found,
                   FindServerAuthenticator(settings_.environment.extensions, authenticator));
    options.gate = MakeAuthGate(*found);
    return {};
  }

  Status StartGrpc(const GrpcServerConfig& config) {
    net::Router router;
    router.AddGrpc("/jaeger.api_v2.CollectorService/PostSpans",
                   [this](net::GrpcCall call, net::GrpcResponder responder) {
                     Handle(std::move(call), std::move(responder));
                   },
                   {.priority = core::Priority::kIngest, .max_body_bytes = config.MaxMessageBytes()});
    net::HttpServerOptions options = ServerOptionsOf(config);
    if (config.auth) SEXTANT_TRY(AddGate(config.auth->authenticator, options));
    SEXTANT_ASSIGN(grpc_, Endpoint::Start(settings_, std::move(router), std::move(options),
                                          config.tls ? config.tls->reload_interval_ms : 0));
    return {};
  }

  Status StartHttp(const HttpServerConfig& config) {
    net::Router router;
    AddSpanRoute(router, "/api/traces", {&DecodeThrift, "Unable to process request body: "}, config, next_,
                 http_metrics_);
    net::HttpServerOptions options = ServerOptionsOf(config);
    if (config.auth) SEXTANT_TRY(AddGate(config.auth->authenticator, options));
    SEXTANT_ASSIGN(http_, Endpoint::Start(settings_, std::move(router), std::move(options),
                                          config.tls ? config.tls->reload_interval_ms : 0));
    return {};
  }

  void Handle(net::GrpcCall call, net::GrpcResponder responder) {
    Result<otlp::TracesData> data = traceformats::DecodeJaegerProtobuf(*call.message);
    if (!data) {
      return responder.Fail({.code = GrpcCode::kInvalidArgument,
                             .message = "grpc: error unmarshalling request: " + data.error().message()});
    }
    data->memory.Keep(call.message, call.message->size());
    Telemetry batch(std::move(*data));
    size_t items = batch.CountItems();
    if (items == 0) return responder.Finish("");
    batch.client =
        ClientOf(call.remote_address, call.metadata, config_.protocols.grpc->server.include_metadata);
    auto shared = std::make_shared<net::GrpcResponder>(std::move(responder));
    next_.Consume(std::move(batch), [this, items, shared](Outcome outcome) {
      grpc_metrics_.Count(Signal::kTraces, items, outcome.has_value());
      if (outcome) return shared->Finish("");
      const Refusal& refusal = outcome.error();
      shared->Fail(
          {.code = refusal.code.value_or(refusal.is_permanent ? GrpcCode::kInternal : GrpcCode::kUnavailable),
           .message = refusal.message});
    });
  }

  const ComponentSettings settings_;
  const JaegerReceiverConfig config_;
  Consumer& next_;
  ReceiverMetrics grpc_metrics_;
  ReceiverMetrics http_metrics_;
  std::unique_ptr<Endpoint> grpc_;
  std::unique_ptr<Endpoint> http_;
  std::unique_ptr<JaegerUdp> compact_;
  std::unique_ptr<JaegerUdp> binary_;
};

Made<Receiver> Make(const ComponentSettings& settings, const JaegerReceiverConfig& config,
                    const Outputs& outputs) {
  return std::make_unique<JaegerReceiver>(settings, config, *outputs.traces);
}

Status Finish(JaegerReceiverConfig& receiver, Node node) {
  const JaegerProtocols& protocols = receiver.protocols;
  if (protocols.grpc || protocols.thrift_http || protocols.thrift_compact || protocols.thrift_binary)
    return {};
  return node.Fail("must specify at least one protocol when using the Jaeger receiver");
}

}  // namespace

const config::Struct& FieldsOf(const JaegerGrpcConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<JaegerGrpcConfig>({config::Inline<&JaegerGrpcConfig::server>()});
  return kFields;
}

const config::Struct& FieldsOf(const JaegerThriftHttpConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<JaegerThriftHttpConfig>({config::Inline<&JaegerThriftHttpConfig::server>()});
  return kFields;
}

const config::Struct& FieldsOf(const JaegerThriftCompactConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<JaegerThriftCompactConfig>({config::Inline<&JaegerThriftCompactConfig::udp>()});
  return kFields;
}

const config::Struct& FieldsOf(const JaegerThriftBinaryConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<JaegerThriftBinaryConfig>({config::Inline<&JaegerThriftBinaryConfig::udp>()});
  return kFields;
}

const config::Struct& FieldsOf(const JaegerProtocols*) {
  using namespace config;
  using C = JaegerProtocols;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::grpc>("grpc", Section<JaegerGrpcConfig>()),
      Member<&C::thrift_http>("thrift_http", Section<JaegerThriftHttpConfig>()),
      Member<&C::thrift_compact>("thrift_compact", Section<JaegerThriftCompactConfig>()),
      Member<&C::thrift_binary>("thrift_binary", Section<JaegerThriftBinaryConfig>()),
  });
  return kFields;
}

const config::Struct& FieldsOf(const JaegerReceiverConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<JaegerReceiverConfig>(
      {
          Member<&JaegerReceiverConfig::protocols>("protocols"),
          NotYet("remote_sampling", "the original does not have it any more"),
      },
      &Finish);
  return kFields;
}

ComponentType JaegerReceiverType() {
  return ReceiverType<JaegerReceiverConfig>("jaeger", {}, {Signal::kTraces}, &Make);
}

}  // namespace sextant::pipeline
