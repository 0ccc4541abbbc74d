#include "config/discovery_config.h"

#include <algorithm>

#include "config/paths.h"
#include "config/text.h"

namespace sextant::config {

namespace {

constexpr std::string_view kNotYetSupported[] = {
    "aws",       "azure",    "digitalocean", "eureka",    "gce",     "hetzner", "ionos",     "kuma",
    "lightsail", "linode",   "marathon",     "nerve",     "nomad",   "oci",     "openstack", "outscale",
    "ovhcloud",  "puppetdb", "scaleway",     "serverset", "stackit", "triton",  "uyuni",     "vultr",
};

// A folder's name may not have a `*`, and the file must say by its name how it is to be read.
bool IsTargetFilePattern(std::string_view pattern) {
  size_t dot = pattern.rfind('.');
  if (dot == std::string_view::npos) return false;
  constexpr std::string_view kEndings[] = {"json", "yml", "yaml", "JSON", "YML", "YAML"};
  if (std::ranges::find(kEndings, pattern.substr(dot + 1)) == std::end(kEndings)) return false;
  std::string_view stem = pattern.substr(0, dot);
  size_t star = stem.find('*');
  return star == std::string_view::npos || stem.find('/', star) == std::string_view::npos;
}

core::Status FinishFile(FileDiscoveryConfig& config, Node node) {
  if (config.files.empty()) {
    return node.Fail("file service discovery config must contain at least one path name");
  }
  std::string directory = DirectoryOf(node.file());
  for (std::string& pattern : config.files) {
    if (!IsTargetFilePattern(pattern)) {
      return node.Fail("path name {} is not valid for file discovery", Quote(pattern));
    }
    pattern = JoinDirectory(directory, pattern);
  }
  return {};
}

core::Status FinishHttpDiscovery(HttpDiscoveryConfig& config, Node node) {
  if (config.url.empty()) return node.Fail("URL is missing");
  std::string_view url = config.url;
  size_t colon = url.find("://");
  std::string_view scheme = url.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (scheme != "http" && scheme != "https") return node.Fail("URL scheme must be 'http' or 'https'");
  std::string_view rest = url.substr(colon + 3);
  if (rest.substr(0, rest.find_first_of("/?#")).empty()) return node.Fail("host is missing in URL");
  return {};
}

core::Status FinishDns(DnsDiscoveryConfig& config, Node node) {
  if (config.names.empty()) return node.Fail("DNS-SD config must contain at least one SRV record name");
  std::string type = config.type;
  std::ranges::transform(type, type.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  if (type == "SRV") return {};
  if (type != "A" && type != "AAAA" && type != "MX" && type != "NS") {
    return node.Fail("invalid DNS-SD records type {}", config.type);
  }
  if (config.port == 0) {
    return node.Fail("a port is required in DNS-SD configs for all record types except SRV");
  }
  return {};
}

}  // namespace

const Struct& FieldsOf(const FileDiscoveryConfig*) {
  static const Struct kFields = Struct::Of<FileDiscoveryConfig>(
      {
          Member<&FileDiscoveryConfig::files>("files"),
          Member<&FileDiscoveryConfig::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
      },
      FinishFile);
  return kFields;
}

const Struct& FieldsOf(const HttpDiscoveryConfig*) {
  static const Struct kFields = Struct::Of<HttpDiscoveryConfig>(
      {
          Inline<&HttpDiscoveryConfig::http>(),
          Member<&HttpDiscoveryConfig::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
          Member<&HttpDiscoveryConfig::url>("url"),
      },
      FinishHttpDiscovery);
  return kFields;
}

const Struct& FieldsOf(const DnsDiscoveryConfig*) {
  static const Struct kFields = Struct::Of<DnsDiscoveryConfig>(
      {
          Member<&DnsDiscoveryConfig::names>("names"),
          Member<&DnsDiscoveryConfig::refresh_interval_ms>("refresh_interval", Duration())
              .Check<int64_t>(CheckRefreshInterval),
          Member<&DnsDiscoveryConfig::type>("type"),
          Member<&DnsDiscoveryConfig::port>("port"),
      },
      FinishDns);
  return kFields;
}

const Struct& FieldsOf(const DiscoveryConfigs*) {
  static const Struct kFields = [] {
    std::vector<Field> fields = {
        Member<&DiscoveryConfigs::file>("file_sd_configs")
            .NullItem("empty or null section in file_sd_configs"),
        Member<&DiscoveryConfigs::http>("http_sd_configs")
            .NullItem("empty or null section in http_sd_configs"),
        Member<&DiscoveryConfigs::dns>("dns_sd_configs").NullItem("empty or null section in dns_sd_configs"),
        Member<&DiscoveryConfigs::kubernetes>("kubernetes_sd_configs")
            .NullItem("empty or null section in kubernetes_sd_configs"),
        Member<&DiscoveryConfigs::consul>("consul_sd_configs")
            .NullItem("empty or null section in consul_sd_configs"),
        Member<&DiscoveryConfigs::docker>("docker_sd_configs")
            .NullItem("empty or null section in docker_sd_configs"),
        Member<&DiscoveryConfigs::docker_swarm>("dockerswarm_sd_configs")
            .NullItem("empty or null section in dockerswarm_sd_configs"),
        Member<&DiscoveryConfigs::ec2>("ec2_sd_configs").NullItem("empty or null section in ec2_sd_configs"),
    };
    for (std::string_view name : kNotYetSupported) {
      fields.push_back(
          NotYet(std::string(name) + "_sd_configs",
                 "list the targets in static_configs, or have them written for file_sd_configs"));
    }
    return Struct::Of<DiscoveryConfigs>(std::move(fields));
  }();
  return kFields;
}

std::string Fingerprint(const DiscoveryConfigs& configs) {
  std::string text = WriteYaml(configs);
  auto add_secrets = [&](const auto& list) {
    for (const auto& config : list) text += RevealSecrets(config.http);
  };
  add_secrets(configs.http);
  add_secrets(configs.kubernetes);
  add_secrets(configs.consul);
  add_secrets(configs.docker);
  add_secrets(configs.docker_swarm);
  add_secrets(configs.ec2);
  for (const ConsulDiscoveryConfig& consul : configs.consul) text += "\n" + consul.token.Reveal();
  for (const Ec2DiscoveryConfig& ec2 : configs.ec2) text += "\n" + ec2.secret_key.Reveal();
  return text;
}

}  // namespace sextant::config
