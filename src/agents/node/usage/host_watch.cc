#include "agents/node/usage/host_watch.h"

#include <utility>

namespace sextant::node {
namespace {

NodeOptions WithUsage(NodeOptions options, const core::Clock& clock) {
  const UsageLimits limits{.top_count = options.usage_top_count};
  options.process_usage = std::make_shared<ProcessUsage>(options.paths, clock, limits);
  options.cgroup_usage = std::make_shared<CgroupUsage>(options.paths, clock, limits);
  options.collectors.insert({"process_usage", "cgroup_usage"});
  return options;
}

}  // namespace

HostWatch::HostWatch(NodeOptions options, const core::Clock& clock)
    : options_(WithUsage(std::move(options), clock)), recent_(options_, clock, processes()) {}

}  // namespace sextant::node
