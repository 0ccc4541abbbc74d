// /proc/stat taken apart; the cpu and stat collectors share it. See proc_stat(5).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/open_files.h"
#include "core/result.h"

namespace sextant::node {

// Columns of a cpu line, in file order.
enum CpuMode : size_t { kUser, kNice, kSystem, kIdle, kIowait, kIrq, kSoftirq, kSteal, kGuest, kGuestNice };
inline constexpr size_t kCpuModeCount = 10;
using CpuTimes = std::array<double, kCpuModeCount>;  // seconds

struct ProcStat {
  std::map<uint64_t, CpuTimes> cpus;  // by CPU number
  double interrupts = 0;
  double context_switches = 0;
  double boot_time_seconds = 0;
  double forks = 0;
  double processes_running = 0;
  double processes_blocked = 0;
  std::vector<double> softirqs;  // per vector, as named by SoftirqVectorNames
};

// Names of the softirq columns after the sum.
inline constexpr std::array<std::string_view, 10> kSoftirqVectorNames = {
    "hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"};

// Unknown lines are skipped; a known line with something that is no number is kInvalidArgument.
core::Result<ProcStat> ParseProcStat(std::string_view text);
core::Result<ProcStat> ReadProcStat(OpenFiles& files, const HostPaths& paths);

}  // namespace sextant::node
