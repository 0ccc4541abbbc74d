// The HTTP part of a configuration (authentication, TLS, redirects) put into a request.
#pragma once

#include <memory>

#include "config/http_client_config.h"
#include "core/clock.h"
#include "core/result.h"
#include "net/http_client.h"

namespace sextant::httpclient {

// Sets credentials, headers, TLS, proxy and redirects of `request`, except secrets that stand in files. With
// OAuth2 the request gets an authorizer that keeps the token: copy the request for each use. `clock` must
// outlive the request and its copies.
void ApplyHttpConfig(const config::HttpClientConfig& config, const core::Clock& clock,
                     net::FetchRequest& request);
// The same for a request that shares an authorizer with others; null: it needs none.
void ApplyHttpConfig(const config::HttpClientConfig& config,
                     std::shared_ptr<net::RequestAuthorizer> authorizer, net::FetchRequest& request);

// What fetches tokens for a configuration's requests, to be shared by them; null when none are needed.
// `clock` must outlive it.
std::shared_ptr<net::RequestAuthorizer> MakeAuthorizer(const config::HttpClientConfig& config,
                                                       const core::Clock& clock);

// The parts of it.
std::shared_ptr<const net::TlsClientOptions> TlsOptions(const config::TlsConfig& config);
void ApplyProxy(const config::ProxyConfig& config, net::FetchRequest& request);

// Reads the secrets that stand in files into `request`: before each use, so that a rotated one is picked up.
// Errors are those of reading. Any thread.
core::Status ReadSecretFiles(const config::HttpClientConfig& config, net::FetchRequest& request);

// Whether there are such.
bool HasSecretFiles(const config::HttpClientConfig& config);

}  // namespace sextant::httpclient
