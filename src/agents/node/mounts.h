// The host's mounts. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/open_files.h"
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

// The same in two steps, for those who ask again and again: the text, which rarely changes, and what it says.
core::Result<std::string> ReadMountInfo(OpenFiles& files, const HostPaths& paths);
core::Result<std::vector<Mount>> ParseMountInfo(std::string_view text, const HostPaths& paths);

}  // namespace sextant::node
