// The server's gate: who asks (by an authenticating proxy's header, a password or token in Authorization, a
// session's cookie, or as nobody), and whether their role is enough for the route.
//
// Off until it is given settings: then everybody may do everything, as without it. Thread-safe. Passwords are
// checked one at a time, which bounds what guessing costs and makes the count of failures exact; what was
// verified is remembered as a keyed hash, so that basic authentication costs one check per client and not per
// request.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/metrics.h"
#include "net/access_gate.h"
#include "users/attempts.h"
#include "users/directory.h"
#include "users/permissions.h"
#include "users/settings.h"

namespace sextant::users {

// What is in force while users are on.
struct AccessState {
  Settings settings;
  std::shared_ptr<Directory> directory;

  SessionLimits session_limits() const { return {settings.session_idle_ms, settings.session_max_ms}; }
};

class AccessControl final : public net::AccessGate {
 public:
  // What bcrypt's cost is for passwords that are set here.
  static constexpr int kBcryptCost = 10;

  // `route_prefix` is "" or "/prefix".
  AccessControl(const core::Clock& clock, core::Registry& registry, std::string route_prefix);

  // Null switches users off.
  void Apply(std::shared_ptr<const AccessState> state) { state_.store(std::move(state)); }
  // Null: off.
  std::shared_ptr<const AccessState> state() const { return state_.load(); }
  const std::string& route_prefix() const { return route_prefix_; }

  net::AccessDecision Check(const net::HttpRequest& request, const net::Route* route) override;
  net::AccessDecision Verify(const net::HttpRequest& request, const net::Route* route) override;

  // Whose password it is; slow. kPermissionDenied when it is nobody's, kResourceExhausted after too many
  // failures. `address` is ClientAddress().
  core::Result<User> CheckPassword(const AccessState& state, std::string_view login,
                                   const std::string& password, std::string_view address);

  // The secret in the session's cookie, or "".
  static std::string_view SessionSecret(const net::HttpRequest& request, const Settings& settings);
  // The value of Set-Cookie that gives a session to the browser; an empty secret takes it away.
  std::string SessionCookie(const Settings& settings, std::string_view secret, bool is_tls) const;

 private:
  enum class Means { kNone, kProxy, kPassword, kToken, kSession, kAnonymous };
  struct Identity {
    Means means = Means::kNone;
    std::string user;
    Role role = Role::kViewer;
    bool must_verify = false;
    std::optional<net::HttpResponse> refusal;
  };
  using Digest = std::array<unsigned char, 32>;

  Identity Identify(const AccessState& state, const net::HttpRequest& request, bool may_be_slow);
  std::optional<Identity> IdentifyByProxy(const AccessState& state, const net::HttpRequest& request,
                                          bool may_be_slow);
  Identity IdentifyByAuthorization(const AccessState& state, const net::HttpRequest& request,
                                   bool may_be_slow);
  static Identity IdentifyByToken(const AccessState& state, std::string_view secret);
  net::AccessDecision Decide(const net::HttpRequest& request, const net::Route* route, bool may_be_slow);
  net::HttpResponse AskToLogIn(const net::HttpRequest& request) const;
  Digest DigestOf(const User& user, const std::string& password) const;
  bool IsVerified(const Digest& digest) const;

  const std::string route_prefix_;
  core::Counter& accepted_logins_;
  core::Counter& wrong_logins_;
  core::Counter& limited_logins_;
  core::Counter& foreign_requests_;
  std::atomic<std::shared_ptr<const AccessState>> state_;
  Digest key_;              // random per process, so that digests are worth nothing elsewhere
  std::mutex check_mutex_;  // one password at a time
  Attempts attempts_;       // guarded by check_mutex_
  mutable std::mutex verified_mutex_;
  std::set<Digest> verified_;  // guarded by verified_mutex_
};

// A body of Grafana's kind, {"message": …}.
net::HttpResponse AccessMessage(int status, std::string_view message);

}  // namespace sextant::users
