#include "pipeline/connectors/span_metrics_connector.h"

#include <mutex>

#include "pipeline/connectors/metrics_flusher.h"
#include "pipeline/connectors/span_metrics.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

namespace {

class SpanMetricsConnector final : public Connector {
 public:
  SpanMetricsConnector(const ComponentSettings& settings, const SpanMetricsConfig& config, Consumer& next)
      : clock_(settings.environment.clock),
        logger_(settings.logger),
        interval_ms_(config.metrics_flush_interval_ms),
        has_cache_size_(config.dimensions_cache_size != 0),
        flusher_(settings, next),
        overflowed_(settings.environment.telemetry.AddCounter(
            "sextant_otelcol_spanmetrics_overflowed_spans_total",
            "Spans and events that were counted in an overflow series, since there were too many series.",
            {{"connector", settings.id.Text()}})),
        dropped_(settings.environment.telemetry.AddCounter(
            "sextant_otelcol_spanmetrics_dropped_resources_total",
            "Resources whose metrics were forgotten before they were flushed, since there were too many.",
            {{"connector", settings.id.Text()}})),
        evicted_(settings.environment.telemetry.AddCounter(
            "sextant_otelcol_spanmetrics_evicted_timestamps_total",
            "Delta series whose next point begins anew, since metric_timestamp_cache_size is reached.",
            {{"connector", settings.id.Text()}})),
        metrics_(config, settings.environment.instance_id),
        ticker_(settings.environment.io, settings.environment.executor) {}

  core::Status Start() override {
    if (has_cache_size_) {
      logger_.Warn("dimensions_cache_size has no effect, use aggregation_cardinality_limit");
    }
    ticker_.Start(interval_ms_, [this] { Flush(false); });
    return {};
  }

  void Shutdown() override {
    ticker_.Stop();
    Flush(true);
  }

  void Consume(Telemetry batch, Done done) override {
    {
      std::lock_guard lock(mutex_);
      metrics_.Add(batch.traces(), NowNs(clock_));
      NoteCounts();
    }
    done({});
  }

 private:
  void Flush(bool is_last) {
    otlp::MetricsData out;
    {
      std::lock_guard lock(mutex_);
      out = metrics_.Flush(NowNs(clock_), is_last);
      NoteCounts();
    }
    flusher_.Send(std::move(out));
  }

  // Brings the counters to what the metrics tell, and says once what went wrong.
  void NoteCounts() {
    SpanMetrics::Counts counts = metrics_.counts();
    Note(overflowed_, counts.overflowed_spans, noted_.overflowed_spans,
         "too many series, see aggregation_cardinality_limit: what is new counts as otel.metric.overflow");
    Note(dropped_, counts.dropped_resources, noted_.dropped_resources,
         "too many resources between two flushes, see resource_metrics_cache_size: metrics are lost");
    Note(evicted_, counts.evicted_timestamps, noted_.evicted_timestamps,
         "too many delta series, see metric_timestamp_cache_size: some begin anew");
    noted_ = counts;
  }

  void Note(core::Counter& counter, uint64_t now, uint64_t before, std::string_view message) {
    if (now == before) return;
    counter.Increment(static_cast<double>(now - before));
    if (before == 0) logger_.Warn(message);
  }

  const core::Clock& clock_;
  core::Logger logger_;
  const core::DurationMs interval_ms_;
  const bool has_cache_size_;
  MetricsFlusher flusher_;
  core::Counter& overflowed_;
  core::Counter& dropped_;
  core::Counter& evicted_;
  std::mutex mutex_;  // guards what follows
  SpanMetrics metrics_;
  SpanMetrics::Counts noted_;
  Ticker ticker_;
};

Made<Connector> MakeSpanMetrics(const ComponentSettings& settings, const SpanMetricsConfig& config, Signal,
                                Signal, Consumer& next) {
  return std::make_unique<SpanMetricsConnector>(settings, config, next);
}

}  // namespace

ComponentType SpanMetricsConnectorType() {
  return ConnectorType<SpanMetricsConfig>("span_metrics", {"spanmetrics"},
                                          {{Signal::kTraces, Signal::kMetrics}}, &MakeSpanMetrics);
}

}  // namespace sextant::pipeline
