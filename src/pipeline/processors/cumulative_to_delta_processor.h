// The processor `cumulative_to_delta` (`cumulativetodelta`): makes sums and histograms count since their last
// point (cumulative_to_delta.h).
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType CumulativeToDeltaProcessorType();

}  // namespace sextant::pipeline
