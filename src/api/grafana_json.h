// What the endpoints of Grafana's HTTP API share: its way to say what went wrong.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_message.h"

namespace sextant::api {

// {"message": …}, with `status` (Grafana's word for the failure) where there is one.
net::HttpResponse GrafanaMessage(int status, std::string_view message, std::string_view word = "");

// The answer for a failed call: 400, 404, 412 (somebody else was faster) or 5xx by the error's code.
net::HttpResponse GrafanaError(const core::Error& error);

// Whether a browser says that a page of another site makes this request: such a page may not change anything.
bool IsCrossSite(const net::HttpRequest& request);
net::HttpResponse CrossSiteRefusal();

}  // namespace sextant::api
