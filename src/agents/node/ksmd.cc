// node_ksmd_*: kernel samepage merging, /sys/kernel/mm/ksm.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct File {
  const char* file;
  std::string_view name;
  std::string_view help;
  MetricType type = MetricType::kGauge;
  double divisor = 1;
};

constexpr File kFiles[] = {
    {"full_scans", "node_ksmd_full_scans_total", "Scans of all areas that may be merged.",
     MetricType::kCounter},
    {"general_profit", "node_ksmd_general_profit_bytes", "Memory saved, less what merging itself needs."},
    {"merge_across_nodes", "node_ksmd_merge_across_nodes", "Whether pages of different nodes are merged."},
    {"pages_shared", "node_ksmd_pages_shared", "Shared pages in use."},
    {"pages_sharing", "node_ksmd_pages_sharing", "Places that share them."},
    {"pages_to_scan", "node_ksmd_pages_to_scan", "Pages to scan before each pause."},
    {"pages_unshared", "node_ksmd_pages_unshared", "Pages that are unlike all others."},
    {"pages_volatile", "node_ksmd_pages_volatile", "Pages that change too fast to be merged."},
    {"run", "node_ksmd_run", "What the daemon does: 0 stopped, 1 running, 2 unmerging."},
    {"sleep_millisecs", "node_ksmd_sleep_seconds", "Pause between scans.", MetricType::kGauge, 1'000},
};

core::Status CollectKsmd(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("kernel/mm/ksm");
  const AttributeFolder folder(base);
  if (!folder.exists()) return core::Fail(core::Code::kNotFound, "{}: no such folder", base);
  for (const File& file : kFiles) {
    const auto value = folder.Number(file.file);
    if (!value) continue;  // older kernels have fewer
    sink.GetFamily(file.name, file.help, file.type).Add(static_cast<double>(*value) / file.divisor);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeKsmdCollector() {
  return std::make_unique<StatelessCollector>("ksmd", CollectKsmd);
}

}  // namespace sextant::node
