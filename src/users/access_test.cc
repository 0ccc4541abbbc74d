#include "users/access.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "core/base64.h"
#include "net/passwords.h"
#include "net/router.h"
#include "users/client_address.h"
#include "users/origin.h"

namespace sextant::users {
namespace {

using ::testing::HasSubstr;
using Kind = net::AccessDecision::Kind;

TEST(Permissions, OfTheRoutes) {
  struct Case {
    const char* method;
    const char* pattern;
    std::optional<Role> role;
    bool changes;
  };
  const std::optional<Role> nobody;
  for (const Case& one : {
           Case{"GET", "/login", nobody, false},
           {"POST", "/login", nobody, true},
           {"GET", "/assets/*", nobody, false},
           {"GET", "/-/ready", nobody, false},
           {"GET", "/api/health", nobody, false},
           {"OPTIONS", "/api/v1/query", nobody, false},
           {"GET", "/", Role::kViewer, false},
           {"GET", "/metrics", Role::kViewer, false},
           {"GET", "/federate", Role::kViewer, false},
           {"GET", "", Role::kViewer, false},
           {"POST", "", Role::kEditor, true},
           {"GET", "/api/v1/query", Role::kViewer, false},
           {"POST", "/api/v1/query", Role::kViewer, false},
           {"POST", "/api/v1/query_range", Role::kViewer, false},
           {"POST", "/api/v1/series", Role::kViewer, false},
           {"DELETE", "/api/v1/series", Role::kEditor, true},
           {"POST", "/api/ds/query", Role::kViewer, false},
           {"POST", "/api/batch", Role::kViewer, false},
           {"POST", "/api/datasources/proxy/uid/{uid}/*", Role::kViewer, false},
           {"GET", "/api/v1/status/config", Role::kViewer, false},
           {"GET", "/api/user", Role::kViewer, false},
           {"PUT", "/api/user/password", Role::kViewer, true},
           {"PUT", "/api/user", Role::kViewer, true},
           {"PUT", "/api/user/preferences", Role::kViewer, true},
           {"POST", "/api/user/revoke-auth-token", Role::kViewer, true},
           {"POST", "/api/user/auth-tokens/rotate", Role::kViewer, true},
           {"POST", "/api/user/stars/dashboard/{uid}", Role::kEditor, true},
           {"PUT", "/api/users/{id}", Role::kAdmin, true},
           {"GET", "/api/serviceaccounts/search", Role::kAdmin, false},
           {"POST", "/api/serviceaccounts/{id}/tokens", Role::kAdmin, true},
           {"POST", "/api/v1/write", Role::kEditor, true},
           {"POST", "/api/v1/otlp/v1/metrics", Role::kEditor, true},
           {"POST", "/v1/traces", Role::kEditor, true},
           {"POST", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", Role::kEditor, true},
           {"POST", "/api/dashboards/db", Role::kEditor, true},
           {"DELETE", "/api/dashboards/uid/{uid}", Role::kEditor, true},
           {"POST", "/api/folders", Role::kEditor, true},
           {"POST", "/api/v2/silences", Role::kEditor, true},
           {"DELETE", "/api/v2/silence/{silenceID}", Role::kEditor, true},
           {"POST", "/api/v2/alerts", Role::kEditor, true},
           {"POST", "/api/v1/admin/tsdb/snapshot", Role::kAdmin, true},
           {"POST", "/-/reload", Role::kAdmin, true},
           {"POST", "/-/quit", Role::kAdmin, true},
           {"POST", "/api/admin/provisioning/dashboards/reload", Role::kAdmin, true},
           {"GET", "/api/admin/provisioning/problems", Role::kAdmin, false},
           {"GET", "/api/users", Role::kAdmin, false},
           {"PATCH", "/api/org/users/{id}", Role::kAdmin, true},
           {"GET", "/api/auth/keys", Role::kAdmin, false},
           {"POST", "/api/auth/keys", Role::kAdmin, true},
       }) {
    Permission permission = PermissionFor(one.method, one.pattern);
    EXPECT_EQ(permission.role, one.role) << one.method << " " << one.pattern;
    EXPECT_EQ(permission.changes, one.changes) << one.method << " " << one.pattern;
  }
  EXPECT_TRUE(PermissionFor("GET", "/d/{uid}").is_page);
  EXPECT_FALSE(PermissionFor("GET", "/api/user").is_page);
  EXPECT_FALSE(PermissionFor("GET", "/metrics").is_page);
}

TEST(Origin, OwnForeignAndUnsaid) {
  auto of = [](net::HttpHeaders headers, const std::vector<std::string>& trusted = {}) {
    headers.Add("Host", "host:9090");
    return OriginOf(headers, trusted);
  };
  EXPECT_EQ(of({{"Origin", "http://host:9090"}}), OriginVerdict::kOwn);
  EXPECT_EQ(of({{"Origin", "http://HOST:9090"}}), OriginVerdict::kOwn);
  EXPECT_EQ(of({{"Origin", "http://host"}}), OriginVerdict::kForeign);
  EXPECT_EQ(of({{"Origin", "http://host:9090.evil.example"}}), OriginVerdict::kForeign);
  EXPECT_EQ(of({{"Origin", "null"}}), OriginVerdict::kForeign);
  EXPECT_EQ(of({{"Origin", "http://evil.example"}, {"Referer", "http://host:9090/"}}),
            OriginVerdict::kForeign);
  EXPECT_EQ(of({{"Referer", "http://host:9090/d/x?a=1"}}), OriginVerdict::kOwn);
  EXPECT_EQ(of({{"Referer", "http://evil.example/http://host:9090/"}}), OriginVerdict::kForeign);
  EXPECT_EQ(of({{"Sec-Fetch-Site", "same-origin"}}), OriginVerdict::kOwn);
  EXPECT_EQ(of({{"Sec-Fetch-Site", "same-site"}}), OriginVerdict::kForeign);
  EXPECT_EQ(of({}), OriginVerdict::kNotSaid);
  EXPECT_EQ(of({{"Origin", "https://out.example"}}, {"out.example"}), OriginVerdict::kOwn);
  EXPECT_EQ(of({{"Origin", "https://out.example"}}, {"https://out.example"}), OriginVerdict::kOwn);
  EXPECT_EQ(of({{"Origin", "http://out.example"}}, {"https://out.example"}), OriginVerdict::kForeign);
}

class AccessTest : public testing::Test {
 protected:
  AccessTest() {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    auto opened = Directory::Open(dir_ + "/users.sqlite", clock_);
    EXPECT_TRUE(opened) << opened.error().message();
    directory_ = std::move(*opened);
    Add("root", Role::kAdmin, "secret");
    Add("vera", Role::kViewer, "viewing");
    Apply({});
  }
  ~AccessTest() override { std::filesystem::remove_all(dir_); }

  void Add(const std::string& login, Role role, const std::string& password) {
    User user;
    user.login = login;
    user.role = role;
    user.password_hash = net::HashBcrypt(password, 4);
    ASSERT_TRUE(directory_->AddUser(user));
  }
  void Apply(Settings settings) {
    access_.Apply(std::make_shared<const AccessState>(AccessState{std::move(settings), directory_}));
  }
  // The decision about a request, by the fast way where it is enough.
  net::AccessDecision Ask(const std::string& method, const std::string& pattern,
                          net::HttpHeaders headers = {}, const std::string& address = "10.0.0.1:4000") {
    net::HttpRequest request;
    request.method = method;
    request.target = "/p" + pattern + "?x=1";
    request.path = pattern;
    request.headers = std::move(headers);
    request.headers.Add("Host", "host");
    request.remote_address = address;
    net::Route route;
    route.pattern = pattern;
    net::AccessDecision decision = access_.Check(request, &route);
    was_slow_ = decision.kind == Kind::kMustVerify;
    return was_slow_ ? access_.Verify(request, &route) : decision;
  }
  // "200 user Role", or the status of a refusal.
  std::string Said(const std::string& method, const std::string& pattern, net::HttpHeaders headers = {},
                   const std::string& address = "10.0.0.1:4000") {
    net::AccessDecision decision = Ask(method, pattern, std::move(headers), address);
    if (decision.kind == Kind::kRefused) return std::to_string(decision.answer.status);
    return "200 " + decision.user + " " + decision.role;
  }
  static net::HttpHeaders Basic(const std::string& user, const std::string& password) {
    return {{"Authorization", "Basic " + core::EncodeBase64(user + ":" + password)}};
  }

  const std::string dir_ = testing::TempDir() + "/users_access";
  core::ManualClock clock_{1'700'000'000'000};
  core::Registry registry_;
  std::shared_ptr<Directory> directory_;
  AccessControl access_{clock_, registry_, "/p"};
  bool was_slow_ = false;
};

TEST_F(AccessTest, OffMeansEverybodyEverything) {
  access_.Apply(nullptr);
  EXPECT_EQ(Said("POST", "/-/quit"), "200  ");
  EXPECT_FALSE(was_slow_);
}

TEST_F(AccessTest, NobodyGetsALoginPageOr401) {
  EXPECT_EQ(Said("GET", "/api/user"), "401");
  EXPECT_EQ(Said("GET", "/-/ready"), "200  ");
  net::AccessDecision page = Ask("GET", "/d/{uid}");
  EXPECT_EQ(page.answer.status, 302);
  EXPECT_EQ(page.answer.headers.Get("Location"), "../login?redirectTo=%2Fd%2F%7Buid%7D%3Fx%3D1");
}

TEST_F(AccessTest, PasswordsAreCheckedOnceAndRolesCount) {
  EXPECT_EQ(Said("GET", "/api/user", Basic("root", "secret")), "200 root Admin");
  EXPECT_TRUE(was_slow_);
  EXPECT_EQ(Said("POST", "/-/reload", Basic("root", "secret")), "200 root Admin");
  EXPECT_FALSE(was_slow_);
  EXPECT_EQ(Said("GET", "/api/user", Basic("root", "wrong")), "401");
  EXPECT_EQ(Said("GET", "/api/user", Basic("nobody", "")), "401");
  EXPECT_EQ(Said("GET", "/", {{"Authorization", "Digest x"}}), "401");
  EXPECT_EQ(Said("POST", "/api/v1/query", Basic("vera", "viewing")), "200 vera Viewer");
  EXPECT_EQ(Said("POST", "/api/v2/silences", Basic("vera", "viewing")), "403");
  EXPECT_EQ(Said("GET", "/api/users", Basic("vera", "viewing")), "403");
  // A changed password ends what was verified, a changed role counts at once.
  User vera = *directory_->FindUser("vera");
  ASSERT_TRUE(directory_->SetRole(vera.id, Role::kEditor));
  EXPECT_EQ(Said("POST", "/api/v2/silences", Basic("vera", "viewing")), "200 vera Editor");
  ASSERT_TRUE(directory_->SetPassword(vera.id, net::HashBcrypt("other", 4), ""));
  EXPECT_EQ(Said("GET", "/", Basic("vera", "viewing")), "401");
  Settings no_basic;
  no_basic.has_basic = false;
  Apply(no_basic);
  EXPECT_EQ(Said("GET", "/", Basic("root", "secret")), "401");
}

TEST_F(AccessTest, GuessingEnds) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Said("GET", "/", Basic("vera", "guess")), "401");
  EXPECT_EQ(Said("GET", "/", Basic("vera", "viewing")), "429");
  EXPECT_EQ(Said("GET", "/", Basic("vera", "viewing"), "10.9.9.9:1"), "429");
  EXPECT_EQ(Said("GET", "/", Basic("root", "secret")), "429");  // of the same address
  EXPECT_EQ(Said("GET", "/", Basic("root", "secret"), "10.9.9.9:1"), "200 root Admin");
  EXPECT_THAT(registry_.RenderText(), HasSubstr("sextant_logins_total{result=\"limited\"} 3"));
  clock_.Advance(Attempts::kWindowMs);
  EXPECT_EQ(Said("GET", "/", Basic("vera", "viewing")), "200 vera Viewer");
  Settings unlimited;
  unlimited.limits_attempts = false;
  Apply(unlimited);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Said("GET", "/", Basic("vera", "guess")), "401");
}

TEST_F(AccessTest, SessionsNeedAnOriginToChangeThings) {
  std::string secret = directory_->BeginSession(directory_->FindUser("root")->id).value();
  std::string cookie = "a=b; grafana_session=" + secret;
  EXPECT_EQ(Said("GET", "/api/users", {{"Cookie", cookie}}), "200 root Admin");
  EXPECT_EQ(Said("POST", "/api/v1/query", {{"Cookie", cookie}}), "200 root Admin");
  EXPECT_EQ(Said("POST", "/-/reload", {{"Cookie", cookie}}), "403");
  EXPECT_EQ(Said("POST", "/-/reload", {{"Cookie", cookie}, {"Origin", "http://evil.example"}}), "403");
  EXPECT_EQ(Said("POST", "/-/reload", {{"Cookie", cookie}, {"Origin", "http://host"}}), "200 root Admin");
  // A browser adds passwords that it knows by itself, too.
  net::HttpHeaders lured = Basic("root", "secret");
  lured.Add("Origin", "http://evil.example");
  EXPECT_EQ(Said("POST", "/-/reload", lured), "403");
  EXPECT_EQ(Said("POST", "/login", {{"Origin", "http://evil.example"}}), "403");
  EXPECT_EQ(Said("POST", "/login"), "200  ");
  clock_.Advance(Settings().session_idle_ms);
  EXPECT_EQ(Said("GET", "/api/users", {{"Cookie", cookie}}), "401");
  EXPECT_EQ(Said("GET", "/api/users", {{"Cookie", "grafana_session="}}), "401");
}

TEST_F(AccessTest, TokensAreForPrograms) {
  std::string secret = directory_->AddToken("ci", Role::kEditor, 60'000).value().second;
  EXPECT_EQ(Said("POST", "/api/v1/write", {{"Authorization", "Bearer " + secret}}), "200  Editor");
  EXPECT_FALSE(was_slow_);
  EXPECT_EQ(Said("POST", "/api/v1/write", Basic("api_key", secret)), "200  Editor");
  EXPECT_EQ(Said("POST", "/-/reload", {{"Authorization", "Bearer " + secret}}), "403");
  EXPECT_EQ(Said("GET", "/", {{"Authorization", "Bearer nonsense"}}), "401");
  clock_.Advance(60'000);
  EXPECT_EQ(Said("GET", "/", {{"Authorization", "Bearer " + secret}}), "401");
}

TEST_F(AccessTest, AnonymousHasItsRole) {
  Settings settings;
  settings.has_anonymous = true;
  Apply(settings);
  EXPECT_EQ(Said("GET", "/d/{uid}"), "200  Viewer");
  EXPECT_EQ(Said("POST", "/api/dashboards/db"), "403");
  EXPECT_EQ(Said("GET", "/", Basic("root", "wrong")), "401");
  settings.anonymous_role = Role::kEditor;
  Apply(settings);
  EXPECT_EQ(Said("POST", "/api/dashboards/db"), "200  Editor");
  EXPECT_EQ(Said("POST", "/api/dashboards/db", {{"Sec-Fetch-Site", "cross-site"}}), "403");
}

TEST_F(AccessTest, OnlyTheProxyMaySayWhoAsks) {
  Settings settings;
  settings.has_proxy = true;
  settings.proxy_whitelist = {Network::Parse("10.1.0.0/16").value()};
  settings.new_user_role = Role::kEditor;
  Apply(settings);
  net::HttpHeaders header = {{"X-WEBAUTH-USER", "new@example.com"}};
  EXPECT_EQ(Said("GET", "/", header, "10.2.0.1:1"), "302");
  EXPECT_FALSE(directory_->FindUser("new@example.com"));
  EXPECT_EQ(Said("GET", "/", header, "10.1.0.1:1"), "200 new@example.com Editor");
  EXPECT_TRUE(was_slow_);
  EXPECT_EQ(Said("GET", "/", header, "10.1.0.1:1"), "200 new@example.com Editor");
  EXPECT_FALSE(was_slow_);
  EXPECT_TRUE(directory_->FindUser("new@example.com")->is_external);
  EXPECT_EQ(Said("GET", "/", {{"X-WEBAUTH-USER", "root"}}, "[::1]:1"), "302");
  // They have no password.
  EXPECT_EQ(Said("GET", "/", Basic("new@example.com", ""), "10.3.0.1:1"), "401");
  settings.proxy_signs_up = false;
  Apply(settings);
  EXPECT_EQ(Said("GET", "/", {{"X-WEBAUTH-USER", "other"}}, "10.1.0.1:1"), "401");
  EXPECT_EQ(Said("GET", "/", {{"X-WEBAUTH-USER", "vera"}}, "10.1.0.1:1"), "200 vera Viewer");
}

TEST(ClientAddress, IsBelievedOfTrustedProxiesOnly) {
  Settings settings;
  settings.trusted_proxies = {Network::Parse("10.0.0.0/8").value(), Network::Parse("::1").value()};
  auto of = [&](const std::string& peer, const std::string& forwarded) {
    net::HttpRequest request;
    request.remote_address = peer;
    if (!forwarded.empty()) request.headers.Add("X-Forwarded-For", forwarded);
    return ClientAddress(request, settings);
  };
  EXPECT_EQ(of("192.0.2.1:4000", "203.0.113.9"), "192.0.2.1");
  EXPECT_EQ(of("10.0.0.1:4000", ""), "10.0.0.1");
  EXPECT_EQ(of("10.0.0.1:4000", "203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(of("10.0.0.1:4000", "198.51.100.7, 203.0.113.9,10.0.0.2"), "203.0.113.9")
      << "what a client made up";
  EXPECT_EQ(of("[::1]:4000", "2001:db8::5"), "2001:db8::5");
  EXPECT_EQ(of("[::1]:4000", "[2001:db8::5]:77, 10.0.0.3:9"), "2001:db8::5");
  EXPECT_EQ(of("10.0.0.1:4000", "203.0.113.9, nonsense"), "10.0.0.1");
  EXPECT_EQ(of("10.0.0.1:4000", "10.0.0.5"), "10.0.0.5");
  settings.trusted_proxies.clear();
  settings.proxy_whitelist = {Network::Parse("10.0.0.1").value()};
  EXPECT_EQ(of("10.0.0.1:4000", "203.0.113.9"), "10.0.0.1");
  settings.has_proxy = true;
  EXPECT_EQ(of("10.0.0.1:4000", "203.0.113.9"), "203.0.113.9");
}

TEST_F(AccessTest, ADisabledUserIsOutByEveryWay) {
  User eve;
  eve.login = "disabled";
  eve.role = Role::kViewer;
  eve.password_hash = net::HashBcrypt("viewing", 4);
  int64_t id = directory_->AddUser(eve).value().id;
  EXPECT_EQ(Said("GET", "/api/user", Basic("disabled", "viewing")), "200 disabled Viewer");
  ASSERT_TRUE(directory_->SetDisabled(id, true));
  EXPECT_EQ(Said("GET", "/api/user", Basic("disabled", "viewing")), "401");
}

TEST_F(AccessTest, TheCookieIsKeptFromScriptsAndOtherSites) {
  Settings settings;
  EXPECT_EQ(access_.SessionCookie(settings, "s", false),
            "grafana_session=s; Path=/p; Max-Age=2592000; HttpOnly; SameSite=Lax");
  EXPECT_THAT(access_.SessionCookie(settings, "s", true), HasSubstr("; Secure"));
  EXPECT_THAT(access_.SessionCookie(settings, "", false), HasSubstr("Max-Age=0"));
  settings.cookie_same_site = SameSite::kOmitted;
  settings.cookie_secure = true;
  EXPECT_THAT(access_.SessionCookie(settings, "s", false), HasSubstr("HttpOnly; Secure"));
}

TEST(Passwords, OfBcrypt) {
  std::string hash = net::HashBcrypt("p", 4);
  EXPECT_TRUE(net::IsBcrypt(hash));
  EXPECT_TRUE(net::MatchesBcrypt("p", hash));
  EXPECT_FALSE(net::MatchesBcrypt("q", hash));
  EXPECT_NE(net::HashBcrypt("p", 4), hash);
}

}  // namespace
}  // namespace sextant::users
