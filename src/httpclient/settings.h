// The HTTP part of a configuration (authentication, TLS, redirects) put into a request.
#pragma once

#include "config/http_client_config.h"
#include "core/result.h"
#include "net/http_client.h"

namespace sextant::httpclient {

// Sets credentials, headers, TLS, proxy and redirects of `request`, except secrets that stand in files.
void ApplyHttpConfig(const config::HttpClientConfig& config, net::FetchRequest& request);

// Reads the secrets that stand in files into `request`: before each use, so that a rotated one is picked up.
// Errors are those of reading. Any thread.
core::Status ReadSecretFiles(const config::HttpClientConfig& config, net::FetchRequest& request);

// Whether there are such.
bool HasSecretFiles(const config::HttpClientConfig& config);

}  // namespace sextant::httpclient
