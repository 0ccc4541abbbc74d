#include "pipeline/processors/resource_detection_processor.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "pipeline/fields.h"
#include "pipeline/processors/host_detectors.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using config::NotYet;
using config::Struct;
using core::Result;
using core::Status;
using otlp::AnyValue;
using otlp::KeyValue;

struct Switch {
  bool is_enabled = false;
};
const Struct& FieldsOf(const Switch*) {
  static const Struct kFields = Struct::Of<Switch>({Member<&Switch::is_enabled>("enabled").AlwaysWritten()});
  return kFields;
}

struct SystemAttributes {
  Switch host_name{true};
  Switch os_type{true};
  Switch os_name{true};
  Switch os_version{true};
  Switch host_id;
  Switch host_arch;
  Switch host_ip;
  Switch host_mac;
};
const Struct& FieldsOf(const SystemAttributes*) {
  using C = SystemAttributes;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::host_name>("host.name"),
      Member<&C::os_type>("os.type"),
      Member<&C::os_name>("os.name"),
      Member<&C::os_version>("os.version"),
      Member<&C::host_id>("host.id"),
      Member<&C::host_arch>("host.arch"),
      Member<&C::host_ip>("host.ip"),
      Member<&C::host_mac>("host.mac"),
      NotYet("host.cpu.cache.l2.size"),
      NotYet("host.cpu.family"),
      NotYet("host.cpu.model.id"),
      NotYet("host.cpu.model.name"),
      NotYet("host.cpu.stepping"),
      NotYet("host.cpu.vendor.id"),
      NotYet("host.interface"),
      NotYet("os.build.id"),
      NotYet("os.description"),
  });
  return kFields;
}

struct SystemConfig {
  std::vector<HostNameSource> hostname_sources = {HostNameSource::kDns, HostNameSource::kOs};
  SystemAttributes resource_attributes;
};
const Struct& FieldsOf(const SystemConfig*) {
  using C = SystemConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::hostname_sources>(
          "hostname_sources", config::Enum<HostNameSource>({{"os", HostNameSource::kOs},
                                                            {"dns", HostNameSource::kDns},
                                                            {"cname", HostNameSource::kCname},
                                                            {"lookup", HostNameSource::kLookup}},
                                                           "hostname_sources contains invalid value: {}")),
      Member<&C::resource_attributes>("resource_attributes"),
  });
  return kFields;
}

struct EnvConfig {
  std::optional<std::vector<std::string>> allowlist;
};
const Struct& FieldsOf(const EnvConfig*) {
  static const Struct kFields = Struct::Of<EnvConfig>({Member<&EnvConfig::allowlist>("allowlist")});
  return kFields;
}

struct DetectionConfig {
  std::vector<std::string> detectors = {"env"};
  bool overrides = true;
  core::DurationMs timeout_ms = 5'000;
  core::DurationMs refresh_interval_ms = 0;
  bool fails_on_missing_metadata = false;
  EnvConfig env;
  SystemConfig system;
};

// Those of the original that ask someone else.
constexpr std::string_view kOthers[] = {"akamai",
                                        "aks",
                                        "alibaba_ecs",
                                        "azure",
                                        "azurecontainerapps",
                                        "consul",
                                        "digitalocean",
                                        "docker",
                                        "dynatrace",
                                        "ec2",
                                        "ecs",
                                        "eks",
                                        "gcp",
                                        "elasticbeanstalk",
                                        "heroku",
                                        "hetzner",
                                        "k8s_api",
                                        "k8snode",
                                        "ibmcloud_classic",
                                        "lambda",
                                        "ibmcloud_vpc",
                                        "kubeadm",
                                        "nova",
                                        "openshift",
                                        "vultr",
                                        "oraclecloud",
                                        "upcloud",
                                        "scaleway",
                                        "tencent_cvm"};

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Status CheckDetection(DetectionConfig& config, Node node) {
  for (std::string& name : config.detectors) {
    name = Trim(name);
    if (name == "env" || name == "system") continue;
    if (std::ranges::find(kOthers, name) != std::end(kOthers)) {
      return node.Fail(
          "the detector {} is not supported yet; put its attributes into OTEL_RESOURCE_ATTRIBUTES "
          "and use env",
          name);
    }
    return node.Fail("invalid detector key: {}", name);
  }
  if (config.timeout_ms <= 0) return node.Fail("timeout must be above 0");
  if (config.refresh_interval_ms < 0) return node.Fail("refresh_interval must not be negative");
  return {};
}

const Struct& FieldsOf(const DetectionConfig*) {
  using C = DetectionConfig;
  static const Struct kFields = [] {
    std::vector<config::Field> fields = {
        Member<&C::detectors>("detectors"),
        Member<&C::overrides>("override").AlwaysWritten(),
        Member<&C::timeout_ms>("timeout", GoDuration()),
        Member<&C::refresh_interval_ms>("refresh_interval", GoDuration()),
        Member<&C::fails_on_missing_metadata>("fail_on_missing_metadata"),
        Member<&C::env>("env"),
        Member<&C::system>("system"),
        NotYet("attributes", "the original dropped it for resource_attributes of each detector"),
    };
    for (std::string_view name : kOthers) fields.push_back(NotYet(std::string(name)));
    return Struct::Of<C>(std::move(fields), &CheckDetection);
  }();
  return kFields;
}

std::vector<std::string> WantedOf(const SystemAttributes& attributes) {
  const std::pair<const char*, bool> all[] = {
      {"host.name", attributes.host_name.is_enabled}, {"os.type", attributes.os_type.is_enabled},
      {"os.name", attributes.os_name.is_enabled},     {"os.version", attributes.os_version.is_enabled},
      {"host.id", attributes.host_id.is_enabled},     {"host.arch", attributes.host_arch.is_enabled},
      {"host.ip", attributes.host_ip.is_enabled},     {"host.mac", attributes.host_mac.is_enabled},
  };
  std::vector<std::string> wanted;
  for (const auto& [name, is_enabled] : all) {
    if (is_enabled) wanted.emplace_back(name);
  }
  return wanted;
}

Result<DetectedAttributes> DetectEnv(const EnvConfig& config) {
  const char* text = std::getenv("OTEL_RESOURCE_ATTRIBUTES");
  if (text == nullptr || Trim(text).empty()) text = std::getenv("OTEL_RESOURCE");
  if (text == nullptr) return DetectedAttributes();
  SEXTANT_ASSIGN(DetectedAttributes attributes, ParseResourceAttributes(text));
  if (config.allowlist) {
    std::erase_if(attributes, [&](const auto& item) {
      return std::ranges::find(*config.allowlist, item.first) == config.allowlist->end();
    });
  }
  return attributes;
}

class DetectionProcessor final : public Processor {
 public:
  DetectionProcessor(const ComponentSettings& settings, const DetectionConfig& config, Consumer& next)
      : logger_(settings.logger),
        config_(config),
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
      Result<DetectedAttributes> found =
          name == "env"
              ? DetectEnv(config_.env)
              : DetectSystem(config_.system.hostname_sources, WantedOf(config_.system.resource_attributes));
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
      AnyValue made =
          value.is_list ? AnyValue::Array(found->memory.CopyList<KeyValue>(items)) : items[0].value;
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
