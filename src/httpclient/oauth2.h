// OAuth 2.0 client credentials (RFC 6749, 4.4) and signed assertions (RFC 7523, 2.1) as the authorizer of
// requests: fetches a token when there is none that is still good, and puts it into each request.
//
// A token is kept until ten seconds before it expires. Only one is fetched at a time; requests that come
// meanwhile wait for it and share its fate. The client's secret is sent as basic authentication, and in the
// body to servers that do not take that; of an assertion's key only the signature is. Errors are worded like
// Go's oauth2.
#pragma once

#include <memory>

#include "config/http_client_config.h"
#include "core/clock.h"
#include "net/http_client.h"

namespace sextant::httpclient {

// The file of a secret or key is read for each request; another one drops the token. `clock` must outlive it.
std::shared_ptr<net::RequestAuthorizer> MakeOAuth2Authorizer(config::OAuth2Config config,
                                                             const core::Clock& clock);

}  // namespace sextant::httpclient
