// node_interrupts_total: /proc/interrupts, per interrupt and CPU.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Interrupt {
  std::string_view name;
  std::string info;
  std::string devices;
};

std::string Join(std::span<const std::string_view> words) {
  std::string text;
  for (std::string_view word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

// A heading with a column per CPU, then " 46:   1   2  IR-PCI-MSI-edge  iwlwifi" or "NMI: 1 2  Non-maskable
// interrupts".
core::Status CollectInterrupts(const NameFilter& names, bool with_zeros, const HostPaths& paths,
                               MetricSink& sink) {
  const std::string path = paths.Proc("interrupts");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  auto& total = sink.GetFamily("node_interrupts_total", "Interrupts by their number or name.",
                               MetricType::kCounter, {"cpu", "devices", "info", "type"});
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  if (!NextLine(rest, line)) return core::Fail(core::Code::kInvalidArgument, "{}: empty", path);
  SplitFields(line, fields);
  const size_t cpu_count = fields.size();
  while (NextLine(rest, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    SplitFields(line.substr(colon + 1), fields);
    if (fields.size() < cpu_count + 1) continue;  // ERR and MIS have one sum and no text
    Interrupt interrupt{TrimSpace(line.substr(0, colon)), "", ""};
    const std::span<const std::string_view> words = std::span(fields).subspan(cpu_count);
    if (ParseUnsigned(interrupt.name)) {
      interrupt.info = words[0];
      interrupt.devices = Join(words.subspan(1));
    } else {
      interrupt.info = Join(words);
    }
    if (names.IsIgnored(fmt::format("{};{};{}", interrupt.name, interrupt.info, interrupt.devices))) continue;
    for (size_t cpu = 0; cpu < cpu_count; ++cpu) {
      SEXTANT_ASSIGN(const double count, ParseFloat(fields[cpu]).map_error(core::AddContext("{}", path)));
      if (count == 0 && !with_zeros) continue;
      total.Add({std::to_string(cpu), interrupt.devices, interrupt.info, interrupt.name}, count);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeInterruptsCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "interrupts", [names = options.interrupts_names, with_zeros = options.interrupts_zeros](
                        const HostPaths& paths, MetricSink& sink) {
        return CollectInterrupts(names, with_zeros, paths, sink);
      });
}

}  // namespace sextant::node
