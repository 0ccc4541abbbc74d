// The processor `probabilistic_sampler`: lets a share of traces and log records through, chosen by what is
// random in them, so that all collectors choose alike. What was chosen carries how likely that was
// (`tracestate: ot=th:…`), so that it can be counted for those that were not.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType ProbabilisticSamplerProcessorType();

}  // namespace sextant::pipeline
