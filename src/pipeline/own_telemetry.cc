#include "pipeline/own_telemetry.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string_view>

#include "core/heap.h"

namespace sextant::pipeline {

namespace {

double CpuSeconds() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Resident and virtual pages of this process.
struct ProcessPages {
  double resident_bytes = 0;
  double virtual_bytes = 0;
};
ProcessPages ReadPages() {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  unsigned long total = 0;
  unsigned long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%lu %lu", &total, &resident) != 2) return {};
  auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return {static_cast<double>(resident) * page, static_cast<double>(total) * page};
}

std::string LabelName(std::string_view attribute) {
  std::string name;
  for (char c : attribute) {
    bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += is_word ? c : '_';
  }
  if (!name.empty() && name[0] >= '0' && name[0] <= '9') name.insert(0, "key_");
  return name;
}

void AppendEscaped(std::string_view value, std::string& out) {
  for (char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

// What a metric's name ends in when its unit is told, too.
std::string_view UnitSuffix(std::string_view name) {
  if (name == "otelcol_process_uptime") return "_seconds";
  if (name == "otelcol_process_memory_rss") return "_bytes";
  if (name == "otelcol_process_cpu_seconds") return "";
  return "";
}

std::string ShownName(std::string_view name, bool is_counter, const TelemetryConfig& config) {
  std::string shown(name);
  if (!name.starts_with("otelcol_")) return shown;
  if (!config.without_units) shown += UnitSuffix(name);
  if (!config.without_type_suffix && is_counter && !shown.ends_with("_total")) shown += "_total";
  return shown;
}

bool IsOfCollector(std::string_view name) {
  return name.starts_with("otelcol_") || name.starts_with("sextant_otelcol_") ||
         name.starts_with("sextant_pipeline_");
}

}  // namespace

void RegisterProcessTelemetry(core::Registry& telemetry, const core::Clock& clock) {
  int64_t begun_ns = clock.MonotonicNs();
  telemetry.AddCounterCallback(
      "otelcol_process_uptime", "Seconds since the process began.",
      [&clock, begun_ns] { return static_cast<double>(clock.MonotonicNs() - begun_ns) * 1e-9; });
  telemetry.AddCounterCallback("otelcol_process_cpu_seconds", "CPU time, user and system.", &CpuSeconds);
  telemetry.AddGaugeCallback("otelcol_process_memory_rss", "Resident memory in bytes.",
                             [] { return ReadPages().resident_bytes; });
  telemetry.AddGaugeCallback("otelcol_process_runtime_heap_alloc_bytes", "Bytes allocated and not freed.",
                             [] { return static_cast<double>(core::AllocatedBytes()); });
  telemetry.AddGaugeCallback("otelcol_process_runtime_total_sys_memory_bytes", "Virtual memory in bytes.",
                             [] { return ReadPages().virtual_bytes; });
}

std::map<std::string, std::string> ResourceOf(const TelemetryConfig& config, const std::string& version,
                                              const std::string& instance_id) {
  std::map<std::string, std::string> resource = {
      {"service.name", "otelcol"}, {"service.version", version}, {"service.instance.id", instance_id}};
  for (const auto& [name, value] : config.resource) {
    if (value.empty()) {
      resource.erase(name);
    } else {
      resource[name] = value;
    }
  }
  return resource;
}

std::string RenderTelemetry(const core::Registry& telemetry,
                            const std::map<std::string, std::string>& resource, const TelemetryConfig& config,
                            bool is_shared) {
  std::string labels;
  for (const auto& [name, value] : resource) {
    if (!labels.empty()) labels += ',';
    labels += LabelName(name) + "=\"";
    AppendEscaped(value, labels);
    labels += '"';
  }
  std::string text = telemetry.RenderText();
  std::string out;
  out.reserve(text.size() * 2);
  std::string family;  // of the lines at hand
  std::string shown;
  std::string help;
  bool is_left_out = false;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (line.starts_with("# HELP ")) {
      help = line.substr(7);
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      std::string_view rest = line.substr(7);
      family = rest.substr(0, rest.find(' '));
      is_left_out = is_shared && !IsOfCollector(family);
      if (is_left_out) continue;
      shown = ShownName(family, rest.ends_with(" counter"), config);
      if (help.starts_with(family)) out += fmt::format("# HELP {}{}\n", shown, help.substr(family.size()));
      out += fmt::format("# TYPE {}{}\n", shown, rest.substr(family.size()));
      help.clear();
      continue;
    }
    size_t name_end = line.find_first_of("{ ");
    if (is_left_out || line.empty() || name_end == std::string_view::npos) continue;
    out += shown;
    out += line.substr(family.size(), name_end - family.size());  // _bucket, _sum, _count
    if (line[name_end] == '{') {
      out += '{';
      out += labels;
      if (!labels.empty()) out += ',';
      out += line.substr(name_end + 1);
    } else {
      if (!labels.empty()) out += fmt::format("{{{}}}", labels);
      out += line.substr(name_end);
    }
    out += '\n';
  }
  out += "# HELP target_info Target metadata\n# TYPE target_info gauge\n";
  out += labels.empty() ? "target_info 1\n" : fmt::format("target_info{{{}}} 1\n", labels);
  return out;
}

}  // namespace sextant::pipeline
