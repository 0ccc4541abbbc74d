// node_cgroups_*: /proc/cgroups, the number of control groups per controller.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// "cpuset	5	47	1": name, hierarchy, groups, enabled.
core::Status CollectCgroups(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("cgroups");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  auto& groups = sink.GetFamily("node_cgroups_cgroups", "Control groups of a controller.", MetricType::kGauge,
                                {"subsys_name"});
  auto& enabled = sink.GetFamily("node_cgroups_enabled", "Whether a controller is enabled (0 or 1).",
                                 MetricType::kGauge, {"subsys_name"});
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    if (line.starts_with('#')) continue;
    SplitFields(line, fields);
    if (fields.size() < 4) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    }
    SEXTANT_ASSIGN(const uint64_t count, ParseUnsigned(fields[2]).map_error(core::AddContext("{}", path)));
    SEXTANT_ASSIGN(const uint64_t is_enabled,
                   ParseUnsigned(fields[3]).map_error(core::AddContext("{}", path)));
    groups.Add({fields[0]}, static_cast<double>(count));
    enabled.Add({fields[0]}, static_cast<double>(is_enabled));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeCgroupsCollector() {
  return std::make_unique<StatelessCollector>("cgroups", CollectCgroups);
}

}  // namespace sextant::node
