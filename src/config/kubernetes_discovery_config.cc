#include "config/kubernetes_discovery_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/paths.h"
#include "config/text.h"

namespace sextant::config {

namespace {

// Roles, and what else than its own objects a role looks at, so that a selector of it makes sense.
struct Role {
  std::string_view name;
  std::vector<std::string_view> selectors;
};

const std::vector<Role>& Roles() {
  static const std::vector<Role> kRoles = {
      {"pod", {"pod", "node"}},
      {"service", {"service"}},
      {"endpointslice", {"pod", "service", "endpointslice"}},
      {"endpoints", {"pod", "service", "endpoints"}},
      {"node", {"node"}},
      {"ingress", {"ingress"}},
  };
  return kRoles;
}

core::Status CheckRole(const std::string& role, Node node) {
  for (const Role& known : Roles()) {
    if (known.name == role) return {};
  }
  return node.Fail("unknown Kubernetes SD role {}", Quote(role));
}

// Terms of a field selector: name=value, name==value, name!=value.
core::Status CheckFieldSelector(const std::string& selector, Node node) {
  for (size_t begin = 0; begin < selector.size();) {
    size_t end = std::min(selector.find(',', begin), selector.size());
    std::string_view term = std::string_view(selector).substr(begin, end - begin);
    begin = end + 1;
    if (!term.empty() && term.find('=') == std::string_view::npos) {
      return node.Fail("invalid selector: '{}'; can't understand '{}'", selector, term);
    }
  }
  return {};
}

core::Status CheckSelectors(const KubernetesDiscoveryConfig& config, Node node) {
  auto role = std::ranges::find_if(Roles(), [&](const Role& one) { return one.name == config.role; });
  std::set<std::string> seen;
  size_t index = 0;
  for (Node item : node.Find("selectors").children()) {
    const KubernetesSelector& selector = config.selectors[index++];
    if (!seen.insert(selector.role).second) return item.Fail("duplicated selector role: {}", selector.role);
    if (std::ranges::find(role->selectors, selector.role) == role->selectors.end()) {
      return item.Fail("{} role supports only {} selectors", config.role, fmt::join(role->selectors, ", "));
    }
    SEXTANT_TRY(CheckFieldSelector(selector.field, item));
  }
  return {};
}

bool IsCustom(const HttpClientConfig& http) { return WriteYaml(http) != WriteYaml(HttpClientConfig()); }

core::Status FinishKubernetes(KubernetesDiscoveryConfig& config, Node node) {
  if (config.role.empty()) {
    return node.Fail("role missing (one of: pod, service, endpoints, endpointslice, node, ingress)");
  }
  bool has_server = !config.api_server.empty();
  bool has_file = !config.kubeconfig_file.empty();
  if (has_file && has_server)
    return node.Fail("cannot use 'kubeconfig_file' and 'api_server' simultaneously");
  if (has_file && IsCustom(config.http)) {
    return node.Fail("cannot use a custom HTTP client configuration together with 'kubeconfig_file'");
  }
  if (!has_server && IsCustom(config.http)) {
    return node.Fail(
        "to use custom HTTP client configuration please provide the 'api_server' URL explicitly");
  }
  if (has_server && config.namespaces.own_namespace) {
    return node.Fail("cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
  }
  if (has_file && config.namespaces.own_namespace) {
    return node.Fail("cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously");
  }
  config.kubeconfig_file = JoinDirectory(DirectoryOf(node.file()), config.kubeconfig_file);
  return CheckSelectors(config, node);
}

}  // namespace

const Struct& FieldsOf(const KubernetesNamespaces*) {
  static const Struct kFields = Struct::Of<KubernetesNamespaces>({
      Member<&KubernetesNamespaces::own_namespace>("own_namespace"),
      Member<&KubernetesNamespaces::names>("names"),
  });
  return kFields;
}

const Struct& FieldsOf(const KubernetesSelector*) {
  static const Struct kFields = Struct::Of<KubernetesSelector>({
      Member<&KubernetesSelector::role>("role").Check<std::string>(CheckRole),
      Member<&KubernetesSelector::label>("label"),
      Member<&KubernetesSelector::field>("field"),
  });
  return kFields;
}

const Struct& FieldsOf(const KubernetesAttach*) {
  static const Struct kFields = Struct::Of<KubernetesAttach>({
      Member<&KubernetesAttach::node>("node"),
      Member<&KubernetesAttach::name_space>("namespace"),
      Member<&KubernetesAttach::deployment>("deployment"),
      Member<&KubernetesAttach::job>("job"),
      Member<&KubernetesAttach::cron_job>("cronjob"),
  });
  return kFields;
}

const Struct& FieldsOf(const KubernetesDiscoveryConfig*) {
  static const Struct kFields = Struct::Of<KubernetesDiscoveryConfig>(
      {
          Member<&KubernetesDiscoveryConfig::api_server>("api_server"),
          Member<&KubernetesDiscoveryConfig::role>("role").Check<std::string>(CheckRole),
          Member<&KubernetesDiscoveryConfig::kubeconfig_file>("kubeconfig_file"),
          Inline<&KubernetesDiscoveryConfig::http>(),
          Member<&KubernetesDiscoveryConfig::namespaces>("namespaces"),
          Member<&KubernetesDiscoveryConfig::selectors>("selectors"),
          Member<&KubernetesDiscoveryConfig::attach_metadata>("attach_metadata"),
      },
      FinishKubernetes);
  return kFields;
}

}  // namespace sextant::config
