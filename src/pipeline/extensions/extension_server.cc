#include "pipeline/extensions/extension_server.h"

#include "pipeline/auth_gate.h"

namespace sextant::pipeline {

core::Result<std::unique_ptr<Endpoint>> StartExtensionServer(const ComponentSettings& settings,
                                                             const HttpServerConfig& config,
                                                             net::Router router) {
  net::HttpServerOptions options = ServerOptionsOf(config);
  if (config.auth) {
    SEXTANT_ASSIGN(ServerAuthenticator * authenticator,
                   FindServerAuthenticator(settings.environment.extensions, config.auth->authenticator));
    options.gate = MakeAuthGate(*authenticator);
  }
  return Endpoint::Start(settings, std::move(router), std::move(options),
                         config.tls ? config.tls->reload_interval_ms : 0);
}

}  // namespace sextant::pipeline
