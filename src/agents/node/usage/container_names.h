// Names of containers from the files that their runtimes leave, without asking a daemon:
// - the kubelet's /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log: "namespace/pod/container";
// - Docker's /var/lib/docker/containers/ID/config.v2.json;
// - containerd's /run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json (its annotations);
// - Podman's and CRI-O's /var/lib/containers/storage/overlay-containers/containers.json.
// Reads files: call it where that is allowed. Stateless; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/host_files.h"

namespace sextant::node {

// The names of those of the containers (whole ids) that have one.
std::map<std::string, std::string> FindContainerNames(const HostPaths& paths,
                                                      const std::vector<std::string>& ids);

// The parsers; empty: no name in it.
std::string NameInDockerConfig(std::string_view json);
std::string NameInContainerdConfig(std::string_view json);
std::string NameInStorageList(std::string_view json, std::string_view id);
std::string NameOfKubeletLog(std::string_view file_name, std::string_view id);

}  // namespace sextant::node
