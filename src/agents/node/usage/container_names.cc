#include "agents/node/usage/container_names.h"

#include <simdjson.h>

#include <optional>

namespace sextant::node {
namespace {

namespace json = simdjson::dom;

std::string TextAt(const json::element& object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

// "namespace/pod/container" of those that there are.
std::string KubernetesName(const std::string& space, const std::string& pod, const std::string& container) {
  if (space.empty() || pod.empty()) return container;
  return space + "/" + pod + (container.empty() ? std::string() : "/" + container);
}

// Kubernetes' own form: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT.
std::string ReadableName(std::string_view name) {
  if (name.starts_with('/')) name.remove_prefix(1);
  if (!name.starts_with("k8s_")) return std::string(name);
  std::vector<std::string> parts;
  for (std::string_view rest = name.substr(4); parts.size() < 3;) {
    const size_t end = rest.find('_');
    parts.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) return std::string(name);
    rest.remove_prefix(end + 1);
  }
  return KubernetesName(parts[2], parts[1], parts[0]);
}

std::optional<std::string> ReadBelowRoot(const HostPaths& paths, const std::string& path) {
  auto text = ReadHostFile(paths.Root(path));
  if (!text) return std::nullopt;
  return *std::move(text);
}

std::string FromContainerd(const HostPaths& paths, const std::string& id) {
  const std::string tasks = "/run/containerd/io.containerd.runtime.v2.task";
  const auto spaces = ListDirectory(paths.Root(tasks));
  if (!spaces) return {};
  for (const std::string& space : *spaces) {
    const auto text = ReadBelowRoot(paths, tasks + "/" + space + "/" + id + "/config.json");
    if (text) return NameInContainerdConfig(*text);
  }
  return {};
}

std::string FromDocker(const HostPaths& paths, const std::string& id) {
  const auto text = ReadBelowRoot(paths, "/var/lib/docker/containers/" + id + "/config.v2.json");
  return text ? NameInDockerConfig(*text) : std::string();
}

}  // namespace

std::string NameInDockerConfig(std::string_view text) {
  json::parser parser;
  json::element config;
  if (parser.parse(simdjson::padded_string(text)).get(config) != simdjson::SUCCESS) return {};
  return ReadableName(TextAt(config, "Name"));
}

std::string NameInContainerdConfig(std::string_view text) {
  json::parser parser;
  json::element config;
  json::element annotations;
  if (parser.parse(simdjson::padded_string(text)).get(config) != simdjson::SUCCESS) return {};
  if (config["annotations"].get(annotations) != simdjson::SUCCESS) return {};
  const std::string own = TextAt(annotations, "nerdctl/name");
  if (!own.empty()) return own;
  return KubernetesName(TextAt(annotations, "io.kubernetes.cri.sandbox-namespace"),
                        TextAt(annotations, "io.kubernetes.cri.sandbox-name"),
                        TextAt(annotations, "io.kubernetes.cri.container-name"));
}

std::string NameInStorageList(std::string_view text, std::string_view id) {
  json::parser parser;
  json::array containers;
  if (parser.parse(simdjson::padded_string(text)).get(containers) != simdjson::SUCCESS) return {};
  for (const json::element container : containers) {
    if (TextAt(container, "id") != id) continue;
    json::array names;
    std::string_view name;
    if (container["names"].get(names) != simdjson::SUCCESS || names.size() == 0) return {};
    return names.at(0).get(name) == simdjson::SUCCESS ? ReadableName(name) : std::string();
  }
  return {};
}

std::string NameOfKubeletLog(std::string_view file_name, std::string_view id) {
  const std::string end = "-" + std::string(id) + ".log";
  if (!file_name.ends_with(end)) return {};
  file_name.remove_suffix(end.size());
  const size_t first = file_name.find('_');
  const size_t second = first == std::string_view::npos ? first : file_name.find('_', first + 1);
  if (second == std::string_view::npos) return {};
  return KubernetesName(std::string(file_name.substr(first + 1, second - first - 1)),
                        std::string(file_name.substr(0, first)), std::string(file_name.substr(second + 1)));
}

std::map<std::string, std::string> FindContainerNames(const HostPaths& paths,
                                                      const std::vector<std::string>& ids) {
  std::map<std::string, std::string> names;
  if (ids.empty()) return names;
  const auto logs = ListDirectory(paths.Root("/var/log/containers"));
  const auto storage = ReadBelowRoot(paths, "/var/lib/containers/storage/overlay-containers/containers.json");
  for (const std::string& id : ids) {
    std::string name;
    for (size_t i = 0; logs && name.empty() && i < logs->size(); ++i) name = NameOfKubeletLog((*logs)[i], id);
    if (name.empty()) name = FromDocker(paths, id);
    if (name.empty()) name = FromContainerd(paths, id);
    if (name.empty() && storage) name = NameInStorageList(*storage, id);
    if (!name.empty()) names.emplace(id, std::move(name));
  }
  return names;
}

}  // namespace sextant::node
