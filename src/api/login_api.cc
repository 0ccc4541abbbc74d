#include "api/login_api.h"

#include <simdjson.h>

#include <atomic>
#include <memory>

#include "api/grafana_json.h"
#include "core/json_writer.h"
#include "net/passwords.h"
#include "users/client_address.h"

namespace sextant::api {

namespace {

using net::HttpRequest;
using net::HttpResponse;
using users::AccessState;

struct LoginRequest {
  std::string user;
  std::string password;
};

core::Result<LoginRequest> ReadLogin(const HttpRequest& request) {
  LoginRequest login;
  simdjson::dom::parser parser;
  simdjson::dom::object body;
  if (parser.parse(simdjson::padded_string(request.body)).get_object().get(body))
    return core::Fail(core::Code::kInvalidArgument,
                      "bad login data: expected {{\"user\": …, \"password\": …}}");
  std::string_view user;
  std::string_view password;
  if (body["user"].get_string().get(user) || user.empty() || user.size() > users::Directory::kMaxNameBytes)
    return core::Fail(core::Code::kInvalidArgument, "bad login data: user must be a text of 1 to {} bytes",
                      users::Directory::kMaxNameBytes);
  if (body["password"].get_string().get(password) || password.size() > net::kMaxPasswordBytes)
    return core::Fail(core::Code::kInvalidArgument,
                      "bad login data: password must be a text of at most {} bytes", net::kMaxPasswordBytes);
  login.user = user;
  login.password = password;
  return login;
}

// Those under way; given back when an answer was made.
class Slots {
 public:
  explicit Slots(core::Registry& registry)
      : refused_(registry.AddCounter("sextant_logins_refused_busy_total",
                                     "Logins refused since too many passwords were being checked.")) {}
  bool Take() {
    if (taken_.fetch_add(1) < kMaxLoginsUnderWay) return true;
    taken_.fetch_sub(1);
    refused_.Increment();
    return false;
  }
  void GiveBack() { taken_.fetch_sub(1); }

 private:
  std::atomic<int> taken_{0};
  core::Counter& refused_;
};

HttpResponse Busy() {
  HttpResponse response = GrafanaMessage(503, "too many passwords are being checked; try again later");
  response.headers.Add("Retry-After", "1");
  return response;
}

// Checks the password and begins a session.
HttpResponse LogIn(users::AccessControl& access, const AccessState& state, const LoginRequest& login,
                   const HttpRequest& request) {
  auto user =
      access.CheckPassword(state, login.user, login.password, users::ClientAddress(request, state.settings));
  if (!user) {
    bool is_limited = user.error().code() == core::Code::kResourceExhausted;
    return GrafanaMessage(is_limited ? 429 : 401, user.error().message());
  }
  auto secret = state.directory->BeginSession(user->id, {users::ClientAddress(request, state.settings),
                                                         std::string(request.headers.Get("User-Agent"))});
  if (!secret) return GrafanaError(secret.error());
  core::JsonWriter json;
  json.BeginObject().Key("message").String("Logged in").Key("redirectUrl");
  json.String(access.route_prefix() + "/").EndObject();
  HttpResponse response = HttpResponse::Json(200, std::move(json).Take());
  response.headers.Add("Set-Cookie", access.SessionCookie(state.settings, *secret, request.is_tls));
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

// On the I/O thread up to the password.
void HandleLogin(const UserApiDeps& deps, const std::shared_ptr<Slots>& slots, HttpRequest request,
                 net::ResponseWriter writer) {
  std::shared_ptr<const AccessState> state = deps.access.state();
  if (state == nullptr) return writer.Send(UsersAreOff());
  if (!state->settings.has_login_form)
    return writer.Send(GrafanaMessage(401, "logging in by form is disabled (auth.disable_login_form)"));
  auto login = ReadLogin(request);
  if (!login) return writer.Send(GrafanaError(login.error()));
  if (!slots->Take()) return writer.Send(Busy());
  // std::function wants what it holds to be copied.
  auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
  core::Status submitted = deps.executor.Submit(
      core::Priority::kQuery,
      [&access = deps.access, slots, shared, state, login = std::move(*login), request = std::move(request)] {
        HttpResponse response = LogIn(access, *state, login, request);
        slots->GiveBack();
        shared->Send(std::move(response));
      });
  if (submitted) return;
  slots->GiveBack();
  shared->Send(Busy());
}

HttpResponse HandleLogout(const users::AccessControl& access, const HttpRequest& request) {
  std::shared_ptr<const AccessState> state = access.state();
  if (state == nullptr) return UsersAreOff();
  std::string_view secret = users::AccessControl::SessionSecret(request, state->settings);
  if (!secret.empty()) {
    if (core::Status ended = state->directory->EndSession(secret); !ended) return GrafanaError(ended.error());
  }
  HttpResponse response = HttpResponse::Redirect(302, "login");
  response.headers.Add("Set-Cookie", access.SessionCookie(state->settings, "", request.is_tls));
  return response;
}

}  // namespace

HttpResponse UsersAreOff() {
  return GrafanaMessage(404, "users are off: grafana.ini of sextant.yaml switches them on", "not-found");
}

void AddLoginRoutes(net::Router& router, const UserApiDeps& deps) {
  auto slots = std::make_shared<Slots>(deps.registry);
  router.AddStream("POST", "/login",
                   [deps, slots](HttpRequest request, net::ResponseWriter writer) {
                     HandleLogin(deps, slots, std::move(request), std::move(writer));
                   },
                   {.run_inline = true});
  router.Add("GET", "/logout",
             [&access = deps.access](const HttpRequest& request) { return HandleLogout(access, request); });
}

}  // namespace sextant::api
