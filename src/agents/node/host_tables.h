// Tables of the kernel that several ask for, taken apart: memory, disks, network devices, swap, load, and the
// fields of a process. Stateless; any thread. Errors are kInvalidArgument and quote what is wrong.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "core/result.h"

namespace sextant::node {

// A line of /proc/meminfo: "Active(anon): 12 kB".
struct MeminfoLine {
  std::string_view key;
  double value = 0;  // of sizes, in bytes
  bool is_size = false;
};
// An empty line has no key.
core::Result<MeminfoLine> ParseMeminfoLine(std::string_view line);

// Calls `take` with the fields of each line of /proc/diskstats: major, minor, name, numbers as in the
// kernel's Documentation/admin-guide/iostats.rst. A name is safe as a component of a path.
core::Status ForEachDisk(
    std::string_view text,
    const std::function<core::Status(const std::vector<std::string_view>& fields)>& take);

// A line of /proc/net/dev: bytes, packets, errs, drop, fifo, frame, compressed, multicast received; bytes,
// packets, errs, drop, fifo, colls, carrier, compressed sent.
inline constexpr size_t kNetDevColumns = 16;
using NetDevColumns = std::array<double, kNetDevColumns>;
core::Status ForEachNetDev(std::string_view text,
                           const std::function<void(std::string_view device, const NetDevColumns&)>& take);

// A line of /proc/swaps.
struct SwapLine {
  std::string_view device;
  std::string_view type;
  double size_bytes = 0;
  double used_bytes = 0;
  double priority = 0;
};
core::Result<std::vector<SwapLine>> ParseSwaps(std::string_view text);

// The three averages of /proc/loadavg, over 1, 5 and 15 minutes.
core::Result<std::array<double, 3>> ParseLoadAverages(std::string_view text);

// /proc/PID/stat, "17 (a name) S 2 0 …": the name may hold anything, so what counts is between the outermost
// parentheses.
struct ProcessFields {
  std::string_view name;
  std::vector<std::string_view> fields;  // behind the name: state, parent, …
};
// With at least `least` fields.
core::Result<ProcessFields> SplitProcessStat(std::string_view text, size_t least);

}  // namespace sextant::node
