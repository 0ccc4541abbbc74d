// Grafana's endpoints for users: POST /login and GET /logout, /api/user, /api/users, /api/org/users,
// /api/admin/users, /api/serviceaccounts and /api/auth/keys. Who may ask for which of them is the gate's to
// say (users/permissions.h). While users are off they answer 404.
#pragma once

#include <string>

#include "core/executor.h"
#include "core/metrics.h"
#include "net/router.h"
#include "users/access.h"

namespace sextant::api {

struct UserApiDeps {
  users::AccessControl& access;
  core::Executor& executor;  // checks passwords
  core::Registry& registry;
  const core::Clock& clock;
};

// The uid of the dashboard that whoever asks begins with, by the own preferences; empty: none, or users are off.
std::string PreferredHome(const users::AccessControl& access, const net::HttpRequest& request);

// Adds the routes. What `deps` refers to must outlive the server.
void AddUserRoutes(net::Router& router, const UserApiDeps& deps);

}  // namespace sextant::api
