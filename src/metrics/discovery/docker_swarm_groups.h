// What the API of a Docker Swarm manager answers, as target groups. Pure functions; answers may be hostile.
#pragma once

#include <string_view>

#include "core/result.h"
#include "metrics/discovery/discoverer.h"
#include "metrics/discovery/docker_groups.h"

namespace sextant::discovery {

inline constexpr std::string_view kSwarmPrefix = "__meta_dockerswarm_";

// Answers that the three roles are made of, as JSON: /tasks, /services, /nodes and /networks.
struct SwarmAnswers {
  std::string tasks = {};
  std::string services = {};
  std::string nodes = {};
  std::string networks = {};
};

// Each is the group "DockerSwarm"; `port` is that of what publishes none.
core::Result<TargetGroup> ReadSwarmNodes(const SwarmAnswers& answers, int32_t port);
core::Result<TargetGroup> ReadSwarmServices(const SwarmAnswers& answers, int32_t port);
core::Result<TargetGroup> ReadSwarmTasks(const SwarmAnswers& answers, int32_t port);

}  // namespace sextant::discovery
