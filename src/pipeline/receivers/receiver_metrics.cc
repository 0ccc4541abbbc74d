#include "pipeline/receivers/receiver_metrics.h"

namespace sextant::pipeline {

ReceiverMetrics::ReceiverMetrics(core::Registry& registry, const ComponentId& id,
                                 std::string_view transport) {
  for (Signal signal : kSignals) {
    core::MetricLabels labels = {{"receiver", id.Text()}, {"transport", std::string(transport)}};
    Counters& counters = by_signal_[static_cast<size_t>(signal)];
    counters.accepted = &registry.AddCounter(fmt::format("otelcol_receiver_accepted_{}", ItemsName(signal)),
                                             "Items that came in and were taken by the pipelines.", labels);
    counters.refused = &registry.AddCounter(fmt::format("otelcol_receiver_refused_{}", ItemsName(signal)),
                                            "Items that came in and were refused by the pipelines.", labels);
  }
}

void ReceiverMetrics::Count(Signal signal, size_t items, bool is_accepted) {
  Counters& counters = by_signal_[static_cast<size_t>(signal)];
  (is_accepted ? counters.accepted : counters.refused)->Increment(static_cast<double>(items));
}

}  // namespace sextant::pipeline
