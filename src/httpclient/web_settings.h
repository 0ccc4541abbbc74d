// The web configuration file (`--web.config.file`) as the HTTP server takes it.
#pragma once

#include <map>
#include <string>

#include "core/result.h"
#include "net/http_server.h"

namespace sextant::httpclient {

struct WebSettings {
  net::WebSecurity security;
  std::map<std::string, std::string> headers;  // for every answer
};

// Reads a file; certificates and hashes are checked.
core::Result<WebSettings> LoadWebSettings(const std::string& path);

}  // namespace sextant::httpclient
