// node_rapl_*: energy used by processors and memory as they count it themselves, /sys/class/powercap.
#include <map>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Zone {
  std::string name;
  std::string index;
};

// "package-0" is zone 0 of "package"; zones without number are counted by name.
Zone MakeZone(std::string_view text, std::map<std::string, int>& uses) {
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos && ParseUnsigned(text.substr(dash + 1))) {
    return {std::string(text.substr(0, dash)), std::string(text.substr(dash + 1))};
  }
  return {std::string(text), std::to_string(uses[std::string(text)]++)};
}

core::Status CollectRapl(bool with_zone_label, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/powercap");
  SEXTANT_ASSIGN(const std::vector<std::string> folders, ListDirectory(base));
  std::map<std::string, int> uses;
  for (const std::string& folder : folders) {
    const std::string path = base + "/" + folder;
    const auto name = ReadAttribute(path + "/name");
    if (!name) continue;
    const Zone zone = MakeZone(*name, uses);
    // Only root may read it (it leaks what others compute): without the right, there is no data.
    const auto microjoules = ReadNumber(path + "/energy_uj");
    if (!microjoules) return core::Fail(core::Code::kNotFound, "{}/energy_uj: not readable", path);
    const double joules = static_cast<double>(*microjoules) / 1e6;
    if (with_zone_label) {
      sink.GetFamily("node_rapl_joules_total", "Energy used by a zone.", MetricType::kCounter,
                     {"index", "path", "rapl_zone"})
          .Add({zone.index, path, zone.name}, joules);
    } else {
      sink.GetFamily(fmt::format("node_rapl_{}", MetricNamePart(zone.name + "_joules_total")),
                     fmt::format("Energy used by zones of the kind {}.", zone.name), MetricType::kCounter,
                     {"index", "path"})
          .Add({zone.index, path}, joules);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeRaplCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "rapl", [with_zone_label = options.rapl_zone_label](const HostPaths& paths, MetricSink& sink) {
        return CollectRapl(with_zone_label, paths, sink);
      });
}

}  // namespace sextant::node
