// Files in the exposition format that other programs leave for the textfile collector.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/node/metric_sink.h"
#include "core/result.h"

namespace sextant::node {

// One metric: a sample, or the samples of a histogram or summary.
struct TextfileMetric {
  std::map<std::string, std::string> labels;  // without le and quantile of histograms and summaries
  double value = 0;
  std::map<double, double> parts;  // buckets by their upper bound, or quantiles
  double sum = 0;
  double count = 0;
};

struct TextfileFamily {
  std::string name;
  std::optional<std::string> help;
  MetricType type = MetricType::kUntyped;
  std::vector<TextfileMetric> metrics;
};

// All of a file, sorted by name. kInvalidArgument for what is no exposition, and for samples with timestamps,
// which would lie at each later scrape.
core::Result<std::vector<TextfileFamily>> ParseTextfile(std::string_view text);

// Adds a family under a help text of the caller's choice. Its metrics get each other's labels, empty.
void AddTextfileFamily(const TextfileFamily& family, std::string_view help, MetricSink& sink);

}  // namespace sextant::node
