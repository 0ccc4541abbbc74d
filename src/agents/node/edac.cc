// node_edac_*: errors of memory that the hardware corrected or not, /sys/devices/system/edac/mc.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

core::Result<double> ReadCount(const std::string& path) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  SEXTANT_ASSIGN(const uint64_t count,
                 ParseUnsigned(TrimSpace(text)).map_error(core::AddContext("{}", path)));
  return static_cast<double>(count);
}

// ch0_ce_count, ch0_ue_count, ch0_dimm_label, ch1_...
core::Status CollectChannels(const std::string& row_path, std::string_view controller, std::string_view row,
                             MetricSink& sink) {
  for (const std::string& file : ListNumbered(row_path, "ch")) {
    const size_t underscore = file.find('_');
    if (underscore == std::string::npos) continue;
    const std::string_view channel = std::string_view(file).substr(2, underscore - 2);
    const std::string_view property = std::string_view(file).substr(underscore + 1);
    const bool is_correctable = property == "ce_count";
    if ((!is_correctable && property != "ue_count") || !ParseUnsigned(channel)) continue;
    SEXTANT_ASSIGN(const double count, ReadCount(row_path + "/" + file));
    const std::string label = fmt::format("mc{}_csrow{}_channel{}", controller, row, channel);
    auto& family = is_correctable
                       ? sink.GetFamily("node_edac_channel_correctable_errors_total",
                                        "Corrected errors of memory in a channel.", MetricType::kCounter,
                                        {"channel", "controller", "csrow", "dimm_label"})
                       : sink.GetFamily("node_edac_channel_uncorrectable_errors_total",
                                        "Uncorrected errors of memory in a channel.", MetricType::kCounter,
                                        {"channel", "controller", "csrow", "dimm_label"});
    family.Add({channel, controller, row, label}, count);
  }
  return {};
}

core::Status CollectController(const std::string& path, std::string_view controller, MetricSink& sink) {
  auto& row_correctable =
      sink.GetFamily("node_edac_csrow_correctable_errors_total", "Corrected errors of memory in a row.",
                     MetricType::kCounter, {"controller", "csrow"});
  auto& row_uncorrectable =
      sink.GetFamily("node_edac_csrow_uncorrectable_errors_total", "Uncorrected errors of memory in a row.",
                     MetricType::kCounter, {"controller", "csrow"});
  SEXTANT_ASSIGN(const double correctable, ReadCount(path + "/ce_count"));
  sink.GetFamily("node_edac_correctable_errors_total", "Corrected errors of memory.", MetricType::kCounter,
                 {"controller"})
      .Add({controller}, correctable);
  SEXTANT_ASSIGN(const double unplaced_correctable, ReadCount(path + "/ce_noinfo_count"));
  row_correctable.Add({controller, "unknown"}, unplaced_correctable);
  SEXTANT_ASSIGN(const double uncorrectable, ReadCount(path + "/ue_count"));
  sink.GetFamily("node_edac_uncorrectable_errors_total", "Uncorrected errors of memory.",
                 MetricType::kCounter, {"controller"})
      .Add({controller}, uncorrectable);
  SEXTANT_ASSIGN(const double unplaced_uncorrectable, ReadCount(path + "/ue_noinfo_count"));
  row_uncorrectable.Add({controller, "unknown"}, unplaced_uncorrectable);
  for (const std::string& folder : ListNumbered(path, "csrow")) {
    const std::string_view row = std::string_view(folder).substr(5);
    const std::string row_path = path + "/" + folder;
    SEXTANT_ASSIGN(const double row_corrected, ReadCount(row_path + "/ce_count"));
    row_correctable.Add({controller, row}, row_corrected);
    SEXTANT_ASSIGN(const double row_uncorrected, ReadCount(row_path + "/ue_count"));
    row_uncorrectable.Add({controller, row}, row_uncorrected);
    SEXTANT_TRY(CollectChannels(row_path, controller, row, sink));
  }
  return {};
}

core::Status CollectEdac(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("devices/system/edac/mc");
  for (const std::string& name : ListNumbered(base, "mc")) {
    SEXTANT_TRY(CollectController(base + "/" + name, std::string_view(name).substr(2), sink));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeEdacCollector() {
  return std::make_unique<StatelessCollector>("edac", CollectEdac);
}

}  // namespace sextant::node
