// Sends metrics to storages that take Prometheus' remote write, 1.0 and 2.0, as the collector's exporter of
// the name does.
//
//   batch ─► resource attributes to labels ─► Prometheus' series ─► requests of bounded size ─► several at
//   once
//
// Each request is tried again by itself (retry_on_failure) after answers of 5xx, 429 and broken connections;
// the batch is refused when one of its requests was not taken. The queue in front sends one batch after the
// other, so that the samples of a series stay in order.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType PrometheusRemoteWriteExporterType();

}  // namespace sextant::pipeline
