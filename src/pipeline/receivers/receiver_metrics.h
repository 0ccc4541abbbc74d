// What the collector counts of its receivers.
#pragma once

#include <array>
#include <string_view>

#include "pipeline/component.h"

namespace sextant::pipeline {

class ReceiverMetrics {
 public:
  // `transport`: "grpc", "http", …
  ReceiverMetrics(core::Registry& registry, const ComponentId& id, std::string_view transport);

  // Items that pipelines took, or did not.
  void Count(Signal signal, size_t items, bool is_accepted);

 private:
  struct Counters {
    core::Counter* accepted = nullptr;
    core::Counter* refused = nullptr;
  };
  std::array<Counters, 3> by_signal_;
};

}  // namespace sextant::pipeline
