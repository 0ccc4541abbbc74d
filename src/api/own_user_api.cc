// What users do to what is theirs: names, password, sessions, preferences.
#include "api/grafana_json.h"
#include "api/json_body.h"
#include "api/params.h"
#include "api/user_routes.h"
#include "core/json_writer.h"
#include "users/client_address.h"

namespace sextant::api {

namespace {

using core::Code;
using core::Fail;
using net::HttpRequest;
using net::HttpResponse;
using users::AccessControl;
using users::AccessState;
using users::User;

HttpResponse Unauthorized() { return GrafanaMessage(401, "Unauthorized"); }

HttpResponse Myself(const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  if (!user) return Unauthorized();
  core::JsonWriter json;
  WriteUser(json, *user);
  return HttpResponse::Json(200, std::move(json).Take());
}

core::Status RenameMyself(const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  if (!user) return Fail(Code::kNotFound, "only a user has a name");
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  std::string login = user->login;
  if (body.Has("login")) {
    SEXTANT_ASSIGN(login, body.Text("login"));
  }
  SEXTANT_ASSIGN(std::string email, body.Text("email"));
  SEXTANT_ASSIGN(std::string name, body.Text("name"));
  if (user->is_external && login != user->login)
    return Fail(Code::kInvalidArgument, "the login of a proxy's user cannot be changed here");
  return state.directory->Rename(user->id, std::move(login), std::move(email), std::move(name));
}

core::Status ChangeOwnPassword(AccessControl& access, const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  if (!user) return Fail(Code::kNotFound, "only a user has a password");
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  SEXTANT_ASSIGN(std::string before, body.Text("oldPassword"));
  SEXTANT_ASSIGN(std::string after, body.Text("newPassword"));
  SEXTANT_ASSIGN(
      [[maybe_unused]] User checked,
      access.CheckPassword(state, user->login, before, users::ClientAddress(request, state.settings)));
  SEXTANT_ASSIGN(std::string hash, HashOfPassword(after, "newPassword"));
  return state.directory->SetPassword(user->id, std::move(hash),
                                      AccessControl::SessionSecret(request, state.settings));
}

HttpResponse AnswerPassword(AccessControl& access, const AccessState& state, const HttpRequest& request) {
  core::Status changed = ChangeOwnPassword(access, state, request);
  if (!changed && changed.error().code() == Code::kResourceExhausted)
    return GrafanaMessage(429, changed.error().message());
  if (!changed && changed.error().code() == Code::kPermissionDenied)
    return GrafanaMessage(401, "invalid old password");
  return ChangeAnswer(changed, "User password changed");
}

HttpResponse GetPreferences(const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  users::Preferences wanted = user ? state.directory->PreferencesOf(user->id) : users::Preferences();
  core::JsonWriter json;
  json.BeginObject().Key("theme").String(wanted.theme).Key("homeDashboardUID").String(wanted.home_uid);
  json.Key("timezone").String(wanted.timezone).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

// PUT replaces all, PATCH what is named.
core::Status SetPreferences(const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  if (!user) return Fail(Code::kNotFound, "only a user has preferences");
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  users::Preferences wanted;
  if (request.method == "PATCH") wanted = state.directory->PreferencesOf(user->id);
  if (body.Has("theme")) {
    SEXTANT_ASSIGN(wanted.theme, body.Text("theme"));
  }
  if (body.Has("homeDashboardUID")) {
    SEXTANT_ASSIGN(wanted.home_uid, body.Text("homeDashboardUID"));
  }
  if (body.Has("timezone")) {
    SEXTANT_ASSIGN(wanted.timezone, body.Text("timezone"));
  }
  for (const char* name : {"weekStart", "language"}) {
    SEXTANT_ASSIGN(std::string text, body.Text(name));
    if (!text.empty()) return Fail(Code::kInvalidArgument, "{} is not supported", name);
  }
  return state.directory->SetPreferences(user->id, std::move(wanted));
}

HttpResponse OwnSessions(const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  if (!user) return Unauthorized();
  std::string_view secret = AccessControl::SessionSecret(request, state.settings);
  return SessionList(state, user->id, secret.empty() ? 0 : state.directory->SessionId(secret));
}

HttpResponse RevokeOwn(const AccessState& state, const HttpRequest& request) {
  auto user = UserOf(state, request);
  if (!user) return Unauthorized();
  return ChangeAnswer(RevokeSession(state, user->id, request), "User auth token revoked");
}

// Gives the browser another secret when its own is old enough.
HttpResponse Rotate(const AccessControl& access, const AccessState& state, const HttpRequest& request) {
  std::string_view secret = AccessControl::SessionSecret(request, state.settings);
  if (secret.empty()) return Unauthorized();
  auto rotated = state.directory->RotateSession(secret, state.settings.session_rotation_ms);
  if (!rotated)
    return rotated.error().code() == Code::kNotFound ? Unauthorized() : GrafanaError(rotated.error());
  HttpResponse response = GrafanaMessage(200, *rotated ? "Session rotated" : "Session is young enough");
  response.headers.Add("Cache-Control", "no-store");
  if (*rotated)
    response.headers.Add("Set-Cookie", access.SessionCookie(state.settings, **rotated, request.is_tls));
  return response;
}

}  // namespace

std::string PreferredHome(const AccessControl& access, const HttpRequest& request) {
  std::shared_ptr<const AccessState> state = access.state();
  auto user = state == nullptr ? std::nullopt : UserOf(*state, request);
  return user ? state->directory->PreferencesOf(user->id).home_uid : std::string();
}

void AddOwnUserRoutes(net::Router& router, const UserApiDeps& deps) {
  AccessControl& access = deps.access;
  AddUserRoute(router, access, "GET", "/api/user", Myself);
  AddUserRoute(router, access, "PUT", "/api/user", [](const AccessState& state, const HttpRequest& request) {
    return ChangeAnswer(RenameMyself(state, request), "User updated");
  });
  AddUserRoute(router, access, "PUT", "/api/user/password",
               [&access](const AccessState& state, const HttpRequest& request) {
                 return AnswerPassword(access, state, request);
               });
  AddUserRoute(router, access, "GET", "/api/user/preferences", GetPreferences);
  for (const char* method : {"PUT", "PATCH"}) {
    AddUserRoute(router, access, method, "/api/user/preferences",
                 [](const AccessState& state, const HttpRequest& request) {
                   return ChangeAnswer(SetPreferences(state, request), "Preferences updated");
                 });
  }
  AddUserRoute(router, access, "GET", "/api/user/auth-tokens", OwnSessions);
  AddUserRoute(router, access, "POST", "/api/user/revoke-auth-token", RevokeOwn);
  AddUserRoute(router, access, "POST", "/api/user/auth-tokens/rotate",
               [&access](const AccessState& state, const HttpRequest& request) {
                 return Rotate(access, state, request);
               });
}

}  // namespace sextant::api
