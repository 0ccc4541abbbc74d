// node_power_supply_*: batteries and power supplies, /sys/class/power_supply.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct File {
  const char* file;
  std::string_view name;  // behind node_power_supply_; empty: the file's
  double divisor = 1;
};

// The kernel writes charge, energy, current, voltage and power in millionths, and tenths of degrees.
constexpr File kFiles[] = {
    {"authentic", ""},
    {"calibrate", ""},
    {"capacity", ""},
    {"capacity_alert_max", ""},
    {"capacity_alert_min", ""},
    {"charge_control_limit", "", 1e6},
    {"charge_control_limit_max", "", 1e6},
    {"charge_counter", "", 1e6},
    {"charge_empty", "", 1e6},
    {"charge_empty_design", "", 1e6},
    {"charge_full", "", 1e6},
    {"charge_full_design", "", 1e6},
    {"charge_now", "charge_ampere", 1e6},
    {"charge_term_current", "", 1e6},
    {"constant_charge_current", "", 1e6},
    {"constant_charge_current_max", "", 1e6},
    {"constant_charge_voltage", "", 1e6},
    {"constant_charge_voltage_max", "", 1e6},
    {"current_boot", "", 1e6},
    {"current_max", "", 1e6},
    {"current_now", "current_ampere", 1e6},
    {"cycle_count", "cyclecount"},
    {"energy_empty", "", 1e6},
    {"energy_empty_design", "", 1e6},
    {"energy_full", "", 1e6},
    {"energy_full_design", "", 1e6},
    {"energy_now", "energy_watthour", 1e6},
    {"input_current_limit", "", 1e6},
    {"online", ""},
    {"power_now", "power_watt", 1e6},
    {"precharge_current", "", 1e6},
    {"present", ""},
    {"temp", "temp_celsius", 10},
    {"temp_alert_max", "temp_alert_max_celsius", 10},
    {"temp_alert_min", "temp_alert_min_celsius", 10},
    {"temp_ambient", "temp_ambient_celsius", 10},
    {"temp_ambient_max", "temp_ambient_max_celsius", 10},
    {"temp_ambient_min", "temp_ambient_min_celsius", 10},
    {"temp_max", "temp_max_celsius", 10},
    {"temp_min", "temp_min_celsius", 10},
    {"time_to_empty_now", "time_to_empty_seconds"},
    {"time_to_full_now", "time_to_full_seconds"},
    {"voltage_boot", "", 1e6},
    {"voltage_max", "", 1e6},
    {"voltage_max_design", "", 1e6},
    {"voltage_min", "", 1e6},
    {"voltage_min_design", "", 1e6},
    {"voltage_now", "voltage_volt", 1e6},
    {"voltage_ocv", "", 1e6},
};

// Labels of the info metric, sorted; those without a value are left out.
constexpr const char* kTexts[] = {"capacity_level", "charge_type",  "health", "manufacturer",
                                  "model_name",     "power_supply", "scope",  "serial_number",
                                  "status",         "technology",   "type",   "usb_type"};

void CollectSupply(const AttributeFolder& folder, std::string_view supply, MetricSink& sink) {
  for (const File& file : kFiles) {
    const auto value = folder.Number(file.file);
    if (!value) continue;
    const std::string_view name = file.name.empty() ? std::string_view(file.file) : file.name;
    sink.GetFamily(fmt::format("node_power_supply_{}", name),
                   fmt::format("What a power supply says of its {}.", file.file), MetricType::kGauge,
                   {"power_supply"})
        .Add({supply}, static_cast<double>(*value) / file.divisor);
  }
  std::vector<std::string> values;
  std::vector<LabelPair> labels;
  values.reserve(std::size(kTexts));
  for (const char* label : kTexts) {
    if (std::string_view(label) == "power_supply") {
      labels.emplace_back(label, supply);
      continue;
    }
    auto text = folder.Text(label);
    if (!text || text->empty()) continue;
    values.push_back(*std::move(text));
    labels.emplace_back(label, values.back());
  }
  static constexpr std::string_view kName = "node_power_supply_info";
  sink.GetOpenFamily(kName, "What a power supply says of itself; always 1.", MetricType::kGauge)
      .AddOpen(labels, kName, 1);
}

core::Status CollectPowerSupplies(const Pattern& ignored, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/power_supply");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  for (const std::string& name : names) {
    const AttributeFolder folder(base + "/" + name);
    if (!ignored.Matches(name) && folder.exists()) CollectSupply(folder, name, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakePowersupplyclassCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "powersupplyclass", [ignored = options.powersupply_ignored](const HostPaths& paths, MetricSink& sink) {
        return CollectPowerSupplies(ignored, paths, sink);
      });
}

}  // namespace sextant::node
