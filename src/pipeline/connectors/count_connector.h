// The connector `count`: how many spans, span events, metrics, data points and log records came, as sums of
// each batch. What its pipeline of metrics says becomes the answer to the batch.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType CountConnectorType();

}  // namespace sextant::pipeline
