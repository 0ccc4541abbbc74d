#include "api/users_api.h"

#include <span>

#include "api/grafana_json.h"
#include "api/json_body.h"
#include "api/login_api.h"
#include "api/page_of.h"
#include "api/params.h"
#include "api/user_routes.h"
#include "core/json_writer.h"

namespace sextant::api {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using net::HttpRequest;
using net::HttpResponse;
using users::AccessState;
using users::Role;
using users::User;

void WriteMember(core::JsonWriter& json, const User& user) {
  json.BeginObject().Key("orgId").Int(1).Key("userId").Int(user.id).Key("login").String(user.login);
  json.Key("email").String(user.email).Key("name").String(user.name).Key("avatarUrl").String("");
  json.Key("role").String(users::RoleName(user.role)).Key("isDisabled").Bool(user.is_disabled).EndObject();
}

HttpResponse ListOf(std::span<const User> list, void (*write)(core::JsonWriter&, const User&)) {
  core::JsonWriter json;
  json.BeginArray();
  for (const User& user : list) write(json, user);
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

// Those that the request's `query` finds in their names.
std::vector<User> Found(const AccessState& state, const ListPage& page) {
  std::vector<User> found = state.directory->Users();
  std::erase_if(found, [&](const User& user) {
    return !page.Matches(user.login) && !page.Matches(user.email) && !page.Matches(user.name);
  });
  return found;
}

HttpResponse List(const AccessState& state, const HttpRequest& request) {
  auto page = ReadPage(request);
  if (!page) return GrafanaError(page.error());
  std::vector<User> found = Found(state, *page);
  return ListOf(page->Of(found), WriteUser);
}

HttpResponse Search(const AccessState& state, const HttpRequest& request) {
  auto page = ReadPage(request);
  if (!page) return GrafanaError(page.error());
  std::vector<User> found = Found(state, *page);
  core::JsonWriter json;
  json.BeginObject().Key("totalCount").Int(static_cast<int64_t>(found.size())).Key("users").BeginArray();
  for (const User& user : page->Of(found)) WriteUser(json, user);
  json.EndArray().Key("page").Int(static_cast<int64_t>(page->number));
  json.Key("perPage").Int(static_cast<int64_t>(page->size)).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse One(const std::optional<User>& user) {
  if (!user) return GrafanaMessage(404, "user not found", "not-found");
  core::JsonWriter json;
  WriteUser(json, *user);
  return HttpResponse::Json(200, std::move(json).Take());
}

core::Status SetPassword(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  SEXTANT_ASSIGN(std::string password, body.Text("password"));
  if (!state.directory->FindUser(id)) return Fail(Code::kNotFound, "user not found");
  SEXTANT_ASSIGN(std::string hash, HashOfPassword(password, "password"));
  return state.directory->SetPassword(id, std::move(hash), "");
}

Result<User> CreateUser(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  User user;
  SEXTANT_ASSIGN(user.login, body.Text("login"));
  SEXTANT_ASSIGN(user.email, body.Text("email"));
  SEXTANT_ASSIGN(user.name, body.Text("name"));
  SEXTANT_ASSIGN(user.role, body.ReadRole("role", state.settings.new_user_role));
  SEXTANT_ASSIGN(std::string password, body.Text("password"));
  SEXTANT_ASSIGN(user.password_hash, HashOfPassword(password, "password"));
  return state.directory->AddUser(std::move(user));
}

HttpResponse Create(const AccessState& state, const HttpRequest& request) {
  auto user = CreateUser(state, request);
  if (!user) return ChangeAnswer(tl::unexpected(user.error()), "");
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(user->id).Key("uid").String(user->login);
  json.Key("message").String("User created").EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

core::Status SetRole(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  SEXTANT_ASSIGN(std::string text, body.Text("role"));
  if (text.empty()) return Fail(Code::kInvalidArgument, "role is missing");
  SEXTANT_ASSIGN(Role role, body.ReadRole("role", Role::kViewer));
  return state.directory->SetRole(id, role);
}

core::Status Rename(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  auto user = state.directory->FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  if (body.Has("login")) {
    SEXTANT_ASSIGN(user->login, body.Text("login"));
  }
  if (body.Has("email")) {
    SEXTANT_ASSIGN(user->email, body.Text("email"));
  }
  if (body.Has("name")) {
    SEXTANT_ASSIGN(user->name, body.Text("name"));
  }
  return state.directory->Rename(id, user->login, user->email, user->name);
}

core::Status SetDisabled(const AccessState& state, const HttpRequest& request, bool is_disabled) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  return state.directory->SetDisabled(id, is_disabled);
}

Result<int64_t> KnownUser(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  if (!state.directory->FindUser(id)) return Fail(Code::kNotFound, "user not found");
  return id;
}

core::Status LogOut(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, KnownUser(state, request));
  return state.directory->EndSessionsOf(id);
}

core::Status Revoke(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, KnownUser(state, request));
  return RevokeSession(state, id, request);
}

core::Status Remove(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  return state.directory->RemoveUser(id);
}

HttpResponse ListTokens(const AccessState& state, const core::Clock& clock) {
  core::JsonWriter json;
  json.BeginArray();
  for (const users::Token& token : state.directory->Tokens()) {
    json.BeginObject().Key("id").Int(token.id).Key("name").String(token.name);
    json.Key("role").String(users::RoleName(token.role));
    json.Key("created").String(FormatRfc3339(token.created_ms));
    if (token.expires_ms != 0) json.Key("expiration").String(FormatRfc3339(token.expires_ms));
    json.Key("hasExpired").Bool(token.expires_ms != 0 && clock.NowMs() >= token.expires_ms).EndObject();
  }
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

core::Status RemoveToken(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  return state.directory->RemoveToken(id);
}

}  // namespace

void AddUserRoutes(net::Router& router, const UserApiDeps& deps) {
  AddLoginRoutes(router, deps);
  AddOwnUserRoutes(router, deps);
  AddServiceAccountRoutes(router, deps);
  auto add = [&](const char* method, const char* pattern, UserAnswer answer) {
    AddUserRoute(router, deps.access, method, pattern, std::move(answer));
  };
  auto change = [&](const char* method, const char* pattern,
                    core::Status (*make)(const AccessState&, const HttpRequest&), const char* message) {
    add(method, pattern, [make, message](const AccessState& state, const HttpRequest& request) {
      return ChangeAnswer(make(state, request), message);
    });
  };
  add("GET", "/api/users", List);
  add("GET", "/api/users/search", Search);
  add("GET", "/api/users/lookup", [](const AccessState& state, const HttpRequest& request) {
    return One(state.directory->FindUser(request.Query().Get("loginOrEmail")));
  });
  add("GET", "/api/users/{id}", [](const AccessState& state, const HttpRequest& request) {
    auto id = NumberOf(request, "id");
    return id ? One(state.directory->FindUser(*id)) : GrafanaError(id.error());
  });
  change("PUT", "/api/users/{id}", Rename, "User updated");
  add("GET", "/api/org/users", [](const AccessState& state, const HttpRequest&) {
    return ListOf(state.directory->Users(), WriteMember);
  });
  change("PATCH", "/api/org/users/{id}", SetRole, "Organization user updated");
  change("DELETE", "/api/org/users/{id}", Remove, "User deleted");
  change("DELETE", "/api/admin/users/{id}", Remove, "User deleted");
  add("POST", "/api/admin/users", Create);
  change("PUT", "/api/admin/users/{id}/password", SetPassword, "User password updated");
  add("POST", "/api/admin/users/{id}/disable", [](const AccessState& state, const HttpRequest& request) {
    return ChangeAnswer(SetDisabled(state, request, true), "User disabled");
  });
  add("POST", "/api/admin/users/{id}/enable", [](const AccessState& state, const HttpRequest& request) {
    return ChangeAnswer(SetDisabled(state, request, false), "User enabled");
  });
  change("POST", "/api/admin/users/{id}/logout", LogOut, "User logged out");
  change("POST", "/api/admin/users/{id}/revoke-auth-token", Revoke, "User auth token revoked");
  add("GET", "/api/admin/users/{id}/auth-tokens", [](const AccessState& state, const HttpRequest& request) {
    auto id = KnownUser(state, request);
    return id ? SessionList(state, *id, 0) : GrafanaError(id.error());
  });
  add("GET", "/api/auth/keys", [&clock = deps.clock](const AccessState& state, const HttpRequest&) {
    return ListTokens(state, clock);
  });
  add("POST", "/api/auth/keys",
      [](const AccessState& state, const HttpRequest& request) { return MakeToken(state, request, 0); });
  change("DELETE", "/api/auth/keys/{id}", RemoveToken, "API key deleted");
}

}  // namespace sextant::api
