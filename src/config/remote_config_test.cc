#include "config/remote_config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "config/prometheus_config.h"
#include "config/url_text.h"

namespace sextant::config {
namespace {

core::Result<PrometheusConfig> Read(std::string_view text) {
  SEXTANT_ASSIGN(Document document, Document::Parse(text, "prometheus.yml"));
  return ReadPrometheusConfig(document.root());
}

std::string ErrorOf(std::string_view text) {
  auto config = Read(text);
  return config ? "no error" : config.error().message();
}

TEST(RemoteConfigTest, DefaultsAreThoseOfPrometheus) {
  auto config = Read("remote_write: [{url: 'http://a/write'}]\n");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->remote_write.size(), 1u);
  const RemoteWriteConfig& write = config->remote_write.front();
  EXPECT_EQ(write.remote_timeout_ms, 30'000);
  EXPECT_EQ(write.protobuf_message, "prometheus.WriteRequest");
  EXPECT_FALSE(write.send_exemplars);
  EXPECT_FALSE(write.send_native_histograms);
  EXPECT_EQ(write.queue.capacity, 10'000);
  EXPECT_EQ(write.queue.max_shards, 50);
  EXPECT_EQ(write.queue.min_shards, 1);
  EXPECT_EQ(write.queue.max_samples_per_send, 2'000);
  EXPECT_EQ(write.queue.batch_send_deadline_ms, 5'000);
  EXPECT_EQ(write.queue.min_backoff_ms, 30);
  EXPECT_EQ(write.queue.max_backoff_ms, 5'000);
  EXPECT_TRUE(write.metadata.send);
  EXPECT_EQ(write.metadata.send_interval_ms, 60'000);
}

TEST(RemoteConfigTest, TakesEveryFieldAndHidesSecrets) {
  auto config = Read(R"(
remote_write:
- url: https://user:secret@host/api
  remote_timeout: 1m
  headers: {X-Scope-OrgID: tenant}
  name: one
  write_relabel_configs: [{source_labels: [job], regex: x, action: drop}]
  send_exemplars: true
  send_native_histograms: true
  protobuf_message: io.prometheus.write.v2.Request
  basic_auth: {username: a, password: hidden}
  queue_config: {capacity: 5, max_shards: 3, min_shards: 2, max_samples_per_send: 4, batch_send_deadline: 1s,
                 min_backoff: 1s, max_backoff: 2s, retry_on_http_429: true, sample_age_limit: 1h}
  metadata_config: {send: false}
- url: http://b
)");
  ASSERT_TRUE(config) << config.error().message();
  const RemoteWriteConfig& write = config->remote_write.front();
  EXPECT_EQ(write.headers.at("X-Scope-OrgID"), "tenant");
  EXPECT_EQ(write.write_relabel_configs.size(), 1u);
  EXPECT_EQ(write.queue.sample_age_limit_ms, 3'600'000);
  EXPECT_TRUE(write.queue.retry_on_http_429);
  EXPECT_FALSE(write.metadata.send);
  std::string dump = DumpPrometheusConfig(*config);
  EXPECT_EQ(dump.find("hidden"), std::string::npos) << dump;
  EXPECT_NE(dump.find("protobuf_message: io.prometheus.write.v2.Request"), std::string::npos) << dump;
}

TEST(RemoteConfigTest, RefusesWhatIsWrongOrNotHonoured) {
  EXPECT_NE(ErrorOf("remote_write: [{url: 'http://x', sigv4: {access_key: x}}]\n")
                .find("must provide a AWS SigV4 Access key and Secret Key"),
            std::string::npos);
  EXPECT_NE(ErrorOf("remote_write: [{url: 'http://x', sigv4: {}, basic_auth: {username: x}}]\n")
                .find("at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam"),
            std::string::npos);
  EXPECT_NE(
      ErrorOf("remote_write: [{url: 'http://x', headers: {'A': \"b\\r\\nC: d\"}}]\n").find("cannot be sent"),
      std::string::npos);
}

TEST(RemoteConfigTest, UrlsAreShownWithoutPasswords) {
  EXPECT_EQ(RedactUrl("http://user:pa@ss@host:9090/a?b@c:d"), "http://user:xxxxx@host:9090/a?b@c:d");
  EXPECT_EQ(RedactUrl("http://user@host/"), "http://user@host/");
  EXPECT_EQ(RedactUrl("http://host/a:b@c"), "http://host/a:b@c");
  EXPECT_EQ(RedactUrl("not a url:x@y"), "not a url:x@y");
  auto document = Document::Parse(
      "remote_read: [{url: 'http://a:hidden@x', proxy_url: 'http://b:hidden@y'}]\n", "prometheus.yml");
  auto config = ReadPrometheusConfig(document->root());
  ASSERT_TRUE(config) << config.error().message();
  std::string dump = DumpPrometheusConfig(*config);
  EXPECT_EQ(dump.find("hidden"), std::string::npos) << dump;
  EXPECT_NE(dump.find("url: http://a:xxxxx@x"), std::string::npos) << dump;
}

TEST(RemoteConfigTest, RemoteReadAndOtlpAreReadWithTheirDefaults) {
  auto document = Document::Parse(R"(
remote_read:
- url: http://x/read
- {url: http://y, name: far, read_recent: true, required_matchers: {job: a}, filter_external_labels: false,
   remote_timeout: 5s, headers: {X-Scope: b}}
otlp:
  promote_resource_attributes: [ ' service.name ', host.name ]
  translation_strategy: NoTranslation
)",
                                  "prometheus.yml");
  auto config = ReadPrometheusConfig(document->root());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->remote_read.at(0).remote_timeout_ms, 60'000);
  EXPECT_TRUE(config->remote_read.at(0).filter_external_labels);
  EXPECT_EQ(config->remote_read.at(1).required_matchers.at("job"), "a");
  EXPECT_EQ(config->remote_read.at(1).remote_timeout_ms, 5'000);
  EXPECT_EQ(config->otlp.promote_resource_attributes.at(0), "service.name");
  EXPECT_EQ(config->otlp.translation_strategy, TranslationStrategy::kNoTranslation);
  EXPECT_TRUE(config->otlp.label_name_underscore_sanitization);
  EXPECT_EQ(CheckForAgent(*config).error().message(), "field remote_read is not allowed in agent mode");
}

// Every file of the conformance set whose name begins with remote_write or remote_read, and those for OTLP.
TEST(RemoteConfigTest, ConformanceFiles) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string dir = std::string(set == nullptr ? SEXTANT_CONFORMANCE_DEFAULT : set) + "/prometheus/config/";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no conformance data in " << dir;
  // JSON is YAML.
  auto expected = Document::Load(dir + "expected_errors.json");
  ASSERT_TRUE(expected) << expected.error().message();
  size_t checked = 0;
  for (Node item : expected->root().children()) {
    std::string name = *item.Find("filename").AsText();
    bool is_ours = name.starts_with("remote_write_") || name.starts_with("remote_read_") ||
                   (name.starts_with("otlp_") && name.find("incompatible") == std::string::npos);
    if (!is_ours) continue;
    auto config = LoadPrometheusConfig(dir + "testdata/" + name);
    ASSERT_FALSE(config) << name;
    std::string text = *item.Find("errMsg").AsText();
    EXPECT_NE(config.error().message().find(text), std::string::npos)
        << name << ": " << config.error().message();
    ++checked;
  }
  EXPECT_GE(checked, 14u);
  auto good = LoadPrometheusConfig(dir + "testdata/remote_write_retry_on_rate_limit.good.yml");
  ASSERT_TRUE(good) << good.error().message();
  EXPECT_TRUE(good->remote_write.at(0).queue.retry_on_http_429);
  size_t otlp = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir + "testdata")) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with("otlp_") || name.find("incompatible") != std::string::npos) continue;
    bool is_good = name.find(".bad.") == std::string::npos;
    auto config = LoadPrometheusConfig(entry.path().string());
    EXPECT_EQ(config.has_value(), is_good) << name << (config ? "" : ": " + config.error().message());
    ++otlp;
  }
  EXPECT_GE(otlp, 15u);
  for (const auto& [name, section] : {std::pair("agent_mode.with_alert_manager.yml", "alerting"),
                                      std::pair("agent_mode.with_alert_relabels.yml", "alerting"),
                                      std::pair("agent_mode.with_rule_files.yml", "rule_files"),
                                      std::pair("agent_mode.with_remote_reads.yml", "remote_read")}) {
    auto config = LoadPrometheusConfig(dir + "testdata/" + name);
    ASSERT_TRUE(config) << name << ": " << config.error().message();
    EXPECT_EQ(CheckForAgent(*config).error().message(),
              fmt::format("field {} is not allowed in agent mode", section));
  }
}

}  // namespace
}  // namespace sextant::config
