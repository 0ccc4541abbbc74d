#include "pipeline/processors/delta_to_cumulative_processor.h"

#include <algorithm>
#include <mutex>

#include "otlp/delta_to_cumulative.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using config::Member;

// The original has no limit unless it is told one.
constexpr int64_t kMaxStreams = 1'000'000;

struct DeltaToCumulativeConfig {
  core::DurationMs max_stale_ms = 300'000;
  int64_t max_streams = kMaxStreams;
};

const config::Struct& FieldsOf(const DeltaToCumulativeConfig*) {
  using C = DeltaToCumulativeConfig;
  static const config::Struct kFields = config::Struct::Of<C>(
      {
          Member<&C::max_stale_ms>("max_stale", GoDuration()),
          Member<&C::max_streams>("max_streams").AlwaysWritten(),
      },
      [](C& config, config::Node node) -> core::Status {
        if (config.max_stale_ms <= 0) {
          return node.Fail("max_stale must be a positive duration (got {})",
                           FormatGoDurationMs(config.max_stale_ms));
        }
        if (config.max_streams < 0) {
          return node.Fail("max_streams must be a positive number (got {})", config.max_streams);
        }
        return {};
      });
  return kFields;
}

class DeltaToCumulativeProcessor final : public Processor {
 public:
  DeltaToCumulativeProcessor(const ComponentSettings& settings, const DeltaToCumulativeConfig& config,
                             Consumer& next)
      : logger_(settings.logger),
        converter_(settings.environment.clock, {.max_stale_ms = config.max_stale_ms,
                                                .max_streams = static_cast<size_t>(config.max_streams)}),
        next_(next) {
    core::Registry& registry = settings.environment.telemetry;
    auto points = [&](core::MetricLabels labels) {
      return &registry.AddCounter(
          "otelcol_deltatocumulative_datapoints",
          "total number of datapoints processed. may have 'error' attribute, if processing failed",
          std::move(labels));
    };
    converted_ = points({});
    over_limit_ = points({{"error", "limit"}});
    older_start_ = points({{"error", "delta.ErrOlderStart"}});
    out_of_order_ = points({{"error", "delta.ErrOutOfOrder"}});
    tracked_ = &registry.AddGauge("otelcol_deltatocumulative_streams_tracked", "number of streams tracked");
    registry.AddGauge("otelcol_deltatocumulative_streams_limit", "upper limit of tracked streams")
        .Set(static_cast<double>(config.max_streams));
    registry
        .AddGauge("otelcol_deltatocumulative_streams_max_stale",
                  "duration after which streams inactive streams are dropped")
        .Set(static_cast<double>(config.max_stale_ms) / 1000);
  }

  void Consume(Telemetry batch, Done done) override {
    if (otlp::HasDeltas(batch.metrics())) {
      converter_.Convert(batch.MutableMetrics());
      NoteCounts();
    }
    if (batch.CountItems() == 0) return done({});
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  void NoteCounts() {
    std::lock_guard lock(mutex_);
    otlp::DeltaToCumulative::Counts now = converter_.counts();
    auto add = [](core::Counter& counter, uint64_t current, uint64_t before) {
      if (current > before) counter.Increment(static_cast<double>(current - before));
    };
    add(*converted_, now.points - now.dropped, noted_.points - noted_.dropped);
    add(*over_limit_, now.over_limit, noted_.over_limit);
    add(*older_start_, now.older_start, noted_.older_start);
    add(*out_of_order_, now.out_of_order, noted_.out_of_order);
    tracked_->Set(static_cast<double>(now.streams));
    if (now.over_limit > 0 && noted_.over_limit == 0) {
      logger_.Warn("data points of new streams are dropped, see max_streams");
    }
    noted_ = now;
  }

  core::Logger logger_;
  otlp::DeltaToCumulative converter_;
  Consumer& next_;
  core::Counter* converted_ = nullptr;
  core::Counter* over_limit_ = nullptr;
  core::Counter* older_start_ = nullptr;
  core::Counter* out_of_order_ = nullptr;
  core::Gauge* tracked_ = nullptr;
  std::mutex mutex_;  // guards what follows
  otlp::DeltaToCumulative::Counts noted_;
};

Made<Processor> MakeDeltaToCumulative(const ComponentSettings& settings,
                                      const DeltaToCumulativeConfig& config, Signal, Consumer& next) {
  return std::make_unique<DeltaToCumulativeProcessor>(settings, config, next);
}

}  // namespace

ComponentType DeltaToCumulativeProcessorType() {
  return ProcessorType<DeltaToCumulativeConfig>("delta_to_cumulative", {"deltatocumulative"},
                                                {Signal::kMetrics}, &MakeDeltaToCumulative);
}

}  // namespace sextant::pipeline
