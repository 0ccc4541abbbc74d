// Cross-origin requests to the API (the Fetch standard's CORS protocol), as Prometheus allows them.
#pragma once

#include <functional>
#include <string_view>

#include "core/result.h"
#include "net/http_message.h"

namespace sextant::api {

// Adds the headers that an answer needs beyond its own. Called from any thread.
using HeaderHook = std::function<void(const net::HttpRequest& request, net::HttpHeaders& headers)>;

// For requests to the API with an Origin: which origins may read answers is said by a regular expression that
// must match all of an origin. The error names what is wrong with the expression.
core::Result<HeaderHook> MakeCors(std::string_view origin_pattern);

}  // namespace sextant::api
