// The HTTP part of a configuration (authentication, TLS, redirects) put into a request.
#pragma once

#include "config/http_client_config.h"
#include "net/http_client.h"

namespace sextant::scrape {

// Sets credentials, TLS and redirects of `request`. Secrets that stand in files are the caller's to read.
void ApplyHttpConfig(const config::HttpClientConfig& config, net::FetchRequest& request);

}  // namespace sextant::scrape
