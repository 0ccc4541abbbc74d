// The host's mounts. Stateless; any thread.
#pragma once

#include <string>
#include <vector>

#include "agents/node/host_files.h"
#include "core/result.h"

namespace sextant::node {

struct Mount {
  std::string device;
  std::string mount_point;
  std::string type;
  std::string device_major;
  std::string device_minor;
  bool is_read_only = false;
};

// All mounts in the order of /proc/1/mountinfo, with mount points as the host sees them (without rootfs).
// kResourceExhausted above some 10,000.
core::Result<std::vector<Mount>> ReadMounts(const HostPaths& paths);

}  // namespace sextant::node
