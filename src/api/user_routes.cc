#include "api/user_routes.h"

#include <array>

#include "api/grafana_json.h"
#include "api/json_body.h"
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

constexpr size_t kMinPasswordBytes = 4;
constexpr size_t kMaxBodyBytes = 64 << 10;
constexpr int64_t kMaxTokenSeconds = 1'000'000'000;

struct Word {
  std::string_view in_agent;
  std::string_view name;
};

// The more particular come first: all of them name those that they descend from.
constexpr auto kBrowsers = std::to_array<Word>({{"Edg/", "Edge"},
                                                {"OPR/", "Opera"},
                                                {"Firefox/", "Firefox"},
                                                {"Chrome/", "Chrome"},
                                                {"Safari/", "Safari"},
                                                {"curl/", "curl"}});
constexpr auto kSystems = std::to_array<Word>({{"Windows", "Windows"},
                                               {"Android", "Android"},
                                               {"iPhone", "iOS"},
                                               {"iPad", "iOS"},
                                               {"Mac OS X", "macOS"},
                                               {"CrOS", "ChromeOS"},
                                               {"Linux", "Linux"}});

template <size_t kSize>
std::string_view FirstIn(std::string_view agent, const std::array<Word, kSize>& words) {
  for (const Word& word : words) {
    if (agent.find(word.in_agent) != std::string_view::npos) return word.name;
  }
  return "";
}

Result<std::pair<users::Token, std::string>> ReadToken(const AccessState& state, const HttpRequest& request,
                                                       int64_t account_id) {
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  SEXTANT_ASSIGN(std::string name, body.Text("name"));
  users::Role role = users::Role::kViewer;
  if (account_id == 0) {
    SEXTANT_ASSIGN(role, body.ReadRole("role", role));
  }
  SEXTANT_ASSIGN(int64_t seconds, body.Number("secondsToLive"));
  if (seconds < 0 || seconds > kMaxTokenSeconds)
    return Fail(Code::kInvalidArgument, "secondsToLive must be from 0 to {}", kMaxTokenSeconds);
  int64_t most = state.settings.token_max_s;
  if (most >= 0 && (seconds == 0 || seconds > most))
    return Fail(Code::kInvalidArgument,
                "secondsToLive must be from 1 to {} (auth.api_key_max_seconds_to_live)", most);
  return state.directory->AddToken(std::move(name), role, seconds * 1'000, account_id);
}

}  // namespace

void AddUserRoute(net::Router& router, users::AccessControl& access, const char* method, const char* pattern,
                  UserAnswer answer) {
  router.Add(method, pattern,
             [&access, answer = std::move(answer)](const HttpRequest& request) {
               std::shared_ptr<const AccessState> state = access.state();
               return state == nullptr ? UsersAreOff() : answer(*state, request);
             },
             {.max_body_bytes = kMaxBodyBytes});
}

HttpResponse ChangeAnswer(const core::Status& status, std::string_view message) {
  if (status) return GrafanaMessage(200, message);
  if (status.error().code() == Code::kAlreadyExists) return GrafanaMessage(409, status.error().message());
  return GrafanaError(status.error());
}

std::optional<users::User> UserOf(const AccessState& state, const HttpRequest& request) {
  if (request.user.empty()) return std::nullopt;
  return state.directory->FindUser(request.user);
}

void WriteUser(core::JsonWriter& json, const users::User& user) {
  bool is_admin = user.role == users::Role::kAdmin;
  json.BeginObject().Key("id").Int(user.id).Key("login").String(user.login);
  json.Key("email").String(user.email).Key("name").String(user.name).Key("orgId").Int(1);
  json.Key("isAdmin").Bool(is_admin).Key("isGrafanaAdmin").Bool(is_admin);
  json.Key("isDisabled").Bool(user.is_disabled).Key("isExternal").Bool(user.is_external);
  json.Key("authLabels").BeginArray();
  if (user.is_external) json.String("Auth Proxy");
  json.EndArray().Key("theme").String("").Key("avatarUrl").String("");
  json.Key("role").String(users::RoleName(user.role));
  json.Key("createdAt").String(FormatRfc3339(user.created_ms));
  json.Key("updatedAt").String(FormatRfc3339(user.updated_ms)).EndObject();
}

HttpResponse SessionList(const AccessState& state, int64_t user_id, int64_t present) {
  core::JsonWriter json;
  json.BeginArray();
  for (const users::Session& session : state.directory->SessionsOf(user_id, state.session_limits())) {
    json.BeginObject().Key("id").Int(session.id).Key("isActive").Bool(session.id == present);
    json.Key("clientIp").String(session.address).Key("device").String("Other");
    json.Key("os").String(FirstIn(session.agent, kSystems)).Key("osVersion").String("");
    json.Key("browser").String(FirstIn(session.agent, kBrowsers)).Key("browserVersion").String("");
    json.Key("createdAt").String(FormatRfc3339(session.created_ms));
    json.Key("seenAt").String(FormatRfc3339(session.seen_ms)).EndObject();
  }
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

core::Status RevokeSession(const AccessState& state, int64_t user_id, const HttpRequest& request) {
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  SEXTANT_ASSIGN(int64_t id, body.Number("authTokenId"));
  return state.directory->EndSessionOf(user_id, id);
}

Result<std::string> HashOfPassword(const std::string& password, std::string_view field) {
  if (password.size() < kMinPasswordBytes || password.size() > net::kMaxPasswordBytes ||
      password.find('\0') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "{} must have {} to {} bytes", field, kMinPasswordBytes,
                net::kMaxPasswordBytes);
  }
  return net::HashBcrypt(password, users::AccessControl::kBcryptCost);
}

HttpResponse MakeToken(const AccessState& state, const HttpRequest& request, int64_t account_id) {
  auto made = ReadToken(state, request, account_id);
  if (!made) return ChangeAnswer(tl::unexpected(made.error()), "");
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(made->first.id).Key("name").String(made->first.name);
  json.Key("key").String(made->second).EndObject();
  HttpResponse response = HttpResponse::Json(200, std::move(json).Take());
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

}  // namespace sextant::api
