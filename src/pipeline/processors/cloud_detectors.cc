#include "pipeline/processors/cloud_detectors.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>

#include "metrics/discovery/json_node.h"
#include "net/url.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using discovery::JsonNode;

constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kMaxTags = 200;

// The answer, whatever its status. Waits.
Result<net::FetchResponse> Ask(const DetectorContext& context, net::FetchRequest request) {
  request.timeout_ms = context.timeout_ms;
  request.max_body_bytes = kMaxAnswerBytes;
  auto promise = std::make_shared<std::promise<Result<net::FetchResponse>>>();
  std::future<Result<net::FetchResponse>> answer = promise->get_future();
  context.http.Fetch(std::move(request), {}, [promise](Result<net::FetchResponse> response) {
    promise->set_value(std::move(response));
  });
  return answer.get();
}

// The body of an answer with status 200.
Result<std::string> Text(const DetectorContext& context, net::FetchRequest request) {
  std::string url = request.url;
  SEXTANT_ASSIGN(net::FetchResponse response, Ask(context, std::move(request)));
  if (response.status != 200) return Fail(Code::kUnavailable, "{}: status {}", url, response.status);
  return std::move(response.body);
}

// A JSON document and its root.
class Json {
 public:
  static Result<std::unique_ptr<Json>> Parse(std::string_view text, std::string_view what) {
    auto json = std::make_unique<Json>();
    simdjson::dom::element root;
    if (json->parser_.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) {
      return Fail(Code::kCorruption, "{}: the answer is no JSON", what);
    }
    json->root_ = JsonNode(root);
    return json;
  }
  JsonNode root() const { return root_; }

 private:
  simdjson::dom::parser parser_;
  JsonNode root_;
};

// Collects attributes; empty values are left out.
class Attributes {
 public:
  void Add(std::string_view name, std::string_view value) {
    if (!value.empty()) found_.emplace_back(name, DetectedValue::Text(std::string(value)));
  }
  // An answer that there is not for everybody.
  void AddAnswer(std::string_view name, const Result<std::string>& value) {
    if (value) Add(name, *value);
  }
  DetectedAttributes Take() { return std::move(found_); }

 private:
  DetectedAttributes found_;
};

// What a detector gives where it does not belong.
Result<DetectedAttributes> Missing(const DetectorContext& context, std::string_view detector,
                                   std::string_view why) {
  if (context.fails_on_missing_metadata) {
    return Fail(Code::kUnavailable, "{} metadata unavailable: {}", detector, why);
  }
  context.logger.Debug("metadata unavailable", {{"detector", detector}, {"err", why}});
  return DetectedAttributes();
}

std::string_view LastSegment(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool MatchesAny(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return re2::RE2::PartialMatch(name, pattern); });
}

}  // namespace

// ---- EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html

const AttributeDefaults& Ec2Attributes() {
  static const AttributeDefaults kAll = {
      {"cloud.account.id", true}, {"cloud.availability_zone", true},
      {"cloud.platform", true},   {"cloud.provider", true},
      {"cloud.region", true},     {"host.id", true},
      {"host.image.id", true},    {"host.name", true},
      {"host.type", true},
  };
  return kAll;
}

namespace {

class Ec2Metadata {
 public:
  Ec2Metadata(const DetectorContext& context, const std::string& url) : context_(context), url_(url) {}

  // The token that requests of the second version of the service carry.
  core::Status Begin() {
    net::FetchRequest request{.method = "PUT", .url = url_ + "/latest/api/token"};
    request.headers.Set("X-aws-ec2-metadata-token-ttl-seconds", "60");
    SEXTANT_ASSIGN(token_, Text(context_, std::move(request)));
    return {};
  }
  Result<std::string> Get(std::string_view path) const {
    net::FetchRequest request{.url = fmt::format("{}/latest/{}", url_, path)};
    request.headers.Set("X-aws-ec2-metadata-token", token_);
    return Text(context_, std::move(request));
  }

 private:
  const DetectorContext& context_;
  const std::string url_;
  std::string token_;
};

// Tags whose names a pattern matches, as far as the instance lets its metadata tell them.
void AddEc2Tags(const Ec2Metadata& metadata, const std::vector<std::string>& patterns, Attributes& out) {
  Result<std::string> names = metadata.Get("meta-data/tags/instance");
  if (!names) return;
  std::string_view left = *names;
  for (size_t i = 0; i < kMaxTags && !left.empty(); ++i) {
    size_t end = left.find('\n');
    std::string_view name = left.substr(0, end);
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
    if (name.empty() || !MatchesAny(patterns, name)) continue;
    out.AddAnswer(fmt::format("ec2.tag.{}", name),
                  metadata.Get(fmt::format("meta-data/tags/instance/{}", name)));
  }
}

}  // namespace

Result<DetectedAttributes> DetectEc2(const DetectorContext& context, const Ec2Options& options) {
  Ec2Metadata metadata(context, options.url);
  if (core::Status begun = metadata.Begin(); !begun) {
    return Missing(context, "EC2", begun.error().message());
  }
  SEXTANT_ASSIGN(std::string document, metadata.Get("dynamic/instance-identity/document"));
  SEXTANT_ASSIGN(std::unique_ptr<Json> json, Json::Parse(document, "identity document"));
  SEXTANT_ASSIGN(std::string host_name, metadata.Get("meta-data/hostname"));
  JsonNode root = json->root();
  Attributes found;
  found.Add("cloud.provider", "aws");
  found.Add("cloud.platform", "aws_ec2");
  found.Add("cloud.region", root["region"].Text());
  found.Add("cloud.account.id", root["accountId"].Text());
  found.Add("cloud.availability_zone", root["availabilityZone"].Text());
  found.Add("host.id", root["instanceId"].Text());
  found.Add("host.image.id", root["imageId"].Text());
  found.Add("host.type", root["instanceType"].Text());
  found.Add("host.name", host_name);
  if (!options.tags.empty()) AddEc2Tags(metadata, options.tags, found);
  return found.Take();
}

// ---- Azure: https://learn.microsoft.com/en-us/azure/virtual-machines/instance-metadata-service

const AttributeDefaults& AzureAttributes() {
  static const AttributeDefaults kAll = {
      {"azure.resourcegroup.name", true},
      {"azure.vm.name", true},
      {"azure.vm.scaleset.name", true},
      {"azure.vm.size", true},
      {"cloud.account.id", true},
      {"cloud.availability_zone", false},
      {"cloud.platform", true},
      {"cloud.provider", true},
      {"cloud.region", true},
      {"host.id", true},
      {"host.name", true},
  };
  return kAll;
}

Result<DetectedAttributes> DetectAzure(const DetectorContext& context, const AzureOptions& options) {
  net::FetchRequest request{.url = options.url +
                                   "/metadata/instance/compute?api-version=2020-09-01&format=json"};
  request.headers.Set("Metadata", "True");
  Result<std::string> answer = Text(context, std::move(request));
  if (!answer) return Missing(context, "Azure", answer.error().message());
  SEXTANT_ASSIGN(std::unique_ptr<Json> json, Json::Parse(*answer, "Azure metadata"));
  JsonNode root = json->root();
  Attributes found;
  found.Add("cloud.provider", "azure");
  found.Add("cloud.platform", "azure_vm");
  found.Add("host.name", root["osProfile"]["computerName"].Text());
  found.Add("azure.vm.name", root["name"].Text());
  found.Add("cloud.region", root["location"].Text());
  found.Add("cloud.availability_zone", root["zone"].Text());
  found.Add("host.id", root["vmId"].Text());
  found.Add("cloud.account.id", root["subscriptionId"].Text());
  found.Add("azure.vm.size", root["vmSize"].Text());
  found.Add("azure.vm.scaleset.name", root["vmScaleSetName"].Text());
  found.Add("azure.resourcegroup.name", root["resourceGroupName"].Text());
  size_t tags = 0;
  root["tagsList"].ForEach([&](JsonNode tag) {
    std::string_view name = tag["name"].Text();
    if (tags < kMaxTags && MatchesAny(options.tags, name)) {
      found.Add(fmt::format("azure.tag.{}", name), tag["value"].Text());
      ++tags;
    }
  });
  return found.Take();
}

// ---- Google Cloud: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys

const AttributeDefaults& GcpAttributes() {
  static const AttributeDefaults kAll = {
      {"cloud.account.id", true},
      {"cloud.availability_zone", true},
      {"cloud.platform", true},
      {"cloud.provider", true},
      {"cloud.region", true},
      {"faas.id", true},
      {"faas.instance", true},
      {"faas.name", true},
      {"faas.version", true},
      {"gcp.cloud_run.job.execution", true},
      {"gcp.cloud_run.job.task_index", true},
      {"gcp.gce.instance.hostname", false},
      {"gcp.gce.instance.name", false},
      {"host.id", true},
      {"host.name", true},
      {"host.type", true},
      {"k8s.cluster.name", true},
  };
  return kAll;
}

namespace {

class GcpMetadata {
 public:
  GcpMetadata(const DetectorContext& context, const std::string& url) : context_(context), url_(url) {}

  Result<std::string> Get(std::string_view path) const {
    net::FetchRequest request{.url = fmt::format("{}/computeMetadata/v1/{}", url_, path)};
    request.headers.Set("Metadata-Flavor", "Google");
    SEXTANT_ASSIGN(std::string text, Text(context_, std::move(request)));
    while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
    return text;
  }
  // The name at the end of "projects/123/zones/us-central1-c".
  std::string NameOf(std::string_view path) const {
    Result<std::string> text = Get(path);
    return text ? std::string(LastSegment(*text)) : "";
  }

 private:
  const DetectorContext& context_;
  const std::string url_;
};

void AddComputeEngine(const GcpMetadata& metadata, Attributes& out) {
  out.Add("cloud.platform", "gcp_compute_engine");
  std::string zone = metadata.NameOf("instance/zone");
  out.Add("cloud.availability_zone", zone);
  out.Add("cloud.region", std::string_view(zone).substr(0, zone.rfind('-')));
  out.AddAnswer("host.type", metadata.Get("instance/machine-type"));
  out.AddAnswer("host.id", metadata.Get("instance/id"));
  out.AddAnswer("host.name", metadata.Get("instance/name"));
  out.AddAnswer("gcp.gce.instance.hostname", metadata.Get("instance/hostname"));
  out.AddAnswer("gcp.gce.instance.name", metadata.Get("instance/name"));
}

void AddKubernetesEngine(const GcpMetadata& metadata, Attributes& out) {
  out.Add("cloud.platform", "gcp_kubernetes_engine");
  std::string location = metadata.NameOf("instance/attributes/cluster-location");
  bool is_zone = std::ranges::count(location, '-') >= 2;
  out.Add(is_zone ? "cloud.availability_zone" : "cloud.region", location);
  out.AddAnswer("k8s.cluster.name", metadata.Get("instance/attributes/cluster-name"));
  out.AddAnswer("host.id", metadata.Get("instance/id"));
  out.AddAnswer("host.name", metadata.Get("instance/name"));
}

// Cloud Run and Cloud Functions, whose names stand in the environment.
void AddServerless(const GcpMetadata& metadata, bool is_function, Attributes& out) {
  out.Add("cloud.platform", is_function ? "gcp_cloud_functions" : "gcp_cloud_run");
  out.Add("cloud.region", metadata.NameOf("instance/region"));
  out.AddAnswer("faas.instance", metadata.Get("instance/id"));
  std::string job = EnvironmentVariable("CLOUD_RUN_JOB");
  if (!job.empty()) {
    out.Add("faas.name", job);
    out.Add("gcp.cloud_run.job.execution", EnvironmentVariable("CLOUD_RUN_EXECUTION"));
    out.Add("gcp.cloud_run.job.task_index", EnvironmentVariable("CLOUD_RUN_TASK_INDEX"));
    return;
  }
  out.Add("faas.name", EnvironmentVariable("K_SERVICE"));
  out.Add("faas.version", EnvironmentVariable("K_REVISION"));
}

}  // namespace

Result<DetectedAttributes> DetectGcp(const DetectorContext& context, const std::string& url) {
  GcpMetadata metadata(context, url);
  Result<std::string> project = metadata.Get("project/project-id");
  if (!project) return Missing(context, "GCP", project.error().message());
  Attributes found;
  found.Add("cloud.provider", "gcp");
  found.Add("cloud.account.id", *project);
  auto has = [](const char* name) { return std::getenv(name) != nullptr; };
  if (has("KUBERNETES_SERVICE_HOST")) {
    AddKubernetesEngine(metadata, found);
  } else if (has("FUNCTION_TARGET")) {
    AddServerless(metadata, true, found);
  } else if (has("K_CONFIGURATION") || has("CLOUD_RUN_JOB")) {
    AddServerless(metadata, false, found);
  } else {
    AddComputeEngine(metadata, found);
  }
  return found.Take();
}

// ---- Docker: https://docs.docker.com/reference/api/engine

const AttributeDefaults& DockerAttributes() {
  static const AttributeDefaults kAll = {
      {"container.image.name", false}, {"container.name", false}, {"host.name", true}, {"os.type", true}};
  return kAll;
}

namespace {

Result<net::FetchRequest> DockerRequest(const std::string& host, const std::string& path) {
  constexpr std::string_view kUnix = "unix://";
  constexpr std::string_view kTcp = "tcp://";
  net::FetchRequest request;
  if (host.starts_with(kUnix)) {
    request.unix_socket = host.substr(kUnix.size());
    request.url = "http://docker" + path;
  } else if (host.starts_with(kTcp)) {
    request.url = "http://" + host.substr(kTcp.size()) + path;
  } else {
    return Fail(Code::kInvalidArgument, "DOCKER_HOST: only unix:// and tcp:// are supported, not {}", host);
  }
  return request;
}

Result<std::unique_ptr<Json>> AskDocker(const DetectorContext& context, const std::string& host,
                                        const std::string& path) {
  SEXTANT_ASSIGN(net::FetchRequest request, DockerRequest(host, path));
  SEXTANT_ASSIGN(std::string answer, Text(context, std::move(request)));
  return Json::Parse(answer, "Docker");
}

}  // namespace

Result<DetectedAttributes> DetectDocker(const DetectorContext& context, const std::string& host,
                                        bool wants_container) {
  Result<std::unique_ptr<Json>> info = AskDocker(context, host, "/info");
  if (!info) return Missing(context, "Docker", info.error().message());
  Attributes found;
  found.Add("host.name", (*info)->root()["Name"].Text());
  found.Add("os.type", (*info)->root()["OSType"].Text());
  if (!wants_container) return found.Take();
  // The container's host name is the beginning of its id, unless somebody has changed it.
  SEXTANT_ASSIGN(DetectedAttributes own, DetectSystem({HostNameSource::kOs}));
  Result<std::unique_ptr<Json>> container =
      AskDocker(context, host, "/containers/" + net::PathEscape(own.front().second.texts[0]) + "/json");
  if (!container) return Missing(context, "Docker", container.error().message());
  std::string_view name = (*container)->root()["Name"].Text();
  if (name.starts_with('/')) name.remove_prefix(1);
  found.Add("container.name", name);
  found.Add("container.image.name", (*container)->root()["Config"]["Image"].Text());
  return found.Take();
}

// ---- Consul: https://developer.hashicorp.com/consul/api-docs/agent

const AttributeDefaults& ConsulAttributes() {
  static const AttributeDefaults kAll = {{"cloud.region", true}, {"host.id", true}, {"host.name", true}};
  return kAll;
}

Result<DetectedAttributes> DetectConsul(const DetectorContext& context, const ConsulOptions& options) {
  std::string url =
      options.address.find("://") == std::string::npos ? "http://" + options.address : options.address;
  url += "/v1/agent/self";
  char separator = '?';
  for (const auto& [name, value] :
       {std::pair("dc", options.datacenter), std::pair("ns", options.namespace_name)}) {
    if (value.empty()) continue;
    url += fmt::format("{}{}={}", separator, name, net::QueryEscape(value));
    separator = '&';
  }
  net::FetchRequest request{.url = std::move(url)};
  if (!options.token.empty()) request.headers.Set("X-Consul-Token", options.token);
  Result<std::string> answer = Text(context, std::move(request));
  // The original starts no collector without its agent, whatever fail_on_missing_metadata says.
  if (!answer) return Fail(Code::kUnavailable, "failed to get consul metadata: {}", answer.error().message());
  SEXTANT_ASSIGN(std::unique_ptr<Json> json, Json::Parse(*answer, "consul"));
  JsonNode config = json->root()["Config"];
  if (!config.exists()) {
    return Fail(Code::kCorruption, "failed to get consul metadata: the agent's answer has no Config");
  }
  Attributes found;
  json->root()["Meta"].ForEachField([&](std::string_view name, JsonNode value) {
    if (std::ranges::find(options.meta, name) != options.meta.end()) found.Add(name, value.Text());
  });
  found.Add("host.name", config["NodeName"].Text());
  found.Add("cloud.region", config["Datacenter"].Text());
  found.Add("host.id", config["NodeID"].Text());
  return found.Take();
}

// ---- Kubernetes' node

const AttributeDefaults& KubernetesNodeAttributes() {
  static const AttributeDefaults kAll = {{"k8s.node.name", true}, {"k8s.node.uid", true}};
  return kAll;
}

Result<DetectedAttributes> DetectKubernetesNode(const DetectorContext& context, net::FetchRequest request) {
  Result<std::string> answer = Text(context, std::move(request));
  if (!answer) {
    return Fail(Code::kUnavailable, "failed getting k8s node: {}", answer.error().message());
  }
  SEXTANT_ASSIGN(std::unique_ptr<Json> json, Json::Parse(*answer, "Kubernetes"));
  JsonNode metadata = json->root()["metadata"];
  Attributes found;
  found.Add("k8s.node.uid", metadata["uid"].Text());
  found.Add("k8s.node.name", metadata["name"].Text());
  return found.Take();
}

// ---- Heroku and Lambda, which set the environment

const AttributeDefaults& HerokuAttributes() {
  static const AttributeDefaults kAll = {
      {"cloud.provider", true},
      {"heroku.app.id", true},
      {"heroku.dyno.id", false},
      {"heroku.release.commit", true},
      {"heroku.release.creation_timestamp", true},
      {"service.instance.id", true},
      {"service.name", true},
      {"service.version", true},
  };
  return kAll;
}

Result<DetectedAttributes> DetectHeroku(const DetectorContext& context) {
  std::string dyno = EnvironmentVariable("HEROKU_DYNO_ID");
  std::string app = EnvironmentVariable("HEROKU_APP_ID");
  if (dyno.empty() && app.empty()) return Missing(context, "Heroku", "HEROKU_DYNO_ID is not set");
  Attributes found;
  found.Add("cloud.provider", "heroku");
  found.Add("service.instance.id", dyno);
  found.Add("heroku.dyno.id", dyno);
  found.Add("heroku.app.id", app);
  const std::pair<const char*, const char*> kNames[] = {
      {"service.name", "HEROKU_APP_NAME"},
      {"heroku.release.creation_timestamp", "HEROKU_RELEASE_CREATED_AT"},
      {"service.version", "HEROKU_RELEASE_VERSION"},
      {"heroku.release.commit", "HEROKU_SLUG_COMMIT"},
  };
  for (const auto& [name, variable] : kNames) found.Add(name, EnvironmentVariable(variable));
  return found.Take();
}

const AttributeDefaults& LambdaAttributes() {
  static const AttributeDefaults kAll = {
      {"aws.log.group.names", true}, {"aws.log.stream.names", true},
      {"cloud.platform", true},      {"cloud.provider", true},
      {"cloud.region", true},        {"faas.instance", true},
      {"faas.max_memory", true},     {"faas.name", true},
      {"faas.version", true},
  };
  return kAll;
}

Result<DetectedAttributes> DetectLambda(const DetectorContext& context) {
  std::string name = EnvironmentVariable("AWS_LAMBDA_FUNCTION_NAME");
  if (name.empty()) return Missing(context, "Lambda", "AWS_LAMBDA_FUNCTION_NAME is not set");
  Attributes found;
  found.Add("cloud.provider", "aws");
  found.Add("cloud.platform", "aws_lambda");
  found.Add("cloud.region", EnvironmentVariable("AWS_REGION"));
  found.Add("faas.name", name);
  found.Add("faas.version", EnvironmentVariable("AWS_LAMBDA_FUNCTION_VERSION"));
  std::string stream = EnvironmentVariable("AWS_LAMBDA_LOG_STREAM_NAME");
  found.Add("faas.instance", stream);
  DetectedAttributes all = found.Take();
  std::string group = EnvironmentVariable("AWS_LAMBDA_LOG_GROUP_NAME");
  if (!group.empty()) all.emplace_back("aws.log.group.names", DetectedValue::List({group}));
  if (!stream.empty()) all.emplace_back("aws.log.stream.names", DetectedValue::List({stream}));
  std::string memory = EnvironmentVariable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
  int64_t megabytes = 0;
  auto [end, error] = std::from_chars(memory.data(), memory.data() + memory.size(), megabytes);
  if (error == std::errc() && end == memory.data() + memory.size()) {
    all.emplace_back("faas.max_memory", DetectedValue::Int(megabytes << 20));
  }
  return all;
}

}  // namespace sextant::pipeline
