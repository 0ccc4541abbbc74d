// Counts what passes from one component to the next, so that a page, an API and the collector's own metrics
// can tell where items are and where they are refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/metrics.h"
#include "pipeline/consumer.h"

namespace sextant::pipeline {

// An edge of the graph: from a component (or several) into one.
struct EdgeCounts {
  std::string pipeline;  // "traces/2"
  std::string from;      // "processor batch"; "" for the pipeline's entry
  std::string to;        // "exporter otlp/tempo"
  uint64_t items = 0;    // offered
  uint64_t refused = 0;  // of them, given back to who offered them
  uint64_t pending = 0;  // of them, not decided yet
};

class Meter final : public Consumer {
 public:
  // `items` also goes to this counter, unless it is null.
  Meter(std::string pipeline, std::string from, std::string to, Consumer& next, core::Counter* incoming,
        core::Counter* outgoing)
      : pipeline_(std::move(pipeline)),
        from_(std::move(from)),
        to_(std::move(to)),
        next_(next),
        incoming_(incoming),
        outgoing_(outgoing) {}

  void Consume(Telemetry batch, Done done) override;
  EdgeCounts counts() const;

 private:
  const std::string pipeline_;
  const std::string from_;
  const std::string to_;
  Consumer& next_;
  core::Counter* const incoming_;  // of the component behind
  core::Counter* const outgoing_;  // of the component before
  std::atomic<uint64_t> items_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> pending_{0};
};

}  // namespace sextant::pipeline
