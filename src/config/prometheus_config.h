// Prometheus' configuration file (prometheus.yml) as typed values: the fields that Sextant honours, with
// Prometheus' defaults and validations. Every field that Prometheus knows and we do not honour yet is refused
// by name.
//
//   SEXTANT_ASSIGN(PrometheusConfig config, LoadPrometheusConfig("/etc/prometheus/prometheus.yml"));
//
// After loading, every scrape config carries its own effective interval, timeout and limits (global values
// filled in), relative paths are seen from the folder of their file, and scrape_config_files have been read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/discovery_config.h"
#include "config/http_client_config.h"
#include "config/name_config.h"
#include "config/node.h"
#include "config/otlp_config.h"
#include "config/relabel_config.h"
#include "config/remote_config.h"
#include "config/tracing_config.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::config {

// Limits on what one scrape may bring; 0 means no limit.
struct ScrapeLimits {
  int64_t body_size_limit_bytes = 0;  // of the uncompressed body
  uint64_t sample_limit = 0;          // after metric relabelling
  uint64_t target_limit = 0;          // after target relabelling, per job
  uint64_t keep_dropped_targets = 0;  // how many are kept to be shown, per job; 0: as many as is bearable
  uint64_t label_limit = 0;           // labels per sample
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
};

// Limits on native histograms, per job; wider buckets are made before a scrape fails.
struct HistogramLimits {
  uint64_t bucket_limit = 0;
  double min_bucket_factor = 0;  // buckets grow by at least this factor; 0: by any
};

// Formats a scrape may ask for, under the names of scrape_protocols.
enum class ScrapeProtocol {
  kNone,  // not set
  kPrometheusProto,
  kPrometheusText004,
  kPrometheusText100,
  kOpenMetricsText001,
  kOpenMetricsText100,
};

struct GlobalConfig {
  core::DurationMs scrape_interval_ms = 60'000;
  core::DurationMs scrape_timeout_ms = 10'000;
  core::DurationMs evaluation_interval_ms = 60'000;
  std::string query_log_file;                          // where queries are logged; empty: nowhere
  std::string scrape_failure_log_file;                 // likewise, failed scrapes
  std::optional<bool> extra_scrape_metrics;            // scrape_timeout_seconds and others with each scrape
  bool prefers_protobuf = false;                       // PrometheusConfigOptions'; no field of the file
  std::map<std::string, std::string> external_labels;  // ${NAME} already replaced from the environment
  ScrapeLimits limits;
  // What is asked for, the best first; empty: what suits scrape_native_histograms.
  std::vector<ScrapeProtocol> scrape_protocols;
  std::optional<bool> scrape_native_histograms;
  std::optional<bool> always_scrape_classic_histograms;
  std::optional<bool> convert_classic_histograms_to_nhcb;
  core::DurationMs rule_query_offset_ms = 0;  // how far back rules look, unless their group says
  NameConfig names{core::NameScheme::kUtf8, "allow-utf-8"};
};

// Tuning of Go's garbage collector: taken, shown, and of no effect, since there is none.
struct RuntimeConfig {
  int64_t gogc = 75;
};

// Targets with labels of their own (an entry of static_configs).
struct StaticTargets {
  std::vector<std::string> targets;  // "host:port"
  std::map<std::string, std::string> labels;
};

struct ScrapeConfig {
  std::string job_name;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;  // series with timestamps of their own go stale by vanishing, too
  std::map<std::string, std::vector<std::string>> params;
  core::DurationMs scrape_interval_ms = 0;
  core::DurationMs scrape_timeout_ms = 0;
  std::vector<ScrapeProtocol> scrape_protocols;
  std::optional<bool> scrape_native_histograms;
  std::optional<bool> always_scrape_classic_histograms;
  std::optional<bool> convert_classic_histograms_to_nhcb;
  // What the target is assumed to speak when it does not say (kNone: then the scrape fails).
  ScrapeProtocol fallback_scrape_protocol = ScrapeProtocol::kNone;
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  bool enable_compression = true;
  std::string scrape_failure_log_file;
  std::optional<bool> extra_scrape_metrics;
  NameConfig names;
  ScrapeLimits limits;
  HistogramLimits histogram_limits;
  std::vector<StaticTargets> static_configs;
  DiscoveryConfigs discovery;
  HttpClientConfig http;
  std::vector<RelabelRuleConfig> relabel_configs;
  std::vector<RelabelRuleConfig> metric_relabel_configs;
};

// A group of Alertmanagers to send alerts to.
struct AlertmanagerTargetsConfig {
  std::vector<StaticTargets> static_configs;
  DiscoveryConfigs discovery;
  HttpClientConfig http;
  std::optional<SigV4Config> sigv4;
  std::string scheme = "http";
  std::string path_prefix;
  core::DurationMs timeout_ms = 10'000;
  std::vector<RelabelRuleConfig> relabel_configs;
  std::vector<RelabelRuleConfig> alert_relabel_configs;
};

struct AlertingConfig {
  std::vector<RelabelRuleConfig> alert_relabel_configs;
  std::vector<AlertmanagerTargetsConfig> alertmanagers;
};

// What is kept; 0: what the flags say.
struct TsdbRetentionConfig {
  core::DurationMs time_ms = 0;
  int64_t size_bytes = 0;
  double percentage = 0;  // of the file system
};

// In which encoding chunks of blocks in Prometheus' form are written.
struct TsdbChunkEncodingConfig {
  std::string floats;  // "xor" or "xor2"; empty: nothing is said
};

struct TsdbConfig {
  // How far behind the newest sample of the store a sample may be that is older than its series' newest; 0:
  // such samples are refused.
  core::DurationMs out_of_order_time_window_ms = 0;
  // From which share of stale series on they leave the head early; 0: never.
  std::optional<double> stale_series_compaction_threshold;
  std::optional<TsdbChunkEncodingConfig> chunk_encoding;
  std::optional<TsdbRetentionConfig> retention;
};

struct ExemplarsConfig {
  int64_t max_exemplars = 100'000;  // of all series; 0 and less: none are kept
};

struct StorageConfig {
  std::optional<TsdbConfig> tsdb;
  std::optional<ExemplarsConfig> exemplars;

  core::DurationMs out_of_order_window_ms() const { return tsdb ? tsdb->out_of_order_time_window_ms : 0; }
  uint64_t max_exemplars() const {
    int64_t count = exemplars ? exemplars->max_exemplars : ExemplarsConfig().max_exemplars;
    return count > 0 ? static_cast<uint64_t>(count) : 0;
  }
};

struct PrometheusConfig {
  GlobalConfig global;
  RuntimeConfig runtime;
  AlertingConfig alerting;
  std::vector<std::string> rule_files;           // patterns, see ListRuleFiles
  std::vector<std::string> scrape_config_files;  // patterns; already read into scrape_configs
  std::vector<ScrapeConfig> scrape_configs;
  StorageConfig storage;
  std::vector<RemoteWriteConfig> remote_write;
  std::vector<RemoteReadConfig> remote_read;
  OtlpConfig otlp;
  std::optional<TracingConfig> tracing;
};

const Struct& FieldsOf(const GlobalConfig*);
const Struct& FieldsOf(const RuntimeConfig*);
const Struct& FieldsOf(const ScrapeLimits*);
const Struct& FieldsOf(const HistogramLimits*);
const Struct& FieldsOf(const StaticTargets*);
const Struct& FieldsOf(const ScrapeConfig*);
const Struct& FieldsOf(const AlertmanagerTargetsConfig*);
const Struct& FieldsOf(const AlertingConfig*);
const Struct& FieldsOf(const TsdbRetentionConfig*);
const Struct& FieldsOf(const TsdbChunkEncodingConfig*);
const Struct& FieldsOf(const TsdbConfig*);
const Struct& FieldsOf(const ExemplarsConfig*);
const Struct& FieldsOf(const StorageConfig*);
const Struct& FieldsOf(const PrometheusConfig*);

struct PrometheusConfigOptions {
  // Reads an environment variable, for ${NAME} in external labels; "" when it is not set.
  std::function<std::string(const std::string& name)> environment;
  // What global.extra_scrape_metrics is when the file does not say.
  std::optional<bool> extra_scrape_metrics = {};
  // Where the file names no scrape_protocols, protobuf comes first.
  bool prefers_protobuf = false;
};

// The process's own environment.
std::string ReadEnvironment(const std::string& name);

// Reads the configuration that stands at a node (the root of prometheus.yml, or `prometheus:` in
// sextant.yaml), with the files it names. Errors are kInvalidArgument or kUnimplemented and name file, line,
// column and field.
core::Result<PrometheusConfig> ReadPrometheusConfig(Node node, const PrometheusConfigOptions& options = {
                                                                   ReadEnvironment});
// Reads a file.
core::Result<PrometheusConfig> LoadPrometheusConfig(const std::string& path,
                                                    const PrometheusConfigOptions& options = {
                                                        ReadEnvironment});

// What an agent cannot have: alerting, rule_files, remote_read. The error names the section.
core::Status CheckForAgent(const PrometheusConfig& config);

// The files that the patterns of rule_files match now, sorted, each once.
core::Result<std::vector<std::string>> ListRuleFiles(const PrometheusConfig& config);

// The configuration as /api/v1/status/config shows it: effective values, secrets hidden.
std::string DumpPrometheusConfig(const PrometheusConfig& config);

}  // namespace sextant::config
