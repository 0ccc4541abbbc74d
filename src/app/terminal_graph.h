// Draws series into a terminal: lines of Braille dots with a scale, a time axis and a legend. Pure text.
#pragma once

#include <string>
#include <vector>

#include "app/api_client.h"

namespace sextant::app {

struct GraphOptions {
  size_t width = 80;  // columns, the scale included
  size_t height = 16;
  bool has_colors = false;
  size_t max_series = 10;  // the others are counted, not drawn
};

// The graph of a matrix' floats between two times, with a line break at its end. Empty series are left out.
std::string DrawGraph(const std::vector<ApiSeries>& series, core::TimestampMs start_ms,
                      core::TimestampMs end_ms, const GraphOptions& options);

// A table of a vector's labels (one column for each) and values.
std::string DrawTable(const std::vector<ApiSeries>& series);

}  // namespace sextant::app
