#include "agents/node/pci_ids.h"

#include "agents/node/host_files.h"

namespace sextant::node {
namespace {

// "1022  Advanced Micro Devices": the id and the name, two blanks apart.
bool SplitEntry(std::string_view line, std::string_view& id, std::string_view& name) {
  const size_t blank = line.find("  ");
  if (blank == std::string_view::npos) return false;
  id = TrimSpace(line.substr(0, blank));
  name = TrimSpace(line.substr(blank));
  return true;
}

}  // namespace

PciNames FindPciNames(std::string_view ids, const PciQuery& query) {
  PciNames names{query.vendor, query.device, query.subsystem_vendor, query.subsystem_device,
                 "Unknown class (" + query.class_code + ")"};
  const std::string_view base_class = std::string_view(query.class_code).substr(0, 2);
  const std::string subsystem = query.subsystem_vendor + " " + query.subsystem_device;
  bool is_in_classes = false;
  std::string outer;   // the vendor or class that the lines belong to
  std::string middle;  // the device or subclass
  std::string_view line;
  while (NextLine(ids, line)) {
    if (line.empty() || line.starts_with('#')) continue;
    const size_t depth = line.find_first_not_of('\t');
    if (depth == std::string_view::npos) continue;
    std::string_view id;
    std::string_view name;
    const bool is_class = depth == 0 && line.starts_with("C ");
    if (!SplitEntry(line.substr(is_class ? 2 : depth), id, name)) continue;
    if (depth == 0) {
      is_in_classes = is_class;
      outer = id;
      middle.clear();
      if (is_class && outer == base_class) names.class_name = name;
      if (!is_class && outer == query.vendor) names.vendor = name;
      if (!is_class && outer == query.subsystem_vendor) names.subsystem_vendor = name;
    } else if (depth == 1) {
      middle = id;
      if (is_in_classes && query.class_code.starts_with(outer + middle)) names.class_name = name;
      if (!is_in_classes && outer == query.vendor && middle == query.device) names.device = name;
    } else if (depth == 2) {
      if (is_in_classes && query.class_code == outer + middle + std::string(id)) names.class_name = name;
      if (!is_in_classes && outer == query.vendor && middle == query.device && id == subsystem) {
        names.subsystem_device = name;
      }
    }
  }
  return names;
}

}  // namespace sextant::node
