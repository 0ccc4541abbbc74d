// node_pcidevice_*: PCI devices and their links, /sys/bus/pci/devices.
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <map>
#include <mutex>

#include "agents/node/collectors.h"
#include "agents/node/pci_ids.h"

namespace sextant::node {
namespace {

constexpr std::string_view kPowerStates[] = {"D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"};
constexpr const char* kIdsFiles[] = {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"};

// "0000:45:00.0" taken apart.
struct Location {
  std::string_view segment = "*";
  std::string_view bus = "*";
  std::string_view device = "*";
  std::string_view function = "*";
};

std::optional<Location> ParseLocation(std::string_view text) {
  const size_t first = text.find(':');
  const size_t second = text.find(':', first + 1);
  const size_t dot = text.find('.', second + 1);
  if (first == std::string_view::npos || second == std::string_view::npos || dot == std::string_view::npos) {
    return std::nullopt;
  }
  const Location location{text.substr(0, first), text.substr(first + 1, second - first - 1),
                          text.substr(second + 1, dot - second - 1), text.substr(dot + 1)};
  for (std::string_view part : {location.segment, location.bus, location.device, location.function}) {
    if (!ParseUnsigned(part, 16)) return std::nullopt;
  }
  return location;
}

// "16.0 GT/s PCIe" → 16e9.
double TransfersPerSecond(const std::optional<std::string>& text) {
  if (!text) return -1;
  const auto giga = ParseFloat(std::string_view(*text).substr(0, text->find(' ')));
  return giga ? *giga * 1e9 : -1;
}

class PcideviceCollector final : public Collector {
 public:
  explicit PcideviceCollector(const NodeOptions& options)
      : with_names_(options.pcidevice_names), ids_file_(options.pcidevice_ids_file) {}

  std::string_view name() const override { return "pcidevice"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    const std::string base = paths.Sys("bus/pci/devices");
    SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
    for (const std::string& name : names) {
      const auto location = ParseLocation(name);
      if (!location) continue;
      const AttributeFolder folder(base + "/" + name);
      AddInfo(base + "/" + name, folder, *location, sink);
      AddNumbers(folder, *location, sink);
    }
    return {};
  }

 private:
  static std::string Hex(const AttributeFolder& folder, const char* file, int digits) {
    return fmt::format("{:0{}x}", folder.Number(file).value_or(0), digits);
  }

  void AddInfo(const std::string& path, const AttributeFolder& folder, const Location& location,
               MetricSink& sink) {
    // The folder links to its place in the tree of devices, below the bridge that it is behind.
    char resolved[PATH_MAX];
    Location parent;
    if (::realpath(path.c_str(), resolved) != nullptr) {
      const std::string_view target = resolved;
      const std::string_view above = target.substr(0, target.rfind('/'));
      if (const auto found = ParseLocation(above.substr(above.rfind('/') + 1))) parent = *found;
    }
    const PciQuery query{Hex(folder, "vendor", 4), Hex(folder, "device", 4),
                         Hex(folder, "subsystem_vendor", 4), Hex(folder, "subsystem_device", 4),
                         Hex(folder, "class", 6)};
    const std::string class_id = "0x" + query.class_code, vendor = "0x" + query.vendor,
                      device = "0x" + query.device, revision = "0x" + Hex(folder, "revision", 2),
                      subsystem_vendor = "0x" + query.subsystem_vendor,
                      subsystem_device = "0x" + query.subsystem_device;
    static constexpr std::string_view kName = "node_pcidevice_info";
    static constexpr std::string_view kHelp = "A PCI device; always 1.";
    if (!with_names_) {
      sink.GetFamily(kName, kHelp, MetricType::kGauge,
                     {"bus", "class_id", "device", "device_id", "function", "parent_bus", "parent_device",
                      "parent_function", "parent_segment", "revision", "segment", "subsystem_device_id",
                      "subsystem_vendor_id", "vendor_id"})
          .Add({location.bus, class_id, location.device, device, location.function, parent.bus, parent.device,
                parent.function, parent.segment, revision, location.segment, subsystem_device,
                subsystem_vendor, vendor},
               1);
      return;
    }
    const PciNames names = NamesOf(query);
    sink.GetFamily(kName, kHelp, MetricType::kGauge,
                   {"bus", "class_id", "class_name", "device", "device_id", "device_name", "function",
                    "parent_bus", "parent_device", "parent_function", "parent_segment", "revision", "segment",
                    "subsystem_device_id", "subsystem_device_name", "subsystem_vendor_id",
                    "subsystem_vendor_name", "vendor_id", "vendor_name"})
        .Add({location.bus, class_id, names.class_name, location.device, device, names.device,
              location.function, parent.bus, parent.device, parent.function, parent.segment, revision,
              location.segment, subsystem_device, names.subsystem_device, subsystem_vendor,
              names.subsystem_vendor, vendor, names.vendor},
             1);
  }

  // The file has more than a megabyte, and only the names of devices that are there are wanted of it.
  PciNames NamesOf(const PciQuery& query) {
    const std::string key = fmt::format("{}{}{}{}{}", query.vendor, query.device, query.subsystem_vendor,
                                        query.subsystem_device, query.class_code);
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = names_.find(key); known != names_.end()) return known->second;
    }
    PciNames names = FindPciNames(ReadIds(), query);
    const std::lock_guard lock(mutex_);
    return names_.emplace(key, std::move(names)).first->second;
  }

  std::string ReadIds() const {
    if (!ids_file_.empty()) return ReadHostFile(ids_file_).value_or("");
    for (const char* path : kIdsFiles) {
      if (auto text = ReadHostFile(path)) return *std::move(text);
    }
    return "";
  }

  static void AddNumbers(const AttributeFolder& folder, const Location& location, MetricSink& sink) {
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"bus", "device", "function", "segment"})
          .Add({location.bus, location.device, location.function, location.segment}, value);
    };
    const auto number = [&](const char* file, double missing) {
      const auto value = folder.Number(file);
      return value ? static_cast<double>(*value) : missing;
    };
    add("node_pcidevice_max_link_transfers_per_second", "Highest transfers per second of the link.",
        TransfersPerSecond(folder.Text("max_link_speed")));
    add("node_pcidevice_max_link_width", "Most lanes of the link.", number("max_link_width", -1));
    add("node_pcidevice_current_link_transfers_per_second", "Transfers per second of the link now.",
        TransfersPerSecond(folder.Text("current_link_speed")));
    add("node_pcidevice_current_link_width", "Lanes of the link now.", number("current_link_width", -1));
    add("node_pcidevice_d3cold_allowed", "Whether the device may be cut from power (0 or 1).",
        number("d3cold_allowed", 0));
    add("node_pcidevice_sriov_drivers_autoprobe", "Whether drivers bind to virtual functions (0 or 1).",
        number("sriov_drivers_autoprobe", 0));
    add("node_pcidevice_sriov_numvfs", "Virtual functions in use.", number("sriov_numvfs", 0));
    add("node_pcidevice_sriov_totalvfs", "Virtual functions that the device can have.",
        number("sriov_totalvfs", 0));
    add("node_pcidevice_sriov_vf_total_msix", "Interrupt vectors for virtual functions.",
        number("sriov_vf_total_msix", 0));
    if (const double node = number("numa_node", -1); node >= 0) {
      add("node_pcidevice_numa_node", "Memory node that the device is close to.", node);
    }
    const auto power = folder.Text("power_state");
    if (!power) return;
    auto& states = sink.GetFamily("node_pcidevice_power_state", "Power state: 1 for the one it is in.",
                                  MetricType::kGauge, {"bus", "device", "function", "segment", "state"});
    for (std::string_view state : kPowerStates) {
      states.Add({location.bus, location.device, location.function, location.segment, state},
                 state == *power ? 1 : 0);
    }
  }

  const bool with_names_;
  const std::string ids_file_;
  std::mutex mutex_;
  std::map<std::string, PciNames> names_;  // guarded by mutex_; by all ids of a device
};

}  // namespace

std::unique_ptr<Collector> MakePcideviceCollector(const NodeOptions& options) {
  return std::make_unique<PcideviceCollector>(options);
}

}  // namespace sextant::node
