// Takes the few numbers that tell how a machine is doing, once a second, into a RecentRing:
//
//   cpu{mode}                    share of all CPUs, 0 to 1 (user, nice, system, idle, iowait, irq, softirq,
//   steal) memory_bytes{kind}           total, available, free, cached, swap_used load{window} 1m, 5m, 15m
//   pressure{resource}           share of the time that tasks waited: cpu_some, io_some, io_full,
//   memory_some,
//                                memory_full
//   disk_read_bytes{device}, disk_written_bytes{device} per second, disk_busy{device} share of the time
//   network_received_bytes{device}, network_sent_bytes{device} per second
//
// and the processes that use most CPU. Files stay open. Looks at the processes no oftener than costs 1/800
// of one CPU, at least every 15 seconds; in between it repeats what it has. What a kernel does not have is
// left out.
//
// Sample is for one thread at a time; the ring for any.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/open_files.h"
#include "agents/node/options.h"
#include "agents/node/usage/process_usage.h"
#include "agents/node/usage/recent_ring.h"
#include "core/clock.h"

namespace sextant::node {

inline constexpr size_t kRecentDevices = 16;  // disks, and as many network devices

class RecentHost {
 public:
  // `options` give the paths and which devices count; what is referred to must outlive it.
  RecentHost(const NodeOptions& options, const core::Clock& clock, ProcessUsage& processes);

  // Adds a slot to the ring; the first call only sees where counters stand.
  void Sample();

  const RecentRing& ring() const { return ring_; }

 private:
  // Counters of the sample before, by column.
  using Counters = std::map<RecentName, double>;

  void SampleCpu();
  void SampleMemory();
  void SampleLoad();
  void SamplePressure(const std::string& resource);
  void SampleDisks();
  void SampleNetwork();
  void SampleProcesses();

  void Gauge(std::string_view metric, std::string_view label, std::string_view value, double amount);
  // What a counter grew by per second, times `scale`.
  void Rate(std::string_view metric, std::string_view label, std::string_view value, double counter,
            double scale);
  const NameFilter& disks() const { return disk_filter_; }

  const HostPaths paths_;
  const NameFilter disk_filter_;
  const NameFilter network_filter_;
  const core::Clock& clock_;
  ProcessUsage& process_usage_;
  OpenFiles files_;
  RecentRing ring_;

  // Of the thread that samples.
  Counters before_;
  Counters now_;
  std::map<std::string, bool, std::less<>> is_disk_;  // what the filter says, by name
  std::vector<double> cpu_before_;
  double seconds_ = 0;  // since the sample before
  int64_t sampled_ns_ = 0;
  int64_t next_look_ns_ = 0;
  std::vector<RecentRing::Sample> samples_;
  RecentRing::Processes processes_;
};

}  // namespace sextant::node
