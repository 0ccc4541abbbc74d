#include "pipeline/processors/resource_detection_processor.h"

#include <algorithm>
#include <mutex>

#include "net/url.h"
#include "pipeline/extensions/credential_file.h"
#include "pipeline/processors/cloud_detectors.h"
#include "pipeline/processors/resource_detection_config.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;
using otlp::AnyValue;
using otlp::KeyValue;

Result<DetectedAttributes> DetectEnv(const EnvDetectorConfig& config) {
  std::string text = EnvironmentVariable("OTEL_RESOURCE_ATTRIBUTES");
  if (text.find_first_not_of(' ') == std::string::npos) text = EnvironmentVariable("OTEL_RESOURCE");
  SEXTANT_ASSIGN(DetectedAttributes attributes, ParseResourceAttributes(text));
  if (config.allowlist) {
    std::erase_if(attributes, [&](const auto& item) {
      return std::ranges::find(*config.allowlist, item.first) == config.allowlist->end();
    });
  }
  return attributes;
}

// The attributes that are switched on, and those that have no switch (tags).
void DropUnwanted(const AttributeSwitches& switches, DetectedAttributes& found) {
  std::erase_if(found, [&](const auto& item) {
    auto place = switches.find(item.first);
    return place != switches.end() && !place->second.is_enabled;
  });
}

std::string OrElse(std::string text, std::string otherwise) {
  return text.empty() ? std::move(otherwise) : std::move(text);
}

// One run of the detectors.
class Detection {
 public:
  Detection(const ComponentSettings& settings, const DetectionConfig& config)
      : environment_(settings.environment), logger_(settings.logger), config_(config) {}

  Result<DetectedAttributes> Run(const std::string& detector) const {
    if (detector == "env") return DetectEnv(config_.env);
    if (detector == "system") {
      return Wanted(config_.system.resource_attributes, DetectSystem(config_.system.hostname_sources));
    }
    if (detector == "ec2") return Wanted(config_.ec2.resource_attributes, Ec2());
    if (detector == "azure") {
      return Wanted(config_.azure.resource_attributes,
                    DetectAzure(Context(false), {.tags = config_.azure.tags}));
    }
    if (detector == "gcp") return Wanted(config_.gcp.resource_attributes, Gcp());
    if (detector == "docker") return Wanted(config_.docker.resource_attributes, Docker());
    if (detector == "heroku") {
      return Wanted(config_.heroku.resource_attributes,
                    DetectHeroku(Context(config_.heroku.fails_on_missing_metadata)));
    }
    if (detector == "lambda") {
      return Wanted(config_.lambda.resource_attributes,
                    DetectLambda(Context(config_.lambda.fails_on_missing_metadata)));
    }
    if (detector == "consul") return Wanted(config_.consul.resource_attributes, Consul());
    const auto& node = detector == "k8snode" ? config_.k8snode : config_.k8s_api;
    return Wanted(node.resource_attributes, KubernetesNode(node));
  }

 private:
  static Result<DetectedAttributes> Wanted(const AttributeSwitches& switches,
                                           Result<DetectedAttributes> found) {
    if (found) DropUnwanted(switches, *found);
    return found;
  }

  DetectorContext Context(bool fails) const {
    return {.http = environment_.http,
            .timeout_ms = config_.timeout_ms,
            .fails_on_missing_metadata = fails || config_.fails_on_missing_metadata,
            .logger = logger_};
  }

  Result<DetectedAttributes> Ec2() const {
    Ec2Options options{.tags = config_.ec2.tags};
    options.url = OrElse(EnvironmentVariable("AWS_EC2_METADATA_SERVICE_ENDPOINT"), options.url);
    while (options.url.ends_with('/')) options.url.pop_back();
    return DetectEc2(Context(config_.ec2.fails_on_missing_metadata), options);
  }

  Result<DetectedAttributes> Gcp() const {
    std::string host = OrElse(EnvironmentVariable("GCE_METADATA_HOST"), "169.254.169.254");
    return DetectGcp(Context(config_.gcp.fails_on_missing_metadata), "http://" + host);
  }

  Result<DetectedAttributes> Docker() const {
    const AttributeSwitches& switches = config_.docker.resource_attributes;
    auto wants = [&](const char* name) { return switches.at(name).is_enabled; };
    return DetectDocker(Context(config_.docker.fails_on_missing_metadata),
                        OrElse(EnvironmentVariable("DOCKER_HOST"), "unix:///var/run/docker.sock"),
                        wants("container.name") || wants("container.image.name"));
  }

  Result<DetectedAttributes> Consul() const {
    const ConsulDetectorConfig& consul = config_.consul;
    ConsulOptions options{
        .datacenter = consul.datacenter,
        .namespace_name = OrElse(consul.name_space, EnvironmentVariable("CONSUL_NAMESPACE")),
        .token = OrElse(consul.token.Reveal(), EnvironmentVariable("CONSUL_HTTP_TOKEN"))};
    options.address =
        OrElse(OrElse(consul.address, EnvironmentVariable("CONSUL_HTTP_ADDR")), options.address);
    if (!consul.token_file.empty()) {
      CredentialFile file(consul.token_file, environment_.clock, logger_);
      SEXTANT_ASSIGN(options.token, file.Value());
    }
    for (const auto& [name, value] : consul.meta) options.meta.push_back(name);
    return DetectConsul(Context(false), options);
  }

  Result<DetectedAttributes> KubernetesNode(const KubernetesNodeDetectorConfig& node) const {
    std::string name = EnvironmentVariable(node.node_from_env_var);
    if (name.empty()) {
      return core::Fail(core::Code::kInvalidArgument, "envvar \"{}\" is not set", node.node_from_env_var);
    }
    SEXTANT_ASSIGN(kube::ClientConfig client, KubernetesClient(node.auth_type, environment_.clock));
    SEXTANT_ASSIGN(net::FetchRequest request,
                   kube::MakeRequest(client, "/api/v1/nodes/" + net::PathEscape(name), "otelcol"));
    return DetectKubernetesNode(Context(false), std::move(request));
  }

  Environment& environment_;
  const core::Logger logger_;
  const DetectionConfig& config_;
};

class DetectionProcessor final : public Processor {
 public:
  DetectionProcessor(const ComponentSettings& settings, const DetectionConfig& config, Consumer& next)
      : logger_(settings.logger),
        config_(config),
        detection_(settings, config_),
        next_(next),
        ticker_(settings.environment.io, settings.environment.executor) {}

  Status Start() override {
    SEXTANT_ASSIGN(DetectedAttributes found, Detect());
    Keep(std::move(found));
    if (config_.refresh_interval_ms > 0) {
      ticker_.Start(config_.refresh_interval_ms, [this] { Refresh(); });
    }
    return {};
  }

  void Shutdown() override { ticker_.Stop(); }

  void Consume(Telemetry batch, Done done) override {
    std::shared_ptr<const Found> found = Current();
    if (found != nullptr && !found->attributes.empty()) {
      batch.ForEachResource(
          [&](otlp::Resource& resource, otlp::Memory& memory) { AddTo(*found, resource, memory); });
    }
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  // What was detected, in the form that data has; what batches refer to is kept by them.
  struct Found {
    otlp::Memory memory;
    std::vector<KeyValue> attributes;
  };

  // The first detector that knows an attribute counts.
  Result<DetectedAttributes> Detect() const {
    DetectedAttributes all;
    for (const std::string& name : config_.detectors) {
      Result<DetectedAttributes> found = detection_.Run(name);
      if (!found) return core::Fail(found.error().code(), "detector {}: {}", name, found.error().message());
      for (auto& [key, value] : *found) {
        bool is_known = std::ranges::any_of(all, [&](const auto& item) { return item.first == key; });
        if (!is_known) all.emplace_back(key, std::move(value));
      }
    }
    return all;
  }

  void Keep(DetectedAttributes detected) {
    auto found = std::make_shared<Found>();
    for (const auto& [key, value] : detected) {
      std::vector<KeyValue> items;
      for (const std::string& text : value.texts)
        items.push_back({{}, AnyValue::Text(found->memory.Copy(text))});
      AnyValue made = value.number    ? AnyValue::Int(*value.number)
                      : value.is_list ? AnyValue::Array(found->memory.CopyList<KeyValue>(items))
                                      : items[0].value;
      found->attributes.push_back({found->memory.Copy(key), made});
    }
    std::lock_guard lock(mutex_);
    found_ = std::move(found);
  }

  void Refresh() {
    Result<DetectedAttributes> detected = Detect();
    if (!detected) {
      logger_.Warn("resource refresh failed; keeping what was found before", {{"error", detected.error()}});
      return;
    }
    Keep(std::move(*detected));
  }

  std::shared_ptr<const Found> Current() const {
    std::lock_guard lock(mutex_);
    return found_;
  }

  void AddTo(const Found& found, otlp::Resource& resource, otlp::Memory& memory) const {
    otlp::AttributeEditor editor(resource.attributes, memory);
    for (const KeyValue& attribute : found.attributes) {
      if (!config_.overrides && editor.Find(attribute.key) != nullptr) continue;
      editor.Set(memory.Copy(attribute.key), otlp::CopyValue(attribute.value, memory));
    }
    editor.Apply();
  }

  core::Logger logger_;
  const DetectionConfig config_;
  const Detection detection_;
  Consumer& next_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Found> found_;  // guarded by mutex_
  Ticker ticker_;
};

Made<Processor> MakeDetection(const ComponentSettings& settings, const DetectionConfig& config, Signal,
                              Consumer& next) {
  return std::make_unique<DetectionProcessor>(settings, config, next);
}

}  // namespace

ComponentType ResourceDetectionProcessorType() {
  return ProcessorType<DetectionConfig>("resource_detection", {"resourcedetection"},
                                        {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &MakeDetection);
}

}  // namespace sextant::pipeline
