#include "pipeline/exporters/otlp_exporter.h"

#include <algorithm>

#include "net/grpc_client.h"
#include "pipeline/auth.h"
#include "pipeline/delivery/fetches.h"
#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/exporters/otlp_response.h"
#include "pipeline/fields.h"
#include "pipeline/telemetry_codec.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

constexpr std::string_view kMethods[] = {"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                                         "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                                         "/opentelemetry.proto.collector.logs.v1.LogsService/Export"};

net::GrpcCompression CompressionOf(const std::string& name) {
  if (name == "gzip") return net::GrpcCompression::kGzip;
  if (name == "zstd") return net::GrpcCompression::kZstd;
  if (name == "snappy") return net::GrpcCompression::kSnappy;
  return net::GrpcCompression::kNone;
}

net::GrpcClientOptions OptionsOf(const OtlpExporterConfig& config, const Environment& environment) {
  const GrpcClientConfig& client = config.client;
  net::GrpcClientOptions options;
  options.target = client.Address();
  options.balancing = client.balancer_name == "pick_first" ? net::GrpcClientOptions::Balancing::kPickFirst
                                                           : net::GrpcClientOptions::Balancing::kRoundRobin;
  if (client.UsesTls()) options.tls = TlsOptionsOf(client.tls);
  options.authority = client.authority;
  options.user_agent =
      client.user_agent.empty() ? "sextant-otelcol/" + environment.version : client.user_agent;
  options.compression = CompressionOf(client.compression);
  if (client.keepalive) {
    options.keepalive_ms = client.keepalive->time_ms;
    options.keepalive_timeout_ms = client.keepalive->timeout_ms;
    options.keepalive_without_calls = client.keepalive->permit_without_stream;
  }
  return options;
}

// Says what the peer did not take of a batch, and makes it part of the outcome.
void NotePartialSuccess(const core::Logger& logger, const PartialSuccess& partial, Outcome& outcome) {
  logger.Warn("partial success response",
              {{"message", partial.message}, {"dropped_items", partial.rejected}});
  if (outcome)
    *outcome = Taken{static_cast<uint64_t>(std::max<int64_t>(partial.rejected, 0)), partial.message};
}

class GrpcSender final : public Sender {
 public:
  GrpcSender(const ComponentSettings& settings, const OtlpExporterConfig& config)
      : environment_(settings.environment), logger_(settings.logger), config_(config) {
    for (const auto& [name, value] : config.client.headers) metadata_.Set(name, value.Reveal());
  }

  Status Start() override {
    if (config_.client.auth) {
      SEXTANT_ASSIGN(authenticator_,
                     FindClientAuthenticator(environment_.extensions, config_.client.auth->authenticator));
      if (authenticator_->NeedsTls() && !config_.client.UsesTls()) {
        return core::Fail(core::Code::kInvalidArgument,
                          "grpc: the credentials require transport level security");
      }
    }
    SEXTANT_ASSIGN(client_, net::GrpcClient::Create(environment_.io, OptionsOf(config_, environment_)));
    return {};
  }
  void Shutdown() override { client_->Stop(); }

  void Send(Telemetry batch, Done done) override {
    net::GrpcRequest request;
    request.method = kMethods[static_cast<size_t>(batch.signal())];
    request.message = std::make_shared<const std::string>(EncodeBatch(batch, OtlpEncoding::kProtobuf));
    request.metadata = metadata_;
    if (authenticator_ != nullptr) {
      core::Result<ClientAuthenticator::Headers> headers = authenticator_->RequestHeaders();
      if (!headers) return done(Refuse(headers.error().message()));
      for (const auto& [name, value] : *headers) request.metadata.Set(name, value);
    }
    request.timeout_ms = config_.timeout_ms;
    client_->Call(std::move(request),
                  {.executor = &environment_.executor, .priority = core::Priority::kIngest},
                  [this, done = std::move(done)](net::GrpcResult result) {
                    Outcome outcome = OutcomeOf(result);
                    if (result.status.is_ok()) {
                      if (auto partial = ReadPartialSuccess(result.message))
                        NotePartialSuccess(logger_, *partial, outcome);
                    }
                    done(std::move(outcome));
                  });
  }

 private:
  Environment& environment_;
  const core::Logger logger_;
  const OtlpExporterConfig config_;
  net::HttpHeaders metadata_;
  ClientAuthenticator* authenticator_ = nullptr;
  std::unique_ptr<net::GrpcClient> client_;
};

class HttpSender final : public Sender {
 public:
  HttpSender(const ComponentSettings& settings, const OtlpHttpExporterConfig& config, std::string url)
      : environment_(settings.environment),
        logger_(settings.logger),
        config_(config),
        url_(std::move(url)),
        is_json_(config.encoding == "json"),
        cookies_(CookiesOf(config.client, url_, environment_.clock)),
        request_(RequestOf(config.client)) {
    request_.method = "POST";
    request_.url = url_;
    request_.headers.Set("Content-Type", is_json_ ? "application/json" : "application/x-protobuf");
    request_.headers.Set("User-Agent", "sextant-otelcol/" + environment_.version);
    request_.max_body_bytes = kMaxAnswerBytes;
  }

  Status Start() override {
    if (config_.client.auth) {
      SEXTANT_ASSIGN(authenticator_,
                     FindClientAuthenticator(environment_.extensions, config_.client.auth->authenticator));
    }
    return {};
  }
  void Shutdown() override { fetches_.CancelAll(); }

  void Send(Telemetry batch, Done done) override {
    net::FetchRequest request = request_;
    request.body = EncodeBatch(batch, is_json_ ? OtlpEncoding::kJson : OtlpEncoding::kProtobuf);
    if (Status compressed = CompressBody(config_.client, request); !compressed) {
      return done(Refuse(compressed.error().message(), true));
    }
    if (authenticator_ != nullptr) {
      core::Result<ClientAuthenticator::Headers> headers = authenticator_->RequestHeaders();
      if (!headers) return done(Refuse(headers.error().message()));
      for (const auto& [name, value] : *headers) request.headers.Set(name, value);
    }
    if (cookies_) cookies_->AddTo(request);
    fetches_.Fetch(environment_, std::move(request),
                   [this, done = std::move(done)](const core::Result<net::FetchResponse>& response) {
                     done(Take(response));
                   });
  }

 private:
  static constexpr size_t kMaxAnswerBytes = 4 << 20;

  Outcome Take(const core::Result<net::FetchResponse>& response) const {
    if (!response) return Refuse("failed to make an HTTP request: " + response.error().message());
    if (cookies_) cookies_->Take(*response);
    Outcome outcome = OutcomeOf(*response, url_, environment_.clock.NowMs());
    if (response->status >= 200 && response->status <= 299) {
      bool is_json = response->headers.Get("Content-Type").starts_with("application/json");
      auto partial = is_json ? ReadPartialSuccessJson(response->body) : ReadPartialSuccess(response->body);
      if (partial) NotePartialSuccess(logger_, *partial, outcome);
    }
    return outcome;
  }

  Environment& environment_;
  const core::Logger logger_;
  const OtlpHttpExporterConfig config_;
  const std::string url_;
  const bool is_json_;
  const std::unique_ptr<CookieJar> cookies_;  // or null
  net::FetchRequest request_;                 // all but the body
  ClientAuthenticator* authenticator_ = nullptr;
  Fetches fetches_;
};

std::string UrlOf(const OtlpHttpExporterConfig& config, Signal signal) {
  const std::string& own = signal == Signal::kTraces    ? config.traces_endpoint
                           : signal == Signal::kMetrics ? config.metrics_endpoint
                                                        : config.logs_endpoint;
  if (!own.empty()) return own;
  std::string url = config.client.endpoint;
  if (!url.ends_with('/')) url += '/';
  return url + "v1/" + std::string(SignalName(signal));
}

Made<Exporter> MakeGrpc(const ComponentSettings& settings, const OtlpExporterConfig& config, Signal signal) {
  return MakeQueuedExporter(settings, signal, config.queue, config.retry,
                            std::make_unique<GrpcSender>(settings, config));
}

Made<Exporter> MakeHttp(const ComponentSettings& settings, const OtlpHttpExporterConfig& config,
                        Signal signal) {
  std::string url = UrlOf(config, signal);
  return MakeQueuedExporter(settings, signal, config.queue, config.retry,
                            std::make_unique<HttpSender>(settings, config, std::move(url)));
}

Status FinishGrpc(OtlpExporterConfig& exporter, Node node) {
  if (exporter.client.endpoint.empty()) return node.Fail("requires a non-empty \"endpoint\"");
  std::string address = exporter.client.Address();
  size_t colon = address.rfind(':');
  std::string_view port =
      colon == std::string::npos ? std::string_view() : std::string_view(address).substr(colon + 1);
  bool is_port = !port.empty() && port.size() <= 5 &&
                 port.find_first_not_of("0123456789") == std::string_view::npos &&
                 std::stoi(std::string(port)) < 65'536;
  if (!is_port) return node.Find("endpoint").Fail("invalid port \"{}\"", port);
  if (exporter.timeout_ms < 0) return node.Find("timeout").Fail("'timeout' must be non-negative");
  return {};
}

Status FinishHttp(OtlpHttpExporterConfig& exporter, Node node) {
  if (exporter.client.endpoint.empty() && exporter.traces_endpoint.empty() &&
      exporter.metrics_endpoint.empty() && exporter.logs_endpoint.empty()) {
    return node.Fail("at least one endpoint must be specified");
  }
  return {};
}

}  // namespace

const config::Struct& FieldsOf(const OtlpExporterConfig*) {
  using namespace config;
  using C = OtlpExporterConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Inline<&C::client>(),
          Member<&C::timeout_ms>("timeout", GoDuration()),
          Member<&C::queue>("sending_queue", Section<QueueConfig>()),
          Member<&C::retry>("retry_on_failure"),
      },
      &FinishGrpc);
  return kFields;
}

const config::Struct& FieldsOf(const OtlpHttpExporterConfig*) {
  using namespace config;
  using C = OtlpHttpExporterConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Inline<&C::client>(),
          Member<&C::traces_endpoint>("traces_endpoint"),
          Member<&C::metrics_endpoint>("metrics_endpoint"),
          Member<&C::logs_endpoint>("logs_endpoint"),
          NotYet("profiles_endpoint", "profiles are not taken"),
          Member<&C::encoding>("encoding", Enum<std::string>({{"proto", "proto"}, {"json", "json"}})),
          Member<&C::queue>("sending_queue", Section<QueueConfig>()),
          Member<&C::retry>("retry_on_failure"),
      },
      &FinishHttp);
  return kFields;
}

ComponentType OtlpExporterType() {
  return ExporterType<OtlpExporterConfig>("otlp", {"otlp_grpc"},
                                          {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &MakeGrpc);
}

ComponentType OtlpHttpExporterType() {
  return ExporterType<OtlpHttpExporterConfig>("otlphttp", {"otlp_http"},
                                              {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &MakeHttp);
}

}  // namespace sextant::pipeline
