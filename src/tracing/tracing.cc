#include "tracing/tracing.h"

#include <utility>

#include "httpclient/secret_file.h"

namespace sextant::tracing {

namespace {

constexpr core::DurationMs kFlushMs = 5'000;

// Tells configurations apart.
std::string Fingerprint(const std::optional<config::TracingConfig>& config) {
  if (!config) return {};
  std::string text = config::WriteYaml(*config);
  return text + config->client.tls.key.Reveal();
}

bool HasTlsSettings(const config::TracingConfig& config) {
  return config::WriteYaml(config.client).find("tls_config:") != std::string::npos;
}

}  // namespace

Tracing::Tracing(ExporterServices services, net::HttpClient& client, TracingIdentity identity)
    : services_(std::move(services)),
      client_(client),
      identity_(std::move(identity)),
      tracer_(services_.clock) {}

Tracing::~Tracing() { Stop(); }

core::Status Tracing::Apply(const std::optional<config::TracingConfig>& config) {
  std::shared_ptr<SpanExporter> former;
  {
    std::lock_guard lock(mutex_);
    std::string fingerprint = Fingerprint(config);
    if (fingerprint == applied_ && (!config || !HasTlsSettings(*config))) return {};
    std::unique_ptr<SpanTransport> transport;
    if (config) {
      SEXTANT_ASSIGN(transport, MakeTransport(*config));
    }
    applied_ = std::move(fingerprint);
    former = std::move(exporter_);
    exporter_ = nullptr;
    if (config) {
      exporter_ = SpanExporter::Start(services_, std::move(transport),
                                      {.resource = {{"service.name", identity_.service_name},
                                                    {"service.version", identity_.version},
                                                    {"telemetry.sdk.language", std::string("cpp")},
                                                    {"telemetry.sdk.name", std::string("sextant")},
                                                    {"telemetry.sdk.version", identity_.version}},
                                       .scope = "sextant"});
      services_.logger.Info("tracing our own work", {{"endpoint", config->client.endpoint}});
    }
    tracer_.Use(exporter_, config ? config->client.sampling_fraction : 0);
  }
  if (former != nullptr) former->Stop(kFlushMs);
  return {};
}

core::Result<std::unique_ptr<SpanTransport>> Tracing::MakeTransport(const config::TracingConfig& config) {
  // Requests read the files again; this tells of missing ones before anything has changed.
  const config::TlsConfig& tls = config.client.tls;
  for (const std::string& file : {tls.ca_file, tls.cert_file, tls.key_file}) {
    if (file.empty() || config.client.insecure) continue;
    SEXTANT_TRY(httpclient::ReadSecretFile(file).map_error(core::AddContext("tracing: tls_config")));
  }
  if (config.client.protocol == config::TracingProtocol::kGrpc)
    return MakeGrpcTransport(config, services_.io, services_.executor);
  return MakeHttpTransport(config, client_, services_.executor, services_.clock);
}

void Tracing::Stop() {
  std::shared_ptr<SpanExporter> exporter;
  {
    std::lock_guard lock(mutex_);
    exporter = std::exchange(exporter_, nullptr);
    applied_.clear();
    tracer_.Use(nullptr, 0);
  }
  if (exporter != nullptr) exporter->Stop(kFlushMs);
}

}  // namespace sextant::tracing
