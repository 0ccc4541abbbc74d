// The formats in which metrics are exposed, and how HTTP names them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::exposition {

enum class Format {
  kPrometheusText,  // text/plain, versions 0.0.4 and 1.0.0 (which may quote names)
  kOpenMetrics,     // application/openmetrics-text, 0.0.1 and 1.0.0
  kProtobuf,        // application/vnd.google.protobuf, delimited MetricFamily messages
};

// The format that a Content-Type header names. Anything else gives `fallback`, or without one
// kInvalidArgument with the text Prometheus shows for such a target.
core::Result<Format> FormatOf(std::string_view content_type, std::optional<Format> fallback);

}  // namespace sextant::exposition
