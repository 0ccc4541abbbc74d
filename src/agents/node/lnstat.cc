// node_lnstat_*: /proc/net/stat, a file per subsystem with a line per CPU.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// A heading with names, then hexadecimal numbers.
core::Status CollectFile(const std::string& path, std::string_view subsystem, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> names;
  std::vector<std::string_view> fields;
  if (NextLine(rest, line)) SplitFields(line, names);
  for (size_t cpu = 0; NextLine(rest, line); ++cpu) {
    SplitFields(line, fields);
    if (fields.size() != names.size()) {
      return core::Fail(core::Code::kInvalidArgument, "{}: {} values for {} names", path, fields.size(),
                        names.size());
    }
    for (size_t i = 0; i < fields.size(); ++i) {
      SEXTANT_ASSIGN(const uint64_t value,
                     ParseUnsigned(fields[i], 16).map_error(core::AddContext("{}", path)));
      sink.GetFamily(fmt::format("node_lnstat_{}_total", MetricNamePart(names[i])),
                     fmt::format("The kernel's network counter {}.", names[i]), MetricType::kCounter,
                     {"cpu", "subsystem"})
          .Add({std::to_string(cpu), subsystem}, static_cast<double>(value));
    }
  }
  return {};
}

core::Status CollectLnstat(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Proc("net/stat");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  for (const std::string& name : names) SEXTANT_TRY(CollectFile(base + "/" + name, name, sink));
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeLnstatCollector() {
  return std::make_unique<StatelessCollector>("lnstat", CollectLnstat);
}

}  // namespace sextant::node
