// Reads the input as the data of a query's answer, and shows it as the commands do.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/api_client.h"
#include "app/promtool_analyze.h"
#include "app/terminal_graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace sextant::app;
  auto value = ParseQueryData(std::string_view(reinterpret_cast<const char*>(bytes), size));
  if (!value) return 0;
  static_cast<void>(DrawTable(value->series));
  static_cast<void>(DrawGraph(value->series, 0, 60'000, {.width = 40, .height = 4}));
  ChangeCounts changes;
  std::vector<BucketStatistics> all;
  for (const ApiSeries& series : value->series) {
    static_cast<void>(MetricText(series.labels));
    if (auto stats = AnalyzeNative(series, changes)) all.push_back(*stats);
  }
  if (auto stats = AnalyzeClassic(value->series, changes); stats && *stats) all.push_back(**stats);
  static_cast<void>(DescribeAll(all, changes));
  return 0;
}
