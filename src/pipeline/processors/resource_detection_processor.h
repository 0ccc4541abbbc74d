// The processor `resource_detection` (`resourcedetection`): adds to resources what it finds out about where
// it runs, when it starts and, if it is told to, every so often.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType ResourceDetectionProcessorType();

}  // namespace sextant::pipeline
