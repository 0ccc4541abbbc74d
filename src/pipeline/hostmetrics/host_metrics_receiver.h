// The collector's receiver `hostmetrics`: what the host does, at an interval, over the readers of the node
// agent.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType HostMetricsReceiverType();

}  // namespace sextant::pipeline
