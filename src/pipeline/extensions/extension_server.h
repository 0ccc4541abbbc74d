// The HTTP server of an extension.
#pragma once

#include <memory>

#include "net/router.h"
#include "pipeline/component.h"
#include "pipeline/settings/endpoint.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

// Serves as the settings say, behind the authenticator that they name.
core::Result<std::unique_ptr<Endpoint>> StartExtensionServer(const ComponentSettings& settings,
                                                             const HttpServerConfig& config,
                                                             net::Router router);

}  // namespace sextant::pipeline
