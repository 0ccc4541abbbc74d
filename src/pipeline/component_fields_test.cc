// Every field that the original's components have is taken or refused by its name: a settings file that was
// written for it never meets "unknown field". The fields come from the conformance data's schemas, and for
// components without one from a list below.
#include <gtest/gtest.h>

#include <filesystem>

#include "pipeline/component_harness.h"

namespace sextant::pipeline {

namespace {

// A field by its path, as "protocols.grpc.tls.ca_file"; "[]" behind a name says that it is a list's, "{}"
// that it is a mapping's with any key.
using Path = std::vector<std::string>;

struct SchemaField {
  Path path;
  std::string value;  // as YAML
};

// A file of schemas, with the references between them followed.
class Schemas {
 public:
  explicit Schemas(std::filesystem::path root) : root_(std::move(root)) {}

  std::vector<SchemaField> FieldsOf(const std::string& file) {
    fields_.clear();
    folder_ = std::filesystem::path(file).parent_path();
    AddProperties(Load(file), file, {}, 0);
    return std::move(fields_);
  }

 private:
  static std::string_view TextOf(config::Node schema, std::string_view key) {
    config::Node found = schema.Find(key);
    return found ? found.text() : std::string_view();
  }

  config::Node Load(const std::string& file) {
    auto [place, is_new] = documents_.try_emplace(file);
    if (is_new) {
      auto document = config::Document::Load((root_ / file).string());
      EXPECT_TRUE(document) << document.error().message();
      if (document) place->second = std::make_unique<config::Document>(std::move(*document));
    }
    return place->second ? place->second->root() : config::Node();
  }

  // What `$ref` names: "name" of the same file, "/config/configtls.name" of the same repository, and
  // "go.opentelemetry.io/collector/config/configtls.name" of the core.
  std::pair<config::Node, std::string> Follow(std::string reference, const std::string& file) {
    constexpr std::string_view kCore = "go.opentelemetry.io/collector/";
    constexpr std::string_view kContrib = "github.com/open-telemetry/opentelemetry-collector-contrib/";
    std::string repository = file.substr(0, file.starts_with("core-collector/") ? 15 : file.find('/', 9) + 1);
    if (reference.starts_with(kCore)) {
      repository = "core-collector/";
      reference = reference.substr(kCore.size() - 1);
    } else if (reference.starts_with(kContrib)) {
      reference = reference.substr(kContrib.size() - 1);
    }
    std::string other = file;
    std::string name = reference;
    if (size_t dot = reference.rfind('.'); reference.find('/') != std::string::npos) {
      std::string folder = reference.substr(0, dot);
      folder = folder.starts_with("./")
                   ? std::filesystem::path(file).parent_path().string() + folder.substr(1)
                   : repository + folder.substr(1);
      other = folder + "/config.schema.yaml";
      name = reference.substr(dot + 1);
    }
    if (!std::filesystem::exists(root_ / other)) return {};
    config::Node root = Load(other);
    if (config::Node found = root.Find("$defs").Find(name)) return {found, other};
    return {name == "config" ? root : config::Node(), other};
  }

  void AddProperties(config::Node schema, const std::string& file, const Path& path, int depth) {
    if (!schema || depth > 12) return;
    for (config::Node base : schema.Find("allOf").children()) AddSchema(base, file, path, depth + 1, true);
    for (config::Node property : schema.Find("properties").children()) {
      Path inner = path;
      inner.emplace_back(property.key());
      AddSchema(property, file, inner, depth + 1, false);
    }
  }

  // `is_base`: the schema's fields stand beside those of who refers to it.
  void AddSchema(config::Node schema, const std::string& file, Path path, int depth, bool is_base) {
    std::string in_file = file;
    for (int i = 0; i < 8 && schema; ++i) {
      config::Node reference = schema.Find("$ref");
      if (!reference) break;
      std::tie(schema, in_file) = Follow(std::string(reference.text()), in_file);
    }
    if (schema && (schema.Find("properties") || schema.Find("allOf"))) {
      return AddProperties(schema, in_file, path, depth);
    }
    if (is_base) return;
    std::string_view type = TextOf(schema, "type");
    if (type == "array" && schema.Find("items")) {
      path.back() += "[]";
      return AddSchema(schema.Find("items"), in_file, path, depth + 1, false);
    }
    bool is_duration = TextOf(schema, "format") == "duration";
    std::string value = type == "boolean"                       ? "true"
                        : type == "integer" || type == "number" ? "1"
                        : is_duration                           ? "1s"
                        : type == "object"                      ? "{a: b}"
                                                                : "text";
    fields_.push_back({std::move(path), std::move(value)});
  }

  const std::filesystem::path root_;
  std::filesystem::path folder_;
  std::map<std::string, std::unique_ptr<config::Document>> documents_;
  std::vector<SchemaField> fields_;
};

// "a: {b: [{c: value}]}"
std::string YamlOf(const SchemaField& field) {
  std::string before;
  std::string after;
  for (size_t i = 0; i < field.path.size(); ++i) {
    std::string name = field.path[i];
    bool is_list = name.ends_with("[]");
    bool is_map = name.ends_with("{}");
    if (is_list || is_map) name.resize(name.size() - 2);
    before += (i == 0 ? "" : "{") + name + ": ";
    if (i > 0) after.insert(0, "}");
    if (is_list) {
      before += "[";
      after.insert(0, "]");
    }
    if (is_map) {
      before += "{any: ";
      after.insert(0, "}");
    }
  }
  return before + field.value + after;
}

class ComponentFieldsTest : public testing::Test {
 protected:
  // What must hold of one field: settings with it are read, or an error that names it says why not.
  void Check(ComponentKind kind, const std::string& type_name, const SchemaField& field) {
    const ComponentType* type = FindType(kind, type_name);
    ASSERT_NE(type, nullptr) << type_name;
    std::string yaml = YamlOf(field);
    std::string error = environment_.ErrorOf(*type, yaml);
    EXPECT_EQ(error.find("unknown field"), std::string::npos) << type_name << ": " << yaml << "\n" << error;
    ++checked_;
  }

  ComponentHarness environment_;
  size_t checked_ = 0;
};

TEST_F(ComponentFieldsTest, SchemasOfTheOriginal) {
  std::filesystem::path root = OtelConformancePath("");
  if (!std::filesystem::exists(root / "core-collector")) GTEST_SKIP() << "no conformance data";
  constexpr std::string_view kContrib = "contrib/vendored-v0.153.0/";
  constexpr std::string_view kCore = "core-collector/";
  const std::vector<std::tuple<ComponentKind, std::string, std::string>> kComponents = {
      {ComponentKind::kReceiver, "otlp", fmt::format("{}receiver/otlpreceiver", kCore)},
      {ComponentKind::kReceiver, "zipkin", fmt::format("{}receiver/zipkinreceiver", kContrib)},
      {ComponentKind::kReceiver, "jaeger", fmt::format("{}receiver/jaegerreceiver", kContrib)},
      {ComponentKind::kProcessor, "batch", fmt::format("{}processor/batchprocessor", kCore)},
      {ComponentKind::kProcessor, "memory_limiter", fmt::format("{}processor/memorylimiterprocessor", kCore)},
      {ComponentKind::kProcessor, "deltatocumulative",
       fmt::format("{}processor/deltatocumulativeprocessor", kContrib)},
      {ComponentKind::kExporter, "debug", fmt::format("{}exporter/debugexporter", kCore)},
      {ComponentKind::kExporter, "otlp", fmt::format("{}exporter/otlpexporter", kCore)},
      {ComponentKind::kExporter, "otlphttp", fmt::format("{}exporter/otlphttpexporter", kCore)},
      {ComponentKind::kExtension, "zpages", fmt::format("{}extension/zpagesextension", kCore)},
  };
  Schemas schemas(root);
  for (const auto& [kind, name, folder] : kComponents) {
    std::vector<SchemaField> fields = schemas.FieldsOf(folder + "/config.schema.yaml");
    EXPECT_GE(fields.size(), 2u) << name;
    for (SchemaField& field : fields) {
      // The schema of the jaeger receiver leaves out that its protocols stand in a section of their own.
      if (name == "jaeger" && field.path[0] != "remote_sampling") {
        field.path.insert(field.path.begin(), "protocols");
      }
      Check(kind, name, field);
    }
  }
  EXPECT_GT(checked_, 250u);
}

// Sections that several components have.
const std::vector<std::string> kHttpServer = {
    "endpoint",           "tls.cert_file",         "cors.allowed_origins[]",
    "auth.authenticator", "auth.request_params[]", "max_request_body_size",
    "include_metadata",   "response_headers",      "compression_algorithms[]",
    "read_timeout",       "read_header_timeout",   "write_timeout",
    "idle_timeout",       "keep_alives_enabled",   "middlewares[]"};
const std::vector<std::string> kHttpClient = {"endpoint",
                                              "proxy_url",
                                              "tls.insecure",
                                              "read_buffer_size",
                                              "write_buffer_size",
                                              "timeout",
                                              "headers",
                                              "auth.authenticator",
                                              "compression",
                                              "compression_params.level",
                                              "max_idle_conns",
                                              "max_idle_conns_per_host",
                                              "max_conns_per_host",
                                              "idle_conn_timeout",
                                              "disable_keep_alives",
                                              "http2_read_idle_timeout",
                                              "http2_ping_timeout",
                                              "cookies.enabled",
                                              "force_attempt_http2",
                                              "middlewares[]"};
const std::vector<std::string> kQueue = {
    "enabled",           "num_consumers",   "queue_size",  "sizer",
    "block_on_overflow", "wait_for_result", "storage",     "batch.flush_timeout",
    "batch.min_size",    "batch.max_size",  "batch.sizer", "batch.partition.metadata_keys[]"};
const std::vector<std::string> kMatch = {"match_type",
                                         "regexp.cacheenabled",
                                         "regexp.cachemaxnumentries",
                                         "services[]",
                                         "span_names[]",
                                         "span_kinds[]",
                                         "log_bodies[]",
                                         "log_severity_texts[]",
                                         "log_severity_number.min",
                                         "log_severity_number.match_undefined",
                                         "metric_names[]",
                                         "attributes[].key",
                                         "attributes[].value",
                                         "resources[].key",
                                         "resources[].value",
                                         "libraries[].name",
                                         "libraries[].version"};
const std::vector<std::string> kActions = {
    "key", "value", "from_attribute", "from_context", "converted_type", "action", "pattern", "default_value"};

struct KnownFields {
  ComponentKind kind;
  std::string type;
  std::vector<std::string> fields;
  // Sections in front of which their path stands: "" for the component's own fields.
  std::vector<std::pair<std::string, const std::vector<std::string>*>> sections = {};
};

const std::vector<KnownFields>& AllKnownFields() {
  using enum ComponentKind;
  static const std::vector<KnownFields> kFields = {
      {kReceiver,
       "prometheus",
       {"config.global.scrape_interval",
        "config.scrape_configs[].job_name",
        "config.rule_files[]",
        "config.scrape_config_files[]",
        "config.alerting.alertmanagers[].scheme",
        "config.remote_write[].url",
        "config.remote_read[].url",
        "config.storage.exemplars.max_exemplars",
        "config.tracing.endpoint",
        "config.otlp.translation_strategy",
        "config.runtime.gogc",
        "trim_metric_suffixes",
        "use_start_time_metric",
        "start_time_metric_regex",
        "report_extra_scrape_metrics",
        "target_allocator.endpoint",
        "target_allocator.interval",
        "target_allocator.collector_id",
        "api_server.enabled",
        "api_server.server_config.endpoint"}},
      {kExporter,
       "file",
       {"path", "append", "rotation.max_megabytes", "rotation.max_days", "rotation.max_backups",
        "rotation.localtime", "format", "encoding", "compression", "compression_params.level",
        "flush_interval", "group_by.enabled", "group_by.resource_attribute", "group_by.max_open_files",
        "create_directory", "directory_permissions"}},
      {kExporter,
       "prometheus",
       {"namespace", "const_labels", "send_timestamps", "metric_expiration",
        "resource_to_telemetry_conversion.enabled",
        "resource_to_telemetry_conversion.exclude_service_attributes",
        "resource_to_telemetry_conversion.clear_after_copy", "resource_constant_labels.enabled",
        "enable_open_metrics", "add_metric_suffixes", "translation_strategy", "without_scope_info"},
       {{"", &kHttpServer}, {"sending_queue.", &kQueue}}},
      {kExporter,
       "prometheusremotewrite",
       {"namespace",
        "external_labels",
        "remote_write_queue.enabled",
        "remote_write_queue.queue_size",
        "remote_write_queue.num_consumers",
        "max_batch_size_bytes",
        "max_batch_request_parallelism",
        "resource_to_telemetry_conversion.enabled",
        "target_info.enabled",
        "wal.directory",
        "wal.buffer_size",
        "wal.truncate_frequency",
        "wal.lag_record_frequency",
        "add_metric_suffixes",
        "send_metadata",
        "translation_strategy",
        "protobuf_message",
        "export_created_metric.enabled",
        "disable_scope_info",
        "retry_on_failure.enabled",
        "retry_on_failure.max_elapsed_time"},
       {{"", &kHttpClient}, {"http.", &kHttpClient}}},
      {kProcessor,
       "attributes",
       {},
       {{"actions[].", &kActions}, {"include.", &kMatch}, {"exclude.", &kMatch}}},
      {kProcessor, "resource", {}, {{"attributes[].", &kActions}}},
      {kProcessor, "groupbyattrs", {"keys[]"}},
      {kProcessor,
       "probabilistic_sampler",
       {"sampling_percentage", "hash_seed", "mode", "fail_closed", "sampling_precision", "attribute_source",
        "from_attribute", "sampling_priority"}},
      {kProcessor,
       "cumulativetodelta",
       {"include.metrics[]", "include.match_type", "include.metric_types[]", "include.regexp.cacheenabled",
        "exclude.metrics[]", "exclude.match_type", "exclude.metric_types[]", "initial_value",
        "max_staleness"}},
      {kProcessor,
       "k8sattributes",
       {"auth_type",
        "context",
        "kube_api_qps",
        "kube_api_burst",
        "passthrough",
        "extract.metadata[]",
        "extract.labels[].tag_name",
        "extract.labels[].key",
        "extract.labels[].key_regex",
        "extract.labels[].from",
        "extract.annotations[].key",
        "extract.otel_annotations",
        "extract.deployment_name_from_replicaset",
        "filter.node",
        "filter.node_from_env_var",
        "filter.namespace",
        "filter.fields[].key",
        "filter.labels[].op",
        "filter.labels[].value",
        "pod_association[].sources[].from",
        "pod_association[].sources[].name",
        "exclude.pods[].name",
        "wait_for_metadata",
        "wait_for_metadata_timeout",
        "watch_sync_period",
        "pod_delete_grace_period"}},
      {kProcessor,
       "resourcedetection",
       {"detectors[]",
        "override",
        "refresh_interval",
        "fail_on_missing_metadata",
        "attributes[]",
        "env.allowlist[]",
        "system.hostname_sources[]",
        "system.resource_attributes.host.id.enabled",
        "ec2.tags[]",
        "ec2.max_attempts",
        "ec2.max_backoff",
        "ec2.fail_on_missing_metadata",
        "ec2.resource_attributes.host.id.enabled",
        "azure.tags[]",
        "gcp.resource_attributes.host.id.enabled",
        "docker.resource_attributes.host.name.enabled",
        "heroku.resource_attributes.cloud.provider.enabled",
        "consul.address",
        "consul.datacenter",
        "consul.token",
        "consul.token_file",
        "consul.namespace",
        "consul.meta",
        "k8snode.node_from_env_var",
        "k8snode.auth_type",
        "k8s_api.node_from_env_var",
        "openshift.address",
        "ecs.resource_attributes.a.enabled",
        "eks.resource_attributes.a.enabled",
        "aks.resource_attributes.a.enabled",
        "lambda.resource_attributes.a.enabled",
        "elasticbeanstalk.resource_attributes.a.enabled",
        "akamai.resource_attributes.a.enabled",
        "alibaba_ecs.resource_attributes.a.enabled",
        "azurecontainerapps.resource_attributes.a.enabled",
        "digitalocean.resource_attributes.a.enabled",
        "hetzner.resource_attributes.a.enabled",
        "ibmcloud_classic.resource_attributes.a.enabled",
        "ibmcloud_vpc.resource_attributes.a.enabled",
        "kubeadm.auth_type",
        "nova.labels[]",
        "oraclecloud.resource_attributes.a.enabled",
        "scaleway.resource_attributes.a.enabled",
        "tencent_cvm.resource_attributes.a.enabled",
        "upcloud.resource_attributes.a.enabled",
        "vultr.resource_attributes.a.enabled",
        "dynatrace.resource_attributes.a.enabled"},
       {{"", &kHttpClient}}},
      {kConnector,
       "spanmetrics",
       {"histogram.disable",
        "histogram.unit",
        "histogram.explicit.buckets[]",
        "histogram.exponential.max_size",
        "histogram.dimensions[].name",
        "dimensions[].name",
        "dimensions[].default",
        "dimensions[].glob",
        "calls_dimensions[].name",
        "exclude_dimensions[]",
        "dimensions_cache_size",
        "resource_metrics_cache_size",
        "resource_metrics_key_attributes[]",
        "aggregation_temporality",
        "metrics_flush_interval",
        "metrics_expiration",
        "series_expiration",
        "metric_timestamp_cache_size",
        "namespace",
        "exemplars.enabled",
        "exemplars.max_per_data_point",
        "events.enabled",
        "events.dimensions[].name",
        "include_instrumentation_scope[]",
        "aggregation_cardinality_limit",
        "add_resource_attributes",
        "enable_metrics_sampling_method"}},
      {kConnector,
       "servicegraph",
       {"metrics_exporter", "latency_histogram_buckets[]", "exponential_histogram_max_size", "dimensions[]",
        "store.max_items", "store.ttl", "cache_loop", "store_expiration_loop",
        "virtual_node_peer_attributes[]", "virtual_node_extra_label", "metrics_flush_interval",
        "database_name_attribute", "database_name_attributes[]", "metrics_timestamp_offset"}},
      {kConnector,
       "count",
       {"spans{}.description", "spans{}.conditions[]", "spans{}.attributes[].key",
        "spans{}.attributes[].default_value", "spanevents{}.description", "metrics{}.description",
        "datapoints{}.attributes[].key", "logs{}.conditions[]", "profiles{}.description"}},
      {kExtension,
       "health_check",
       {"path", "response_body.healthy", "response_body.unhealthy", "check_collector_pipeline.enabled",
        "check_collector_pipeline.interval", "check_collector_pipeline.exporter_failure_threshold", "use_v2",
        "http.endpoint", "grpc.endpoint", "component_health.include_permanent_errors"},
       {{"", &kHttpServer}}},
      {kExtension,
       "pprof",
       {"endpoint", "block_profile_fraction", "mutex_profile_fraction", "save_to_file", "dialer.timeout"}},
      {kExtension,
       "basicauth",
       {"htpasswd.file", "htpasswd.inline", "client_auth.username", "client_auth.username_file",
        "client_auth.password", "client_auth.password_file", "client_auth.aws_secrets_manager.secret_id"}},
      {kExtension,
       "bearertokenauth",
       {"header", "scheme", "token", "tokens[]", "filename", "file_retry.enabled", "file_retry.max_retries",
        "file_retry.retry_interval"}},
      {kExtension,
       "file_storage",
       {"directory", "timeout", "fsync", "create_directory", "directory_permissions", "recreate",
        "compaction.on_start", "compaction.on_rebound", "compaction.directory",
        "compaction.rebound_needed_threshold_mib", "compaction.rebound_trigger_threshold_mib",
        "compaction.max_transaction_size", "compaction.check_interval", "compaction.cleanup_on_start"}},
  };
  return kFields;
}

Path PathOf(std::string_view text) {
  Path path;
  while (true) {
    size_t dot = text.find('.');
    path.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return path;
    text.remove_prefix(dot + 1);
  }
}

TEST_F(ComponentFieldsTest, FieldsOfComponentsWithoutSchemas) {
  for (const KnownFields& known : AllKnownFields()) {
    std::vector<std::string> fields = known.fields;
    for (const auto& [prefix, section] : known.sections) {
      for (const std::string& field : *section) fields.push_back(prefix + field);
    }
    for (const std::string& field : fields) {
      // Names with dots in them are keys of one mapping.
      constexpr std::string_view kAttributes = "resource_attributes.";
      if (size_t at = field.find(kAttributes); at != std::string::npos) {
        SchemaField one{PathOf(field.substr(0, at + kAttributes.size() - 1)), ""};
        std::string name = field.substr(at + kAttributes.size());
        one.value = fmt::format("{{{}: {{enabled: true}}}}", name.substr(0, name.rfind('.')));
        Check(known.kind, known.type, one);
        continue;
      }
      Check(known.kind, known.type, {PathOf(field), "1s"});
    }
  }
}

TEST_F(ComponentFieldsTest, WhatIsNoFieldIsRefused) {
  for (ComponentKind kind : {ComponentKind::kReceiver, ComponentKind::kProcessor, ComponentKind::kExporter,
                             ComponentKind::kConnector, ComponentKind::kExtension}) {
    for (const ComponentType& type : ComponentTypes()) {
      if (type.kind != kind) continue;
      EXPECT_NE(environment_.ErrorOf(type, "no_such_field: 1"), "") << type.name;
    }
  }
}

}  // namespace

}  // namespace sextant::pipeline
