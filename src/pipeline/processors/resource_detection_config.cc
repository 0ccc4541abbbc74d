#include "pipeline/processors/resource_detection_config.h"

#include <re2/re2.h>

#include <algorithm>

#include "pipeline/fields.h"
#include "pipeline/processors/cloud_detectors.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using config::NotYet;
using config::Struct;
using core::Status;

// Detectors of the original that this version does not have.
constexpr std::string_view kOthers[] = {"akamai",
                                        "aks",
                                        "alibaba_ecs",
                                        "azurecontainerapps",
                                        "digitalocean",
                                        "dynatrace",
                                        "ecs",
                                        "eks",
                                        "elasticbeanstalk",
                                        "hetzner",
                                        "ibmcloud_classic",
                                        "ibmcloud_vpc",
                                        "kubeadm",
                                        "nova",
                                        "openshift",
                                        "oraclecloud",
                                        "scaleway",
                                        "tencent_cvm",
                                        "upcloud",
                                        "vultr"};
constexpr std::string_view kOurs[] = {"env",    "system", "ec2",    "azure",   "gcp",    "docker",
                                      "heroku", "lambda", "consul", "k8snode", "k8s_api"};

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Status CheckPatterns(const std::vector<std::string>& patterns, Node node) {
  for (const std::string& pattern : patterns) {
    if (!re2::RE2(pattern, re2::RE2::Quiet).ok()) return node.Fail("invalid regular expression: {}", pattern);
  }
  return {};
}

Status CheckEc2(Ec2DetectorConfig& ec2, Node node) {
  if (ec2.tags.empty() || ec2.tags_from_imds) return {};
  return node.FailAt(node.position(), core::Code::kUnimplemented,
                     "tags by the API's DescribeTags are not supported yet: set tags_from_imds: true");
}

// The switches of a detector: only those it has, and all of them.
Status CompleteSwitches(const AttributeDefaults& defaults, AttributeSwitches& switches, Node detector) {
  for (const auto& [name, value] : switches) {
    if (defaults.contains(name)) continue;
    Node place = detector.Find("resource_attributes").Find(name);
    return place.FailAtKey(core::Code::kInvalidArgument, "this detector has no such attribute");
  }
  for (const auto& [name, is_enabled] : defaults) switches.try_emplace(name, AttributeSwitch{is_enabled});
  return {};
}

Status CheckDetectors(DetectionConfig& config, Node node) {
  for (std::string& name : config.detectors) {
    name = Trim(name);
    if (std::ranges::find(kOurs, name) != std::end(kOurs)) continue;
    if (std::ranges::find(kOthers, name) != std::end(kOthers)) {
      return node.Fail(
          "the detector {} is not supported yet; put its attributes into OTEL_RESOURCE_ATTRIBUTES "
          "and use env",
          name);
    }
    return node.Fail("invalid detector key: {}", name);
  }
  return {};
}

Status CheckDetection(DetectionConfig& config, Node node) {
  SEXTANT_TRY(CheckDetectors(config, node));
  const std::tuple<const char*, const AttributeDefaults&, AttributeSwitches&> kSwitches[] = {
      {"system", SystemAttributes(), config.system.resource_attributes},
      {"ec2", Ec2Attributes(), config.ec2.resource_attributes},
      {"azure", AzureAttributes(), config.azure.resource_attributes},
      {"gcp", GcpAttributes(), config.gcp.resource_attributes},
      {"docker", DockerAttributes(), config.docker.resource_attributes},
      {"heroku", HerokuAttributes(), config.heroku.resource_attributes},
      {"lambda", LambdaAttributes(), config.lambda.resource_attributes},
      {"consul", ConsulAttributes(), config.consul.resource_attributes},
      {"k8snode", KubernetesNodeAttributes(), config.k8snode.resource_attributes},
      {"k8s_api", KubernetesNodeAttributes(), config.k8s_api.resource_attributes},
  };
  for (const auto& [name, defaults, switches] : kSwitches) {
    SEXTANT_TRY(CompleteSwitches(defaults, switches, node.Find(name)));
  }
  if (config.timeout_ms <= 0) return node.Fail("timeout must be above 0");
  if (config.refresh_interval_ms < 0) return node.Fail("refresh_interval must not be negative");
  return {};
}

}  // namespace

const Struct& FieldsOf(const EnvDetectorConfig*) {
  static const Struct kFields =
      Struct::Of<EnvDetectorConfig>({Member<&EnvDetectorConfig::allowlist>("allowlist")});
  return kFields;
}

const Struct& FieldsOf(const SystemDetectorConfig*) {
  using C = SystemDetectorConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::hostname_sources>(
          "hostname_sources", config::Enum<HostNameSource>({{"os", HostNameSource::kOs},
                                                            {"dns", HostNameSource::kDns},
                                                            {"cname", HostNameSource::kCname},
                                                            {"lookup", HostNameSource::kLookup}},
                                                           "hostname_sources contains invalid value: {}")),
      Member<&C::resource_attributes>("resource_attributes"),
  });
  return kFields;
}

const Struct& FieldsOf(const PlainDetectorConfig*) {
  using C = PlainDetectorConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::resource_attributes>("resource_attributes"),
      Member<&C::fails_on_missing_metadata>("fail_on_missing_metadata"),
      NotYet("labels", "they take the API of Compute Engine"),
  });
  return kFields;
}

const Struct& FieldsOf(const Ec2DetectorConfig*) {
  using C = Ec2DetectorConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::resource_attributes>("resource_attributes"),
          Member<&C::tags>("tags").Check(&CheckPatterns),
          Member<&C::tags_from_imds>("tags_from_imds"),
          Member<&C::fails_on_missing_metadata>("fail_on_missing_metadata"),
          NotYet("max_attempts", "each request is made once, within the timeout"),
          NotYet("max_backoff", "each request is made once, within the timeout"),
      },
      &CheckEc2);
  return kFields;
}

const Struct& FieldsOf(const AzureDetectorConfig*) {
  using C = AzureDetectorConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::resource_attributes>("resource_attributes"),
      Member<&C::tags>("tags").Check(&CheckPatterns),
  });
  return kFields;
}

const Struct& FieldsOf(const ConsulDetectorConfig*) {
  using C = ConsulDetectorConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::resource_attributes>("resource_attributes"),
      Member<&C::address>("address"),
      Member<&C::datacenter>("datacenter"),
      Member<&C::name_space>("namespace"),
      Member<&C::token>("token"),
      Member<&C::token_file>("token_file"),
      Member<&C::meta>("meta"),
  });
  return kFields;
}

const Struct& FieldsOf(const KubernetesNodeDetectorConfig*) {
  using C = KubernetesNodeDetectorConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::resource_attributes>("resource_attributes"),
      Member<&C::auth_type>("auth_type", KubernetesAuthWords()),
      Member<&C::node_from_env_var>("node_from_env_var"),
      NotYet("context", "the kubeconfig's current context is used"),
      NotYet("kube_api_qps", "requests are few"),
      NotYet("kube_api_burst", "requests are few"),
  });
  return kFields;
}

const Struct& FieldsOf(const AttributeSwitch*) {
  static const Struct kFields =
      Struct::Of<AttributeSwitch>({Member<&AttributeSwitch::is_enabled>("enabled").AlwaysWritten()});
  return kFields;
}

const Struct& FieldsOf(const DetectionConfig*) {
  using C = DetectionConfig;
  static const Struct kFields = [] {
    std::vector<config::Field> fields = {
        Member<&C::detectors>("detectors"),
        Member<&C::overrides>("override").AlwaysWritten(),
        Member<&C::timeout_ms>("timeout", GoDuration()),
        Member<&C::refresh_interval_ms>("refresh_interval", GoDuration()),
        Member<&C::fails_on_missing_metadata>("fail_on_missing_metadata"),
        Member<&C::env>("env"),
        Member<&C::system>("system"),
        Member<&C::ec2>("ec2"),
        Member<&C::azure>("azure"),
        Member<&C::gcp>("gcp"),
        Member<&C::docker>("docker"),
        Member<&C::heroku>("heroku"),
        Member<&C::lambda>("lambda"),
        Member<&C::consul>("consul"),
        Member<&C::k8snode>("k8snode"),
        Member<&C::k8s_api>("k8s_api"),
        NotYet("attributes", "the original dropped it for resource_attributes of each detector"),
        NotYet("retry", "a detector asks once at the start, and again with refresh_interval"),
    };
    for (std::string_view name : kOthers) fields.push_back(NotYet(std::string(name)));
    // Of the HTTP client that the original's detectors share.
    for (const char* name :
         {"endpoint", "proxy_url", "tls", "read_buffer_size", "write_buffer_size", "headers", "auth",
          "compression", "compression_params", "max_idle_conns", "max_idle_conns_per_host",
          "max_conns_per_host", "idle_conn_timeout", "disable_keep_alives", "http2_read_idle_timeout",
          "http2_ping_timeout", "cookies", "force_attempt_http2", "middlewares"}) {
      fields.push_back(NotYet(name, "only the timeout of this client can be set"));
    }
    return Struct::Of<C>(std::move(fields), &CheckDetection);
  }();
  return kFields;
}

}  // namespace sextant::pipeline
