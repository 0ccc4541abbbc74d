#include "pipeline/processors/cloud_detectors.h"

#include <unistd.h>

#include "httpclient/fake_cloud.h"
#include "pipeline/component_harness.h"
#include "pipeline/processors/resource_detection_processor.h"

namespace sextant::pipeline {

namespace {

using testing::HasSubstr;

// "name=value …", lists as [a,b].
std::string Line(const core::Result<DetectedAttributes>& found) {
  if (!found) return "error: " + found.error().message();
  std::vector<std::string> items;
  for (const auto& [name, value] : *found) {
    std::string text = value.number    ? std::to_string(*value.number)
                       : value.is_list ? fmt::format("[{}]", fmt::join(value.texts, ","))
                                       : value.texts.at(0);
    items.push_back(name + "=" + text);
  }
  return fmt::format("{}", fmt::join(items, " "));
}

// Sets variables of the environment, and takes them back.
class Variables {
 public:
  ~Variables() {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
  }
  void Set(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    names_.push_back(name);
  }

 private:
  std::vector<std::string> names_;
};

class CloudDetectorsTest : public ComponentTest {
 protected:
  ~CloudDetectorsTest() override { harness_.http().Stop(); }

  DetectorContext Context(bool fails = false) {
    return {.http = harness_.http(),
            .timeout_ms = 20'000,
            .fails_on_missing_metadata = fails,
            .logger = core::Logger::Discard()};
  }
  void OnText(const std::string& path, const std::string& text) {
    cloud_.On(path, [text](const net::HttpRequest&) { return net::HttpResponse::Text(200, text); });
  }

  httpclient::FakeCloud cloud_;
  Variables variables_;
};

TEST_F(CloudDetectorsTest, Ec2) {
  EXPECT_EQ(Line(DetectEc2(Context(), {.url = cloud_.url()})), "");
  EXPECT_THAT(Line(DetectEc2(Context(true), {.url = cloud_.url()})), HasSubstr("EC2 metadata unavailable"));
  OnText("/latest/api/token", "t0k3n");
  EXPECT_THAT(Line(DetectEc2(Context(), {.url = cloud_.url()})), HasSubstr("error: "));
  cloud_.OnJson(
      "/latest/dynamic/instance-identity/document",
      R"({"region":"us-west-2","accountId":"123","availabilityZone":"us-west-2a","instanceId":"i-1",)"
      R"("imageId":"ami-1","instanceType":"c5.xlarge"})");
  OnText("/latest/meta-data/hostname", "ip-10-0-0-1");
  OnText("/latest/meta-data/tags/instance", "Name\nteam\nother");
  OnText("/latest/meta-data/tags/instance/team", "red");
  EXPECT_EQ(Line(DetectEc2(Context(), {.tags = {"^team$", "^Na.*"}, .url = cloud_.url()})),
            "cloud.provider=aws cloud.platform=aws_ec2 cloud.region=us-west-2 cloud.account.id=123 "
            "cloud.availability_zone=us-west-2a host.id=i-1 host.image.id=ami-1 host.type=c5.xlarge "
            "host.name=ip-10-0-0-1 ec2.tag.team=red");
  EXPECT_EQ(cloud_.Seen("/latest/meta-data/hostname").back().headers.Get("X-aws-ec2-metadata-token"),
            "t0k3n");
}

TEST_F(CloudDetectorsTest, Azure) {
  EXPECT_EQ(Line(DetectAzure(Context(), {.url = cloud_.url()})), "");
  EXPECT_THAT(Line(DetectAzure(Context(true), {.url = cloud_.url()})),
              HasSubstr("Azure metadata unavailable"));
  cloud_.OnJson(
      "/metadata/instance/compute",
      R"({"location":"westeurope","name":"vm-1","vmId":"id-1","vmSize":"D2","subscriptionId":"sub",)"
      R"("resourceGroupName":"group","vmScaleSetName":"","osProfile":{"computerName":"computer"},)"
      R"("tagsList":[{"name":"team","value":"red"},{"name":"no","value":"x"}]})");
  EXPECT_EQ(Line(DetectAzure(Context(), {.tags = {"^team"}, .url = cloud_.url()})),
            "cloud.provider=azure cloud.platform=azure_vm host.name=computer azure.vm.name=vm-1 "
            "cloud.region=westeurope host.id=id-1 cloud.account.id=sub azure.vm.size=D2 "
            "azure.resourcegroup.name=group azure.tag.team=red");
  EXPECT_EQ(cloud_.Seen("/metadata/instance/compute").back().headers.Get("Metadata"), "True");
  OnText("/metadata/instance/compute", "no JSON");
  EXPECT_EQ(Line(DetectAzure(Context(), {.url = cloud_.url()})),
            "error: Azure metadata: the answer is no JSON");
}

TEST_F(CloudDetectorsTest, GoogleCloud) {
  const std::string base = "/computeMetadata/v1/";
  EXPECT_EQ(Line(DetectGcp(Context(), cloud_.url())), "");
  OnText(base + "project/project-id", "project\n");
  OnText(base + "instance/zone", "projects/1/zones/us-central1-c");
  OnText(base + "instance/region", "projects/1/regions/us-central1");
  OnText(base + "instance/id", "77");
  OnText(base + "instance/name", "vm");
  OnText(base + "instance/machine-type", "projects/1/machineTypes/n1");
  OnText(base + "instance/attributes/cluster-name", "cluster");
  OnText(base + "instance/attributes/cluster-location", "us-central1");
  EXPECT_EQ(Line(DetectGcp(Context(), cloud_.url())),
            "cloud.provider=gcp cloud.account.id=project cloud.platform=gcp_compute_engine "
            "cloud.availability_zone=us-central1-c cloud.region=us-central1 "
            "host.type=projects/1/machineTypes/n1 host.id=77 host.name=vm gcp.gce.instance.name=vm");
  {
    Variables run;
    run.Set("K_CONFIGURATION", "c");
    run.Set("K_SERVICE", "service");
    run.Set("K_REVISION", "r1");
    EXPECT_EQ(
        Line(DetectGcp(Context(), cloud_.url())),
        "cloud.provider=gcp cloud.account.id=project cloud.platform=gcp_cloud_run cloud.region=us-central1 "
        "faas.instance=77 faas.name=service faas.version=r1");
  }
  {
    Variables job;
    job.Set("CLOUD_RUN_JOB", "job");
    job.Set("CLOUD_RUN_EXECUTION", "job-1");
    job.Set("CLOUD_RUN_TASK_INDEX", "3");
    EXPECT_THAT(Line(DetectGcp(Context(), cloud_.url())),
                HasSubstr("faas.name=job gcp.cloud_run.job.execution=job-1 gcp.cloud_run.job.task_index=3"));
  }
  Variables cluster;
  cluster.Set("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  EXPECT_EQ(Line(DetectGcp(Context(), cloud_.url())),
            "cloud.provider=gcp cloud.account.id=project cloud.platform=gcp_kubernetes_engine "
            "cloud.region=us-central1 k8s.cluster.name=cluster host.id=77 host.name=vm");
}

TEST_F(CloudDetectorsTest, Docker) {
  std::string host = "tcp://" + cloud_.address();
  EXPECT_EQ(Line(DetectDocker(Context(), host, false)), "");
  EXPECT_EQ(Line(DetectDocker(Context(), "unix:///no/such/socket", false)), "");
  EXPECT_THAT(Line(DetectDocker(Context(true), "ssh://host", false)), HasSubstr("only unix:// and tcp://"));
  cloud_.OnJson("/info", R"({"Name":"machine","OSType":"linux"})");
  EXPECT_EQ(Line(DetectDocker(Context(), host, false)), "host.name=machine os.type=linux");
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  cloud_.OnJson(fmt::format("/containers/{}/json", name),
                R"({"Name":"/collector","Config":{"Image":"otel:1"}})");
  EXPECT_EQ(Line(DetectDocker(Context(), host, true)),
            "host.name=machine os.type=linux container.name=collector container.image.name=otel:1");
}

TEST_F(CloudDetectorsTest, Consul) {
  EXPECT_THAT(Line(DetectConsul(Context(), {.address = cloud_.address()})),
              HasSubstr("error: failed to get consul metadata: "));
  cloud_.OnJson(
      "/v1/agent/self",
      R"({"Config":{"NodeName":"node","Datacenter":"dc1","NodeID":"id"},"Meta":{"rack":"7","x":"y"}})");
  EXPECT_EQ(Line(DetectConsul(Context(), {.address = cloud_.address(),
                                          .datacenter = "dc 1",
                                          .namespace_name = "ns",
                                          .token = "secret",
                                          .meta = {"rack"}})),
            "rack=7 host.name=node cloud.region=dc1 host.id=id");
  net::HttpRequest seen = cloud_.Seen("/v1/agent/self").back();
  EXPECT_EQ(seen.Query().Get("dc"), "dc 1");
  EXPECT_EQ(seen.Query().Get("ns"), "ns");
  EXPECT_EQ(seen.headers.Get("X-Consul-Token"), "secret");
}

TEST_F(CloudDetectorsTest, KubernetesNode) {
  net::FetchRequest request{.url = cloud_.url() + "/api/v1/nodes/n1"};
  EXPECT_THAT(Line(DetectKubernetesNode(Context(), request)), HasSubstr("failed getting k8s node"));
  cloud_.OnJson("/api/v1/nodes/n1", R"({"metadata":{"name":"n1","uid":"u1"}})");
  EXPECT_EQ(Line(DetectKubernetesNode(Context(), request)), "k8s.node.uid=u1 k8s.node.name=n1");
}

TEST_F(CloudDetectorsTest, EnvironmentsOfHerokuAndLambda) {
  EXPECT_EQ(Line(DetectHeroku(Context())), "");
  EXPECT_THAT(Line(DetectHeroku(Context(true))), HasSubstr("HEROKU_DYNO_ID is not set"));
  EXPECT_EQ(Line(DetectLambda(Context())), "");
  variables_.Set("HEROKU_DYNO_ID", "dyno");
  variables_.Set("HEROKU_APP_NAME", "shop");
  EXPECT_EQ(Line(DetectHeroku(Context())),
            "cloud.provider=heroku service.instance.id=dyno heroku.dyno.id=dyno service.name=shop");
  variables_.Set("AWS_LAMBDA_FUNCTION_NAME", "f");
  variables_.Set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
  variables_.Set("AWS_LAMBDA_LOG_STREAM_NAME", "stream");
  variables_.Set("AWS_REGION", "us-west-2");
  EXPECT_EQ(
      Line(DetectLambda(Context())),
      "cloud.provider=aws cloud.platform=aws_lambda cloud.region=us-west-2 faas.name=f faas.instance=stream "
      "aws.log.stream.names=[stream] faas.max_memory=134217728");
}

// Through the processor: which detectors count, and which attributes are switched on.
TEST_F(CloudDetectorsTest, TheProcessorAsksAsConfigured) {
  variables_.Set("DOCKER_HOST", "tcp://" + cloud_.address());
  variables_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", cloud_.url() + "/");
  variables_.Set("K8S_NODE_NAME", "n1");
  cloud_.OnJson("/info", R"({"Name":"machine","OSType":"linux"})");
  auto detect = [&](const std::string& yaml) -> std::string {
    auto processor = MakeProcessor(ResourceDetectionProcessorType(), yaml, Signal::kTraces);
    if (core::Status started = processor->Start(); !started) return "error: " + started.error().message();
    otlp::TracesData data;
    AddSpans(data, {}).emplace_back();
    processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
    processor->Shutdown();
    return AttributesLine(next_.batches().back().traces().resources[0].resource.attributes);
  };
  EXPECT_EQ(detect("detectors: [ec2, docker]"), "{host.name='machine',os.type='linux'}");
  EXPECT_EQ(detect("{detectors: [docker], docker: {resource_attributes: {os.type: {enabled: false}}}}"),
            "{host.name='machine'}");
  EXPECT_THAT(detect("{detectors: [ec2], fail_on_missing_metadata: true}"),
              HasSubstr("error: detector ec2: EC2 metadata unavailable"));
  EXPECT_THAT(detect("{detectors: [ec2], ec2: {fail_on_missing_metadata: true}}"),
              HasSubstr("EC2 metadata unavailable"));
  EXPECT_THAT(detect("{detectors: [k8snode], k8snode: {node_from_env_var: NO_SUCH_VARIABLE}}"),
              HasSubstr("envvar \"NO_SUCH_VARIABLE\" is not set"));
}

TEST_F(CloudDetectorsTest, SaysWhatIsWrongWithItsSettings) {
  ComponentType type = ResourceDetectionProcessorType();
  EXPECT_THAT(harness_.ErrorOf(type, "ec2: {tags: ['a']}"), HasSubstr("set tags_from_imds: true"));
  EXPECT_THAT(harness_.ErrorOf(type, "ec2: {tags: ['('], tags_from_imds: true}"),
              HasSubstr("invalid regular expression"));
  EXPECT_THAT(harness_.ErrorOf(type, "gcp: {resource_attributes: {os.type: {enabled: true}}}"),
              HasSubstr("gcp.resource_attributes.os.type: this detector has no such attribute"));
  EXPECT_THAT(harness_.ErrorOf(type, "gcp: {labels: [a]}"), HasSubstr("labels is not supported yet"));
}

}  // namespace

}  // namespace sextant::pipeline
