#include "pipeline/receivers/otlp_receiver.h"

#include <algorithm>

#include "pipeline/auth_gate.h"
#include "pipeline/receivers/otlp_http.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/settings/endpoint.h"
#include "pipeline/telemetry_codec.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Result;
using core::Status;
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

class OtlpReceiver final : public Receiver {
 public:
  OtlpReceiver(const ComponentSettings& settings, const OtlpReceiverConfig& config, const Outputs& outputs)
      : settings_(settings),
        config_(config),
        outputs_(outputs),
        grpc_metrics_(settings.environment.telemetry, settings.id, "grpc"),
        http_metrics_(settings.environment.telemetry, settings.id, "http") {}

  Status Start() override {
    if (config_.protocols.grpc) SEXTANT_TRY(StartGrpc(*config_.protocols.grpc));
    if (config_.protocols.http) {
      if (Status started = StartHttp(*config_.protocols.http); !started) {
        Shutdown();
        return started;
      }
    }
    return {};
  }

  void Shutdown() override {
    if (grpc_ != nullptr) grpc_->Stop();
    if (http_ != nullptr) http_->Stop();
  }

 private:
  Status AddGate(const std::string& authenticator, net::HttpServerOptions& options) const {
    SEXTANT_ASSIGN(ServerAuthenticator * found,
                   FindServerAuthenticator(settings_.environment.extensions, authenticator));
    options.gate = MakeAuthGate(*found);
    return {};
  }

  Status StartGrpc(const GrpcServerConfig& config) {
    net::Router router;
    for (Signal signal : kSignals) {
      if (outputs_.Of(signal) == nullptr) continue;
      router.AddGrpc(kServices[static_cast<size_t>(signal)],
                     [this, signal, include_metadata = config.include_metadata](
                         net::GrpcCall call, net::GrpcResponder responder) {
                       Handle(signal, include_metadata, std::move(call), std::move(responder));
                     },
                     {.priority = core::Priority::kIngest, .max_body_bytes = config.MaxMessageBytes()});
    }
    net::HttpServerOptions options = ServerOptionsOf(config);
    if (config.auth) SEXTANT_TRY(AddGate(config.auth->authenticator, options));
    SEXTANT_ASSIGN(grpc_, Endpoint::Start(settings_, std::move(router), std::move(options),
                                          config.tls ? config.tls->reload_interval_ms : 0));
    return {};
  }

  Status StartHttp(const OtlpHttpConfig& config) {
    net::HttpServerOptions options = ServerOptionsOf(config.server);
    if (config.server.auth) SEXTANT_TRY(AddGate(config.server.auth->authenticator, options));
    OtlpHttp http(config.server, options);
    const std::string* paths[] = {&config.traces_url_path, &config.metrics_url_path, &config.logs_url_path};
    for (Signal signal : kSignals) {
      Consumer* next = outputs_.Of(signal);
      if (next != nullptr) http.AddRoute(*paths[static_cast<size_t>(signal)], signal, *next, http_metrics_);
    }
    SEXTANT_ASSIGN(http_, Endpoint::Start(settings_, std::move(http).TakeRouter(), std::move(options),
                                          config.server.tls ? config.server.tls->reload_interval_ms : 0));
    return {};
  }

  void Handle(Signal signal, bool include_metadata, net::GrpcCall call, net::GrpcResponder responder) {
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
    outputs_.Of(signal)->Consume(std::move(*batch), [this, signal, items, shared](Outcome outcome) {
      grpc_metrics_.Count(signal, items, outcome.has_value());
      if (outcome) return shared->Finish("");
      shared->Fail(StatusOf(outcome.error()));
    });
  }

  const ComponentSettings settings_;
  const OtlpReceiverConfig config_;
  const Outputs outputs_;
  ReceiverMetrics grpc_metrics_;
  ReceiverMetrics http_metrics_;
  std::unique_ptr<Endpoint> grpc_;
  std::unique_ptr<Endpoint> http_;
};

Made<Receiver> Make(const ComponentSettings& settings, const OtlpReceiverConfig& config,
                    const Outputs& outputs) {
  return std::make_unique<OtlpReceiver>(settings, config, outputs);
}

Status CheckPath(const std::string& path, Node node) {
  bool is_path =
      !path.empty() && path.find("://") == std::string::npos && path.find(':') == std::string::npos;
  if (!is_path)
    return node.Fail("invalid HTTP URL path set for signal: parse \"{}\": missing protocol scheme", path);
  return {};
}

Status FinishHttp(OtlpHttpConfig& http, Node) {
  for (std::string* path : {&http.traces_url_path, &http.metrics_url_path, &http.logs_url_path}) {
    if (!path->starts_with('/')) path->insert(0, "/");
  }
  return {};
}

Status FinishReceiver(OtlpReceiverConfig& receiver, Node node) {
  if (receiver.protocols.grpc || receiver.protocols.http) return {};
  return node.Fail("must specify at least one protocol when using the OTLP receiver");
}

}  // namespace

const config::Struct& FieldsOf(const OtlpHttpConfig*) {
  using namespace config;
  using C = OtlpHttpConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Inline<&C::server>(),
          Member<&C::traces_url_path>("traces_url_path").Check(&CheckPath),
          Member<&C::metrics_url_path>("metrics_url_path").Check(&CheckPath),
          Member<&C::logs_url_path>("logs_url_path").Check(&CheckPath),
          NotYet("profiles_url_path", "profiles are not taken"),
      },
      &FinishHttp);
  return kFields;
}

const config::Struct& FieldsOf(const OtlpProtocols*) {
  using namespace config;
  using C = OtlpProtocols;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::grpc>("grpc", Section<GrpcServerConfig>()),
      Member<&C::http>("http", Section<OtlpHttpConfig>()),
  });
  return kFields;
}

const config::Struct& FieldsOf(const OtlpReceiverConfig*) {
  using namespace config;
  static const Struct kFields =
      Struct::Of<OtlpReceiverConfig>({Member<&OtlpReceiverConfig::protocols>("protocols")}, &FinishReceiver);
  return kFields;
}

ComponentType OtlpReceiverType() {
  return ReceiverType<OtlpReceiverConfig>("otlp", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs},
                                          &Make);
}

}  // namespace sextant::pipeline
