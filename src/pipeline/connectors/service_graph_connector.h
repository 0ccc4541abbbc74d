// The connector `service_graph` (`servicegraph`): spans come in, and every so often metrics of the edges
// between services (service_graph.h) go out.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType ServiceGraphConnectorType();

}  // namespace sextant::pipeline
