// node_nvmesubsystem_*: NVMe subsystems and the controllers that lead to them, /sys/class/nvme-subsystem.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr std::string_view kUnknown = "unknown";
constexpr std::string_view kStates[] = {"connecting", "dead",      "deleting", "live",
                                        "new",        "resetting", kUnknown};

std::string_view StateName(std::string_view state) {
  if (state == "deleting (no IO)") return "deleting";
  for (const std::string_view known : kStates) {
    if (state == known) return known;
  }
  return kUnknown;
}

// "nvme0" is a controller, "nvme0n1" the block device of a namespace.
enum class Entry { kController, kNamespace, kOther };

Entry KindOf(std::string_view name) {
  const std::string_view number = WithoutPrefix(name, "nvme");
  if (number.size() == name.size()) return Entry::kOther;
  if (ParseUnsigned(number)) return Entry::kController;
  const size_t n = number.find('n');
  if (n == std::string_view::npos) return Entry::kOther;
  const bool is_namespace = ParseUnsigned(number.substr(0, n)) && ParseUnsigned(number.substr(n + 1));
  return is_namespace ? Entry::kNamespace : Entry::kOther;
}

// Whether the controller works.
bool CollectController(const std::string& path, std::string_view subsystem, std::string_view controller,
                       MetricSink& sink) {
  const AttributeFolder folder(path);
  const std::string_view state = StateName(folder.Text("state").value_or(""));
  const std::string transport = folder.Text("transport").value_or("");
  auto& states = sink.GetFamily("node_nvmesubsystem_path_state",
                                "State of a controller that leads to a subsystem: 1 for the one it is in.",
                                MetricType::kGauge, {"controller", "state", "subsystem", "transport"});
  for (const std::string_view known : kStates) {
    states.Add({controller, known, subsystem, transport}, known == state ? 1 : 0);
  }
  return state == "live";
}

void CollectSubsystem(const std::string& path, const std::string& name, MetricSink& sink) {
  const auto entries = ListDirectory(path);
  if (!entries) return;  // it has gone
  const AttributeFolder folder(path);
  const auto text = [&](const char* file) { return folder.Text(file).value_or(""); };
  sink.GetFamily("node_nvmesubsystem_info", "An NVMe subsystem; always 1.", MetricType::kGauge,
                 {"iopolicy", "model", "nqn", "serial", "subsystem"})
      .Add({text("iopolicy"), text("model"), text("subsysnqn"), text("serial"), name}, 1);
  double controllers = 0;
  double live = 0;
  for (const std::string& entry : *entries) {
    const Entry kind = KindOf(entry);
    if (kind == Entry::kNamespace) {
      sink.GetFamily("node_nvmesubsystem_namespace_info",
                     "The subsystem that the block device of a namespace belongs to; always 1.",
                     MetricType::kGauge, {"device", "subsystem"})
          .Add({entry, name}, 1);
    } else if (kind == Entry::kController) {
      ++controllers;
      if (CollectController(path + "/" + entry, name, entry, sink)) ++live;
    }
  }
  sink.GetFamily("node_nvmesubsystem_paths", "Controllers that lead to a subsystem.", MetricType::kGauge,
                 {"subsystem"})
      .Add({name}, controllers);
  sink.GetFamily("node_nvmesubsystem_paths_live", "Controllers that lead to a subsystem and work.",
                 MetricType::kGauge, {"subsystem"})
      .Add({name}, live);
}

core::Status CollectNvmeSubsystems(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/nvme-subsystem");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  for (const std::string& name : names) {
    if (name.starts_with("nvme-subsys")) CollectSubsystem(base + "/" + name, name, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeNvmesubsystemCollector() {
  return std::make_unique<StatelessCollector>("nvmesubsystem", CollectNvmeSubsystems);
}

}  // namespace sextant::node
