// What the endpoints for users share: they answer only while users are on, and say what became of a change in
// Grafana's words.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/users_api.h"
#include "core/json_writer.h"

namespace sextant::api {

using UserAnswer = std::function<net::HttpResponse(const users::AccessState&, const net::HttpRequest&)>;

// Adds a route that `answer` serves while users are on; 404 otherwise. `access` must outlive the router.
void AddUserRoute(net::Router& router, users::AccessControl& access, const char* method, const char* pattern,
                  UserAnswer answer);

// A message, or why the change was not made. A name that is taken is 409, as Grafana says it.
net::HttpResponse ChangeAnswer(const core::Status& status, std::string_view message);

// The user who asks; none for tokens and whoever is anonymous.
std::optional<users::User> UserOf(const users::AccessState& state, const net::HttpRequest& request);

// Adds what users do to what is theirs: /api/user, its sessions and its preferences.
void AddOwnUserRoutes(net::Router& router, const UserApiDeps& deps);
// Adds /api/serviceaccounts.
void AddServiceAccountRoutes(net::Router& router, const UserApiDeps& deps);

// Writes a user, as Grafana's lists have it.
void WriteUser(core::JsonWriter& json, const users::User& user);
// The sessions of a user; `present` is the one that asks, 0: none of them.
net::HttpResponse SessionList(const users::AccessState& state, int64_t user_id, int64_t present);
core::Status RevokeSession(const users::AccessState& state, int64_t user_id, const net::HttpRequest& request);
// The bcrypt hash of a new password; kInvalidArgument names `field`.
core::Result<std::string> HashOfPassword(const std::string& password, std::string_view field);
// Reads and makes a token from a request; with `account_id` 0 the role is the request's.
net::HttpResponse MakeToken(const users::AccessState& state, const net::HttpRequest& request,
                            int64_t account_id);

}  // namespace sextant::api
