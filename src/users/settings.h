// What grafana.ini says of users, read as Grafana reads it: the file, over it the environment's
// GF_<SECTION>_<KEY> (or …__FILE with the path of a file that holds the value), and in values `$__env{NAME}`,
// `${NAME}` and `$__file{PATH}`.
//
// A value that cannot be honoured is refused with file, line and key (or the variable's name). Keys that mean
// something to Grafana and nothing to us are listed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "users/ini_file.h"
#include "users/role.h"

namespace sextant::users {

// An address or a network: 16 bytes, IPv4 mapped into IPv6.
struct Network {
  std::string bytes;
  int prefix_bits = 128;

  // "10.0.0.0/8", "::1", "127.0.0.1".
  static core::Result<Network> Parse(std::string_view text);
  // An address without a port; false for what is none.
  bool Contains(std::string_view address) const;
};

enum class SameSite { kLax, kStrict, kNone, kOmitted };

struct Settings {
  // [security]
  std::string admin_user = "admin";
  std::string admin_password;  // for the first start; empty: not given
  bool makes_admin = true;     // disable_initial_admin_creation
  bool cookie_secure = false;
  SameSite cookie_same_site = SameSite::kLax;
  bool limits_attempts = true;  // disable_brute_force_login_protection
  std::vector<std::string> csrf_trusted_origins;
  bool csrf_always_checks = false;
  std::vector<Network> trusted_proxies;  // ours: whose X-Forwarded-For is believed

  // [auth]
  bool has_login_form = true;  // disable_login_form
  std::string cookie_name = "grafana_session";
  core::DurationMs session_idle_ms = 7LL * 86'400'000;   // login_maximum_inactive_lifetime_duration
  core::DurationMs session_max_ms = 30LL * 86'400'000;   // login_maximum_lifetime_duration
  core::DurationMs session_rotation_ms = 10LL * 60'000;  // token_rotation_interval_minutes
  int64_t token_max_s = -1;                              // api_key_max_seconds_to_live; -1: no limit

  // [auth.anonymous]
  bool has_anonymous = false;
  Role anonymous_role = Role::kViewer;

  bool has_basic = true;  // [auth.basic]

  // [auth.proxy]
  bool has_proxy = false;
  std::string proxy_header = "X-WEBAUTH-USER";
  bool proxy_signs_up = true;
  std::vector<Network> proxy_whitelist;  // never empty with has_proxy

  Role new_user_role = Role::kViewer;  // [users] auto_assign_org_role

  // "section.key" of what is written there and does nothing here.
  std::vector<std::string> not_honoured;
};

// Gives an environment variable's value, "" when it is not set.
using ReadVariable = std::function<std::string(const std::string& name)>;

core::Result<Settings> ReadSettings(const std::vector<IniEntry>& entries, std::string_view file_name,
                                    const ReadVariable& environment);
// The same of a file.
core::Result<Settings> LoadSettings(const std::string& path, const ReadVariable& environment);

// `$__env{}`, `${}` and `$__file{}` of one value. kInvalidArgument for other providers and unclosed braces.
core::Result<std::string> ExpandIniValue(std::string_view value, const ReadVariable& environment);

}  // namespace sextant::users
