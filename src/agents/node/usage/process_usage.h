// Who uses this machine: the processes, grouped by name, with what they have used since the first look.
//
//   ProcessUsage usage(paths, clock, {});
//   usage.Look(/*with_io=*/true);    // from time to time, by whoever needs it; all looks count
//   usage.Expose(sink);              // sextant_process_*: the greatest groups and the rest (top_groups.h)
//   usage.Greatest(10);              // what is so now, process by process
//
// A process counts from the first look on; one that came after it counts from its beginning. What a process
// used between the last look at it and its end is nobody's. Any thread; no lock is held while /proc is read.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/metric_sink.h"
#include "agents/node/usage/greatest.h"
#include "agents/node/usage/process_reader.h"
#include "agents/node/usage/top_groups.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

struct UsageLimits {
  size_t top_count = 10;  // by CPU, by memory and by I/O each
  size_t group_limit = 2'000;
  size_t process_limit = kProcessLimit;
};

class ProcessUsage {
 public:
  // `clock` must outlive it.
  ProcessUsage(HostPaths paths, const core::Clock& clock, UsageLimits limits);

  // Looks at all processes. Errors as ReadProcesses; then nothing has changed.
  core::Status Look(bool with_io);
  // The same, unless that has been done within `max_age_ms`.
  core::Status LookAgainAfter(core::DurationMs max_age_ms);

  void Expose(MetricSink& sink);

  struct Process {
    int32_t pid = 0;
    std::string name;
    uint32_t threads = 0;
    bool is_io_known = false;
    UsageNow now;
  };
  struct Group {
    std::string name;
    size_t processes = 0;
    size_t threads = 0;
    UsageNow now;
  };
  struct Picture {
    core::TimestampMs time_ms = 0;
    double interval_seconds = 0;     // that CPU is an average of; 0: looked once only
    double io_interval_seconds = 0;  // that reads and writes are
    size_t processes = 0;
    size_t threads = 0;
    size_t overlooked = 0;
    size_t io_denied = 0;                // of how many processes reads and writes are hidden from us
    std::vector<Process> top_processes;  // the `count` greatest by CPU, memory and I/O each, by CPU
    std::vector<Group> top_groups;       // likewise
  };
  Picture Greatest(size_t count) const;

  struct Share {
    std::string_view name;  // as the kernel gives it
    double cpu_cores = 0;
  };
  // Calls `take` with the `count` processes' names that use the most CPU now, greatest first.
  void GreatestByCpu(size_t count, const std::function<void(const Share&)>& take) const;

 private:
  struct Record {
    ProcessSample sample;
    uint32_t group = TopGroups::kRest;
    bool counts_whole = false;  // began after the first look
    UsageNow now;
    // Where counters stood when `now` was worked out.
    uint64_t rated_cpu_ticks = 0;
    uint64_t rated_read_bytes = 0;
    uint64_t rated_written_bytes = 0;
  };

  std::unique_ptr<ProcessSnapshot> TakeSnapshot();
  void Merge(ProcessSnapshot& snapshot, bool with_io, int64_t begin_ns);
  void Begin(Record& record, bool counts_whole);
  void Continue(const Record& before, Record& record);
  void CountIo(const Record& before, Record& record);
  void WorkOutRates(bool with_io, int64_t now_ns);
  std::vector<Group> GroupsNow() const;

  const HostPaths paths_;
  const core::Clock& clock_;
  const UsageLimits limits_;

  mutable std::mutex mutex_;  // guards all below
  TopGroups groups_;
  std::vector<Record> records_;  // by pid
  std::vector<Record> next_;     // kept for its memory
  std::unique_ptr<ProcessSnapshot> spare_;
  core::TimestampMs looked_ms_ = 0;
  int64_t looked_ns_ = 0;
  int64_t looked_io_ns_ = 0;
  int64_t rated_ns_ = 0;
  int64_t rated_io_ns_ = 0;
  double interval_seconds_ = 0;
  double io_interval_seconds_ = 0;
  bool has_looked_ = false;
  bool has_looked_io_ = false;
  size_t overlooked_ = 0;
  size_t unreadable_ = 0;
};

}  // namespace sextant::node
