// What the host agent takes apart: /proc/stat, lines and fields, flags, and label values on their way out.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/metric_sink.h"
#include "agents/node/options.h"
#include "agents/node/proc_stat.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::node;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ParseProcStat(text));
  MetricSink sink;
  std::vector<std::string> flags;
  std::vector<std::string_view> fields;
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    flags.emplace_back(line);
    SplitFields(line, fields);
    for (const std::string_view field : fields) {
      const auto number = ParseFloat(field);
      sink.GetFamily(field, line, MetricType::kGauge).Add(number ? *number : 0);
      sink.GetFamily("labelled", "Help.", MetricType::kCounter, {"line"}).Add({line}, 1);
    }
  }
  static_cast<void>(ParseNodeFlags(flags));
  static_cast<void>(sink.RenderText());
  return 0;
}
