// POST /login {"user": …, "password": …}, which answers with a session's cookie, and GET /logout. Passwords
// are checked on the executor, a few at a time; more are refused with 503.
#pragma once

#include "api/users_api.h"

namespace sextant::api {

// Of all requests for a login, those that are being checked or wait for it.
inline constexpr int kMaxLoginsUnderWay = 8;

void AddLoginRoutes(net::Router& router, const UserApiDeps& deps);

// What routes of users answer while users are off.
net::HttpResponse UsersAreOff();

}  // namespace sextant::api
