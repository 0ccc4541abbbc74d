// The processor `attributes`: changes attributes of spans, log records and data points, all or chosen ones.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType AttributesProcessorType();

}  // namespace sextant::pipeline
