// Whose address a request comes from. Behind proxies that the configuration trusts it is the last one of
// X-Forwarded-For that is not itself such a proxy; anybody else's header is not believed. Pure.
#pragma once

#include <string>

#include "net/http_message.h"
#include "users/settings.h"

namespace sextant::users {

// Without a port: "10.0.0.1", "::1".
std::string ClientAddress(const net::HttpRequest& request, const Settings& settings);

}  // namespace sextant::users
