// An authenticator in front of a server: each request is checked before it is routed, and answered with 401
// when it may not pass.
#pragma once

#include <memory>

#include "net/access_gate.h"
#include "pipeline/auth.h"

namespace sextant::pipeline {

// `authenticator` outlives all servers that have the gate.
std::shared_ptr<net::AccessGate> MakeAuthGate(ServerAuthenticator& authenticator);

}  // namespace sextant::pipeline
