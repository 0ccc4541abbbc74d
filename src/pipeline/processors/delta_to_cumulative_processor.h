// The processor `delta_to_cumulative` (`deltatocumulative`): sums up what senders count anew in each data
// point (otlp/delta_to_cumulative.h).
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType DeltaToCumulativeProcessorType();

}  // namespace sextant::pipeline
