// One look at all processes: what /proc says of each, in one pass and without allocating once the snapshot
// has its size. Takes no lock of a process' memory (no cmdline, no smaps), so that a stuck process stops
// nobody. Stateless; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "core/result.h"

namespace sextant::node {

// Processes beyond this are counted, not looked at.
inline constexpr size_t kProcessLimit = 100'000;
// Longer names are cut.
inline constexpr size_t kProcessNameBytes = 64;

struct ProcessSample {
  enum class Io : uint8_t { kNotRead, kRead, kDenied };

  int32_t pid = 0;
  uint32_t threads = 0;
  uint64_t start_ticks = 0;  // since the machine's start; tells processes of the same pid apart
  uint64_t cpu_ticks = 0;    // user and system, of 1/100 s
  uint64_t resident_bytes = 0;
  uint64_t read_bytes = 0;  // from and to devices; only with Io::kRead
  uint64_t written_bytes = 0;
  Io io = Io::kNotRead;
  uint8_t name_size = 0;
  std::array<char, kProcessNameBytes> name_bytes = {};

  // As the kernel gives it: any bytes. The command's name; where that is cut (15 characters), the program's
  // file name if it goes on the same way. Of kernel threads what is before '/' or ':' (kworker, ksoftirqd).
  std::string_view name() const { return {name_bytes.data(), name_size}; }
};

struct ProcessSnapshot {
  std::vector<ProcessSample> processes;  // by pid
  size_t overlooked = 0;                 // beyond the limit
  size_t unreadable = 0;                 // hidden from us (hidepid)
};

// Fills `snapshot`; with `with_io` also reads and writes, which costs as much again. Processes that end while
// they are read are left out. Errors, with the path: /proc cannot be listed (kNotFound, kIo), a file that is
// no stat or io file (kInvalidArgument).
core::Status ReadProcesses(const HostPaths& paths, bool with_io, ProcessSnapshot& snapshot,
                           size_t limit = kProcessLimit);

// The content of /proc/PID/stat, proc_pid_stat(5). Does not set the pid.
core::Status ParseProcessStat(std::string_view text, ProcessSample& sample);
// The content of /proc/PID/io, proc_pid_io(5).
core::Status ParseProcessIo(std::string_view text, ProcessSample& sample);

}  // namespace sextant::node
