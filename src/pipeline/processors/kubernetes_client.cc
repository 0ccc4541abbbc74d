#include "pipeline/processors/kubernetes_client.h"

#include "pipeline/processors/host_detectors.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;

}  // namespace

config::CodecFor<KubernetesAuth> KubernetesAuthWords() {
  return config::Enum<KubernetesAuth>({{"none", KubernetesAuth::kNone},
                                       {"serviceAccount", KubernetesAuth::kServiceAccount},
                                       {"kubeConfig", KubernetesAuth::kKubeConfig}},
                                      "invalid authType for kubernetes: {}");
}

core::Result<kube::ClientConfig> KubernetesClient(KubernetesAuth auth, const core::Clock& clock) {
  switch (auth) {
    case KubernetesAuth::kServiceAccount:
      return kube::InClusterConfig(EnvironmentVariable);
    case KubernetesAuth::kKubeConfig: {
      std::string path = EnvironmentVariable("KUBECONFIG");
      path = path.substr(0, path.find(':'));
      return kube::LoadKubeconfig(path.empty() ? EnvironmentVariable("HOME") + "/.kube/config" : path, clock);
    }
    case KubernetesAuth::kNone:
      break;
  }
  std::string host = EnvironmentVariable("KUBERNETES_SERVICE_HOST");
  std::string port = EnvironmentVariable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return Fail(
        Code::kInvalidArgument,
        "unable to load k8s config, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined");
  }
  kube::ClientConfig client;
  bool is_v6 = host.find(':') != std::string::npos;
  client.api_server = fmt::format("https://{}:{}", is_v6 ? "[" + host + "]" : host, port);
  client.http.tls.insecure_skip_verify = true;
  return client;
}

}  // namespace sextant::pipeline
