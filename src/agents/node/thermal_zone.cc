// node_thermal_zone_temp and node_cooling_device_*: /sys/class/thermal.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

core::Status CollectThermal(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/thermal");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  auto& temperatures = sink.GetFamily("node_thermal_zone_temp", "Temperature of a zone in degrees Celsius.",
                                      MetricType::kGauge, {"type", "zone"});
  for (const std::string& name : Numbered(names, "thermal_zone")) {
    const AttributeFolder folder(base + "/" + name);
    const auto millidegrees = folder.Number("temp");
    if (!millidegrees) continue;  // a sensor that cannot say now
    temperatures.Add({folder.Text("type").value_or(""), std::string_view(name).substr(12)},
                     static_cast<double>(*millidegrees) / 1'000);
  }
  auto& current = sink.GetFamily("node_cooling_device_cur_state", "How hard a cooling device works.",
                                 MetricType::kGauge, {"name", "type"});
  auto& highest = sink.GetFamily("node_cooling_device_max_state", "How hard a cooling device can work.",
                                 MetricType::kGauge, {"name", "type"});
  for (const std::string& name : Numbered(names, "cooling_device")) {
    const AttributeFolder folder(base + "/" + name);
    const std::string type = folder.Text("type").value_or("");
    const std::string_view number = std::string_view(name).substr(14);
    if (const auto state = folder.Number("cur_state"))
      current.Add({number, type}, static_cast<double>(*state));
    if (const auto state = folder.Number("max_state"))
      highest.Add({number, type}, static_cast<double>(*state));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeThermalZoneCollector() {
  return std::make_unique<StatelessCollector>("thermal_zone", CollectThermal);
}

}  // namespace sextant::node
