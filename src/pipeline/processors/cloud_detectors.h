// What the processor `resource_detection` finds by asking: metadata services of clouds, Docker, Consul and
// Kubernetes; and the environments that Heroku and Lambda set.
//
// A detector that does not run where it would find something gives nothing, or an error when
// fails_on_missing_metadata says so. All wait for answers, each for at most the timeout: not on an I/O
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "core/result.h"
#include "net/http_client.h"
#include "pipeline/processors/host_detectors.h"

namespace sextant::pipeline {

// What detectors stand on.
struct DetectorContext {
  net::HttpClient& http;
  core::DurationMs timeout_ms = 5'000;
  bool fails_on_missing_metadata = false;
  core::Logger logger;
};

struct Ec2Options {
  std::vector<std::string> tags = {};  // regular expressions of tags' names
  std::string url = "http://169.254.169.254";
};
core::Result<DetectedAttributes> DetectEc2(const DetectorContext& context, const Ec2Options& options);
const AttributeDefaults& Ec2Attributes();

struct AzureOptions {
  std::vector<std::string> tags = {};  // likewise
  std::string url = "http://169.254.169.254";
};
core::Result<DetectedAttributes> DetectAzure(const DetectorContext& context, const AzureOptions& options);
const AttributeDefaults& AzureAttributes();

// Compute Engine, Kubernetes Engine, Cloud Run and Cloud Functions.
core::Result<DetectedAttributes> DetectGcp(const DetectorContext& context,
                                           const std::string& url = "http://169.254.169.254");
const AttributeDefaults& GcpAttributes();

// `host`: "unix:///var/run/docker.sock" or "tcp://host:port".
core::Result<DetectedAttributes> DetectDocker(const DetectorContext& context, const std::string& host,
                                              bool wants_container);
const AttributeDefaults& DockerAttributes();

struct ConsulOptions {
  std::string address = "http://127.0.0.1:8500";
  std::string datacenter = {};
  std::string namespace_name = {};
  std::string token = {};
  std::vector<std::string> meta = {};  // names of the agent's metadata that become attributes
};
core::Result<DetectedAttributes> DetectConsul(const DetectorContext& context, const ConsulOptions& options);
const AttributeDefaults& ConsulAttributes();

// The node of this name, by a request for "/api/v1/nodes/<name>" that is complete but for its timeout.
core::Result<DetectedAttributes> DetectKubernetesNode(const DetectorContext& context,
                                                      net::FetchRequest request);
const AttributeDefaults& KubernetesNodeAttributes();

core::Result<DetectedAttributes> DetectHeroku(const DetectorContext& context);
const AttributeDefaults& HerokuAttributes();

core::Result<DetectedAttributes> DetectLambda(const DetectorContext& context);
const AttributeDefaults& LambdaAttributes();

}  // namespace sextant::pipeline
