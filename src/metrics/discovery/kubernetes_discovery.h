// kubernetes_sd: targets from a cluster's pods, services, endpoints, endpoint slices, nodes or ingresses, and
// what hangs together with them, as list and watch bring them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/kubernetes_discovery_config.h"
#include "core/result.h"
#include "kube/resource_cache.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

// The client that a configuration asks for; `clock` must outlive it. `environment` reads a variable of the
// process.
core::Result<kube::ClientConfig> MakeKubernetesClient(
    const config::KubernetesDiscoveryConfig& config, const core::Clock& clock,
    const std::function<std::string(const std::string& name)>& environment);

// Errors are those of finding the API server and the credentials. `pool` must outlive the discoverer.
core::Result<std::unique_ptr<Discoverer>> MakeKubernetesDiscoverer(
    const Services& services, kube::Pool& pool, const config::KubernetesDiscoveryConfig& config);

}  // namespace sextant::discovery
