// Grafana's endpoints for service accounts and their tokens.
#include <algorithm>
#include <charconv>

#include "api/grafana_json.h"
#include "api/json_body.h"
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
using users::ServiceAccount;

void WriteAccount(core::JsonWriter& json, const AccessState& state, const ServiceAccount& account) {
  json.BeginObject().Key("id").Int(account.id).Key("uid").String(std::to_string(account.id));
  json.Key("name").String(account.name).Key("login").String(fmt::format("sa-{}", account.id));
  json.Key("orgId").Int(1).Key("isDisabled").Bool(account.is_disabled);
  json.Key("role").String(users::RoleName(account.role));
  json.Key("tokens").Int(static_cast<int64_t>(state.directory->Tokens(account.id).size()));
  json.Key("avatarUrl").String("").Key("createdAt").String(FormatRfc3339(account.created_ms)).EndObject();
}

HttpResponse Search(const AccessState& state, const HttpRequest& request) {
  auto page = ReadPage(request);
  if (!page) return GrafanaError(page.error());
  bool only_disabled = request.Query().Get("disabled") == "true";
  std::vector<ServiceAccount> found = state.directory->Accounts();
  std::erase_if(found, [&](const ServiceAccount& account) {
    return !page->Matches(account.name) || (only_disabled && !account.is_disabled);
  });
  core::JsonWriter json;
  json.BeginObject().Key("totalCount").Int(static_cast<int64_t>(found.size()));
  json.Key("serviceAccounts").BeginArray();
  for (const ServiceAccount& account : page->Of(found)) WriteAccount(json, state, account);
  json.EndArray().Key("page").Int(static_cast<int64_t>(page->number));
  json.Key("perPage").Int(static_cast<int64_t>(page->size)).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

Result<ServiceAccount> AccountOf(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  auto account = state.directory->FindAccount(id);
  if (!account) return Fail(Code::kNotFound, "service account not found");
  return *account;
}

HttpResponse AnswerAccount(const AccessState& state, const ServiceAccount& account, int status) {
  core::JsonWriter json;
  WriteAccount(json, state, account);
  return HttpResponse::Json(status, std::move(json).Take());
}

HttpResponse Get(const AccessState& state, const HttpRequest& request) {
  auto account = AccountOf(state, request);
  return account ? AnswerAccount(state, *account, 200) : GrafanaError(account.error());
}

// What the request names, in place of what the account has.
Result<ServiceAccount> ReadAccount(ServiceAccount account, const HttpRequest& request) {
  SEXTANT_ASSIGN(JsonBody body, JsonBody::Of(request));
  if (body.Has("name")) {
    SEXTANT_ASSIGN(account.name, body.Text("name"));
  }
  SEXTANT_ASSIGN(account.role, body.ReadRole("role", account.role));
  SEXTANT_ASSIGN(account.is_disabled, body.Boolean("isDisabled", account.is_disabled));
  return account;
}

HttpResponse Create(const AccessState& state, const HttpRequest& request) {
  auto account = ReadAccount({}, request).and_then([&](ServiceAccount read) {
    return state.directory->AddAccount(std::move(read));
  });
  if (!account) return ChangeAnswer(tl::unexpected(account.error()), "");
  return AnswerAccount(state, *account, 201);
}

HttpResponse Update(const AccessState& state, const HttpRequest& request) {
  auto account =
      AccountOf(state, request).and_then([&](ServiceAccount found) { return ReadAccount(found, request); });
  if (!account) return GrafanaError(account.error());
  core::Status changed = state.directory->ReplaceAccount(*account);
  if (!changed) return ChangeAnswer(changed, "");
  core::JsonWriter json;
  json.BeginObject().Key("message").String("Service account updated").Key("id").Int(account->id);
  json.Key("name").String(account->name).Key("serviceaccount");
  WriteAccount(json, state, *account);
  json.EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Tokens(const AccessState& state, const core::Clock& clock, const HttpRequest& request) {
  auto account = AccountOf(state, request);
  if (!account) return GrafanaError(account.error());
  core::TimestampMs now_ms = clock.NowMs();
  core::JsonWriter json;
  json.BeginArray();
  for (const users::Token& token : state.directory->Tokens(account->id)) {
    bool ends = token.expires_ms != 0;
    json.BeginObject().Key("id").Int(token.id).Key("name").String(token.name);
    json.Key("created").String(FormatRfc3339(token.created_ms)).Key("expiration");
    ends ? json.String(FormatRfc3339(token.expires_ms)) : json.Null();
    json.Key("secondsUntilExpiration")
        .Int(ends ? std::max<int64_t>(0, (token.expires_ms - now_ms) / 1'000) : 0);
    json.Key("hasExpired").Bool(ends && now_ms >= token.expires_ms).Key("isRevoked").Bool(false).EndObject();
  }
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse AddToken(const AccessState& state, const HttpRequest& request) {
  auto account = AccountOf(state, request);
  return account ? MakeToken(state, request, account->id) : GrafanaError(account.error());
}

core::Status RemoveToken(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(ServiceAccount account, AccountOf(state, request));
  SEXTANT_ASSIGN(int64_t token, NumberOf(request, "token"));
  return state.directory->RemoveToken(token, account.id);
}

core::Status Remove(const AccessState& state, const HttpRequest& request) {
  SEXTANT_ASSIGN(ServiceAccount account, AccountOf(state, request));
  return state.directory->RemoveAccount(account.id);
}

}  // namespace

void AddServiceAccountRoutes(net::Router& router, const UserApiDeps& deps) {
  users::AccessControl& access = deps.access;
  AddUserRoute(router, access, "GET", "/api/serviceaccounts/search", Search);
  AddUserRoute(router, access, "POST", "/api/serviceaccounts", Create);
  AddUserRoute(router, access, "GET", "/api/serviceaccounts/{id}", Get);
  AddUserRoute(router, access, "PATCH", "/api/serviceaccounts/{id}", Update);
  AddUserRoute(router, access, "DELETE", "/api/serviceaccounts/{id}",
               [](const AccessState& state, const HttpRequest& request) {
                 return ChangeAnswer(Remove(state, request), "Service account deleted");
               });
  AddUserRoute(router, access, "GET", "/api/serviceaccounts/{id}/tokens",
               [&clock = deps.clock](const AccessState& state, const HttpRequest& request) {
                 return Tokens(state, clock, request);
               });
  AddUserRoute(router, access, "POST", "/api/serviceaccounts/{id}/tokens", AddToken);
  AddUserRoute(router, access, "DELETE", "/api/serviceaccounts/{id}/tokens/{token}",
               [](const AccessState& state, const HttpRequest& request) {
                 return ChangeAnswer(RemoveToken(state, request), "Service account token deleted");
               });
}

}  // namespace sextant::api
