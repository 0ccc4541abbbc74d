#include "pipeline/exporters/remote_write_config.h"

#include <algorithm>
#include <array>

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

constexpr std::array<std::string_view, 4> kStrategies = {"UnderscoreEscapingWithSuffixes",
                                                         "UnderscoreEscapingWithoutSuffixes",
                                                         "NoUTF8EscapingWithSuffixes", "NoTranslation"};

HttpClientConfig DefaultClient() {
  HttpClientConfig client;
  client.endpoint = "http://some.url:9411/api/prom/push";
  client.timeout_ms = 5'000;
  // The protocol has snappy's block format in any case.
  client.compression = "";
  return client;
}

Status CheckQueue(RemoteWriteQueueConfig& config, Node node) {
  if (config.queue_size < 0) return node.Fail("remote write queue size can't be negative");
  if (config.enabled && config.queue_size == 0) return node.Fail("a 0 size queue will drop all the data");
  if (config.num_consumers < 0) return node.Fail("remote write consumer number can't be negative");
  return {};
}

// Fields of the HTTP client stand among ours, with another rule for the compression.
Status CheckCompression(const std::string& compression, Node node) {
  if (compression.empty() || compression == "snappy") return {};
  return node.Fail("compression type must be snappy");
}

Status CheckRemoteWrite(RemoteWriteExporterConfig& config, Node node) {
  for (const auto& [key, value] : config.external_labels) {
    if (key.empty() || value.empty()) {
      return node.Find("external_labels")
          .Fail("prometheus remote write: external labels configuration contains an empty key or value");
    }
  }
  if (config.http) SEXTANT_TRY(CheckCompression(config.http->compression, node.Find("http")));
  if (config.Client().compression_params.level != 0) {
    return node.Fail("compression_params are not supported: snappy has no levels");
  }
  if (config.max_batch_request_parallelism && *config.max_batch_request_parallelism < 1) {
    return node.Fail("max_batch_request_parallelism can't be set to below 1");
  }
  if (config.max_batch_size_bytes < 0) return node.Fail("max_batch_size_bytes must be greater than 0");
  if (config.max_batch_size_bytes == 0) config.max_batch_size_bytes = 3'000'000;
  const std::string& strategy = config.translation_strategy;
  if (!strategy.empty() && std::ranges::find(kStrategies, strategy) == kStrategies.end()) {
    return node.Fail("invalid translation_strategy: {}", strategy);
  }
  if (strategy.starts_with("No") && config.version == wire::WriteVersion::kV1) {
    return node.Fail("translation strategy {} requires Prometheus Remote Write 2.0 (UTF-8 support)",
                     strategy);
  }
  return {};
}

}  // namespace

RemoteWriteExporterConfig::RemoteWriteExporterConfig() : client(DefaultClient()) {
  retry_on_failure.initial_interval_ms = 50;
  retry_on_failure.max_interval_ms = 200;
  retry_on_failure.max_elapsed_time_ms = 60'000;
}

size_t RemoteWriteExporterConfig::Parallelism() const {
  return static_cast<size_t>(
      std::max<int64_t>(max_batch_request_parallelism.value_or(remote_write_queue.num_consumers), 1));
}

otlp::PrometheusSettings RemoteWriteExporterConfig::Translation() const {
  otlp::PrometheusSettings settings;
  settings.adds_suffixes =
      translation_strategy.empty() ? add_metric_suffixes : translation_strategy.ends_with("WithSuffixes");
  settings.allows_utf8 = translation_strategy.starts_with("No");
  settings.name_space = name_space;
  settings.makes_target_info = target_info.enabled;
  settings.style = otlp::TranslationStyle::kCollector;
  settings.makes_created = export_created_metric.enabled;
  return settings;
}

const config::Struct& FieldsOf(const RemoteWriteQueueConfig*) {
  using namespace config;
  using C = RemoteWriteQueueConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::enabled>("enabled").AlwaysWritten(),
          Member<&C::queue_size>("queue_size").AlwaysWritten(),
          Member<&C::num_consumers>("num_consumers").AlwaysWritten(),
          NotYet("include_metadata_keys"),
      },
      &CheckQueue);
  return kFields;
}

const config::Struct& FieldsOf(const SwitchConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<SwitchConfig>({config::Member<&SwitchConfig::enabled>("enabled").AlwaysWritten()});
  return kFields;
}

const config::Struct& FieldsOf(const RemoteWriteExporterConfig*) {
  using namespace config;
  using C = RemoteWriteExporterConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::name_space>("namespace"),
          Member<&C::external_labels>("external_labels"),
          Member<&C::compression>("compression").Check(&CheckCompression),
          // What the original has by default, and 0 for Go's own size.
          NotYet("write_buffer_size", "buffers are the library's").Allowing({"0", "524288"}),
          Inline<&C::client>(),
          Member<&C::http>("http"),
          Member<&C::retry_on_failure>("retry_on_failure"),
          Member<&C::remote_write_queue>("remote_write_queue"),
          Member<&C::max_batch_size_bytes>("max_batch_size_bytes").AlwaysWritten(),
          Member<&C::max_batch_request_parallelism>("max_batch_request_parallelism"),
          Member<&C::resource_to_telemetry_conversion>("resource_to_telemetry_conversion"),
          Member<&C::resource_constant_labels>("resource_constant_labels",
                                               Section<ResourceToTelemetryConfig>()),
          NotYet("disable_scope_info", "no labels of scopes are sent").Allowing({"true"}),
          Member<&C::target_info>("target_info"),
          Member<&C::export_created_metric>("export_created_metric"),
          Member<&C::add_metric_suffixes>("add_metric_suffixes").AlwaysWritten(),
          Member<&C::send_metadata>("send_metadata"),
          Member<&C::translation_strategy>("translation_strategy"),
          Member<&C::version>(
              "protobuf_message",
              Enum<wire::WriteVersion>({{"prometheus.WriteRequest", wire::WriteVersion::kV1},
                                        {"io.prometheus.write.v2.Request", wire::WriteVersion::kV2}},
                                       "unknown type for remote write protobuf message {}, supported: "
                                       "prometheus.WriteRequest, io.prometheus.write.v2.Request")),
          NotYet("wal", "use remote_write_queue"),
      },
      &CheckRemoteWrite);
  return kFields;
}

}  // namespace sextant::pipeline
