// node_drm_*: graphics cards with the driver amdgpu, /sys/class/drm.
#include "agents/node/attribute_metrics.h"
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr AttributeMetric kNumbers[] = {
    {"gpu_busy_percent", "node_drm_gpu_busy_percent", "How busy the card is, in percent."},
    {"mem_info_gtt_total", "node_drm_memory_gtt_size_bytes", "Memory of the host that the card can use."},
    {"mem_info_gtt_used", "node_drm_memory_gtt_used_bytes", "Memory of the host that the card uses."},
    {"mem_info_vis_vram_total", "node_drm_memory_vis_vram_size_bytes",
     "Memory of the card that the host can reach."},
    {"mem_info_vis_vram_used", "node_drm_memory_vis_vram_used_bytes",
     "Used memory of the card that the host can reach."},
    {"mem_info_vram_total", "node_drm_memory_vram_size_bytes", "Memory of the card."},
    {"mem_info_vram_used", "node_drm_memory_vram_used_bytes", "Used memory of the card."},
};

core::Status CollectDrm(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/drm");
  SEXTANT_TRY(ListDirectory(base));
  for (const std::string& card : ListNumbered(base, "card")) {
    if (!ParseUnsigned(std::string_view(card).substr(4))) continue;  // card0-DP-1 is a port
    const AttributeFolder folder(base + "/" + card + "/device");
    if (folder.Text("uevent").value_or("").find("DRIVER=amdgpu") == std::string::npos) continue;
    const auto text = [&](const char* file) { return folder.Text(file).value_or(""); };
    sink.GetFamily("node_drm_card_info", "A graphics card; always 1.", MetricType::kGauge,
                   {"card", "memory_vendor", "power_performance_level", "unique_id", "vendor"})
        .Add({card, text("mem_info_vram_vendor"), text("power_dpm_force_performance_level"),
              text("unique_id"), "amd"},
             1);
    AddAttributes(folder, kNumbers, "card", card, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeDrmCollector() {
  return std::make_unique<StatelessCollector>("drm", CollectDrm);
}

}  // namespace sextant::node
