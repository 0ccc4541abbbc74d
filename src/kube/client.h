// Where a Kubernetes API server is and how to speak with it: as a pod, by a kubeconfig file, or as
// configured.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/http_client_config.h"
#include "core/clock.h"
#include "core/result.h"
#include "net/http_client.h"

namespace sextant::kube {

struct ClientConfig {
  std::string api_server = {};         // "https://10.0.0.1:443", without a slash at its end
  config::HttpClientConfig http = {};  // files of secrets are read before each request: tokens rotate
  // Credentials that stand in a kubeconfig itself, as PEM.
  std::string ca_pem = {};
  std::string cert_pem = {};
  std::string key_pem = {};
  // On whose behalf requests are made (Impersonate-User and the like), in this order.
  std::vector<std::pair<std::string, std::string>> headers = {};
  // The program that gives credentials, as text that tells it from others; empty: none.
  std::string plugin = {};
  // What completes requests besides `http`: fetches tokens, runs the program. One for all requests, so that
  // it can keep what it fetched. May be null.
  std::shared_ptr<net::RequestAuthorizer> authorizer = {};
};

// The folder in which a pod finds its token, its authorities and its namespace.
inline constexpr const char* kServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

// Of a pod: address from KUBERNETES_SERVICE_HOST and _PORT, token and authorities from `dir`. kNotFound
// outside of one. `environment` reads a variable, "" when it is not set.
core::Result<ClientConfig> InClusterConfig(
    const std::function<std::string(const std::string& name)>& environment,
    const std::string& dir = kServiceAccountDir);
// The namespace that a pod is in.
core::Result<std::string> OwnNamespace(const std::string& dir = kServiceAccountDir);

// Of a kubeconfig file, its current context. What it asks for that we cannot do (auth-provider) is refused by
// name. `clock` must outlive what comes of it.
core::Result<ClientConfig> LoadKubeconfig(const std::string& path, const core::Clock& clock);

// What tells two clients apart, secrets included.
std::string Fingerprint(const ClientConfig& config);

// A GET of a path with credentials; errors are those of reading files of secrets.
core::Result<net::FetchRequest> MakeRequest(const ClientConfig& config, const std::string& path_and_query,
                                            const std::string& user_agent);

}  // namespace sextant::kube
