#include "api/users_api.h"

#include <simdjson.h>

#include <charconv>
#include <functional>
#include <limits>

#include "api/grafana_json.h"
#include "api/login_api.h"
#include "api/params.h"
#include "core/json_writer.h"
#include "net/passwords.h"

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

constexpr size_t kMinPasswordBytes = 4;
constexpr size_t kMaxBodyBytes = 64 << 10;

// A JSON object of a request.
class Body {
 public:
  static Result<Body> Of(const HttpRequest& request) {
    Body body;
    body.parser_ = std::make_unique<simdjson::dom::parser>();
    if (auto error =
            body.parser_->parse(simdjson::padded_string(request.body)).get_object().get(body.object_))
      return Fail(Code::kInvalidArgument, "bad request data: {}", simdjson::error_message(error));
    return body;
  }
  // "" when it is absent.
  Result<std::string> Text(std::string_view name) const {
    simdjson::dom::element value;
    if (object_[name].get(value) || value.is_null()) return std::string();
    std::string_view text;
    if (value.get_string().get(text)) return Fail(Code::kInvalidArgument, "{} must be a text", name);
    return std::string(text);
  }
  Result<int64_t> Number(std::string_view name) const {
    simdjson::dom::element value;
    if (object_[name].get(value) || value.is_null()) return 0;
    int64_t number = 0;
    if (value.get_int64().get(number)) return Fail(Code::kInvalidArgument, "{} must be a whole number", name);
    return number;
  }
  Result<Role> ReadRole(std::string_view name, Role otherwise) const {
    SEXTANT_ASSIGN(std::string text, Text(name));
    if (text.empty()) return otherwise;
    auto role = users::ParseRole(text);
    if (!role)
      return Fail(Code::kInvalidArgument, "{} must be Viewer, Editor or Admin, not \"{}\"", name, text);
    return *role;
  }

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::object object_;
};

Result<int64_t> IdOf(const HttpRequest& request) {
  std::string_view text = request.PathParam("id");
  int64_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    return Fail(Code::kInvalidArgument, "id must be a number, not \"{}\"", text);
  return id;
}

Result<std::string> HashOf(const std::string& password, std::string_view field) {
  if (password.size() < kMinPasswordBytes || password.size() > net::kMaxPasswordBytes ||
      password.find('\0') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "{} must have {} to {} bytes", field, kMinPasswordBytes,
                net::kMaxPasswordBytes);
  }
  return net::HashBcrypt(password, users::AccessControl::kBcryptCost);
}

void WriteUser(core::JsonWriter& json, const User& user) {
  json.BeginObject().Key("id").Int(user.id).Key("login").String(user.login);
  json.Key("email").String(user.email).Key("name").String(user.name).Key("orgId").Int(1);
  json.Key("isAdmin").Bool(user.role == Role::kAdmin).Key("isGrafanaAdmin").Bool(user.role == Role::kAdmin);
  json.Key("isDisabled").Bool(false).Key("isExternal").Bool(user.is_external);
  json.Key("authLabels").BeginArray();
  if (user.is_external) json.String("Auth Proxy");
  json.EndArray().Key("theme").String("").Key("avatarUrl").String("");
  json.Key("role").String(users::RoleName(user.role));
  json.Key("createdAt").String(FormatRfc3339(user.created_ms));
  json.Key("updatedAt").String(FormatRfc3339(user.updated_ms)).EndObject();
}

void WriteMember(core::JsonWriter& json, const User& user) {
  json.BeginObject().Key("orgId").Int(1).Key("userId").Int(user.id).Key("login").String(user.login);
  json.Key("email").String(user.email).Key("name").String(user.name).Key("avatarUrl").String("");
  json.Key("role").String(users::RoleName(user.role)).Key("isDisabled").Bool(false).EndObject();
}

HttpResponse ListOf(const std::vector<User>& list, void (*write)(core::JsonWriter&, const User&)) {
  core::JsonWriter json;
  json.BeginArray();
  for (const User& user : list) write(json, user);
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse One(const std::optional<User>& user) {
  if (!user) return GrafanaMessage(404, "user not found", "not-found");
  core::JsonWriter json;
  WriteUser(json, *user);
  return HttpResponse::Json(200, std::move(json).Take());
}

// What becomes of a change: a message, or why it was not made. A name that is taken is 409, as Grafana says
// it.
HttpResponse Done(const core::Status& status, std::string_view message) {
  if (status) return GrafanaMessage(200, message);
  if (status.error().code() == Code::kAlreadyExists) return GrafanaMessage(409, status.error().message());
  return GrafanaError(status.error());
}

HttpResponse Myself(const AccessState& state, const HttpRequest& request) {
  if (request.user.empty()) return GrafanaMessage(401, "Unauthorized");  // a token, or anonymous
  return One(state.directory->FindUser(request.user));
}

core::Status ChangeOwnPassword(users::AccessControl& access, const AccessState& state,
                               const HttpRequest& request) {
  auto user = request.user.empty() ? std::optional<User>() : state.directory->FindUser(request.user);
  if (!user) return Fail(Code::kNotFound, "only a user has a password");
  SEXTANT_ASSIGN(Body body, Body::Of(request));
  SEXTANT_ASSIGN(std::string before, body.Text("oldPassword"));
  SEXTANT_ASSIGN(std::string after, body.Text("newPassword"));
  SEXTANT_ASSIGN([[maybe_unused]] User checked,
                 access.CheckPassword(state, user->login, before, request.remote_address));
  SEXTANT_ASSIGN(std::string hash, HashOf(after, "newPassword"));
  return state.directory->SetPassword(user->id, std::move(hash),
                                      users::AccessControl::SessionSecret(request, state.settings));
}

core::Status SetPassword(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, IdOf(request));
  SEXTANT_ASSIGN(Body body, Body::Of(request));
  SEXTANT_ASSIGN(std::string password, body.Text("password"));
  if (!state.directory->FindUser(id)) return Fail(Code::kNotFound, "user not found");
  SEXTANT_ASSIGN(std::string hash, HashOf(password, "password"));
  return state.directory->SetPassword(id, std::move(hash), "");
}

Result<User> CreateUser(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(Body body, Body::Of(request));
  User user;
  SEXTANT_ASSIGN(user.login, body.Text("login"));
  SEXTANT_ASSIGN(user.email, body.Text("email"));
  SEXTANT_ASSIGN(user.name, body.Text("name"));
  SEXTANT_ASSIGN(user.role, body.ReadRole("role", state.settings.new_user_role));
  SEXTANT_ASSIGN(std::string password, body.Text("password"));
  SEXTANT_ASSIGN(user.password_hash, HashOf(password, "password"));
  return state.directory->AddUser(std::move(user));
}

HttpResponse Create(const AccessState& state, const HttpRequest& request) {
  auto user = CreateUser(state, request);
  if (!user) return Done(tl::unexpected(user.error()), "");
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(user->id).Key("uid").String(user->login);
  json.Key("message").String("User created").EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

core::Status SetRole(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, IdOf(request));
  SEXTANT_ASSIGN(Body body, Body::Of(request));
  SEXTANT_ASSIGN(std::string text, body.Text("role"));
  if (text.empty()) return Fail(Code::kInvalidArgument, "role is missing");
  SEXTANT_ASSIGN(Role role, body.ReadRole("role", Role::kViewer));
  return state.directory->SetRole(id, role);
}

core::Status Remove(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, IdOf(request));
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

Result<std::pair<users::Token, std::string>> MakeToken(const AccessState& state, const HttpRequest& request) {
  constexpr int64_t kMostSeconds = 1'000'000'000;
  SEXTANT_ASSIGN(Body body, Body::Of(request));
  SEXTANT_ASSIGN(std::string name, body.Text("name"));
  SEXTANT_ASSIGN(Role role, body.ReadRole("role", Role::kViewer));
  SEXTANT_ASSIGN(int64_t seconds, body.Number("secondsToLive"));
  if (seconds < 0 || seconds > kMostSeconds)
    return Fail(Code::kInvalidArgument, "secondsToLive must be from 0 to {}", kMostSeconds);
  int64_t most = state.settings.token_max_s;
  if (most >= 0 && (seconds == 0 || seconds > most))
    return Fail(Code::kInvalidArgument,
                "secondsToLive must be from 1 to {} (auth.api_key_max_seconds_to_live)", most);
  return state.directory->AddToken(std::move(name), role, seconds * 1'000);
}

HttpResponse AddToken(const AccessState& state, const HttpRequest& request) {
  auto made = MakeToken(state, request);
  if (!made) return Done(tl::unexpected(made.error()), "");
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(made->first.id).Key("name").String(made->first.name);
  json.Key("key").String(made->second).EndObject();
  HttpResponse response = HttpResponse::Json(200, std::move(json).Take());
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

core::Status RemoveToken(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, IdOf(request));
  return state.directory->RemoveToken(id);
}

}  // namespace

void AddUserRoutes(net::Router& router, const UserApiDeps& deps) {
  AddLoginRoutes(router, deps);
  users::AccessControl& access = deps.access;
  using Answer = std::function<HttpResponse(const AccessState&, const HttpRequest&)>;
  auto add = [&](const char* method, const char* pattern, Answer answer) {
    router.Add(method, pattern,
               [&access, answer = std::move(answer)](const HttpRequest& request) {
                 std::shared_ptr<const AccessState> state = access.state();
                 return state == nullptr ? UsersAreOff() : answer(*state, request);
               },
               {.max_body_bytes = kMaxBodyBytes});
  };
  add("GET", "/api/user", Myself);
  add("PUT", "/api/user/password", [&access](const AccessState& state, const HttpRequest& request) {
    core::Status changed = ChangeOwnPassword(access, state, request);
    if (!changed && changed.error().code() == Code::kResourceExhausted)
      return GrafanaMessage(429, changed.error().message());
    if (!changed && changed.error().code() == Code::kPermissionDenied)
      return GrafanaMessage(401, "invalid old password");
    return Done(changed, "User password changed");
  });
  add("GET", "/api/users", [](const AccessState& state, const HttpRequest&) {
    return ListOf(state.directory->Users(), WriteUser);
  });
  add("GET", "/api/users/lookup", [](const AccessState& state, const HttpRequest& request) {
    return One(state.directory->FindUser(request.Query().Get("loginOrEmail")));
  });
  add("GET", "/api/users/{id}", [](const AccessState& state, const HttpRequest& request) {
    auto id = IdOf(request);
    return id ? One(state.directory->FindUser(*id)) : GrafanaError(id.error());
  });
  add("GET", "/api/org/users", [](const AccessState& state, const HttpRequest&) {
    return ListOf(state.directory->Users(), WriteMember);
  });
  add("PATCH", "/api/org/users/{id}", [](const AccessState& state, const HttpRequest& request) {
    return Done(SetRole(state, request), "Organization user updated");
  });
  for (const char* pattern : {"/api/org/users/{id}", "/api/admin/users/{id}"}) {
    add("DELETE", pattern, [](const AccessState& state, const HttpRequest& request) {
      return Done(Remove(state, request), "User deleted");
    });
  }
  add("POST", "/api/admin/users", Create);
  add("PUT", "/api/admin/users/{id}/password", [](const AccessState& state, const HttpRequest& request) {
    return Done(SetPassword(state, request), "User password updated");
  });
  add("GET", "/api/auth/keys", [&clock = deps.clock](const AccessState& state, const HttpRequest&) {
    return ListTokens(state, clock);
  });
  add("POST", "/api/auth/keys", AddToken);
  add("DELETE", "/api/auth/keys/{id}", [](const AccessState& state, const HttpRequest& request) {
    return Done(RemoveToken(state, request), "API key deleted");
  });
}

}  // namespace sextant::api
