// Authentication by tokens (RFC 6750): those that senders must show, or the one that is sent.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType BearerTokenExtensionType();

}  // namespace sextant::pipeline
