// Who uses this machine: systemd's units, containers and machines, by their control groups. Like
// process_usage.h, but the kernel itself counts, also what has ended; what is in none of the groups (the
// kernel's own work, groups that lived between two looks) is in the rest.
//
// Any thread; no lock is held while files are read.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agents/node/metric_sink.h"
#include "agents/node/usage/cgroup_names.h"
#include "agents/node/usage/cgroup_reader.h"
#include "agents/node/usage/process_usage.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

class CgroupUsage {
 public:
  // `clock` must outlive it. `limits.group_limit` is that of groups with series, kCgroupLimit of those looked
  // at.
  CgroupUsage(HostPaths paths, const core::Clock& clock, UsageLimits limits);

  // Errors as ReadCgroups; then nothing has changed.
  core::Status Look();
  // The same, unless that has been done within `max_age_ms`.
  core::Status LookAgainAfter(core::DurationMs max_age_ms);

  // Adds sextant_cgroup_*.
  void Expose(MetricSink& sink);

  // The group that a process is in, of those of the last look. Reads /proc/PID/cgroup.
  std::optional<CgroupIdentity> FindProcess(int32_t pid) const;

  struct Group {
    CgroupIdentity identity;
    std::string path;
    double threads = 0;
    UsageNow now;
  };
  struct Picture {
    double interval_seconds = 0;  // 0: looked once only
    size_t groups = 0;
    size_t overlooked = 0;
    std::vector<Group> top;  // the `count` greatest by CPU, memory and I/O each, by CPU
  };
  Picture Greatest(size_t count) const;

 private:
  struct Known {
    CgroupIdentity identity;
    uint32_t group = TopGroups::kRest;
    int name_attempts = 0;  // how often its container's name was looked for
    Usage usage;
    Usage rated;  // where it stood when `now` was worked out
    Level level;
    UsageNow now;
  };

  std::vector<std::string> NamelessContainers(const CgroupSnapshot& snapshot) const;
  void Merge(const CgroupSnapshot& snapshot, const std::map<std::string, std::string>& names,
             int64_t begin_ns);
  void MergeOne(const CgroupSample& sample, const std::map<std::string, std::string>& names,
                bool is_new_whole, Known& known);
  void CountRest(const Usage& whole);
  void WorkOutRates(int64_t now_ns);

  const HostPaths paths_;
  const core::Clock& clock_;

  mutable std::mutex mutex_;  // guards all below
  TopGroups groups_;
  std::map<std::string, Known> known_;  // by path
  Usage whole_at_start_;
  Usage counted_;
  int64_t looked_ns_ = 0;
  int64_t rated_ns_ = 0;
  double interval_seconds_ = 0;
  bool has_looked_ = false;
  size_t overlooked_ = 0;
};

}  // namespace sextant::node
