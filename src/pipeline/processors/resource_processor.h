// The processor `resource`: changes the attributes of resources.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType ResourceProcessorType();

}  // namespace sextant::pipeline
