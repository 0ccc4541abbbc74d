// `promtool check metrics`: what is not as Prometheus' naming guide wants it in a text of metrics.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::promtool {

struct LintProblem {
  std::string metric;
  std::string text;

  friend auto operator<=>(const LintProblem&, const LintProblem&) = default;
};

// Problems of a text in the exposition format, by metric and text. kInvalidArgument when it cannot be read.
core::Result<std::vector<LintProblem>> LintMetrics(std::string_view body);

// How many series each metric has; those of a histogram or summary count together.
core::Result<std::map<std::string, uint64_t>> CountMetrics(std::string_view body);

}  // namespace sextant::promtool
