// Shows the newest metrics to a Prometheus that asks for them.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType PrometheusExporterType();

}  // namespace sextant::pipeline
