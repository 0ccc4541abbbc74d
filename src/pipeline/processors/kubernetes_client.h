// How processors find Kubernetes' API (k8sconfig's `auth_type`).
#pragma once

#include <string>

#include "config/decode.h"
#include "core/result.h"
#include "kube/client.h"

namespace sextant::pipeline {

enum class KubernetesAuth { kNone, kServiceAccount, kKubeConfig };
// "none", "serviceAccount", "kubeConfig".
config::CodecFor<KubernetesAuth> KubernetesAuthWords();

// Reads the environment, and the files that it names. kNotFound outside of a pod, kInvalidArgument. `clock`
// must outlive the client.
core::Result<kube::ClientConfig> KubernetesClient(KubernetesAuth auth, const core::Clock& clock);

}  // namespace sextant::pipeline
