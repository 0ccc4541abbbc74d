// Metrics that are files of a folder in sysfs: one file, one number, one sample per device.
#pragma once

#include <span>
#include <string_view>

#include "agents/node/host_files.h"
#include "agents/node/metric_sink.h"

namespace sextant::node {

struct AttributeMetric {
  const char* file;  // may name a folder below, too: "statistics/rx_frames"
  std::string_view name;
  std::string_view help;
  MetricType type = MetricType::kGauge;
  double divisor = 1;  // of the number in the file
};

// Adds a sample for each file that holds a number; the others are not of this kind of device.
void AddAttributes(const AttributeFolder& folder, std::span<const AttributeMetric> metrics,
                   std::string_view label_name, std::string_view label_value, MetricSink& sink);

}  // namespace sextant::node
