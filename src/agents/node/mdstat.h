// /proc/mdstat taken apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::node {

struct MdArray {
  std::string name;
  std::string state;  // active, inactive, recovering, resync, check
  double blocks = 0;
  double synced_blocks = 0;
  double required_disks = 0;
  double active_disks = 0;
  double failed_disks = 0;
  double spare_disks = 0;
};

// kInvalidArgument quotes the line that is no description of an array.
core::Result<std::vector<MdArray>> ParseMdstat(std::string_view text);

}  // namespace sextant::node
