#include "users/settings.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace sextant::users {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Environment = std::map<std::string, std::string>;

core::Result<Settings> Read(std::string_view text, const Environment& environment = {}) {
  auto entries = ParseIni(text, "g.ini");
  if (!entries) return tl::unexpected(entries.error());
  return ReadSettings(*entries, "g.ini", [&](const std::string& name) {
    auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  });
}

std::string ErrorOf(std::string_view text, const Environment& environment = {}) {
  auto settings = Read(text, environment);
  return settings ? "no error" : settings.error().message();
}

TEST(Settings, ReadsWhatItHonours) {
  auto read = Read(
      "[security]\nadmin_user = root\nadmin_password = pw\ncookie_secure = true\ncookie_samesite = strict\n"
      "disable_brute_force_login_protection = yes\ncsrf_trusted_origins = a.example b.example:3000\n"
      "[auth]\ndisable_login_form = true\nlogin_cookie_name = s\n"
      "login_maximum_inactive_lifetime_duration = 2h\nlogin_maximum_lifetime_duration = 1d\n"
      "[auth.anonymous]\nenabled = true\norg_name = Main Org.\norg_role = Editor\n[auth.basic]\nenabled = "
      "false\n"
      "[auth.proxy]\nenabled = on\nheader_name = X-User\nwhitelist = 10.0.0.0/8, ::1\nauto_sign_up = false\n"
      "[users]\nauto_assign_org_role = Admin\nallow_sign_up = false\n");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->admin_user, "root");
  EXPECT_EQ(read->admin_password, "pw");
  EXPECT_TRUE(read->cookie_secure);
  EXPECT_EQ(read->cookie_same_site, SameSite::kStrict);
  EXPECT_FALSE(read->limits_attempts);
  EXPECT_THAT(read->csrf_trusted_origins, ElementsAre("a.example", "b.example:3000"));
  EXPECT_FALSE(read->has_login_form);
  EXPECT_EQ(read->cookie_name, "s");
  EXPECT_EQ(read->session_idle_ms, 7'200'000);
  EXPECT_EQ(read->session_max_ms, 86'400'000);
  EXPECT_TRUE(read->has_anonymous);
  EXPECT_EQ(read->anonymous_role, Role::kEditor);
  EXPECT_FALSE(read->has_basic);
  EXPECT_TRUE(read->has_proxy);
  EXPECT_EQ(read->proxy_header, "X-User");
  EXPECT_FALSE(read->proxy_signs_up);
  ASSERT_EQ(read->proxy_whitelist.size(), 2u);
  EXPECT_EQ(read->new_user_role, Role::kAdmin);
  EXPECT_TRUE(read->not_honoured.empty());
}

TEST(Settings, TheEnvironmentWinsAndValuesAreExpanded) {
  std::string path = testing::TempDir() + "/ini_secret";
  std::ofstream(path) << "from file\n";
  Environment environment = {{"GF_SECURITY_ADMIN_USER", "env"},
                             {"GF_AUTH_ANONYMOUS_ENABLED", "true"},
                             {"WORD", "w$x"},
                             {"GF_SECURITY_ADMIN_PASSWORD__FILE", path}};
  auto read = Read("[security]\nadmin_user = file\n[auth]\nlogin_cookie_name = ${NAME}\n",
                   {{"GF_SECURITY_ADMIN_USER", "env"}, {"NAME", "jar"}});
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->admin_user, "env");
  EXPECT_EQ(read->cookie_name, "jar");
  read = Read("", environment);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_TRUE(read->has_anonymous);
  EXPECT_EQ(read->admin_password, "from file");
  read = Read("[security]\nadmin_password = a$b-$__env{WORD}$\nadmin_user = $__file{" + path + "}\n",
              {{"WORD", "w$x"}});
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->admin_password, "a$b-w$x$");
  EXPECT_EQ(read->admin_user, "from file");
  EXPECT_THAT(ErrorOf("[security]\nadmin_password = $__vault{x}\n"),
              HasSubstr("g.ini:2: security.admin_password: $__vault{} is not supported"));
  EXPECT_THAT(ErrorOf("[security]\nadmin_password = ${x\n"), HasSubstr("not closed"));
  EXPECT_THAT(ErrorOf("[security]\nadmin_password = $__file{/nonexistent/x}\n"), HasSubstr("/nonexistent/x"));
}

TEST(Settings, RefusesByNameWhatItCannotHonour) {
  EXPECT_THAT(ErrorOf("[users]\nallow_sign_up = true\n"), HasSubstr("g.ini:2: users.allow_sign_up: "));
  EXPECT_THAT(ErrorOf("[auth.ldap]\nenabled = true\n"), HasSubstr("g.ini:2: auth.ldap.enabled: "));
  EXPECT_THAT(ErrorOf("", {{"GF_AUTH_GITHUB_ENABLED", "true"}}),
              HasSubstr("GF_AUTH_GITHUB_ENABLED: auth.github.enabled: "));
  EXPECT_THAT(ErrorOf("[auth.anonymous]\nenabled = maybe\n"),
              HasSubstr("expected true or false, got \"maybe\""));
  EXPECT_THAT(ErrorOf("[auth.anonymous]\norg_role = Owner\n"), HasSubstr("expected Viewer, Editor or Admin"));
  EXPECT_THAT(ErrorOf("[auth.anonymous]\norg_name = Other\n"), HasSubstr("one organization only"));
  EXPECT_THAT(ErrorOf("[auth.proxy]\nenabled = true\n"), HasSubstr("auth.proxy.whitelist must name"));
  EXPECT_THAT(ErrorOf("[auth.proxy]\nwhitelist = 10.0.0.0/33\n"),
              HasSubstr("expected an address or a network"));
  EXPECT_THAT(ErrorOf("[auth.proxy]\nheader_name = a b\n"), HasSubstr("auth.proxy.header_name"));
  EXPECT_THAT(ErrorOf("[auth.proxy]\nheaders = Role:X-Role\n"), HasSubstr("auth.proxy.headers"));
  EXPECT_THAT(ErrorOf("[auth]\nlogin_cookie_name = a=b\n"), HasSubstr("auth.login_cookie_name"));
  for (const char* bad : {"7", "0d", "d", "7x", "-1d", "99999999999999999999d", "9999999999999999y"}) {
    EXPECT_THAT(ErrorOf(std::string("[auth]\nlogin_maximum_lifetime_duration = ") + bad + "\n"),
                HasSubstr("expected a duration"))
        << bad;
  }
  EXPECT_THAT(ErrorOf("[security]\ncookie_samesite = none\n"), HasSubstr("needs cookie_secure"));
  EXPECT_THAT(ErrorOf("[security]\nadmin_user =\n"), HasSubstr("must not be empty"));
  EXPECT_THAT(ErrorOf("[security]\nadmin_password = " + std::string(73, 'x') + "\n"),
              HasSubstr("longer than 72"));
}

TEST(Settings, ListsWhatDoesNothing) {
  auto read = Read(
      "[server]\nhttp_port = 3000\n[auth.ldap]\nenabled = false\nconfig_file = x\n[auth]\nnew_key = 1\n");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_THAT(read->not_honoured, ElementsAre("auth.new_key", "auth.ldap.config_file", "server.http_port"));
}

TEST(Network, ContainsAddresses) {
  EXPECT_TRUE(Network::Parse("10.0.0.0/8")->Contains("10.255.1.2"));
  EXPECT_FALSE(Network::Parse("10.0.0.0/8")->Contains("11.0.0.1"));
  EXPECT_TRUE(Network::Parse("10.1.2.128/25")->Contains("10.1.2.129"));
  EXPECT_FALSE(Network::Parse("10.1.2.128/25")->Contains("10.1.2.127"));
  EXPECT_TRUE(Network::Parse("127.0.0.1")->Contains("127.0.0.1"));
  EXPECT_TRUE(Network::Parse("::1")->Contains("::1"));
  EXPECT_FALSE(Network::Parse("::1")->Contains("127.0.0.1"));
  EXPECT_TRUE(Network::Parse("0.0.0.0/0")->Contains("1.2.3.4"));
  EXPECT_FALSE(Network::Parse("0.0.0.0/0")->Contains("2001:db8::1"));
  EXPECT_TRUE(Network::Parse("2001:db8::/32")->Contains("2001:db8:1::1"));
  EXPECT_FALSE(Network::Parse("10.0.0.0/8")->Contains("not one"));
  EXPECT_FALSE(Network::Parse("10.0.0.0/8")->Contains("10.0.0.0/8"));
}

}  // namespace
}  // namespace sextant::users
