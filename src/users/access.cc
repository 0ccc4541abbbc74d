#include "users/access.h"

#include <openssl/hmac.h>
#include <sys/random.h>

#include <algorithm>

#include "core/json_writer.h"
#include "net/passwords.h"
#include "net/router.h"
#include "users/client_address.h"
#include "users/origin.h"

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using net::AccessDecision;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t kMaxVerified = 256;
constexpr std::string_view kTokenUser = "api_key";  // in basic authentication: the password is a token
// What an unknown user's password is compared with, so that it takes as long as a known one's; no password
// has this hash.
constexpr const char* kNobodysHash = "$2b$10$.....................................................";

AccessDecision Refused(HttpResponse answer) {
  return {AccessDecision::Kind::kRefused, {}, {}, std::move(answer)};
}

std::string_view AddressOf(std::string_view address_and_port) {
  std::string_view address = address_and_port.substr(0, address_and_port.rfind(':'));
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return address;
}

std::string WaitText(core::DurationMs wait_ms) {
  return fmt::format("too many failed attempts; try again in {} s", (wait_ms + 999) / 1'000);
}

HttpResponse PasswordRefusal(const core::Error& error) {
  return AccessMessage(error.code() == Code::kResourceExhausted ? 429 : 401, error.message());
}

}  // namespace

HttpResponse AccessMessage(int status, std::string_view message) {
  core::JsonWriter json;
  json.BeginObject().Key("message").String(message).EndObject();
  return HttpResponse::Json(status, std::move(json).Take());
}

AccessControl::AccessControl(const core::Clock& clock, core::Registry& registry, std::string route_prefix)
    : route_prefix_(std::move(route_prefix)),
      accepted_logins_(registry.AddCounter("sextant_logins_total",
                                           "Passwords that were checked, and attempts that were not let.",
                                           {{"result", "accepted"}})),
      wrong_logins_(registry.AddCounter("sextant_logins_total", "", {{"result", "wrong"}})),
      limited_logins_(registry.AddCounter("sextant_logins_total", "", {{"result", "limited"}})),
      foreign_requests_(registry.AddCounter("sextant_foreign_requests_refused_total",
                                            "Changes that a page of another site, or no page at all, asked "
                                            "for in a user's name.")),
      attempts_(clock) {
  // The kernel's, not OpenSSL's: that would be loaded at each start, also where there are no users.
  SEXTANT_CHECK(::getrandom(key_.data(), key_.size(), 0) == static_cast<ssize_t>(key_.size()));
}

AccessDecision AccessControl::Check(const HttpRequest& request, const net::Route* route) {
  return Decide(request, route, false);
}

AccessDecision AccessControl::Verify(const HttpRequest& request, const net::Route* route) {
  return Decide(request, route, true);
}

AccessDecision AccessControl::Decide(const HttpRequest& request, const net::Route* route, bool may_be_slow) {
  std::shared_ptr<const AccessState> state = state_.load();
  if (state == nullptr) return {};
  const Settings& settings = state->settings;
  Permission permission = PermissionFor(request.method, route == nullptr ? "" : route->pattern);
  OriginVerdict origin = OriginVerdict::kOwn;
  if (permission.changes) origin = OriginOf(request.headers, settings.csrf_trusted_origins);

  Identity identity;
  if (permission.role) {
    identity = Identify(*state, request, may_be_slow);
    if (identity.must_verify) return {AccessDecision::Kind::kMustVerify, {}, {}, {}};
    if (identity.refusal) return Refused(std::move(*identity.refusal));
    if (identity.means == Means::kNone)
      return Refused(permission.is_page ? AskToLogIn(request) : AccessMessage(401, "Unauthorized"));
  }
  // A token is nothing that a browser adds by itself.
  bool is_lured = identity.means != Means::kToken && origin == OriginVerdict::kForeign;
  bool must_say = identity.means == Means::kSession || settings.csrf_always_checks;
  if (is_lured || (must_say && origin == OriginVerdict::kNotSaid)) {
    foreign_requests_.Increment();
    return Refused(AccessMessage(403, "origin not allowed"));
  }
  if (permission.role && identity.role < *permission.role) {
    return Refused(AccessMessage(403, fmt::format("Permission denied: this needs the role {}, yours is {}",
                                                  RoleName(*permission.role), RoleName(identity.role))));
  }
  std::string role = permission.role ? std::string(RoleName(identity.role)) : std::string();
  return {AccessDecision::Kind::kAllowed, std::move(identity.user), std::move(role), {}};
}

AccessControl::Identity AccessControl::Identify(const AccessState& state, const HttpRequest& request,
                                                bool may_be_slow) {
  if (auto identity = IdentifyByProxy(state, request, may_be_slow)) return std::move(*identity);
  if (request.headers.Has("Authorization")) return IdentifyByAuthorization(state, request, may_be_slow);
  std::string_view secret = SessionSecret(request, state.settings);
  if (!secret.empty()) {
    if (auto user = state.directory->FindSession(secret, state.session_limits()))
      return {Means::kSession, user->login, user->role, false, std::nullopt};
  }
  if (state.settings.has_anonymous)
    return {Means::kAnonymous, "", state.settings.anonymous_role, false, std::nullopt};
  return {};
}

// Nothing when the header is absent, or does not come from the proxy.
std::optional<AccessControl::Identity> AccessControl::IdentifyByProxy(const AccessState& state,
                                                                      const HttpRequest& request,
                                                                      bool may_be_slow) {
  const Settings& settings = state.settings;
  if (!settings.has_proxy) return std::nullopt;
  std::string_view login = request.headers.Get(settings.proxy_header);
  std::string_view address = AddressOf(request.remote_address);
  if (login.empty() || std::ranges::none_of(settings.proxy_whitelist, [&](const Network& network) {
        return network.Contains(address);
      })) {
    return std::nullopt;
  }
  Identity identity{Means::kProxy, {}, Role::kViewer, false, std::nullopt};
  std::optional<User> user = state.directory->FindUser(login);
  if (!user && !settings.proxy_signs_up) {
    identity.refusal = AccessMessage(401, "the proxy's user is not known here");
    return identity;
  }
  if (!user && !may_be_slow) {
    identity.must_verify = true;
    return identity;
  }
  if (!user) {
    User made;
    made.login = login;
    if (login.find('@') != std::string_view::npos) made.email = login;
    made.role = settings.new_user_role;
    made.is_external = true;
    auto added = state.directory->AddUser(std::move(made));
    // Another request of the same user may have been faster.
    user = added ? std::optional<User>(std::move(*added)) : state.directory->FindUser(login);
    if (!user) {
      identity.refusal =
          AccessMessage(added.error().code() == Code::kInvalidArgument ? 401 : 503, added.error().message());
      return identity;
    }
  }
  if (user->is_disabled) {
    identity.refusal = AccessMessage(401, "the proxy's user is disabled here");
    return identity;
  }
  identity.user = user->login;
  identity.role = user->role;
  return identity;
}

AccessControl::Identity AccessControl::IdentifyByToken(const AccessState& state, std::string_view secret) {
  Identity identity;
  if (auto token = state.directory->FindToken(secret)) {
    identity.means = Means::kToken;
    identity.role = token->role;
  } else {
    identity.refusal = AccessMessage(401, "Invalid API key");
  }
  return identity;
}

AccessControl::Identity AccessControl::IdentifyByAuthorization(const AccessState& state,
                                                               const HttpRequest& request, bool may_be_slow) {
  constexpr std::string_view kBearer = "Bearer ";
  std::string_view header = request.headers.Get("Authorization");
  if (header.size() > kBearer.size() && net::EqualsIgnoreCase(header.substr(0, kBearer.size()), kBearer))
    return IdentifyByToken(state, header.substr(kBearer.size()));
  Identity identity;
  auto credentials = net::ParseBasicAuthorization(header);
  if (credentials && credentials->user == kTokenUser) return IdentifyByToken(state, credentials->password);
  if (!credentials || !state.settings.has_basic) {
    identity.refusal = AccessMessage(401, "Invalid username or password");
    return identity;
  }
  std::optional<User> user = state.directory->FindUser(credentials->user);
  if (user && user->is_disabled) user.reset();
  bool is_verified = user && IsVerified(DigestOf(*user, credentials->password));
  if (!is_verified && !may_be_slow) {
    identity.must_verify = true;
    return identity;
  }
  if (!is_verified) {
    auto checked = CheckPassword(state, credentials->user, credentials->password,
                                 ClientAddress(request, state.settings));
    if (!checked) {
      identity.refusal = PasswordRefusal(checked.error());
      return identity;
    }
    user = std::move(*checked);
  }
  identity.means = Means::kPassword;
  identity.user = user->login;
  identity.role = user->role;
  return identity;
}

Result<User> AccessControl::CheckPassword(const AccessState& state, std::string_view login,
                                          const std::string& password, std::string_view address) {
  std::lock_guard lock(check_mutex_);
  std::optional<User> user = state.directory->FindUser(login);
  if (user && user->is_disabled) user.reset();
  Digest digest{};
  if (user) digest = DigestOf(*user, password);
  // While this one waited its turn, the same may have been verified.
  if (user && IsVerified(digest)) return std::move(*user);
  if (state.settings.limits_attempts) {
    if (core::DurationMs wait_ms = attempts_.WaitMs(login, address); wait_ms > 0) {
      limited_logins_.Increment();
      return Fail(Code::kResourceExhausted, "{}", WaitText(wait_ms));
    }
  }
  bool has_password = user && net::IsBcrypt(user->password_hash) &&
                      password.size() <= net::kMaxPasswordBytes && password.find('\0') == std::string::npos;
  bool matches = net::MatchesBcrypt(has_password ? password : std::string(),
                                    has_password ? user->password_hash : kNobodysHash);
  if (!has_password || !matches) {
    wrong_logins_.Increment();
    if (state.settings.limits_attempts) attempts_.Fail(login, address);
    return Fail(Code::kPermissionDenied, "Invalid username or password");
  }
  accepted_logins_.Increment();
  attempts_.Succeed(login);
  std::lock_guard verified_lock(verified_mutex_);
  if (verified_.size() >= kMaxVerified) verified_.erase(verified_.begin());
  verified_.insert(digest);
  return std::move(*user);
}

// The kept hash is in it, so that a changed password is verified anew.
AccessControl::Digest AccessControl::DigestOf(const User& user, const std::string& password) const {
  std::string text = fmt::format("{}:{}:{}", user.id, user.password_hash, password);
  Digest digest{};
  unsigned int size = digest.size();
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return digest;
}

bool AccessControl::IsVerified(const Digest& digest) const {
  std::lock_guard lock(verified_mutex_);
  return verified_.contains(digest);
}

// To the login page, by a relative address, so that it works behind a proxy that takes a path away; and from
// there back.
HttpResponse AccessControl::AskToLogIn(const HttpRequest& request) const {
  std::string_view target = request.target;
  if (target.starts_with(route_prefix_)) target.remove_prefix(route_prefix_.size());
  std::string_view path = target.substr(0, target.find('?'));
  std::string location;
  for (auto slashes = std::ranges::count(path, '/'); slashes > 1; --slashes) location += "../";
  location += "login";
  if (target != "/" && !target.empty()) location += "?redirectTo=" + net::QueryEscape(target);
  return HttpResponse::Redirect(302, location);
}

std::string_view AccessControl::SessionSecret(const HttpRequest& request, const Settings& settings) {
  std::string_view cookies = request.headers.Get("Cookie");
  while (!cookies.empty()) {
    size_t end = cookies.find(';');
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(end == std::string_view::npos ? cookies.size() : end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == settings.cookie_name)
      return pair.substr(equals + 1);
  }
  return {};
}

std::string AccessControl::SessionCookie(const Settings& settings, std::string_view secret,
                                         bool is_tls) const {
  std::string_view same_site = settings.cookie_same_site == SameSite::kLax      ? "; SameSite=Lax"
                               : settings.cookie_same_site == SameSite::kStrict ? "; SameSite=Strict"
                               : settings.cookie_same_site == SameSite::kNone   ? "; SameSite=None"
                                                                                : "";
  return fmt::format("{}={}; Path={}; Max-Age={}; HttpOnly{}{}", settings.cookie_name, secret,
                     route_prefix_.empty() ? "/" : route_prefix_,
                     secret.empty() ? 0 : settings.session_max_ms / 1'000, same_site,
                     settings.cookie_secure || is_tls ? "; Secure" : "");
}

}  // namespace sextant::users
