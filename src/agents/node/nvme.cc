// node_nvme_*: NVMe controllers and their namespaces, /sys/class/nvme.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// A namespace's folder is named after its controller, or with several paths to it after one of them:
// nvme0n1, nvme0c1n1. The number behind the last 'n' is the namespace's.
std::string_view NamespaceNumber(std::string_view folder, std::string_view device) {
  if (!folder.starts_with(device)) return {};
  const size_t n = folder.rfind('n');
  if (n == std::string_view::npos || n < device.size()) return {};
  const std::string_view number = folder.substr(n + 1);
  return ParseUnsigned(number) ? number : std::string_view();
}

void CollectNamespace(const std::string& path, std::string_view device, std::string_view number,
                      MetricSink& sink) {
  const AttributeFolder folder(path);
  const auto block_size = folder.Number("queue/logical_block_size");
  const auto sectors = folder.Number("size");
  const auto used_blocks = folder.Number("nuse");
  if (!block_size || !sectors || !used_blocks) return;  // vanished, or a path without a block device
  const auto add = [&](std::string_view name, std::string_view help, double value) {
    sink.GetFamily(name, help, MetricType::kGauge, {"device", "nsid"}).Add({device, number}, value);
  };
  const double block_bytes = static_cast<double>(*block_size);
  // sysfs counts sizes of block devices in sectors, and the namespace's use in its own blocks; node_exporter
  // takes both in the latter.
  add("node_nvme_namespace_capacity_bytes", "Capacity of a namespace.",
      static_cast<double>(*sectors) * block_bytes);
  add("node_nvme_namespace_size_bytes", "Size of a namespace.", static_cast<double>(*sectors) * block_bytes);
  add("node_nvme_namespace_used_bytes", "Used part of a namespace.",
      static_cast<double>(*used_blocks) * block_bytes);
  add("node_nvme_namespace_logical_block_size_bytes", "Size of a block of a namespace.", block_bytes);
  sink.GetFamily("node_nvme_namespace_info", "A namespace of a controller; always 1.", MetricType::kGauge,
                 {"ana_state", "device", "nsid"})
      .Add({folder.Text("ana_state").value_or("unknown"), device, number}, 1);
}

core::Status CollectNvme(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/nvme");
  SEXTANT_ASSIGN(const std::vector<std::string> devices, ListDirectory(base));
  for (const std::string& device : devices) {
    const AttributeFolder folder(base + "/" + device);
    if (!folder.exists()) continue;
    const auto text = [&](const char* file) { return folder.Text(file).value_or(""); };
    sink.GetFamily("node_nvme_info", "An NVMe controller; always 1.", MetricType::kGauge,
                   {"cntlid", "device", "firmware_revision", "model", "serial", "state"})
        .Add({text("cntlid"), device, text("firmware_rev"), text("model"), text("serial"), text("state")}, 1);
    const auto names = ListDirectory(base + "/" + device);
    if (!names) continue;
    for (const std::string& name : *names) {
      const std::string_view number = NamespaceNumber(name, device);
      if (!number.empty()) CollectNamespace(base + "/" + device + "/" + name, device, number, sink);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeNvmeCollector() {
  return std::make_unique<StatelessCollector>("nvme", CollectNvme);
}

}  // namespace sextant::node
