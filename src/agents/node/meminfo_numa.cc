// node_memory_numa_*: memory per node, /sys/devices/system/node/node*/meminfo and numastat.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// "Active(anon)" → "Active_anon".
std::string FieldName(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (c == '(') {
      name += '_';
    } else if (c != ')') {
      name += c;
    }
  }
  return name;
}

// "Node 0 MemTotal:       134182340 kB".
core::Status CollectMeminfo(const std::string& path, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.empty()) continue;
    const bool has_unit = fields.size() == 5;
    if ((!has_unit && fields.size() != 4) || (has_unit && fields[4] != "kB") || !fields[2].ends_with(':')) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    }
    SEXTANT_ASSIGN(const double value, ParseFloat(fields[3]).map_error(core::AddContext("{}", path)));
    const std::string_view field = fields[2].substr(0, fields[2].size() - 1);
    sink.GetFamily("node_memory_numa_" + FieldName(field),
                   fmt::format("The field {} of a node's memory information.", field), MetricType::kGauge,
                   {"node"})
        .Add({fields[1]}, has_unit ? value * 1'024 : value);
  }
  return {};
}

core::Status CollectNumastat(const std::string& path, std::string_view node, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    const std::string_view field = NextField(line);
    if (field.empty()) continue;
    SEXTANT_ASSIGN(const double value, ParseFloat(TrimSpace(line)).map_error(core::AddContext("{}", path)));
    sink.GetFamily(fmt::format("node_memory_numa_{}_total", MetricNamePart(field)),
                   fmt::format("The field {} of a node's allocation statistics.", field),
                   MetricType::kCounter, {"node"})
        .Add({node}, value);
  }
  return {};
}

core::Status CollectMeminfoNuma(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("devices/system/node");
  for (const std::string& name : ListNumbered(base, "node")) {
    SEXTANT_TRY(CollectMeminfo(base + "/" + name + "/meminfo", sink));
    SEXTANT_TRY(CollectNumastat(base + "/" + name + "/numastat", std::string_view(name).substr(4), sink));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeMeminfoNumaCollector() {
  return std::make_unique<StatelessCollector>("meminfo_numa", CollectMeminfoNuma);
}

}  // namespace sextant::node
