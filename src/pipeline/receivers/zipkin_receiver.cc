#include "pipeline/receivers/zipkin_receiver.h"

#include "pipeline/auth_gate.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/receivers/span_http.h"
#include "pipeline/settings/endpoint.h"
#include "traceformats/zipkin.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

class ZipkinReceiver final : public Receiver {
 public:
  ZipkinReceiver(const ComponentSettings& settings, const ZipkinReceiverConfig& config, Consumer& next)
      : settings_(settings),
        config_(config),
        next_(next),
        metrics_(settings.environment.telemetry, settings.id, "http") {}

  Status Start() override {
    net::Router router;
    AddSpanRoute(router, "/api/v2/spans",
                 {[this](std::string_view type, std::string_view body) { return DecodeV2(type, body); }, ""},
                 config_.server, next_, metrics_);
    AddSpanRoute(router, "/api/v1/spans",
                 {[this](std::string_view type, std::string_view body) { return DecodeV1(type, body); }, ""},
                 config_.server, next_, metrics_);
    net::HttpServerOptions options = ServerOptionsOf(config_.server);
    if (config_.server.auth) {
      SEXTANT_ASSIGN(
          ServerAuthenticator * authenticator,
          FindServerAuthenticator(settings_.environment.extensions, config_.server.auth->authenticator));
      options.gate = MakeAuthGate(*authenticator);
    }
    SEXTANT_ASSIGN(endpoint_,
                   Endpoint::Start(settings_, std::move(router), std::move(options),
                                   config_.server.tls ? config_.server.tls->reload_interval_ms : 0));
    return {};
  }
  void Shutdown() override { endpoint_->Stop(); }

 private:
  traceformats::ZipkinOptions Options() const {
    return {.parses_text_tags = config_.parse_string_tags,
            .now_ns = static_cast<uint64_t>(settings_.environment.clock.NowMs()) * 1'000'000};
  }
  // Without a known type JSON is meant, as the original has it.
  Result<otlp::TracesData> DecodeV2(std::string_view type, std::string_view body) const {
    if (type == "application/x-protobuf") return traceformats::DecodeZipkinProtobuf(body, Options());
    return traceformats::DecodeZipkinV2Json(body, Options());
  }
  Result<otlp::TracesData> DecodeV1(std::string_view type, std::string_view body) const {
    if (type == "application/x-thrift") return traceformats::DecodeZipkinV1Thrift(body);
    return traceformats::DecodeZipkinV1Json(body, Options());
  }

  const ComponentSettings settings_;
  const ZipkinReceiverConfig config_;
  Consumer& next_;
  ReceiverMetrics metrics_;
  std::unique_ptr<Endpoint> endpoint_;
};

Made<Receiver> Make(const ComponentSettings& settings, const ZipkinReceiverConfig& config,
                    const Outputs& outputs) {
  return std::make_unique<ZipkinReceiver>(settings, config, *outputs.traces);
}

}  // namespace

const config::Struct& FieldsOf(const ZipkinReceiverConfig*) {
  using namespace config;
  using C = ZipkinReceiverConfig;
  static const Struct kFields = Struct::Of<C>({
      Inline<&C::server>(),
      Member<&C::parse_string_tags>("parse_string_tags"),
  });
  return kFields;
}

ComponentType ZipkinReceiverType() {
  return ReceiverType<ZipkinReceiverConfig>("zipkin", {}, {Signal::kTraces}, &Make);
}

}  // namespace sextant::pipeline
