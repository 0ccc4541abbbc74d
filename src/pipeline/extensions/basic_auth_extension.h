// Basic authentication (RFC 7617): of those who send, by a list of users, or to those who are sent to.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType BasicAuthExtensionType();

}  // namespace sextant::pipeline
