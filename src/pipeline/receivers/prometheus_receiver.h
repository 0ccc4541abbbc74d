// Scrapes targets as Prometheus does, by its configuration, and hands the samples on as metrics.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType PrometheusReceiverType();

}  // namespace sextant::pipeline
