#include "config/prometheus_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

namespace sextant::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

core::Result<PrometheusConfig> Read(std::string_view text) {
  SEXTANT_ASSIGN(Document document, Document::Parse(text, "prometheus.yml"));
  return ReadPrometheusConfig(document.root(), {[](const std::string& name) {
                                return name == "REGION" ? std::string("north") : std::string();
                              }});
}

std::string ErrorOf(std::string_view text) {
  auto config = Read(text);
  return config ? "no error" : config.error().message();
}

TEST(PrometheusConfigTest, EmptyFileHasDefaults) {
  auto config = Read("");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->global.scrape_interval_ms, 60'000);
  EXPECT_EQ(config->global.scrape_timeout_ms, 10'000);
  EXPECT_EQ(config->global.evaluation_interval_ms, 60'000);
  EXPECT_TRUE(config->scrape_configs.empty());
}

TEST(PrometheusConfigTest, ScrapeConfigsInheritGlobal) {
  auto config = Read(R"(
global:
  scrape_interval: 5s
  evaluation_interval: 30s
  body_size_limit: 15MB
  sample_limit: 1500
  external_labels: {region: "${REGION}-$REGION", cost: "$$5", none: "$NONE"}
rule_files: [rules/*.yml, /abs/a.yml]
scrape_configs:
- job_name: node
  static_configs:
  - targets: [localhost:9100]
    labels: {rack: "1"}
- job_name: slow
  scrape_interval: 1m
  scrape_timeout: 30s
  sample_limit: 9
  honor_timestamps: false
  track_timestamps_staleness: true
  params: {module: [a, b]}
  bearer_token_file: token
)");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->global.scrape_timeout_ms, 5'000);
  EXPECT_EQ(config->global.external_labels.at("region"), "north-north");
  EXPECT_EQ(config->global.external_labels.at("cost"), "$5");
  EXPECT_EQ(config->global.external_labels.at("none"), "");
  EXPECT_THAT(config->rule_files, ElementsAre("rules/*.yml", "/abs/a.yml"));
  const ScrapeConfig& node = config->scrape_configs.at(0);
  EXPECT_EQ(node.scrape_interval_ms, 5'000);
  EXPECT_EQ(node.scrape_timeout_ms, 5'000);
  EXPECT_EQ(node.limits.sample_limit, 1500u);
  EXPECT_EQ(node.limits.body_size_limit_bytes, 15 << 20);
  EXPECT_EQ(node.metrics_path, "/metrics");
  EXPECT_EQ(node.static_configs.at(0).labels.at("rack"), "1");
  const ScrapeConfig& slow = config->scrape_configs.at(1);
  EXPECT_EQ(slow.scrape_timeout_ms, 30'000);
  EXPECT_EQ(slow.limits.sample_limit, 9u);
  EXPECT_FALSE(slow.honor_timestamps);
  EXPECT_TRUE(slow.track_timestamps_staleness);
  EXPECT_THAT(slow.params.at("module"), ElementsAre("a", "b"));
  EXPECT_EQ(slow.http.authorization->type, "Bearer");
  EXPECT_EQ(slow.http.authorization->credentials_file, "token");
}

TEST(PrometheusConfigTest, RefusesByName) {
  EXPECT_EQ(ErrorOf("tracing: {endpoint: x}\n"), "no error");
  EXPECT_EQ(ErrorOf("scrape_configs:\n- job_name: a\n  gce_sd_configs: []\n"),
            "prometheus.yml:3:3: scrape_configs[0].gce_sd_configs: gce_sd_configs is not supported yet; list "
            "the targets in static_configs, or have them written for file_sd_configs");
  EXPECT_EQ(ErrorOf("scrape_configs:\n- job_name: a\n  extra_scrape_metrics: false\n"), "no error");
  EXPECT_EQ(ErrorOf("scrape_configs:\n- job_name: a\n  extra_scrape_metrics: true\n"), "no error");
}

TEST(PrometheusConfigTest, OAuth2ProxiesAndTls) {
  auto job = [](const std::string& fields) {
    return ErrorOf("scrape_configs:\n- job_name: a\n  " + fields + "\n");
  };
  EXPECT_THAT(job("oauth2: {token_url: x}"), HasSubstr("oauth2 client_id must be configured"));
  EXPECT_THAT(job("oauth2: {client_id: x}"), HasSubstr("oauth2 token_url must be configured"));
  EXPECT_THAT(job("oauth2: {client_id: x, token_url: y, client_secret: a, client_secret_file: b}"),
              HasSubstr("at most one of oauth2 client_secret, client_secret_file & client_secret_ref"));
  EXPECT_THAT(job("oauth2: {client_id: x, token_url: y, grant_type: password}"),
              HasSubstr("the grant type \"password\" is not supported yet"));
  auto assertion = [&](const std::string& fields) {
    return job("oauth2: {client_id: x, token_url: y, grant_type: '" + std::string(kJwtBearerGrant) + "', " +
               fields + "}");
  };
  EXPECT_EQ(assertion("client_certificate_key: hidden, signature_algorithm: RS384"), "no error");
  EXPECT_THAT(assertion("client_certificate_key: a, client_certificate_key_file: b"),
              HasSubstr("at most one of oauth2 client_certificate_key, client_certificate_key_file & "
                        "client_certificate_key_ref must be configured using "
                        "grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer"));
  EXPECT_THAT(assertion("signature_algorithm: HS256"),
              HasSubstr("oauth2.signature_algorithm: valid signature algorithms are RS256, RS384 and RS512"));
  EXPECT_THAT(assertion("claims: [a]"), HasSubstr("oauth2.claims: it must be a mapping, but is a list"));
  EXPECT_THAT(job("tls_config: {next_protos: [h2]}"), HasSubstr("HTTP/2 alone is not supported yet"));
  EXPECT_THAT(job("tls_config: {next_protos: ['']}"), HasSubstr("must have 1 to 255 bytes"));
  EXPECT_EQ(job("tls_config: {next_protos: [h2, acme, http/1.1]}"), "no error");
  EXPECT_THAT(job("oauth2: {client_id: x, token_url: y}\n  basic_auth: {username: u}"),
              HasSubstr("at most one of basic_auth, oauth2 & authorization must be configured"));
  EXPECT_THAT(job("proxy_connect_header: {a: [b]}"),
              HasSubstr("proxy_url or proxy_from_environment must also"));
  EXPECT_THAT(job("tls_config: {min_version: TLS13, max_version: TLS12}"),
              HasSubstr("greater than or equal to"));
  EXPECT_THAT(job("tls_config: {ca: x, ca_file: y}"), HasSubstr("at most one of ca, ca_file & ca_ref"));
  EXPECT_EQ(job("tls_config: {cert: x, key: y, max_version: TLS12}"), "no error");
  auto config = Read(R"(
scrape_configs:
- job_name: a
  proxy_url: http://p
  proxy_connect_header: {H: [hidden1]}
  oauth2: {client_id: id, client_secret: hidden2, token_url: u, scopes: [s], endpoint_params: {k: v},
           client_certificate_key: hidden4, claims: {num: 1, t: "2", deep: [{a: null}, true, 1.5]}}
  tls_config: {cert: c, key: hidden3, next_protos: [x]}
)");
  ASSERT_TRUE(config) << config.error().message();
  std::string dump = DumpPrometheusConfig(*config);
  EXPECT_EQ(dump.find("hidden"), std::string::npos) << dump;
  EXPECT_THAT(dump, HasSubstr("client_id: id"));
  EXPECT_THAT(dump, HasSubstr("claims:\n      num: 1\n      t: \"2\"\n      deep:\n      - a: null\n      - "
                              "true\n      - 1.5\n"));
  EXPECT_EQ(config->scrape_configs[0].http.oauth2->claims_json,
            R"({"num":1,"t":"2","deep":[{"a":null},true,1.5]})");
  EXPECT_EQ(DumpPrometheusConfig(*Read(dump)), dump);
  EXPECT_THAT(RevealSecrets(config->scrape_configs[0].http), HasSubstr("hidden4"));
  EXPECT_THAT(RevealSecrets(config->scrape_configs[0].http), HasSubstr("hidden1"));
}

TEST(PrometheusConfigTest, ScrapeFailureLogsAndExtraMetrics) {
  auto config = Read(R"(
global: {scrape_failure_log_file: fail.log, extra_scrape_metrics: true}
scrape_configs:
- {job_name: a}
- {job_name: b, scrape_failure_log_file: /own.log, extra_scrape_metrics: false, native_histogram_bucket_limit: 9,
   native_histogram_min_bucket_factor: 1.5}
)");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->scrape_configs[0].scrape_failure_log_file, "fail.log");
  EXPECT_TRUE(*config->scrape_configs[0].extra_scrape_metrics);
  EXPECT_EQ(config->scrape_configs[1].scrape_failure_log_file, "/own.log");
  EXPECT_FALSE(*config->scrape_configs[1].extra_scrape_metrics);
  EXPECT_EQ(config->scrape_configs[1].histogram_limits.bucket_limit, 9u);
  auto document = Document::Parse("scrape_configs: [{job_name: a}]", "p.yml");
  auto by_feature = ReadPrometheusConfig(document->root(), {ReadEnvironment, true});
  EXPECT_TRUE(*by_feature->scrape_configs[0].extra_scrape_metrics);
}

TEST(PrometheusConfigTest, DiscoveryFromApis) {
  auto job = [](const std::string& fields) {
    return ErrorOf("scrape_configs:\n- job_name: a\n  " + fields + "\n");
  };
  EXPECT_THAT(job("consul_sd_configs: [{server: ' '}]"),
              HasSubstr("consul SD configuration requires a server address"));
  EXPECT_THAT(job("consul_sd_configs: [{username: u, basic_auth: {username: x}}]"),
              HasSubstr("at most one of consul SD configuration username and password and basic auth"));
  EXPECT_THAT(job("consul_sd_configs: [{token: u, authorization: {credentials: x}}]"),
              HasSubstr("at most one of consul SD token, authorization, or oauth2 can be configured"));
  EXPECT_THAT(job("docker_sd_configs: [{}]"), HasSubstr("host missing"));
  EXPECT_THAT(job("docker_sd_configs: [{host: 'ssh://x'}]"), HasSubstr("must begin with unix://"));
  EXPECT_THAT(job("dockerswarm_sd_configs: [{host: 'tcp://x'}]"),
              HasSubstr("role missing (one of: tasks, services, nodes)"));
  EXPECT_THAT(job("dockerswarm_sd_configs: [{host: 'tcp://x', role: x}]"),
              HasSubstr("invalid role x, expected tasks, services, or nodes"));
  EXPECT_THAT(job("ec2_sd_configs: [{filters: [{name: x}]}]"), HasSubstr("filter values cannot be empty"));
  EXPECT_EQ(job("ec2_sd_configs: [{role_arn: x, external_id: y}]"), "no error");
  EXPECT_THAT(job("consul_sd_configs: [{refresh_interval: 0s}]"), HasSubstr("longer than 0"));
  auto config = Read("scrape_configs: [{job_name: a, consul_sd_configs: [{username: u, password: hidden}]}]");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->scrape_configs[0].discovery.consul[0].http.basic_auth->username, "u");
  EXPECT_EQ(DumpPrometheusConfig(*config).find("hidden"), std::string::npos);
}

TEST(PrometheusConfigTest, ScrapeProtocols) {
  auto config = Read(R"(
global: {scrape_native_histograms: true}
scrape_configs:
- {job_name: a}
- {job_name: b, scrape_native_histograms: false, always_scrape_classic_histograms: true,
   convert_classic_histograms_to_nhcb: true}
- {job_name: c, scrape_protocols: [PrometheusText0.0.4], fallback_scrape_protocol: PrometheusProto}
)");
  ASSERT_TRUE(config) << config.error().message();
  const auto& jobs = config->scrape_configs;
  EXPECT_TRUE(*jobs[0].scrape_native_histograms);
  EXPECT_FALSE(*jobs[0].always_scrape_classic_histograms);
  EXPECT_THAT(jobs[0].scrape_protocols,
              ElementsAre(ScrapeProtocol::kPrometheusProto, ScrapeProtocol::kOpenMetricsText100,
                          ScrapeProtocol::kOpenMetricsText001, ScrapeProtocol::kPrometheusText100,
                          ScrapeProtocol::kPrometheusText004));
  EXPECT_TRUE(*jobs[1].always_scrape_classic_histograms);
  EXPECT_TRUE(*jobs[1].convert_classic_histograms_to_nhcb);
  EXPECT_FALSE(*jobs[0].convert_classic_histograms_to_nhcb);
  EXPECT_EQ(jobs[1].scrape_protocols.size(), 4u);
  EXPECT_THAT(jobs[2].scrape_protocols, ElementsAre(ScrapeProtocol::kPrometheusText004));
  EXPECT_EQ(jobs[2].fallback_scrape_protocol, ScrapeProtocol::kPrometheusProto);
  EXPECT_THAT(ErrorOf("global: {scrape_protocols: []}\n"), HasSubstr("scrape_protocols cannot be empty"));
  EXPECT_THAT(
      ErrorOf("global: {scrape_protocols: [PrometheusProto, PrometheusText1.0.0, PrometheusProto]}\n"),
      HasSubstr("duplicated protocol in scrape_protocols, got [PrometheusProto PrometheusText1.0.0 "
                "PrometheusProto]"));
  EXPECT_THAT(ErrorOf("global: {scrape_protocols: [prometheusproto]}\n"),
              HasSubstr("unknown scrape protocol prometheusproto, supported: [OpenMetricsText0.0.1"));
}

// "validation escaping" of a job `a`, or the error.
std::string NamesOf(const std::string& global, const std::string& job) {
  auto config = Read(fmt::format("global: {{{}}}\nscrape_configs: [{{job_name: a{}}}]\n", global, job));
  if (!config) return config.error().message();
  const NameConfig& names = config->scrape_configs[0].names;
  return fmt::format("{} {}", names.scheme() == core::NameScheme::kLegacy ? "legacy" : "utf8",
                     names.escaping);
}

TEST(PrometheusConfigTest, NamesOfJobs) {
  const std::string legacy = "metric_name_validation_scheme: legacy";
  const std::string utf8 = "metric_name_validation_scheme: utf8";
  const std::string dots = "metric_name_escaping_scheme: dots";
  EXPECT_EQ(NamesOf("", ""), "utf8 allow-utf-8");
  EXPECT_EQ(NamesOf("scrape_interval: 1m", ""), "utf8 allow-utf-8");
  EXPECT_EQ(NamesOf(legacy, ""), "legacy underscores");
  EXPECT_EQ(NamesOf(dots, ""), "utf8 dots");
  EXPECT_EQ(NamesOf(legacy + ", " + dots, ""), "legacy dots");
  EXPECT_EQ(NamesOf(legacy, ", " + utf8), "utf8 allow-utf-8");
  EXPECT_EQ(NamesOf("", ", " + legacy), "legacy underscores");
  EXPECT_EQ(NamesOf(dots, ", " + legacy), "legacy underscores") << "not the global escaping";
  EXPECT_EQ(NamesOf(legacy, ", " + dots), "legacy dots");
  EXPECT_EQ(NamesOf("metric_name_validation_scheme: ''", ", metric_name_escaping_scheme: ''"),
            "utf8 allow-utf-8");
  EXPECT_THAT(NamesOf(legacy + ", metric_name_escaping_scheme: allow-utf-8", ""),
              HasSubstr("utf8 metric names requested but validation scheme is not set to UTF8"));
  EXPECT_THAT(NamesOf("metric_name_validation_scheme: Legacy", ""),
              HasSubstr("unrecognized ValidationScheme: \"Legacy\""));
  EXPECT_THAT(NamesOf("metric_name_escaping_scheme: x", ""),
              HasSubstr("unknown global name escaping method specified, must be one of 'allow-utf-8', "
                        "'underscores', 'dots', or 'values', got \"x\""));
  EXPECT_THAT(NamesOf("", ", metric_name_escaping_scheme: x"),
              HasSubstr("unknown scrape config name escaping method specified"));
}

TEST(PrometheusConfigTest, LegacyNamesHoldEverywhere) {
  auto error = [](const std::string& text) {
    return ErrorOf("global: {metric_name_validation_scheme: legacy}\n" + text);
  };
  auto job = [&](const std::string& rule, const std::string& field) {
    return error("scrape_configs: [{job_name: a, " + field + ": [" + rule + "]}]\n");
  };
  for (const char* field : {"relabel_configs", "metric_relabel_configs"}) {
    EXPECT_THAT(job("{target_label: a.b}", field),
                HasSubstr("\"a.b\" is invalid 'target_label' for replace"));
    EXPECT_THAT(job("{target_label: a.b}", field), HasSubstr(std::string(field) + "[0].target_label: "));
    EXPECT_THAT(job("{action: labelmap, replacement: $1.x}", field),
                HasSubstr("\"$1.x\" is invalid 'replacement' for labelmap"));
    EXPECT_THAT(job("{action: uppercase, target_label: $a}", field),
                HasSubstr("is invalid 'target_label' for uppercase"));
    EXPECT_THAT(job("{action: hashmod, modulus: 3, target_label: 3}", field),
                HasSubstr("is invalid 'target_label' for hashmod"));
    for (const char* target : {"ab", "_", "$1", "a${1}_$b", "${1}9"}) {
      EXPECT_EQ(job(fmt::format("{{target_label: \"{}\"}}", target), field), "no error");
    }
    for (const char* target : {"9a", "$", "a$", "${", "${1", "a-b", "${a-b}"}) {
      EXPECT_THAT(job(fmt::format("{{target_label: \"{}\"}}", target), field), HasSubstr("is invalid"));
    }
  }
  const std::string rule = "[{target_label: a.b}]";
  for (const std::string& text : {"alerting: {alert_relabel_configs: " + rule + "}",
                                  "alerting: {alertmanagers: [{relabel_configs: " + rule + "}]}",
                                  "alerting: {alertmanagers: [{alert_relabel_configs: " + rule + "}]}",
                                  "remote_write: [{url: 'http://x', write_relabel_configs: " + rule + "}]"}) {
    EXPECT_THAT(error(text), HasSubstr("is invalid 'target_label'")) << text;
    EXPECT_EQ(ErrorOf(text), "no error");
  }
  EXPECT_THAT(error("otlp: {translation_strategy: NoTranslation}"),
              HasSubstr("OTLP translation strategy \"NoTranslation\" is not allowed when UTF8 is disabled"));
  EXPECT_THAT(ErrorOf("global: {metric_name_validation_scheme: legacy, external_labels: {a.b: c}}"),
              HasSubstr("\"a.b\" is not a valid label name"));
}

TEST(PrometheusConfigTest, RuntimeAndRuleQueryOffset) {
  auto config = Read("global: {rule_query_offset: 30s}\nruntime: {gogc: 42}\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->global.rule_query_offset_ms, 30'000);
  EXPECT_EQ(config->runtime.gogc, 42);
  EXPECT_THAT(DumpPrometheusConfig(*config), HasSubstr("gogc: 42"));
  EXPECT_EQ(Read("runtime: {}")->runtime.gogc, 75);
  EXPECT_EQ(Read("runtime: {gogc: 0}")->runtime.gogc, 75);
  EXPECT_THAT(ErrorOf("runtime: {gogc: off}"), HasSubstr("runtime.gogc"));
  EXPECT_THAT(ErrorOf("runtime: {gomemlimit: 1}"), HasSubstr("unknown field"));
}

TEST(PrometheusConfigTest, DiscoveryHasPrometheusDefaultsAndErrors) {
  auto config = Read(R"(
scrape_configs:
- job_name: a
  file_sd_configs: [{files: ["a/*.json", /b.yml]}]
  http_sd_configs: [{url: "https://sd.example/x", basic_auth: {username: u, password: p}}]
  dns_sd_configs: [{names: [x]}, {names: [y], type: mx, port: 80, refresh_interval: 1m}]
)");
  ASSERT_TRUE(config) << config.error().message();
  const DiscoveryConfigs& found = config->scrape_configs[0].discovery;
  EXPECT_EQ(found.file[0].files, (std::vector<std::string>{"a/*.json", "/b.yml"}));
  EXPECT_EQ(found.file[0].refresh_interval_ms, 300'000);
  EXPECT_EQ(found.http[0].refresh_interval_ms, 60'000);
  EXPECT_EQ(found.http[0].http.basic_auth->username, "u");
  EXPECT_EQ(found.dns[0].refresh_interval_ms, 30'000);
  EXPECT_EQ(found.dns[0].type, "SRV");
  EXPECT_EQ(found.dns[1].port, 80);

  auto error = [](const std::string& section) {
    return ErrorOf("scrape_configs: [{job_name: a, " + section + "}]\n");
  };
  EXPECT_THAT(error("file_sd_configs: [{}]"),
              HasSubstr("file service discovery config must contain at least one path name"));
  for (const char* path : {"a.txt", "*/a.yml", "a"}) {
    EXPECT_THAT(error(fmt::format("file_sd_configs: [{{files: [\"{}\"]}}]", path)),
                HasSubstr(fmt::format("path name \"{}\" is not valid for file discovery", path)));
  }
  EXPECT_THAT(error("http_sd_configs: [{}]"), HasSubstr("URL is missing"));
  EXPECT_THAT(error("http_sd_configs: [{url: 'ftp://x'}]"),
              HasSubstr("URL scheme must be 'http' or 'https'"));
  EXPECT_THAT(error("http_sd_configs: [{url: 'http:///x'}]"), HasSubstr("host is missing in URL"));
  EXPECT_THAT(error("dns_sd_configs: [{}]"),
              HasSubstr("DNS-SD config must contain at least one SRV record name"));
  EXPECT_THAT(error("dns_sd_configs: [{names: [a], type: A}]"), HasSubstr("a port is required"));
  EXPECT_THAT(error("dns_sd_configs: [{names: [a], type: TXT}]"),
              HasSubstr("invalid DNS-SD records type TXT"));
  EXPECT_THAT(error("dns_sd_configs: [null]"), HasSubstr("empty or null section in dns_sd_configs"));
}

TEST(PrometheusConfigTest, StorageSaysHowStaleSeriesAndChunksAreTreated) {
  auto config = Read(
      "storage:\n  tsdb:\n    stale_series_compaction_threshold: 0.5\n    chunk_encoding: {floats: xor2}\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->storage.tsdb->stale_series_compaction_threshold, 0.5);
  EXPECT_EQ(config->storage.tsdb->chunk_encoding->floats, "xor2");
  std::string dump = DumpPrometheusConfig(*config);
  EXPECT_THAT(dump, HasSubstr("stale_series_compaction_threshold: 0.5"));
  EXPECT_THAT(dump, HasSubstr("floats: xor2"));
  config = Read("storage: {tsdb: {out_of_order_time_window: 1m}}\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_FALSE(config->storage.tsdb->stale_series_compaction_threshold);
  EXPECT_FALSE(config->storage.tsdb->chunk_encoding);
  config = Read("storage: {tsdb: {stale_series_compaction_threshold: 0}}\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->storage.tsdb->stale_series_compaction_threshold, 0);
  EXPECT_EQ(
      ErrorOf("storage: {tsdb: {chunk_encoding: {floats: xor3}}}\n"),
      "prometheus.yml:1:43: storage.tsdb.chunk_encoding.floats: 'storage.tsdb.chunk_encoding.floats' must "
      "be 'xor' or 'xor2', or the field must be omitted entirely, got \"xor3\"");
  EXPECT_THAT(ErrorOf("storage: {tsdb: {chunk_encoding: {histograms: xor2}}}\n"), HasSubstr("histograms"));
}

TEST(PrometheusConfigTest, ErrorsPointAtTheField) {
  EXPECT_EQ(ErrorOf("scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s\n"),
            "prometheus.yml:4:19: scrape_configs[0].scrape_timeout: scrape timeout greater than scrape "
            "interval for "
            "scrape config with job name \"a\"");
  EXPECT_EQ(
      ErrorOf("scrape_configs:\n- job_name: a\n- job_name: a\n"),
      "prometheus.yml:3:13: scrape_configs[1].job_name: found multiple scrape configs with job name \"a\"");
  EXPECT_EQ(ErrorOf("global: {scrape_interval: 5s, scrape_timeout: 6s}\n"),
            "prometheus.yml:1:47: global.scrape_timeout: global scrape timeout greater than scrape interval");
}

TEST(PrometheusConfigTest, DumpReadsBackAndHidesSecrets) {
  auto config = Read(R"(
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: hunter2}
  static_configs: [{targets: ["x:1"]}]
  relabel_configs:
  - {source_labels: [a, b], target_label: c, replacement: "$1:80"}
  - {regex: "", separator: "", target_label: c, replacement: ""}
  - {source_labels: [a], target_label: b, action: KeepEqual}
  params: {"collect[]": [cpu]}
alerting:
  alertmanagers: [{static_configs: [{targets: ["am:9093"]}]}]
)");
  ASSERT_TRUE(config) << config.error().message();
  std::string dump = DumpPrometheusConfig(*config);
  EXPECT_THAT(dump, HasSubstr("password: <secret>"));
  EXPECT_THAT(dump, ::testing::Not(HasSubstr("hunter2")));
  auto again = Read(dump);
  ASSERT_TRUE(again) << again.error().message() << "\n" << dump;
  EXPECT_EQ(DumpPrometheusConfig(*again), dump);
  EXPECT_EQ(again->scrape_configs.at(0).relabel_configs, config->scrape_configs.at(0).relabel_configs);
}

// ---- Prometheus' own test files.

std::string ConformanceDirectory() {
  const char* directory = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::string(directory == nullptr ? SEXTANT_CONFORMANCE_DEFAULT : directory) + "/prometheus/config";
}

// With SEXTANT_CONFORMANCE_LIST set, the tests print what becomes of each file.
void List(const std::string& name, const std::string& outcome) {
  if (std::getenv("SEXTANT_CONFORMANCE_LIST") != nullptr) std::cout << name << ": " << outcome << "\n";
}

TEST(PrometheusConfigConformanceTest, BadFilesFail) {
  std::string directory = ConformanceDirectory();
  auto table = Document::Load(directory + "/expected_errors.json");
  if (!table) GTEST_SKIP() << table.error().message();
  int worded_alike = 0;
  int refused = 0;
  std::set<std::string> worded_otherwise;
  std::set<std::string> seen;
  for (Node row : table->root().children()) {
    std::string name(row.Find("filename").text());
    std::string expected(row.Find("errMsg").text());
    seen.insert(name);
    auto config = LoadPrometheusConfig(directory + "/testdata/" + name);
    if (config) {
      ADD_FAILURE() << name << " loads, but must fail with: " << expected;
      continue;
    }
    const core::Error& error = config.error();
    if (error.message().find(expected) != std::string::npos) {
      ++worded_alike;
      List(name, "fails as in Prometheus: " + error.message());
    } else if (error.code() == core::Code::kUnimplemented) {
      ++refused;
      List(name, "refused by name: " + error.message());
    } else {
      worded_otherwise.insert(name);
      List(name, "fails in other words: " + error.message() + " (Prometheus: " + expected + ")");
    }
  }
  EXPECT_EQ(seen.size(), 136u);
  EXPECT_GE(worded_alike, 88);
  EXPECT_LE(refused, 39);
  // These name Go's types or its YAML library, or the file's name at a place where we have a position.
  EXPECT_THAT(
      worded_otherwise,
      ::testing::IsSubsetOf(
          {"unknown_attr.bad.yml", "unknown_global_attr.bad.yml", "section_key_dup.bad.yml",
           "scrape_config_files_glob.bad.yml", "scrape_config_files_fallback_scrape_protocol1.bad.yml",
           "scrape_config_files_fallback_scrape_protocol2.bad.yml",
           "scrape_config_files_scrape_protocols.bad.yml", "scrape_config_files_scrape_protocols2.bad.yml",
           "kubernetes_namespace_discovery.bad.yml"}));

  for (const auto& entry : std::filesystem::directory_iterator(directory + "/testdata")) {
    std::string name = entry.path().filename().string();
    if (name.find(".bad.yml") == std::string::npos || seen.contains(name)) continue;
    auto config = LoadPrometheusConfig(entry.path().string());
    EXPECT_FALSE(config) << name;
    if (!config) List(name, "fails: " + config.error().message());
  }
}

TEST(PrometheusConfigConformanceTest, GoodFilesLoadOrAreRefusedByName) {
  std::string directory = ConformanceDirectory();
  if (!std::filesystem::exists(directory)) GTEST_SKIP();
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"/testdata", "/examples"}) {
    for (const auto& entry : std::filesystem::directory_iterator(directory + folder))
      files.push_back(entry.path());
  }
  // The examples that are not configurations of Prometheus do not start with its name.
  int loaded = 0;
  int refused = 0;
  for (const auto& path : files) {
    std::string name = path.filename().string();
    if (path.extension() != ".yml") continue;
    bool is_good = name.find(".good.yml") != std::string::npos || name.starts_with("prometheus") ||
                   name.starts_with("scrape_config_local") || name.ends_with("_validation_mode.yml");
    if (!is_good) continue;
    auto config = LoadPrometheusConfig(path.string());
    if (!config) {
      // Nothing is lacking but mechanisms of service discovery.
      ++refused;
      EXPECT_EQ(config.error().code(), core::Code::kUnimplemented) << name;
      EXPECT_THAT(config.error().message(), HasSubstr("_sd_configs is not supported yet")) << name;
      List(name, "refused by name: " + config.error().message());
      continue;
    }
    ++loaded;
    List(name, "loads");
    std::string dump = DumpPrometheusConfig(*config);
    auto document = Document::Parse(dump, "dump.yml");
    ASSERT_TRUE(document) << name << ": " << document.error().message() << "\n" << dump;
    auto again = ReadPrometheusConfig(document->root());
    ASSERT_TRUE(again || again.error().message().find("found multiple") != std::string::npos)
        << name << ": " << again.error().message() << "\n"
        << dump;
  }
  EXPECT_EQ(loaded, 62);
  EXPECT_EQ(refused, 17);
}

// What the Prometheus operator writes for its custom resources, for versions of Prometheus from 2.10 on.
TEST(PrometheusConfigConformanceTest, WhatTheOperatorWritesLoadsOrIsRefusedByName) {
  std::filesystem::path cases = ConformanceDirectory() + "/../../alerting/operator/scrape-config-cases";
  if (!std::filesystem::exists(cases)) GTEST_SKIP();
  // Fields that Prometheus 3 does not have, and values that none takes.
  const std::set<std::string> kRefusedByPrometheus = {
      "scrape_classic_histograms: unknown field", "max_retries: unknown field",
      "global.scrape_interval: empty duration string", "the host \"ftp://www.example.com\" must begin with",
      "the host \"acp://www.example.com\" must begin with"};
  int loaded = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(cases)) {
    const std::filesystem::path file = entry.path() / "expected.yaml";
    if (!std::filesystem::exists(file)) continue;
    auto config = LoadPrometheusConfig(file.string());
    if (config) {
      ++loaded;
      continue;
    }
    const std::string& message = config.error().message();
    List(entry.path().filename().string(), message);
    if (config.error().code() == core::Code::kUnimplemented) {
      ++refused;
      bool is_known = message.find("_sd_configs is not supported yet") != std::string::npos ||
                      message.find("api_version is not supported yet") != std::string::npos;
      EXPECT_TRUE(is_known) << file << ": " << message;
      continue;
    }
    EXPECT_TRUE(std::ranges::any_of(
        kRefusedByPrometheus,
        [&](const std::string& words) { return message.find(words) != std::string::npos; }))
        << file << ": " << message;
  }
  EXPECT_GE(loaded, 440);
  EXPECT_LE(refused, 63);
}

}  // namespace
}  // namespace sextant::config
