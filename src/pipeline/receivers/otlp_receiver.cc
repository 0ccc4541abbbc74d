#include "pipeline/receivers/otlp_receiver.h"

#include <algorithm>

#include "pipeline/auth_gate.h"
#include "pipeline/receivers/hosted_otlp.h"
#include "pipeline/receivers/otlp_grpc.h"
#include "pipeline/receivers/otlp_http.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/settings/endpoint.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

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
    if (HostedOtlp* hosted = settings_.environment.hosted_otlp) hosted->Attach(settings_.id, outputs_);
    return {};
  }

  void Shutdown() override {
    if (HostedOtlp* hosted = settings_.environment.hosted_otlp) hosted->Detach(settings_.id);
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
      if (Consumer* next = outputs_.Of(signal))
        AddOtlpGrpcRoute(router, config, signal, *next, grpc_metrics_);
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
    net::Router router;
    OtlpHttp http(config.server, options);
    const std::string* paths[] = {&config.traces_url_path, &config.metrics_url_path, &config.logs_url_path};
    for (Signal signal : kSignals) {
      Consumer* next = outputs_.Of(signal);
      if (next == nullptr) continue;
      http.AddRoute(router, *paths[static_cast<size_t>(signal)], signal, *next, http_metrics_);
    }
    SEXTANT_ASSIGN(http_, Endpoint::Start(settings_, std::move(router), std::move(options),
                                          config.server.tls ? config.server.tls->reload_interval_ms : 0));
    return {};
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
