// node_softirqs_functions_total: /proc/softirqs, per vector and CPU.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// A heading with a column per CPU, then "  TIMER:  424191  108342".
core::Status CollectSoftirqs(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("softirqs");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  auto& total = sink.GetFamily("node_softirqs_functions_total", "Software interrupts by their kind.",
                               MetricType::kCounter, {"cpu", "type"});
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  NextLine(rest, line);
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.size() < 2 || !fields[0].ends_with(':')) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    }
    const std::string_view type = fields[0].substr(0, fields[0].size() - 1);
    for (size_t i = 1; i < fields.size(); ++i) {
      SEXTANT_ASSIGN(const uint64_t count, ParseUnsigned(fields[i]).map_error(core::AddContext("{}", path)));
      total.Add({std::to_string(i - 1), type}, static_cast<double>(count));
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeSoftirqsCollector() {
  return std::make_unique<StatelessCollector>("softirqs", CollectSoftirqs);
}

}  // namespace sextant::node
