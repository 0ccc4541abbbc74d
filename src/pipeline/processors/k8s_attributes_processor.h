// Adds to data what Kubernetes says of the pod that it comes from: names, owners, labels, annotations.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType K8sAttributesProcessorType();

}  // namespace sextant::pipeline
