// A whole collector: extensions and pipelines of a configuration, its own metrics' endpoint, reload.
//
//   SEXTANT_ASSIGN(auto collector, Collector::Start(std::move(loaded), environment_parts, …));
//   ...
//   collector->Shutdown();
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/result.h"
#include "pipeline/flow.h"
#include "pipeline/graph.h"
#include "pipeline/service_config.h"
#include "pipeline/settings/endpoint.h"

namespace sextant::pipeline {

// What a collector stands on; outlives it.
struct CollectorParts {
  net::IoContext& io;
  core::Executor& executor;
  const core::Clock& clock;
  core::Registry& telemetry;
  core::Registry& server_metrics;
  net::HttpClient& http;
  core::Logger logger;
  std::string version;
  std::string instance_id;
  // Whether /metrics is served at the default address, too; at one that the configuration names it always is.
  bool serves_default_metrics = true;
  remote::OtlpStore* metric_store = nullptr;  // of this process, if it has one
  HostedOtlp* hosted_otlp = nullptr;
};

class Collector final : private ExtensionHost {
 public:
  // Makes and starts everything. On an error all that was started has been shut down.
  static core::Result<std::unique_ptr<Collector>> Start(LoadedConfig loaded, const CollectorParts& parts);
  ~Collector() override;  // Shutdown, if it was not called
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // In the collector's order: extensions learn that the end comes, receivers stop, what is held is handed on
  // and sent, extensions stop. Bounded by the components' own limits.
  void Shutdown();

  // The pipelines as a graph, with what passes (FlowRecorder::Json). Any thread.
  std::string GraphJson() const { return flow_->Json(); }

 private:
  Collector(LoadedConfig loaded, const CollectorParts& parts);
  core::Status StartAll();
  core::Status StartExtensions();
  core::Status StartOwnMetrics();
  Extension* FindExtension(std::string_view id) const override;
  std::vector<std::string> ExtensionIds() const override;
  std::vector<PipelineInfo> Pipelines() const override;

  struct NamedExtension {
    std::string id;
    std::unique_ptr<Extension> extension;
    bool is_started = false;
  };

  LoadedConfig loaded_;
  Environment environment_;
  const bool serves_default_metrics_;
  std::vector<NamedExtension> extensions_;
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<FlowRecorder> flow_;
  std::vector<std::unique_ptr<Endpoint>> own_metrics_;
  bool has_ended_ = false;
};

}  // namespace sextant::pipeline
