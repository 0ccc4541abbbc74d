// node_dmi_info: what the firmware says of the machine, /sys/class/dmi/id.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// Files, sorted by the labels they become: the file's name except for the vendor of the system.
constexpr const char* kFiles[] = {
    "bios_date",      "bios_release",   "bios_vendor",     "bios_version",    "board_asset_tag",
    "board_name",     "board_serial",   "board_vendor",    "board_version",   "chassis_asset_tag",
    "chassis_serial", "chassis_vendor", "chassis_version", "product_family",  "product_name",
    "product_serial", "product_sku",    "product_uuid",    "product_version", "sys_vendor",
};

core::Status CollectDmi(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/dmi/id");
  const AttributeFolder folder(base);
  if (!folder.exists()) return core::Fail(core::Code::kNotFound, "{}: no such folder", base);
  std::vector<std::string> values;
  std::vector<LabelPair> labels;
  values.reserve(std::size(kFiles));
  for (const char* file : kFiles) {
    auto text = folder.Text(file);
    if (!text) continue;  // unreadable without privileges, or unknown to this firmware
    values.push_back(*std::move(text));
    labels.emplace_back(std::string_view(file) == "sys_vendor" ? "system_vendor" : file, values.back());
  }
  static constexpr std::string_view kName = "node_dmi_info";
  sink.GetOpenFamily(kName, "What the firmware says of the machine; always 1.", MetricType::kGauge)
      .AddOpen(labels, kName, 1);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeDmiCollector() {
  return std::make_unique<StatelessCollector>("dmi", CollectDmi);
}

}  // namespace sextant::node
