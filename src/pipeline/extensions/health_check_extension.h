// Answers orchestrators whether the collector works: 200 while all pipelines run, 503 before and after.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType HealthCheckExtensionType();

}  // namespace sextant::pipeline
