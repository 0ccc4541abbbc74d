#include "pipeline/service_config.h"

#include <gtest/gtest.h>

#include "pipeline/config_resolver.h"

namespace sextant::pipeline {
namespace {

core::Result<LoadedConfig> Read(std::string_view yaml) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Parse(yaml, "c.yaml"));
  return ReadCollectorConfig(config::Value::Of(document.root()));
}
std::string ErrorOf(std::string_view yaml) {
  core::Result<LoadedConfig> loaded = Read(yaml);
  return loaded ? "" : loaded.error().message();
}

constexpr std::string_view kGood = R"(
receivers: {nop: , otlp/a: {protocols: {grpc: , http: {endpoint: "0.0.0.0:4318"}}}}
processors: {batch: {timeout: 1500ms}}
exporters: {nop: , otlp/tempo: {endpoint: "tempo:4317", tls: {insecure: true}}}
connectors: {forward: }
service:
  telemetry: {logs: {level: DEBUG, encoding: json}, metrics: {address: ":8888"}}
  pipelines:
    traces/in: {receivers: [nop, otlp/a], processors: [batch], exporters: [forward]}
    traces: {receivers: [forward], exporters: [nop, otlp/tempo]}
)";

TEST(ServiceConfigTest, AConfigurationIsRead) {
  core::Result<LoadedConfig> loaded = Read(kGood);
  ASSERT_TRUE(loaded) << loaded.error().message();
  const CollectorConfig& config = loaded->config;
  ASSERT_EQ(config.pipelines.size(), 2u);
  EXPECT_EQ(config.pipelines[0].id.Text(), "traces/in");
  EXPECT_EQ(config.pipelines[0].receivers[1].Text(), "otlp/a");
  EXPECT_EQ(config.telemetry.log_level, core::LogLevel::kDebug);
  EXPECT_EQ(config.telemetry.log_format, core::LogFormat::kJson);
  EXPECT_EQ(config.telemetry.metrics_addresses, std::vector<std::string>{":8888"});
  ASSERT_EQ(config.warnings.size(), 1u);
  std::string printed = PrintConfig(config);
  EXPECT_NE(printed.find("timeout: 1.5s"), std::string::npos) << printed;
  EXPECT_NE(printed.find("endpoint: tempo:4317"), std::string::npos) << printed;
}

TEST(ServiceConfigTest, TheStoresExporterNeedsAStore) {
  const std::string start = "receivers: {nop: }\nexporters: {sextant/own: }\nservice:\n pipelines:\n";
  auto read = [&](const std::string& pipeline, bool has_stores) -> std::string {
    auto document = config::Document::Parse(start + pipeline, "c.yaml");
    auto loaded = ReadCollectorConfig(config::Value::Of(document->root()), has_stores);
    return loaded ? "" : std::string(loaded.error().message());
  };
  const std::string metrics = "  metrics: {receivers: [nop], exporters: [sextant/own]}\n";
  EXPECT_EQ(read(metrics, true), "");
  EXPECT_EQ(
      read(metrics, false),
      "c.yaml:2:13: exporters.sextant/own: there are no stores in this process: put the pipelines into "
      "the section otelcol of sextant.yaml, which sextant runs itself, or send to sextant's address with "
      "the exporter otlphttp");
  EXPECT_EQ(
      read("  logs: {receivers: [nop], exporters: [sextant/own]}\n", true),
      "c.yaml:5:40: service.pipelines.logs.exporters[0]: service::pipelines::logs: failed to create "
      "\"sextant/own\" exporter for data type \"logs\": telemetry type is not supported: there is a store "
      "of metrics only in this version; send traces and logs on with otlp or otlphttp");
}

TEST(ServiceConfigTest, MistakesAreToldWithTheirPlace) {
  struct Case {
    std::string yaml;
    std::string error;
  };
  const std::string start = "receivers: {nop: }\nexporters: {nop: }\n";
  const Case cases[] = {
      {"", "c.yaml:1:1: the configuration is not a mapping"},
      {"exporters: {nop: }\n", "c.yaml:1:1: no receiver configuration specified in config"},
      {"receivers: {nop: }\n", "c.yaml:1:1: no exporter configuration specified in config"},
      {start, "c.yaml:1:1: service must have at least one pipeline"},
      {"reciever: {nop: }\n", "c.yaml:1:1: reciever: unknown field; did you mean \"receivers\"?"},
      {start + "service: {pipelines: {traces: {receivers: [nop]}}}\n",
       "c.yaml:3:31: service.pipelines.traces: service::pipelines::traces: must have at least one exporter"},
      {start +
           "service: {pipelines: {traces: {receivers: [nop], exporters: [nop], processors: [invalid]}}}\n",
       "c.yaml:3:81: service.pipelines.traces.processors[0]: service::pipelines::traces: references "
       "processor "
       "\"invalid\" which is not configured"},
      {start + "service: {pipelines: {traces: {receivers: [nop, nop], exporters: [nop]}}}\n",
       "c.yaml:3:49: service.pipelines.traces.receivers[1]: service::pipelines::traces: references receiver "
       "\"nop\" "
       "multiple times"},
      {start + "service: {pipelines: {spans: {receivers: [nop], exporters: [nop]}}}\n",
       "c.yaml:3:30: service.pipelines.spans: service::pipelines: unknown signal \"spans\" (valid values: "
       "[traces "
       "metrics logs])"},
      {start + "service: {extensions: [x], pipelines: {traces: {receivers: [nop], exporters: [nop]}}}\n",
       "c.yaml:3:24: service.extensions[0]: service::extensions: references extension \"x\" which is not "
       "configured"},
      {start + "service: {telemetry: {unknown: key}}\n",
       "c.yaml:3:23: service.telemetry.unknown: unknown field"},
      {start + "connectors: {forward: }\nservice: {pipelines: {logs: {receivers: [nop], exporters: "
               "[forward]}}}\n",
       "c.yaml:3:14: connectors.forward: connector \"forward\" used as exporter in logs pipeline but not "
       "used in any "
       "supported receiver pipeline"},
  };
  for (const Case& one : cases) EXPECT_EQ(ErrorOf(one.yaml), one.error) << one.yaml;
  EXPECT_NE(
      ErrorOf("receivers: {nosuch: }\n").find("unknown type: \"nosuch\" for id: \"nosuch\" (valid values: ["),
      std::string::npos);
  EXPECT_NE(ErrorOf("receivers: {\"nop/\": }\n").find("the part after / should not be empty"),
            std::string::npos);
}

}  // namespace
}  // namespace sextant::pipeline
