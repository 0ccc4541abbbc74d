// node_memory_*: every line of /proc/meminfo. "Active(anon): 12 kB" → node_memory_Active_anon_bytes.
#include <algorithm>

#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

core::Status CollectLine(std::string_view line, MetricSink& sink) {
  std::string_view key = NextField(line);
  if (key.empty()) return {};
  if (!key.ends_with(':')) return core::Fail(core::Code::kInvalidArgument, "no key in {}", key);
  key.remove_suffix(1);
  SEXTANT_ASSIGN(double value, ParseFloat(NextField(line)).map_error(core::AddContext("{}", key)));
  std::string name(key);
  std::replace(name.begin(), name.end(), '(', '_');
  std::erase(name, ')');
  if (NextField(line) == "kB") {
    value *= 1'024;
    name += "_bytes";
  }
  sink.Gauge("node_memory_" + name, fmt::format("Memory information field {}.", name), value);
  return {};
}

core::Status CollectMeminfo(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("meminfo");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) SEXTANT_TRY(CollectLine(line, sink).map_error(core::AddContext("{}", path)));
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeMeminfoCollector() {
  return std::make_unique<FileCollector>("meminfo", CollectMeminfo);
}

}  // namespace sextant::node
