// What the APIs that service discovery asks answer: Consul, Docker, Docker Swarm, EC2.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "metrics/discovery/consul_groups.h"
#include "metrics/discovery/docker_groups.h"
#include "metrics/discovery/docker_swarm_groups.h"
#include "metrics/discovery/ec2_groups.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::discovery;
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      (void)ReadConsulDatacenter(text);
      (void)ReadConsulServices(text, {});
      (void)ReadConsulInstances(text, "s", "dc", ",");
      break;
    case 1:
      (void)ReadDockerContainers(text, {}, {});
      (void)ReadDockerNetworks(text, "__meta_docker_");
      break;
    case 2: {
      SwarmAnswers answers{text, text, text, text};
      (void)ReadSwarmTasks(answers, 80);
      (void)ReadSwarmServices(answers, 80);
      (void)ReadSwarmNodes(answers, 80);
      break;
    }
    default:
      (void)ReadEc2Zones(text);
      (void)ReadEc2Instances(text, {}, "r", 80);
      (void)ReadEc2Error(text);
  }
  return 0;
}
