#include "pipeline/connectors/metrics_flusher.h"

namespace sextant::pipeline {

MetricsFlusher::MetricsFlusher(const ComponentSettings& settings, Consumer& next)
    : next_(next),
      logger_(settings.logger),
      lost_(settings.environment.telemetry.AddCounter(
          "sextant_otelcol_connector_lost_points_total",
          "Data points of a connector that its pipeline refused. Sums since the start come again.",
          {{"connector", settings.id.Text()}})) {}

void MetricsFlusher::Send(otlp::MetricsData metrics) {
  size_t points = otlp::CountPoints(metrics);
  if (points == 0) return;
  next_.Consume(
      Telemetry(std::move(metrics)), [logger = logger_, &lost = lost_, points](const Outcome& outcome) {
        if (outcome) return;
        lost.Increment(static_cast<double>(points));
        logger.Error("failed to hand on metrics", {{"error", outcome.error().message}, {"points", points}});
      });
}

uint64_t NowNs(const core::Clock& clock) { return static_cast<uint64_t>(clock.NowMs()) * 1'000'000; }

}  // namespace sextant::pipeline
