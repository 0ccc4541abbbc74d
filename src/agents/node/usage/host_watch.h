// What watches this machine beside the normal series: who uses it (process_usage.h, cgroup_usage.h) and its
// last hour second by second (recent_host.h). One per process; the collectors of the same names share it.
//
//   HostWatch watch(DefaultNodeOptions(), clock);
//   NodeAgent agent(watch.options(), …);   // with process_usage and cgroup_usage
//   every second: watch.recent().Sample();
#pragma once

#include <memory>

#include "agents/node/options.h"
#include "agents/node/usage/cgroup_usage.h"
#include "agents/node/usage/process_usage.h"
#include "agents/node/usage/recent_host.h"
#include "core/clock.h"

namespace sextant::node {

class HostWatch {
 public:
  // `clock` must outlive it.
  HostWatch(NodeOptions options, const core::Clock& clock);

  // The options it was made with and its own collectors.
  const NodeOptions& options() const { return options_; }

  ProcessUsage& processes() { return *options_.process_usage; }
  CgroupUsage& cgroups() { return *options_.cgroup_usage; }
  RecentHost& recent() { return recent_; }
  const RecentHost& recent() const { return recent_; }

 private:
  NodeOptions options_;
  RecentHost recent_;
};

}  // namespace sextant::node
