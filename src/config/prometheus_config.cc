#include "config/prometheus_config.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "config/paths.h"
#include "config/text.h"

namespace sextant::config {

namespace {

constexpr core::DurationMs kDefaultIntervalMs = 60'000;
constexpr core::DurationMs kDefaultTimeoutMs = 10'000;

core::Status CheckLabels(const std::map<std::string, std::string>& labels, Node node) {
  for (const auto& [name, value] : labels) {
    if (!IsLabelName(name)) {
      return node.Find(name).FailAtKey(core::Code::kInvalidArgument,
                                       fmt::format("{} is not a valid label name", Quote(name)));
    }
    if (!IsUtf8(value)) return node.Find(name).Fail("{} is not a valid label value", Quote(value));
  }
  return {};
}

core::Status CheckRetentionSize(const int64_t& size_bytes, Node node) {
  if (size_bytes >= 0) return {};
  return node.Fail("'storage.tsdb.retention.size' must be greater than or equal to 0, got {}",
                   FormatByteSize(size_bytes));
}

core::Status CheckRetentionPercentage(const double& percentage, Node node) {
  if (percentage >= 0 && percentage <= 100) return {};
  return node.Fail("'storage.tsdb.retention.percentage' must be in the range [0, 100], got {}", percentage);
}

core::Status CheckFloatEncoding(const std::string& floats, Node node) {
  if (floats == "xor" || floats == "xor2") return {};
  return node.Fail(
      "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, "
      "got "
      "{}",
      Quote(floats));
}

// What `global` says of names replaces the defaults as a whole.
core::Status FinishNames(GlobalConfig& global, Node node) {
  if (node.size() == 0) return {};
  if (!node.Find("metric_name_escaping_scheme")) global.names.escaping.clear();
  if (!global.names.validation) global.names.validation = core::NameScheme::kUtf8;
  for (const auto& [name, value] : global.external_labels) {
    if (core::IsLabelName(name, global.names.scheme())) continue;
    return node.Find("external_labels")
        .Find(name)
        .FailAtKey(core::Code::kInvalidArgument, fmt::format("{} is not a valid label name", Quote(name)));
  }
  return {};
}

core::Status FinishGlobal(GlobalConfig& global, Node node) {
  SEXTANT_TRY(FinishNames(global, node));
  if (global.scrape_interval_ms == 0) global.scrape_interval_ms = kDefaultIntervalMs;
  if (global.evaluation_interval_ms == 0) global.evaluation_interval_ms = kDefaultIntervalMs;
  bool has_timeout = node.Find("scrape_timeout") && global.scrape_timeout_ms != 0;
  if (!has_timeout) {
    global.scrape_timeout_ms = std::min(kDefaultTimeoutMs, global.scrape_interval_ms);
  } else if (global.scrape_timeout_ms > global.scrape_interval_ms) {
    return node.Find("scrape_timeout").Fail("global scrape timeout greater than scrape interval");
  }
  return {};
}

// A target that looks like a URL is a mistake, unless relabelling makes something else of it.
core::Status CheckTargets(const std::vector<StaticTargets>& groups,
                          const std::vector<RelabelRuleConfig>& rules, Node node) {
  if (!rules.empty()) return {};
  size_t group_index = 0;
  for (Node group : node.Find("static_configs").children()) {
    const StaticTargets& targets = groups[group_index++];
    size_t target_index = 0;
    for (Node target : group.Find("targets").children()) {
      const std::string& address = targets.targets[target_index++];
      if (address.find('/') != std::string::npos) {
        return target.Fail("{} is not a valid hostname", Quote(address));
      }
    }
  }
  return {};
}

core::Status FinishScrape(ScrapeConfig& scrape, Node node) {
  if (scrape.job_name.empty()) return node.Fail("job_name is empty");
  return CheckTargets(scrape.static_configs, scrape.relabel_configs, node);
}

core::Status FinishAlertmanager(AlertmanagerTargetsConfig& group, Node node) {
  if (group.sigv4 && (group.http.basic_auth || group.http.authorization || group.http.oauth2)) {
    return node.Fail("at most one of basic_auth, authorization, oauth2, & sigv4 must be configured");
  }
  return CheckTargets(group.static_configs, group.relabel_configs, node);
}

// The formats and histograms of a scrape, from what it says itself, `global` says, and else the defaults.
void FillProtocols(const GlobalConfig& global, ScrapeConfig& scrape) {
  if (!scrape.scrape_native_histograms) {
    scrape.scrape_native_histograms = global.scrape_native_histograms.value_or(false);
  }
  if (!scrape.always_scrape_classic_histograms) {
    scrape.always_scrape_classic_histograms = global.always_scrape_classic_histograms.value_or(false);
  }
  if (!scrape.convert_classic_histograms_to_nhcb) {
    scrape.convert_classic_histograms_to_nhcb = global.convert_classic_histograms_to_nhcb.value_or(false);
  }
  if (scrape.scrape_protocols.empty()) scrape.scrape_protocols = global.scrape_protocols;
  if (!scrape.scrape_protocols.empty()) return;
  // Native histograms come as protobuf.
  if (*scrape.scrape_native_histograms || global.prefers_protobuf)
    scrape.scrape_protocols.push_back(ScrapeProtocol::kPrometheusProto);
  for (ScrapeProtocol protocol : {ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kOpenMetricsText001,
                                  ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004}) {
    scrape.scrape_protocols.push_back(protocol);
  }
}

void FillLimit(uint64_t& limit, uint64_t global) {
  if (limit == 0) limit = global;
}

// Fills in what a scrape config takes from `global`, and checks what holds between the two.
core::Status ApplyGlobal(const GlobalConfig& global, ScrapeConfig& scrape, Node node) {
  if (scrape.scrape_interval_ms == 0) scrape.scrape_interval_ms = global.scrape_interval_ms;
  if (scrape.scrape_timeout_ms > scrape.scrape_interval_ms) {
    return node.Find("scrape_timeout")
        .Fail("scrape timeout greater than scrape interval for scrape config with job name {}",
              Quote(scrape.job_name));
  }
  if (scrape.scrape_timeout_ms == 0) {
    scrape.scrape_timeout_ms = std::min(global.scrape_timeout_ms, scrape.scrape_interval_ms);
  }
  if (scrape.limits.body_size_limit_bytes == 0) {
    scrape.limits.body_size_limit_bytes = global.limits.body_size_limit_bytes;
  }
  FillLimit(scrape.limits.sample_limit, global.limits.sample_limit);
  FillLimit(scrape.limits.target_limit, global.limits.target_limit);
  FillLimit(scrape.limits.keep_dropped_targets, global.limits.keep_dropped_targets);
  FillLimit(scrape.limits.label_limit, global.limits.label_limit);
  FillLimit(scrape.limits.label_name_length_limit, global.limits.label_name_length_limit);
  FillLimit(scrape.limits.label_value_length_limit, global.limits.label_value_length_limit);
  if (!scrape.extra_scrape_metrics) scrape.extra_scrape_metrics = global.extra_scrape_metrics;
  std::string& log_file = scrape.scrape_failure_log_file;
  log_file =
      log_file.empty() ? global.scrape_failure_log_file : JoinDirectory(DirectoryOf(node.file()), log_file);
  FillProtocols(global, scrape);
  SEXTANT_TRY(InheritNames(global.names, scrape.names, node));
  SEXTANT_TRY(SetNameScheme(scrape.relabel_configs, scrape.names.scheme(), node.Find("relabel_configs")));
  return SetNameScheme(scrape.metric_relabel_configs, scrape.names.scheme(),
                       node.Find("metric_relabel_configs"));
}

// A path with a `*` in a folder's name would match too much; Prometheus refuses it too.
core::Status CheckPatterns(const std::vector<std::string>& patterns, std::string_view what, Node node) {
  size_t index = 0;
  for (Node item : node.children()) {
    const std::string& pattern = patterns[index++];
    size_t star = pattern.find('*');
    if (star != std::string::npos &&
        (pattern.find('/', star) != std::string::npos || pattern.find('*', star + 1) != std::string::npos)) {
      return item.Fail("invalid {} file path {}", what, Quote(pattern));
    }
  }
  return {};
}

core::Status CheckRulePatterns(const std::vector<std::string>& patterns, Node node) {
  return CheckPatterns(patterns, "rule", node);
}

core::Status CheckScrapePatterns(const std::vector<std::string>& patterns, Node node) {
  return CheckPatterns(patterns, "scrape config", node);
}

// What `global` says of names, for all but scraping.
core::Status ApplyNameScheme(PrometheusConfig& config, Node node) {
  core::NameScheme scheme = config.global.names.scheme();
  Node alerting = node.Find("alerting");
  SEXTANT_TRY(
      SetNameScheme(config.alerting.alert_relabel_configs, scheme, alerting.Find("alert_relabel_configs")));
  size_t index = 0;
  for (Node group_node : alerting.Find("alertmanagers").children()) {
    AlertmanagerTargetsConfig& group = config.alerting.alertmanagers[index++];
    SEXTANT_TRY(SetNameScheme(group.alert_relabel_configs, scheme, group_node.Find("alert_relabel_configs")));
    SEXTANT_TRY(SetNameScheme(group.relabel_configs, scheme, group_node.Find("relabel_configs")));
  }
  index = 0;
  for (Node write_node : node.Find("remote_write").children()) {
    SEXTANT_TRY(SetNameScheme(config.remote_write[index++].write_relabel_configs, scheme,
                              write_node.Find("write_relabel_configs")));
  }
  bool keeps_names = config.otlp.translation_strategy == TranslationStrategy::kNoTranslation ||
                     config.otlp.translation_strategy == TranslationStrategy::kNoUtf8EscapingWithSuffixes;
  if (scheme == core::NameScheme::kUtf8 || !keeps_names) return {};
  Node strategy = node.Find("otlp").Find("translation_strategy");
  return strategy.Fail("OTLP translation strategy {} is not allowed when UTF8 is disabled",
                       Quote(strategy.text()));
}

core::Status FinishPrometheus(PrometheusConfig& config, Node node) {
  SEXTANT_TRY(ApplyNameScheme(config, node));
  if (std::string& file = config.global.scrape_failure_log_file; !file.empty()) {
    file = JoinDirectory(DirectoryOf(node.file()), file);
  }
  std::set<std::string> job_names;
  size_t index = 0;
  for (Node scrape_node : node.Find("scrape_configs").children()) {
    ScrapeConfig& scrape = config.scrape_configs[index++];
    SEXTANT_TRY(ApplyGlobal(config.global, scrape, scrape_node));
    if (!job_names.insert(scrape.job_name).second) {
      return scrape_node.Find("job_name")
          .Fail("found multiple scrape configs with job name {}", Quote(scrape.job_name));
    }
  }
  std::string directory = DirectoryOf(node.file());
  for (std::string& pattern : config.rule_files) pattern = JoinDirectory(directory, pattern);
  if (!config.global.query_log_file.empty()) {
    config.global.query_log_file = JoinDirectory(directory, config.global.query_log_file);
  }
  for (std::string& pattern : config.scrape_config_files) pattern = JoinDirectory(directory, pattern);
  return {};
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Go's os.Expand: ${name} and $name; `$$` is a dollar, as Prometheus has it.
std::string ExpandVariables(std::string_view text, const PrometheusConfigOptions& options) {
  auto value_of = [&](std::string_view name) {
    return name == "$" ? std::string("$") : options.environment(std::string(name));
  };
  constexpr std::string_view kSpecial = "*#$@!?-0123456789";
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '$' || at + 1 == text.size()) {
      out += text[at++];
      continue;
    }
    std::string_view rest = text.substr(at + 1);
    if (rest.front() == '{') {
      size_t end = rest.find('}');
      if (end == std::string_view::npos) {
        at += 2;  // bad syntax: the brace is eaten, as Go does
        continue;
      }
      if (end > 1) out += value_of(rest.substr(1, end - 1));
      at += end + 2;
    } else if (kSpecial.find(rest.front()) != std::string_view::npos) {
      out += value_of(rest.substr(0, 1));
      at += 2;
    } else {
      size_t end = 0;
      while (end < rest.size() && IsNameByte(rest[end])) ++end;
      if (end == 0) {
        out += '$';  // no name follows
      } else {
        out += value_of(rest.substr(0, end));
      }
      at += end + 1;
    }
  }
  return out;
}

// A file that scrape_config_files names.
struct ScrapeConfigsFile {
  std::vector<ScrapeConfig> scrape_configs;
};

const Struct& FieldsOf(const ScrapeConfigsFile*) {
  static const Struct kFields =
      Struct::Of<ScrapeConfigsFile>({Member<&ScrapeConfigsFile::scrape_configs>("scrape_configs")
                                         .NullItem("empty or null scrape config section")});
  return kFields;
}

core::Status ReadScrapeConfigFiles(PrometheusConfig& config) {
  std::map<std::string, std::string> places;  // of job names
  for (const ScrapeConfig& scrape : config.scrape_configs) places[scrape.job_name] = "main config file";
  for (const std::string& pattern : config.scrape_config_files) {
    SEXTANT_ASSIGN(std::vector<std::string> files, ExpandGlob(pattern));
    for (const std::string& file : files) {
      SEXTANT_ASSIGN(Document document, Document::Load(file));
      SEXTANT_ASSIGN(auto decoded, Decode<ScrapeConfigsFile>(document.root()));
      size_t index = 0;
      for (Node node : document.root().Find("scrape_configs").children()) {
        ScrapeConfig& scrape = decoded.scrape_configs[index++];
        SEXTANT_TRY(ApplyGlobal(config.global, scrape, node));
        auto [place, is_new] = places.emplace(scrape.job_name, Quote(file));
        if (!is_new) {
          return node.Find("job_name")
              .Fail("found multiple scrape configs with job name {}, first found in {}",
                    Quote(scrape.job_name), place->second);
        }
        config.scrape_configs.push_back(std::move(scrape));
      }
    }
  }
  return {};
}

struct ProtocolWord {
  std::string_view word;
  ScrapeProtocol protocol;
};
constexpr ProtocolWord kProtocols[] = {
    {"OpenMetricsText0.0.1", ScrapeProtocol::kOpenMetricsText001},
    {"OpenMetricsText1.0.0", ScrapeProtocol::kOpenMetricsText100},
    {"PrometheusProto", ScrapeProtocol::kPrometheusProto},
    {"PrometheusText0.0.4", ScrapeProtocol::kPrometheusText004},
    {"PrometheusText1.0.0", ScrapeProtocol::kPrometheusText100},
};

core::Result<ScrapeProtocol> ReadProtocol(Node node) {
  SEXTANT_ASSIGN(std::string text, node.AsText());
  for (const auto& [word, protocol] : kProtocols) {
    if (text == word) return protocol;
  }
  return node.Fail(
      "unknown scrape protocol {}, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto "
      "PrometheusText0.0.4 PrometheusText1.0.0]",
      text);
}

void WriteProtocol(const ScrapeProtocol& protocol, YamlWriter& out) {
  for (const auto& [word, known] : kProtocols) {
    if (known == protocol) return out.Text(word);
  }
  out.Null();
}

CodecFor<ScrapeProtocol> Protocol() {
  return Custom<ScrapeProtocol>(ReadProtocol, WriteProtocol, [](const ScrapeProtocol& protocol) {
    return protocol == ScrapeProtocol::kNone;
  });
}

core::Status CheckProtocols(const std::vector<ScrapeProtocol>& protocols, Node node) {
  if (protocols.empty()) return node.Fail("scrape_protocols cannot be empty");
  for (size_t i = 0; i < protocols.size(); ++i) {
    if (std::count(protocols.begin(), protocols.end(), protocols[i]) == 1) continue;
    std::string list;
    for (Node item : node.children()) {
      SEXTANT_ASSIGN(std::string word, item.AsText());
      list += (list.empty() ? "" : " ") + word;
    }
    return node.Fail("duplicated protocol in scrape_protocols, got [{}]", list);
  }
  return {};
}

std::vector<Field> ScrapeFields() {
  std::vector<Field> fields = {
      Member<&ScrapeConfig::job_name>("job_name").AlwaysWritten(),
      Member<&ScrapeConfig::honor_labels>("honor_labels"),
      Member<&ScrapeConfig::honor_timestamps>("honor_timestamps").AlwaysWritten(),
      Member<&ScrapeConfig::track_timestamps_staleness>("track_timestamps_staleness").AlwaysWritten(),
      Member<&ScrapeConfig::params>("params"),
      Member<&ScrapeConfig::scrape_interval_ms>("scrape_interval", Duration()),
      Member<&ScrapeConfig::scrape_timeout_ms>("scrape_timeout", Duration()),
      Member<&ScrapeConfig::scrape_protocols>("scrape_protocols", Protocol())
          .Check<std::vector<ScrapeProtocol>>(CheckProtocols),
      Member<&ScrapeConfig::fallback_scrape_protocol>("fallback_scrape_protocol", Protocol()),
      Member<&ScrapeConfig::scrape_native_histograms>("scrape_native_histograms"),
      Member<&ScrapeConfig::always_scrape_classic_histograms>("always_scrape_classic_histograms"),
      Member<&ScrapeConfig::convert_classic_histograms_to_nhcb>("convert_classic_histograms_to_nhcb"),
      Member<&ScrapeConfig::metrics_path>("metrics_path"),
      Member<&ScrapeConfig::scheme>("scheme"),
      Member<&ScrapeConfig::enable_compression>("enable_compression").AlwaysWritten(),
      Inline<&ScrapeConfig::names>(),
      Inline<&ScrapeConfig::limits>(),
      Inline<&ScrapeConfig::histogram_limits>(),
      Member<&ScrapeConfig::scrape_failure_log_file>("scrape_failure_log_file"),
      Member<&ScrapeConfig::extra_scrape_metrics>("extra_scrape_metrics"),
      Inline<&ScrapeConfig::http>(),
      Member<&ScrapeConfig::relabel_configs>("relabel_configs")
          .NullItem("empty or null target relabeling rule in scrape config"),
      Member<&ScrapeConfig::metric_relabel_configs>("metric_relabel_configs")
          .NullItem("empty or null metric relabeling rule in scrape config"),
      Member<&ScrapeConfig::static_configs>("static_configs")
          .NullItem("empty or null section in static_configs"),
  };
  fields.push_back(Inline<&ScrapeConfig::discovery>());
  return fields;
}

std::vector<Field> AlertmanagerFields() {
  std::vector<Field> fields = {
      Inline<&AlertmanagerTargetsConfig::http>(),
      Member<&AlertmanagerTargetsConfig::sigv4>("sigv4"),
      Member<&AlertmanagerTargetsConfig::scheme>("scheme"),
      Member<&AlertmanagerTargetsConfig::path_prefix>("path_prefix"),
      Member<&AlertmanagerTargetsConfig::timeout_ms>("timeout", Duration()),
      NotYet("api_version", "expected Alertmanager api version to be one of [v2]").Allowing({"v2"}),
      Member<&AlertmanagerTargetsConfig::relabel_configs>("relabel_configs")
          .NullItem("empty or null Alertmanager target relabeling rule"),
      Member<&AlertmanagerTargetsConfig::alert_relabel_configs>("alert_relabel_configs")
          .NullItem("empty or null Alertmanager alert relabeling rule"),
      Member<&AlertmanagerTargetsConfig::static_configs>("static_configs")
          .NullItem("empty or null section in static_configs"),
      Inline<&AlertmanagerTargetsConfig::discovery>(),
  };
  return fields;
}

std::vector<Field> GlobalFields() {
  std::vector<Field> fields = {
      Member<&GlobalConfig::scrape_interval_ms>("scrape_interval", Duration()),
      Member<&GlobalConfig::scrape_timeout_ms>("scrape_timeout", Duration()),
      Member<&GlobalConfig::evaluation_interval_ms>("evaluation_interval", Duration()),
      Member<&GlobalConfig::rule_query_offset_ms>("rule_query_offset", Duration()),
      Member<&GlobalConfig::query_log_file>("query_log_file"),
      Member<&GlobalConfig::scrape_failure_log_file>("scrape_failure_log_file"),
      Member<&GlobalConfig::extra_scrape_metrics>("extra_scrape_metrics"),
      Member<&GlobalConfig::scrape_protocols>("scrape_protocols", Protocol())
          .Check<std::vector<ScrapeProtocol>>(CheckProtocols),
      Member<&GlobalConfig::scrape_native_histograms>("scrape_native_histograms"),
      Member<&GlobalConfig::always_scrape_classic_histograms>("always_scrape_classic_histograms"),
      Member<&GlobalConfig::convert_classic_histograms_to_nhcb>("convert_classic_histograms_to_nhcb"),
      Member<&GlobalConfig::external_labels>("external_labels")
          .Check<std::map<std::string, std::string>>(CheckLabels),
      Inline<&GlobalConfig::names>(),
      Inline<&GlobalConfig::limits>(),
  };
  return fields;
}

}  // namespace

const Struct& FieldsOf(const RuntimeConfig*) {
  static const Struct kFields = Struct::Of<RuntimeConfig>({Member<&RuntimeConfig::gogc>("gogc")},
                                                          [](RuntimeConfig& runtime, Node) -> core::Status {
                                                            if (runtime.gogc == 0) runtime = RuntimeConfig();
                                                            return {};
                                                          });
  return kFields;
}

const Struct& FieldsOf(const ScrapeLimits*) {
  static const Struct kFields = Struct::Of<ScrapeLimits>({
      Member<&ScrapeLimits::body_size_limit_bytes>("body_size_limit", ByteSize()),
      Member<&ScrapeLimits::sample_limit>("sample_limit"),
      Member<&ScrapeLimits::target_limit>("target_limit"),
      Member<&ScrapeLimits::keep_dropped_targets>("keep_dropped_targets"),
      Member<&ScrapeLimits::label_limit>("label_limit"),
      Member<&ScrapeLimits::label_name_length_limit>("label_name_length_limit"),
      Member<&ScrapeLimits::label_value_length_limit>("label_value_length_limit"),
  });
  return kFields;
}

const Struct& FieldsOf(const HistogramLimits*) {
  static const Struct kFields = Struct::Of<HistogramLimits>({
      Member<&HistogramLimits::bucket_limit>("native_histogram_bucket_limit"),
      Member<&HistogramLimits::min_bucket_factor>("native_histogram_min_bucket_factor"),
  });
  return kFields;
}

const Struct& FieldsOf(const GlobalConfig*) {
  static const Struct kFields = Struct::Of<GlobalConfig>(GlobalFields(), FinishGlobal);
  return kFields;
}

const Struct& FieldsOf(const StaticTargets*) {
  static const Struct kFields = Struct::Of<StaticTargets>({
      Member<&StaticTargets::targets>("targets"),
      Member<&StaticTargets::labels>("labels").Check<std::map<std::string, std::string>>(CheckLabels),
  });
  return kFields;
}

const Struct& FieldsOf(const ScrapeConfig*) {
  static const Struct kFields = Struct::Of<ScrapeConfig>(ScrapeFields(), FinishScrape);
  return kFields;
}

const Struct& FieldsOf(const AlertmanagerTargetsConfig*) {
  static const Struct kFields =
      Struct::Of<AlertmanagerTargetsConfig>(AlertmanagerFields(), FinishAlertmanager);
  return kFields;
}

const Struct& FieldsOf(const AlertingConfig*) {
  static const Struct kFields = Struct::Of<AlertingConfig>({
      Member<&AlertingConfig::alert_relabel_configs>("alert_relabel_configs")
          .NullItem("empty or null alert relabeling rule"),
      Member<&AlertingConfig::alertmanagers>("alertmanagers"),
  });
  return kFields;
}

const Struct& FieldsOf(const TsdbRetentionConfig*) {
  static const Struct kFields = Struct::Of<TsdbRetentionConfig>({
      Member<&TsdbRetentionConfig::time_ms>("time", Duration()),
      Member<&TsdbRetentionConfig::size_bytes>("size", ByteSize()).Check<int64_t>(CheckRetentionSize),
      Member<&TsdbRetentionConfig::percentage>("percentage").Check<double>(CheckRetentionPercentage),
  });
  return kFields;
}

const Struct& FieldsOf(const TsdbChunkEncodingConfig*) {
  static const Struct kFields = Struct::Of<TsdbChunkEncodingConfig>({
      Member<&TsdbChunkEncodingConfig::floats>("floats").Check<std::string>(CheckFloatEncoding),
  });
  return kFields;
}

const Struct& FieldsOf(const TsdbConfig*) {
  static const Struct kFields = Struct::Of<TsdbConfig>({
      Member<&TsdbConfig::out_of_order_time_window_ms>("out_of_order_time_window", Duration()),
      Member<&TsdbConfig::stale_series_compaction_threshold>("stale_series_compaction_threshold"),
      Member<&TsdbConfig::chunk_encoding>("chunk_encoding"),
      Member<&TsdbConfig::retention>("retention"),
  });
  return kFields;
}

const Struct& FieldsOf(const ExemplarsConfig*) {
  static const Struct kFields = Struct::Of<ExemplarsConfig>({
      Member<&ExemplarsConfig::max_exemplars>("max_exemplars").AlwaysWritten(),
  });
  return kFields;
}

const Struct& FieldsOf(const StorageConfig*) {
  static const Struct kFields = Struct::Of<StorageConfig>({
      Member<&StorageConfig::tsdb>("tsdb"),
      Member<&StorageConfig::exemplars>("exemplars"),
  });
  return kFields;
}

const Struct& FieldsOf(const PrometheusConfig*) {
  static const Struct kFields = Struct::Of<PrometheusConfig>(
      {
          Member<&PrometheusConfig::global>("global").AlwaysWritten(),
          Member<&PrometheusConfig::runtime>("runtime"),
          Member<&PrometheusConfig::alerting>("alerting"),
          Member<&PrometheusConfig::rule_files>("rule_files")
              .Check<std::vector<std::string>>(CheckRulePatterns),
          Member<&PrometheusConfig::scrape_config_files>("scrape_config_files")
              .Check<std::vector<std::string>>(CheckScrapePatterns),
          Member<&PrometheusConfig::scrape_configs>("scrape_configs")
              .NullItem("empty or null scrape config section"),
          Member<&PrometheusConfig::storage>("storage"),
          Member<&PrometheusConfig::tracing>("tracing"),
          Member<&PrometheusConfig::remote_write>("remote_write")
              .NullItem("empty or null remote write config section")
              .Check<std::vector<RemoteWriteConfig>>(CheckRemoteWrite),
          Member<&PrometheusConfig::remote_read>("remote_read")
              .NullItem("empty or null remote read config section")
              .Check<std::vector<RemoteReadConfig>>(CheckRemoteRead),
          Member<&PrometheusConfig::otlp>("otlp"),
      },
      FinishPrometheus);
  return kFields;
}

std::string ReadEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

core::Result<PrometheusConfig> ReadPrometheusConfig(Node node, const PrometheusConfigOptions& options) {
  PrometheusConfig config;
  config.global.extra_scrape_metrics = options.extra_scrape_metrics;
  config.global.prefers_protobuf = options.prefers_protobuf;
  SEXTANT_TRY(DecodeInto(node, config));
  for (auto& [name, value] : config.global.external_labels) value = ExpandVariables(value, options);
  SEXTANT_TRY(ReadScrapeConfigFiles(config));
  return config;
}

core::Result<PrometheusConfig> LoadPrometheusConfig(const std::string& path,
                                                    const PrometheusConfigOptions& options) {
  SEXTANT_ASSIGN(Document document, Document::Load(path));
  return ReadPrometheusConfig(document.root(), options);
}

core::Result<std::vector<std::string>> ListRuleFiles(const PrometheusConfig& config) {
  std::set<std::string> files;
  for (const std::string& pattern : config.rule_files) {
    SEXTANT_ASSIGN(std::vector<std::string> matches, ExpandGlob(pattern));
    files.insert(matches.begin(), matches.end());
  }
  return std::vector<std::string>(files.begin(), files.end());
}

core::Status CheckForAgent(const PrometheusConfig& config) {
  auto refuse = [](std::string_view field) {
    return core::Fail(core::Code::kInvalidArgument, "field {} is not allowed in agent mode", field);
  };
  const AlertingConfig& alerting = config.alerting;
  if (!alerting.alertmanagers.empty() || !alerting.alert_relabel_configs.empty()) return refuse("alerting");
  if (!config.rule_files.empty()) return refuse("rule_files");
  if (!config.remote_read.empty()) return refuse("remote_read");
  return {};
}

std::string DumpPrometheusConfig(const PrometheusConfig& config) { return WriteYaml(config); }

}  // namespace sextant::config
