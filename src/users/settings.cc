#include "users/settings.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>

#include "config/node.h"
#include "net/passwords.h"

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr size_t kMaxSecretFileBytes = 64 << 10;
constexpr size_t kMaxCookieName = 64;
constexpr size_t kMaxListed = 1'000;
constexpr int64_t kMaxRotationMinutes = 366 * 24 * 60;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\v\f";
  size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

Result<std::string> ReadSecretFile(const std::string& path) {
  SEXTANT_ASSIGN(std::string text, config::ReadTextFile(path, kMaxSecretFileBytes));
  return std::string(Trim(text));
}

// Go's words for booleans, as the ini library of Grafana takes them.
Status ReadBool(const std::string& value, bool& target) {
  constexpr std::array<std::string_view, 13> kTrue = {"1",   "t",   "T", "true", "TRUE", "True", "YES",
                                                      "yes", "Yes", "y", "ON",   "on",   "On"};
  constexpr std::array<std::string_view, 13> kFalse = {"0",  "f",  "F", "false", "FALSE", "False", "NO",
                                                       "no", "No", "n", "OFF",   "off",   "Off"};
  if (std::ranges::find(kTrue, value) != kTrue.end()) {
    target = true;
  } else if (std::ranges::find(kFalse, value) != kFalse.end()) {
    target = false;
  } else {
    return Fail(Code::kInvalidArgument, "expected true or false, got \"{}\"", value);
  }
  return {};
}

Status ReadNegated(const std::string& value, bool& target) {
  bool read = false;
  SEXTANT_TRY(ReadBool(value, read));
  target = !read;
  return {};
}

Result<int64_t> ReadNumber(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return Fail(Code::kInvalidArgument, "expected a whole number, got \"{}\"", text);
  return number;
}

// "10m", "7d", "1M": a number and a unit.
Status ReadDuration(const std::string& value, core::DurationMs& target) {
  constexpr core::DurationMs kDayMs = 86'400'000;
  const std::map<std::string_view, core::DurationMs> units = {
      {"ms", 1},     {"s", 1'000},      {"m", 60'000},      {"h", 3'600'000},
      {"d", kDayMs}, {"w", 7 * kDayMs}, {"M", 30 * kDayMs}, {"y", 365 * kDayMs}};
  size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
  auto number = ReadNumber(std::string_view(value).substr(0, digits));
  auto unit = units.find(std::string_view(value).substr(digits));
  if (!number || unit == units.end() || *number == 0 ||
      *number > std::numeric_limits<int64_t>::max() / 4 / unit->second) {
    return Fail(Code::kInvalidArgument, "expected a duration above 0 such as 12h or 7d, got \"{}\"", value);
  }
  target = *number * unit->second;
  return {};
}

Status ReadRole(const std::string& value, Role& target) {
  auto role = ParseRole(value);
  if (!role) return Fail(Code::kInvalidArgument, "expected Viewer, Editor or Admin, got \"{}\"", value);
  target = *role;
  return {};
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    size_t end = text.find_first_of(", \t");
    if (std::string_view item = text.substr(0, end); !item.empty()) list.emplace_back(item);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return list;
}

Status ReadNetworks(const std::string& value, std::vector<Network>& target) {
  target.clear();
  for (const std::string& item : SplitList(value)) {
    SEXTANT_ASSIGN(Network network, Network::Parse(item));
    target.push_back(std::move(network));
  }
  return {};
}

Status ReadSameSite(const std::string& value, SameSite& target) {
  const std::map<std::string_view, SameSite> words = {{"lax", SameSite::kLax},
                                                      {"strict", SameSite::kStrict},
                                                      {"none", SameSite::kNone},
                                                      {"disabled", SameSite::kOmitted}};
  auto word = words.find(value);
  if (word == words.end())
    return Fail(Code::kInvalidArgument, "expected lax, strict, none or disabled, got \"{}\"", value);
  target = word->second;
  return {};
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

Status ReadToken(const std::string& value, std::string& target) {
  if (!IsToken(value) || value.size() > kMaxCookieName)
    return Fail(Code::kInvalidArgument, "expected letters, digits, '-', '_' and '.', got \"{}\"", value);
  target = value;
  return {};
}

// A switch that must stay off, for what is not there.
Status RefuseTrue(const std::string& value, std::string_view what) {
  bool is_on = false;
  SEXTANT_TRY(ReadBool(value, is_on));
  if (is_on) return Fail(Code::kUnimplemented, "{}; only false is supported", what);
  return {};
}

struct Key {
  std::string_view section;
  std::string_view key;
  Status (*read)(const std::string& value, Settings& settings);
};

// Every key that is honoured, or refused.
constexpr auto kKeys = std::to_array<Key>({
    {"security", "admin_user",
     [](const std::string& value, Settings& s) -> Status {
       if (value.empty()) return Fail(Code::kInvalidArgument, "must not be empty");
       s.admin_user = value;
       return {};
     }},
    {"security", "admin_password",
     [](const std::string& value, Settings& s) -> Status {
       if (value.size() > net::kMaxPasswordBytes)
         return Fail(Code::kInvalidArgument, "must not be longer than {} bytes", net::kMaxPasswordBytes);
       s.admin_password = value;
       return {};
     }},
    {"security", "disable_initial_admin_creation",
     [](const std::string& value, Settings& s) { return ReadNegated(value, s.makes_admin); }},
    {"security", "cookie_secure",
     [](const std::string& value, Settings& s) { return ReadBool(value, s.cookie_secure); }},
    {"security", "cookie_samesite",
     [](const std::string& value, Settings& s) { return ReadSameSite(value, s.cookie_same_site); }},
    {"security", "disable_brute_force_login_protection",
     [](const std::string& value, Settings& s) { return ReadNegated(value, s.limits_attempts); }},
    {"security", "csrf_trusted_origins",
     [](const std::string& value, Settings& s) -> Status {
       s.csrf_trusted_origins = SplitList(value);
       return {};
     }},
    {"security", "csrf_always_check",
     [](const std::string& value, Settings& s) { return ReadBool(value, s.csrf_always_checks); }},
    {"security", "trusted_proxies",
     [](const std::string& value, Settings& s) { return ReadNetworks(value, s.trusted_proxies); }},
    {"auth", "token_rotation_interval_minutes",
     [](const std::string& value, Settings& s) -> Status {
       SEXTANT_ASSIGN(int64_t minutes, ReadNumber(value));
       if (minutes > kMaxRotationMinutes)
         return Fail(Code::kInvalidArgument, "expected at most {} minutes, got {}", kMaxRotationMinutes, minutes);
       s.session_rotation_ms = std::max<int64_t>(minutes, 2) * 60'000;  // as Grafana
       return {};
     }},
    {"auth", "disable_login_form",
     [](const std::string& value, Settings& s) { return ReadNegated(value, s.has_login_form); }},
    {"auth", "login_cookie_name",
     [](const std::string& value, Settings& s) { return ReadToken(value, s.cookie_name); }},
    {"auth", "login_maximum_inactive_lifetime_duration",
     [](const std::string& value, Settings& s) { return ReadDuration(value, s.session_idle_ms); }},
    {"auth", "login_maximum_lifetime_duration",
     [](const std::string& value, Settings& s) { return ReadDuration(value, s.session_max_ms); }},
    {"auth", "login_maximum_inactive_lifetime_days",
     [](const std::string& value, Settings& s) { return ReadDuration(value + "d", s.session_idle_ms); }},
    {"auth", "login_maximum_lifetime_days",
     [](const std::string& value, Settings& s) { return ReadDuration(value + "d", s.session_max_ms); }},
    {"auth", "api_key_max_seconds_to_live",
     [](const std::string& value, Settings& s) -> Status {
       SEXTANT_ASSIGN(s.token_max_s, ReadNumber(value));
       return {};
     }},
    {"auth", "oauth_auto_login",
     [](const std::string& value, Settings&) { return RefuseTrue(value, "there is no OAuth login"); }},
    {"auth.anonymous", "enabled",
     [](const std::string& value, Settings& s) { return ReadBool(value, s.has_anonymous); }},
    {"auth.anonymous", "org_role",
     [](const std::string& value, Settings& s) { return ReadRole(value, s.anonymous_role); }},
    {"auth.anonymous", "org_name",
     [](const std::string& value, Settings&) -> Status {
       if (value == "Main Org.") return {};
       return Fail(Code::kUnimplemented, "there is one organization only, \"Main Org.\", got \"{}\"", value);
     }},
    {"auth.basic", "enabled", [](const std::string& value, Settings& s) { return ReadBool(value, s.has_basic); }},
    {"auth.proxy", "enabled", [](const std::string& value, Settings& s) { return ReadBool(value, s.has_proxy); }},
    {"auth.proxy", "header_name",
     [](const std::string& value, Settings& s) { return ReadToken(value, s.proxy_header); }},
    {"auth.proxy", "header_property",
     [](const std::string& value, Settings&) -> Status {
       if (value == "username" || value == "email") return {};
       return Fail(Code::kInvalidArgument, "expected username or email, got \"{}\"", value);
     }},
    {"auth.proxy", "auto_sign_up",
     [](const std::string& value, Settings& s) { return ReadBool(value, s.proxy_signs_up); }},
    {"auth.proxy", "whitelist",
     [](const std::string& value, Settings& s) { return ReadNetworks(value, s.proxy_whitelist); }},
    {"auth.proxy", "headers",
     [](const std::string& value, Settings&) -> Status {
       if (value.empty()) return {};
       return Fail(Code::kUnimplemented, "further headers are not read; only header_name is");
     }},
    {"auth.proxy", "enable_login_token",
     [](const std::string& value, Settings&) {
       return RefuseTrue(value, "a proxy's users get no session; the proxy says each time who asks");
     }},
    {"users", "allow_sign_up",
     [](const std::string& value, Settings&) {
       return RefuseTrue(value, "users cannot sign up by themselves; an administrator makes them");
     }},
    {"users", "auto_assign_org",
     [](const std::string& value, Settings&) -> Status {
       bool is_on = true;
       SEXTANT_TRY(ReadBool(value, is_on));
       if (is_on) return {};
       return Fail(Code::kUnimplemented, "there is one organization only, which all users belong to");
     }},
    {"users", "auto_assign_org_role",
     [](const std::string& value, Settings& s) { return ReadRole(value, s.new_user_role); }},
});

// Ways to log in that are not there: enabling them must not look as if it had worked.
constexpr auto kOtherLogins = std::to_array<std::string_view>(
    {"auth.azuread", "auth.generic_oauth", "auth.github", "auth.gitlab", "auth.google", "auth.grafana_com",
     "auth.grafananet", "auth.jwt", "auth.ldap", "auth.okta", "auth.saml", "auth.scim", "auth.sso"});

const Key* FindKey(std::string_view section, std::string_view key) {
  auto found = std::ranges::find_if(
      kKeys, [&](const Key& known) { return known.section == section && known.key == key; });
  return found == kKeys.end() ? nullptr : &*found;
}

std::string VariableOf(std::string_view section, std::string_view key) {
  std::string name = fmt::format("GF_{}_{}", section, key);
  for (char& c : name) {
    if (c == '.' || c == '-') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

// One value with its origin: expanded, read, and blamed when it is wrong.
struct Value {
  std::string text;
  std::string where;  // "grafana.ini:7", or a variable's name
};

Result<std::map<std::pair<std::string, std::string>, Value>> CollectValues(
    const std::vector<IniEntry>& entries, std::string_view file_name, const ReadVariable& environment) {
  std::map<std::pair<std::string, std::string>, Value> values;
  for (const IniEntry& entry : entries)
    values[{entry.section, entry.key}] = {entry.value, fmt::format("{}:{}", file_name, entry.line)};
  auto override = [&](std::string_view section, std::string_view key) -> Status {
    std::string name = VariableOf(section, key);
    std::string file = environment(name + "__FILE");
    Value value{environment(name), name};
    if (value.text.empty() && !file.empty()) {
      value.where = name + "__FILE";
      SEXTANT_ASSIGN(value.text, ReadSecretFile(file).map_error(core::AddContext("{}", value.where)));
    }
    if (!value.text.empty()) values[{std::string(section), std::string(key)}] = std::move(value);
    return {};
  };
  for (const Key& key : kKeys) SEXTANT_TRY(override(key.section, key.key));
  for (std::string_view section : kOtherLogins) SEXTANT_TRY(override(section, "enabled"));
  return values;
}

}  // namespace

Result<Network> Network::Parse(std::string_view text) {
  Network network;
  std::string address(text.substr(0, text.find('/')));
  std::array<unsigned char, 16> bytes{};
  int offset = 0;
  if (inet_pton(AF_INET, address.c_str(), bytes.data() + 12) == 1) {
    bytes[10] = bytes[11] = 0xff;
    offset = 96;
  } else if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
    return Fail(Code::kInvalidArgument, "expected an address or a network, got \"{}\"", text);
  }
  if (size_t slash = text.find('/'); slash != std::string_view::npos) {
    auto bits = ReadNumber(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > 128 - offset)
      return Fail(Code::kInvalidArgument, "expected an address or a network, got \"{}\"", text);
    network.prefix_bits = static_cast<int>(*bits) + offset;
  }
  network.bytes.assign(bytes.begin(), bytes.end());
  return network;
}

bool Network::Contains(std::string_view address) const {
  auto other = Parse(address);
  if (!other || other->prefix_bits != 128) return false;
  for (int bit = 0; bit < prefix_bits; bit += 8) {
    auto index = static_cast<size_t>(bit / 8);
    int kept = std::min(8, prefix_bits - bit);
    int mask = 0xff << (8 - kept) & 0xff;
    if (((bytes[index] ^ other->bytes[index]) & mask) != 0) return false;
  }
  return true;
}

Result<std::string> ExpandIniValue(std::string_view value, const ReadVariable& environment) {
  std::string out;
  while (!value.empty()) {
    size_t dollar = value.find('$');
    out += value.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    value.remove_prefix(dollar);
    size_t brace = value.find('{');
    std::string_view provider = value.substr(1, brace == std::string_view::npos ? brace : brace - 1);
    bool is_variable = brace != std::string_view::npos && (provider.empty() || provider.starts_with("__"));
    if (!is_variable || !(provider.empty() || IsToken(provider))) {
      out += '$';
      value.remove_prefix(1);
      continue;
    }
    size_t end = value.find('}', brace);
    if (end == std::string_view::npos)
      return Fail(Code::kInvalidArgument, "the brace of ${} is not closed", provider);
    std::string name(value.substr(brace + 1, end - brace - 1));
    if (provider.empty() || provider == "__env") {
      out += environment(name);
    } else if (provider == "__file") {
      SEXTANT_ASSIGN(std::string text, ReadSecretFile(name));
      out += text;
    } else {
      return Fail(Code::kUnimplemented, "${}{{}} is not supported; $__env{{}} and $__file{{}} are", provider);
    }
    value.remove_prefix(end + 1);
  }
  return out;
}

Result<Settings> ReadSettings(const std::vector<IniEntry>& entries, std::string_view file_name,
                              const ReadVariable& environment) {
  Settings settings;
  SEXTANT_ASSIGN(auto values, CollectValues(entries, file_name, environment));
  for (const auto& [name, value] : values) {
    const auto& [section, key] = name;
    auto blame = core::AddContext("{}: {}.{}", value.where, section, key);
    const Key* known = FindKey(section, key);
    bool is_other_login = key == "enabled" && std::ranges::find(kOtherLogins, section) != kOtherLogins.end();
    if (known == nullptr && !is_other_login) {
      if (settings.not_honoured.size() < kMaxListed) settings.not_honoured.push_back(section + "." + key);
      continue;
    }
    SEXTANT_ASSIGN(std::string text, ExpandIniValue(value.text, environment).map_error(blame));
    // As in Grafana's own defaults, where most keys are there without a value.
    if (text.empty() && key != "admin_user") continue;
    Status read =
        known != nullptr
            ? known->read(text, settings)
            : RefuseTrue(text, "this way to log in is not supported; auth.proxy lets a proxy do it");
    SEXTANT_TRY(read.map_error(blame));
  }
  if (settings.has_proxy && settings.proxy_whitelist.empty()) {
    return Fail(
        Code::kInvalidArgument,
        "{}: auth.proxy.whitelist must name the proxy's addresses: without it whoever reaches the port "
        "may be anybody",
        file_name);
  }
  if (settings.cookie_same_site == SameSite::kNone && !settings.cookie_secure) {
    return Fail(Code::kInvalidArgument,
                "{}: security.cookie_samesite = none needs cookie_secure = true: browsers drop such a cookie",
                file_name);
  }
  return settings;
}

Result<Settings> LoadSettings(const std::string& path, const ReadVariable& environment) {
  SEXTANT_ASSIGN(std::string text, config::ReadTextFile(path, kMaxIniBytes));
  SEXTANT_ASSIGN(std::vector<IniEntry> entries, ParseIni(text, path));
  return ReadSettings(entries, path, environment);
}

}  // namespace sextant::users
