// Joins pipelines of one signal: what comes in goes out as it is.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType ForwardConnectorType();

}  // namespace sextant::pipeline
