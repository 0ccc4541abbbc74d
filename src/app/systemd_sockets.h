// Sockets that systemd opened before it started us (socket activation, sd_listen_fds(3)).
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace sextant::app {

// As addresses for HttpServerOptions::listen ("fd:3"). kInvalidArgument when there are none for this process.
core::Result<std::vector<std::string>> SystemdSockets();

}  // namespace sextant::app
