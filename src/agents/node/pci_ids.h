// Names of PCI vendors, devices and classes from the file pci.ids.
#pragma once

#include <string>
#include <string_view>

namespace sextant::node {

// What to look for, as lower-case hexadecimal without "0x": four digits each, six for the class.
struct PciQuery {
  std::string vendor;
  std::string device;
  std::string subsystem_vendor;
  std::string subsystem_device;
  std::string class_code;
};

struct PciNames {
  std::string vendor;
  std::string device;
  std::string subsystem_vendor;
  std::string subsystem_device;
  std::string class_name;
};

// Looks all of a device's names up in one pass over the file's text. What it does not know keeps its number.
PciNames FindPciNames(std::string_view ids, const PciQuery& query);

}  // namespace sextant::node
