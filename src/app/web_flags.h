// The flags of a server's HTTP side that the platform and its stand-ins have, and what they mean together.
#pragma once

#include <string>

#include "app/flags.h"
#include "core/clock.h"
#include "core/result.h"
#include "httpclient/web_settings.h"

namespace sextant::app {

struct WebOptions {
  std::string config_file;   // TLS, users, headers; empty: none
  std::string external_url;  // as given
  std::string route_prefix;  // as given; empty: the path of the external URL
  bool enable_lifecycle = false;
  bool auto_reload = false;  // looks at the configuration's files and reloads them when they change
  core::DurationMs auto_reload_interval_ms = 30'000;
};

// --web.config.file, --web.external-url, --web.route-prefix, --web.enable-lifecycle,
// --config.auto-reload-interval.
void AddWebFlags(FlagSet& flags, WebOptions& options);

// The path under which everything is answered: "" or "/prefix". kInvalidArgument for an external URL that is
// none.
core::Result<std::string> RoutePrefix(const WebOptions& options);
// The external URL without a slash at its end, or "" when none was given.
core::Result<std::string> ExternalUrl(const WebOptions& options);

// What the web configuration file says; nothing without one. Certificates and hashes are checked.
core::Result<httpclient::WebSettings> LoadWebSettings(const WebOptions& options);
// Whether a server that speaks TLS or not could take this security: what HttpServer::SetSecurity refuses.
core::Status CheckWebSecurity(const net::WebSecurity& security, bool has_tls);

}  // namespace sextant::app
