// One look at all control groups that stand for something (cgroup_names.h): what they have used and hold.
// Takes cgroup v2 and, where there is none, v1's controllers, each in its own tree. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/usage/top_groups.h"
#include "core/result.h"

namespace sextant::node {

// Groups beyond this are counted, not looked at; so is what is deeper.
inline constexpr size_t kCgroupLimit = 4'000;
inline constexpr size_t kCgroupDepthLimit = 12;

struct CgroupSample {
  std::string path;  // below the mount, with a slash at the beginning
  Usage usage;       // since the group exists
  Level level;       // memory with the page cache; processes and threads only where they are counted
};

struct CgroupSnapshot {
  std::vector<CgroupSample> groups;  // by path; none is within another
  Usage whole;                       // of the whole tree, with what is in none of the groups; 0: not known
  size_t overlooked = 0;
};

// kNotFound when there are no control groups below sysfs/fs/cgroup; kInvalidArgument for a file that is not
// what it should be. Groups that end meanwhile are left out.
core::Result<CgroupSnapshot> ReadCgroups(const HostPaths& paths, size_t limit = kCgroupLimit);

// Contents of cpu.stat (v2), io.stat (v2) and blkio.throttle.io_service_bytes (v1), cgroup-v2.rst and
// blkio-controller.rst of the kernel.
core::Status ParseCgroupCpuStat(std::string_view text, Usage& usage);
core::Status ParseCgroupIoStat(std::string_view text, Usage& usage);
core::Status ParseCgroupServiceBytes(std::string_view text, Usage& usage);

}  // namespace sextant::node
