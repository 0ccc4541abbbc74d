#include "pipeline/graph.h"

#include "pipeline/component_harness.h"
#include "pipeline/config_resolver.h"

namespace sextant::pipeline {
namespace {

core::Result<LoadedConfig> Read(std::string_view yaml) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Parse(yaml, "c.yaml"));
  return ReadCollectorConfig(config::Value::Of(document.root()));
}

TEST(GraphTest, ACycleOfConnectorsIsRefused) {
  ComponentHarness environment;
  auto loaded = Read(
      "receivers: {nop: }\nexporters: {nop: }\nconnectors: {forward/a: , forward/b: }\n"
      "service:\n  pipelines:\n"
      "    traces/in: {receivers: [nop, forward/b], exporters: [forward/a]}\n"
      "    traces/out: {receivers: [forward/a], exporters: [forward/b, nop]}\n");
  ASSERT_TRUE(loaded) << loaded.error().message();
  auto graph = Graph::Build(loaded->config, *environment);
  ASSERT_FALSE(graph);
  EXPECT_NE(
      graph.error().message().find("cycle detected: pipeline \"traces/in\" -> pipeline \"traces/out\" -> "
                                   "pipeline \"traces/in\""),
      std::string::npos)
      << graph.error().message();
}

TEST(GraphTest, AllIsMadeStartedAndShutDown) {
  ComponentHarness environment;
  auto loaded = Read(
      "receivers: {nop: }\nexporters: {nop: , nop/2: }\nprocessors: {batch: }\nconnectors: {forward: }\n"
      "service:\n  pipelines:\n"
      "    logs/in: {receivers: [nop], processors: [batch], exporters: [forward, nop]}\n"
      "    logs/1: {receivers: [forward], exporters: [nop]}\n"
      "    logs/2: {receivers: [forward], exporters: [nop, nop/2]}\n");
  ASSERT_TRUE(loaded) << loaded.error().message();
  auto graph = Graph::Build(loaded->config, *environment);
  ASSERT_TRUE(graph) << graph.error().message();
  ASSERT_TRUE((*graph)->Start());
  std::vector<std::string> edges;
  for (const EdgeCounts& edge : (*graph)->Edges())
    edges.push_back(edge.pipeline + ": " + edge.from + ">" + edge.to);
  EXPECT_THAT(edges, testing::UnorderedElementsAre("logs/1: >exporter nop", "logs/2: >exporter nop",
                                                   "logs/2: >exporter nop/2",
                                                   "logs/in: processor batch>connector forward",
                                                   "logs/in: processor batch>exporter nop",
                                                   "logs/in: >processor batch", "logs/in: receiver nop>"));
  // Components that cannot lose anything keep no account.
  std::vector<std::string> accounts;
  for (const ItemAccount& one : (*graph)->Accounts())
    accounts.push_back(one.component + " " + one.pipeline + " " + one.signal);
  EXPECT_THAT(accounts, testing::ElementsAre("processor batch logs/in logs"));
  (*graph)->Shutdown();
}

}  // namespace
}  // namespace sextant::pipeline
