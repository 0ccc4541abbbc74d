// The connector `span_metrics` (`spanmetrics`): spans come in, and every so often the metrics counted from
// them (span_metrics.h) go out.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType SpanMetricsConnectorType();

}  // namespace sextant::pipeline
