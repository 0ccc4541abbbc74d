#include "pipeline/connectors/service_graph_connector.h"

#include <mutex>

#include "pipeline/connectors/metrics_flusher.h"
#include "pipeline/connectors/service_graph.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

namespace {

class ServiceGraphConnector final : public Connector {
 public:
  ServiceGraphConnector(const ComponentSettings& settings, const ServiceGraphConfig& config, Consumer& next)
      : clock_(settings.environment.clock),
        logger_(settings.logger),
        config_(config),
        flusher_(settings, next),
        edges_(settings.environment.telemetry.AddCounter("otelcol_connector_servicegraph_total_edges",
                                                         "Total number of unique edges")),
        expired_(settings.environment.telemetry.AddCounter(
            "otelcol_connector_servicegraph_expired_edges",
            "Number of edges that expired before finding its matching span")),
        dropped_(
            settings.environment.telemetry.AddCounter("otelcol_connector_servicegraph_dropped_spans",
                                                      "Number of spans dropped when trying to add edges")),
        uncounted_(settings.environment.telemetry.AddCounter(
            "sextant_otelcol_servicegraph_uncounted_edges_total",
            "Edges that were not counted, since there were too many series.")),
        graph_(config, NowNs(clock_)),
        flush_(settings.environment.io, settings.environment.executor),
        clean_(settings.environment.io, settings.environment.executor),
        expire_(settings.environment.io, settings.environment.executor) {}

  core::Status Start() override {
    if (!config_.metrics_exporter.empty()) {
      logger_.Warn("metrics_exporter has no effect, the pipelines say where metrics go");
    }
    if (!config_.database_name_attribute.empty()) {
      logger_.Warn("database_name_attribute is deprecated, use database_name_attributes");
    }
    if (config_.metrics_flush_interval_ms > 0) {
      flush_.Start(config_.metrics_flush_interval_ms, [this] { Flush(); });
    } else {
      logger_.Warn("metrics_flush_interval is 0, metrics are flushed with every batch of traces");
    }
    clean_.Start(config_.cache_loop_ms, [this] {
      std::lock_guard lock(mutex_);
      graph_.ForgetStale(NowMs());
    });
    expire_.Start(config_.store_expiration_loop_ms, [this] {
      std::lock_guard lock(mutex_);
      graph_.Expire(NowMs());
      NoteCounts();
    });
    return {};
  }

  void Shutdown() override {
    flush_.Stop();
    clean_.Stop();
    expire_.Stop();
    Flush();
  }

  void Consume(Telemetry batch, Done done) override {
    {
      std::lock_guard lock(mutex_);
      graph_.Add(batch.traces(), NowMs());
      NoteCounts();
    }
    if (config_.metrics_flush_interval_ms <= 0) Flush();
    done({});
  }

 private:
  core::TimestampMs NowMs() const { return clock_.MonotonicNs() / 1'000'000; }

  void Flush() {
    otlp::MetricsData out;
    {
      std::lock_guard lock(mutex_);
      out = graph_.Flush(NowNs(clock_));
    }
    flusher_.Send(std::move(out));
  }

  void NoteCounts() {
    const ServiceGraph::Counts& now = graph_.counts();
    edges_.Increment(static_cast<double>(now.edges - noted_.edges));
    expired_.Increment(static_cast<double>(now.expired_edges - noted_.expired_edges));
    dropped_.Increment(static_cast<double>(now.dropped_spans - noted_.dropped_spans));
    uncounted_.Increment(static_cast<double>(now.uncounted_edges - noted_.uncounted_edges));
    if (now.dropped_spans > 0 && noted_.dropped_spans == 0) {
      logger_.Warn("spans are left out of the service graph, see store.max_items");
    }
    noted_ = now;
  }

  const core::Clock& clock_;
  core::Logger logger_;
  const ServiceGraphConfig config_;
  MetricsFlusher flusher_;
  core::Counter& edges_;
  core::Counter& expired_;
  core::Counter& dropped_;
  core::Counter& uncounted_;
  std::mutex mutex_;  // guards what follows
  ServiceGraph graph_;
  ServiceGraph::Counts noted_;
  Ticker flush_;
  Ticker clean_;
  Ticker expire_;
};

Made<Connector> MakeServiceGraph(const ComponentSettings& settings, const ServiceGraphConfig& config, Signal,
                                 Signal, Consumer& next) {
  return std::make_unique<ServiceGraphConnector>(settings, config, next);
}

}  // namespace

ComponentType ServiceGraphConnectorType() {
  return ConnectorType<ServiceGraphConfig>("service_graph", {"servicegraph"},
                                           {{Signal::kTraces, Signal::kMetrics}}, &MakeServiceGraph);
}

}  // namespace sextant::pipeline
