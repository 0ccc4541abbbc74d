// node_cpu_frequency_*_hertz and node_cpu_scaling_*: /sys/devices/system/cpu/cpu*/cpufreq. Files hold
// kilohertz.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct FrequencyFile {
  const char* file;
  std::string_view name;
  std::string_view help;
};

constexpr FrequencyFile kFrequencyFiles[] = {
    {"cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Current CPU thread frequency in hertz."},
    {"cpuinfo_avg_freq", "node_cpu_frequency_avg_hertz", "Average CPU thread frequency in hertz."},
    {"cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz."},
    {"cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz."},
    {"scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."},
    {"scaling_min_freq", "node_cpu_scaling_frequency_min_hertz",
     "Minimum scaled CPU thread frequency in hertz."},
    {"scaling_max_freq", "node_cpu_scaling_frequency_max_hertz",
     "Maximum scaled CPU thread frequency in hertz."},
};

// With cpu.info this name belongs to the cpu collector, which gives it other labels.
constexpr std::string_view kInfoFrequencyName = "node_cpu_frequency_hertz";

void CollectGovernors(const AttributeFolder& folder, std::string_view cpu, MetricSink& sink) {
  const auto current = folder.Text("scaling_governor");
  const auto available = folder.Text("scaling_available_governors");
  if (!current || current->empty() || !available) return;
  auto& governors = sink.GetFamily("node_cpu_scaling_governor", "Current enabled CPU frequency governor.",
                                   MetricType::kGauge, {"cpu", "governor"});
  std::string_view rest = *available;
  for (std::string_view governor = NextField(rest); !governor.empty(); governor = NextField(rest)) {
    governors.Add({cpu, governor}, governor == *current ? 1 : 0);
  }
}

core::Status CollectCpufreq(bool is_frequency_taken, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("devices/system/cpu");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  for (const std::string& name : names) {
    const std::string_view cpu = std::string_view(name).substr(name.starts_with("cpu") ? 3 : name.size());
    if (!ParseUnsigned(cpu)) continue;
    const AttributeFolder folder(base + "/" + name + "/cpufreq");
    if (!folder.exists()) continue;
    for (const FrequencyFile& file : kFrequencyFiles) {
      if (is_frequency_taken && file.name == kInfoFrequencyName) continue;
      const auto kilohertz = folder.Number(file.file);
      if (!kilohertz) continue;
      sink.GetFamily(file.name, file.help, MetricType::kGauge, {"cpu"})
          .Add({cpu}, static_cast<double>(*kilohertz) * 1'000.0);
    }
    CollectGovernors(folder, cpu, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeCpufreqCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "cpufreq", [is_taken = options.cpu_info](const HostPaths& paths, MetricSink& sink) {
        return CollectCpufreq(is_taken, paths, sink);
      });
}

}  // namespace sextant::node
