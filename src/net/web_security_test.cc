// Passwords and TLS, from the hash and the certificate file to the socket.
#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "core/base64.h"
#include "net/basic_auth.h"
#include "net/http_client.h"
#include "net/net_test_util.h"
#include "net/rate_limiter.h"

namespace sextant::net {
namespace {

using core::Code;

std::string Bcrypt(const std::string& password) {
  auto data = std::make_unique<crypt_data>();
  return crypt_r(password.c_str(), "$2b$04$abcdefghijklmnopqrstuu", data.get());
}

// A folder of its own with a key and a self-signed certificate for localhost and 127.0.0.1.
class TestCertificate {
 public:
  explicit TestCertificate(std::string name = "server", bool is_expired = false)
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("sextant-net-test-{}-{}-{}", getpid(), name, static_cast<const void*>(this))) {
    std::filesystem::create_directories(folder_);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509* raw = certificate.get();
    X509_set_version(raw, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), 1);
    X509_gmtime_adj(X509_getm_notBefore(raw), is_expired ? -7'200 : -3'600);
    X509_gmtime_adj(X509_getm_notAfter(raw), is_expired ? -3'600 : 3'600);
    X509_set_pubkey(raw, key.get());
    X509_NAME* subject = X509_get_subject_name(raw);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(raw, subject);
    X509V3_CTX context;
    X509V3_set_ctx(&context, raw, raw, nullptr, nullptr, 0);
    for (auto [id, value] : {std::pair(NID_subject_alt_name, "DNS:localhost,DNS:named.example,IP:127.0.0.1"),
                             std::pair(NID_basic_constraints, "critical,CA:TRUE")}) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
      X509_add_ext(raw, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(raw, key.get(), EVP_sha256());
    FILE* file = fopen(cert_file().c_str(), "we");
    PEM_write_X509(file, raw);
    fclose(file);
    file = fopen(key_file().c_str(), "we");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
  }
  ~TestCertificate() { std::filesystem::remove_all(folder_); }

  std::string cert_file() const { return folder_ / "cert.pem"; }
  std::string key_file() const { return folder_ / "key.pem"; }
  std::string WriteFile(std::string_view name, std::string_view text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::shared_ptr<const TlsClientOptions> Trust() const {
    return std::make_shared<TlsClientOptions>(TlsClientOptions{.ca_file = cert_file()});
  }

 private:
  const std::filesystem::path folder_;
};

Router UserRouter() {
  Router router;
  auto answer = [](const HttpRequest& request) {
    return HttpResponse::Text(200, "user=" + request.user + (request.is_tls ? " tls" : " plain"));
  };
  router.Add("GET", "/user", answer);
  router.Add("POST", "/user", answer);
  router.Add("GET", "/inline", answer, {.run_inline = true});
  router.Add("GET", "/big",
             [](const HttpRequest&) { return HttpResponse::Text(200, std::string(2'000'000, 'b')); });
  return router;
}

TEST(BasicAuthTest, VerifiesOnceAndRemembers) {
  BasicAuth auth({{"alice", Bcrypt("secret")}});
  std::string header = "Basic " + core::EncodeBase64("alice:secret");
  std::string user;
  EXPECT_EQ(auth.Check(header, user), BasicAuth::Verdict::kUnknown);
  EXPECT_TRUE(auth.Verify(header, user));
  EXPECT_EQ(user, "alice");
  EXPECT_EQ(auth.Check(header, user), BasicAuth::Verdict::kAccepted);
  EXPECT_FALSE(auth.Verify("basic " + core::EncodeBase64("alice:wrong"), user));
  EXPECT_EQ(auth.Check("Basic " + core::EncodeBase64("alice:wrong"), user), BasicAuth::Verdict::kUnknown);
  EXPECT_FALSE(auth.Verify("Basic " + core::EncodeBase64("bob:secret"), user));
  EXPECT_EQ(auth.Check("Basic " + core::EncodeBase64("alice:secre"), user), BasicAuth::Verdict::kUnknown);
}

TEST(BasicAuthTest, RejectsMalformedHeaders) {
  BasicAuth auth({{"alice", Bcrypt("secret")}});
  std::string user;
  for (const std::string& header :
       {std::string(), std::string("Basic"), std::string("Bearer x"), std::string("Basic !!!!"),
        "Basic " + core::EncodeBase64("alice"),
        "Basic " + core::EncodeBase64("alice:" + std::string(73, 'x')), "Basic " + std::string(4'000, 'A'),
        "Basic " + core::EncodeBase64(std::string("alice:a\0b", 9))}) {
    EXPECT_EQ(auth.Check(header, user), BasicAuth::Verdict::kRejected) << header;
    EXPECT_FALSE(auth.Verify(header, user));
  }
}

TEST(BasicAuthTest, NamesTheUserWithABadHash) {
  EXPECT_TRUE(BasicAuth::Validate({{"alice", Bcrypt("x")}}));
  for (const char* hash :
       {"", "secret", "$1$abc$def", "$2b$99$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuuabcdefghijk"}) {
    core::Status status = BasicAuth::Validate({{"alice", hash}});
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message().find("user \"alice\" is not bcrypt"), std::string::npos);
  }
}

TEST(WebSecurityTest, AsksForPasswords) {
  TestServer server(UserRouter(), {.security = {.basic_auth_users = {{"alice", Bcrypt("secret")}}}});
  auto ask = [&](std::string_view path, std::string user, std::string password) {
    return FetchSync({.url = server.Url(path),
                      .basic_user = std::move(user),
                      .basic_password = std::move(password)})
        .value();
  };
  EXPECT_EQ(ask("/user", "alice", "secret").body, "user=alice plain");
  EXPECT_EQ(ask("/inline", "alice", "secret").body, "user=alice plain");
  for (const char* path : {"/user", "/inline", "/nothing"}) {
    EXPECT_EQ(ask(path, "alice", "wrong").status, 401);
    EXPECT_EQ(ask(path, "bob", "secret").status, 401);
    auto anonymous = ask(path, "", "");
    EXPECT_EQ(anonymous.status, 401);
    EXPECT_EQ(anonymous.headers.Get("WWW-Authenticate"), "Basic");
    EXPECT_EQ(anonymous.body, "Unauthorized\n");
  }
  // The body of a refused request does not disturb the next one.
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(
      "POST /user HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyPOST /user HTTP/1.1\r\nHost: x\r\n"
      "Authorization: Basic " +
      core::EncodeBase64("alice:secret") + "\r\nContent-Length: 2\r\n\r\nhi"));
  EXPECT_EQ(client.ReadResponse().status(), 401);
  EXPECT_EQ(client.ReadResponse().body, "user=alice plain");
}

TEST(WebSecurityTest, UsersCanBeReplaced) {
  TestServer server(UserRouter(), {.security = {.basic_auth_users = {{"alice", Bcrypt("old")}}}});
  FetchRequest request{.url = server.Url("/user"), .basic_user = "alice", .basic_password = "old"};
  EXPECT_EQ(FetchSync(request)->status, 200);
  EXPECT_FALSE(server.server->SetSecurity({.basic_auth_users = {{"alice", "not a hash"}}}));
  EXPECT_EQ(FetchSync(request)->status, 200);
  ASSERT_TRUE(server.server->SetSecurity({.basic_auth_users = {{"alice", Bcrypt("new")}}}));
  EXPECT_EQ(FetchSync(request)->status, 401);
}

TEST(WebSecurityTest, ServesTls) {
  TestCertificate certificate;
  TestServer server(UserRouter(),
                    {.security = {.cert_file = certificate.cert_file(), .key_file = certificate.key_file()}});
  std::string url = fmt::format("https://localhost:{}", server.port());
  auto response = FetchSync({.url = url + "/user", .tls = certificate.Trust()});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "user= tls");

  IoContext io;
  core::Registry registry;
  HttpClient client(io, registry);
  for (int i = 0; i < 3; ++i) {
    std::promise<core::Result<FetchResponse>> promise;
    client.Fetch({.url = url + "/big", .tls = certificate.Trust(), .accept_compressed = false}, {},
                 [&](core::Result<FetchResponse> result) { promise.set_value(std::move(result)); });
    auto big = promise.get_future().get();
    ASSERT_TRUE(big) << big.error().message();
    EXPECT_EQ(big->body.size(), 2'000'000u);
  }
  EXPECT_TRUE(server.HasMetric("sextant_http_connections_accepted_total 2"));
}

TEST(WebSecurityTest, ClientsCheckCertificates) {
  TestCertificate certificate;
  TestServer server(UserRouter(),
                    {.security = {.cert_file = certificate.cert_file(), .key_file = certificate.key_file()}});
  std::string url = fmt::format("https://127.0.0.1:{}/user", server.port());
  auto unknown = FetchSync({.url = url});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), Code::kPermissionDenied);
  EXPECT_EQ(unknown.error().message(),
            "Get \"" + url +
                "\": tls: failed to verify certificate: x509: certificate signed by unknown authority");
  EXPECT_TRUE(
      FetchSync({.url = url,
                 .tls = std::make_shared<TlsClientOptions>(TlsClientOptions{.insecure_skip_verify = true})}));

  auto named = [&](std::string name) {
    return FetchSync({.url = url,
                      .tls = std::make_shared<TlsClientOptions>(TlsClientOptions{
                          .ca_file = certificate.cert_file(), .server_name = std::move(name)})});
  };
  EXPECT_TRUE(named("named.example")) << named("named.example").error().message();
  auto wrong = named("other.example");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("x509: certificate is not valid for other.example"),
            std::string::npos)
      << wrong.error().message();
  auto missing = FetchSync(
      {.url = url, .tls = std::make_shared<TlsClientOptions>(TlsClientOptions{.ca_file = "/no/such/ca"})});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message().find("open /no/such/ca: no such file or directory"), std::string::npos);
  EXPECT_FALSE(FetchSync(
      {.url = url, .tls = std::make_shared<TlsClientOptions>(TlsClientOptions{.min_version = "SSL3"})}));

  TestCertificate old("old", true);
  TestServer expired(UserRouter(), {.security = {.cert_file = old.cert_file(), .key_file = old.key_file()}});
  auto late = FetchSync({.url = fmt::format("https://127.0.0.1:{}/", expired.port()), .tls = old.Trust()});
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message().find("x509: certificate has expired or is not yet valid"),
            std::string::npos);
}

TEST(WebSecurityTest, ChecksClientCertificates) {
  TestCertificate certificate;
  TestCertificate client("client");
  TestServer server(UserRouter(),
                    {.security = {.cert_file = certificate.cert_file(),
                                  .key_file = certificate.key_file(),
                                  .client_ca_file = client.cert_file(),
                                  .client_certificates = ClientCertificates::kRequiredVerified}});
  std::string url = fmt::format("https://127.0.0.1:{}/user", server.port());
  EXPECT_FALSE(FetchSync({.url = url, .tls = certificate.Trust()}));
  auto shown = FetchSync(
      {.url = url,
       .tls = std::make_shared<TlsClientOptions>(TlsClientOptions{.ca_file = certificate.cert_file(),
                                                                  .cert_file = client.cert_file(),
                                                                  .key_file = client.key_file()})});
  EXPECT_TRUE(shown) << shown.error().message();
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What a client with this certificate (none: no certificate) gets: its body, or "refused".
std::string Visit(const WebSecurity& security, const TestCertificate& server_certificate,
                  const TestCertificate* client) {
  TestServer server(UserRouter(), {.security = security});
  TlsClientOptions tls{.ca_file = server_certificate.cert_file()};
  if (client != nullptr) {
    tls.cert_file = client->cert_file();
    tls.key_file = client->key_file();
  }
  auto answer = FetchSync({.url = fmt::format("https://127.0.0.1:{}/user", server.port()),
                           .tls = std::make_shared<TlsClientOptions>(tls)});
  return answer ? answer->body : "refused";
}

TEST(WebSecurityTest, CertificatesMayStandInTheConfiguration) {
  TestCertificate certificate;
  TestCertificate client("client");
  WebSecurity security;
  security.cert = ReadAll(certificate.cert_file());
  security.key = ReadAll(certificate.key_file());
  EXPECT_EQ(Visit(security, certificate, nullptr), "user= tls");
  security.client_ca = ReadAll(client.cert_file());
  security.client_certificates = ClientCertificates::kRequiredVerified;
  EXPECT_EQ(Visit(security, certificate, nullptr), "refused");
  EXPECT_EQ(Visit(security, certificate, &client), "user= tls");
  EXPECT_EQ(Visit(security, certificate, &certificate), "refused");
}

TEST(WebSecurityTest, ClientCertificatesByPolicy) {
  TestCertificate certificate;
  TestCertificate client("client");
  WebSecurity security;
  security.cert_file = certificate.cert_file();
  security.key_file = certificate.key_file();
  using enum ClientCertificates;
  security.client_certificates = kAsked;
  EXPECT_EQ(Visit(security, certificate, nullptr), "user= tls");
  EXPECT_EQ(Visit(security, certificate, &client), "user= tls") << "not verified";
  security.client_certificates = kRequired;
  EXPECT_EQ(Visit(security, certificate, nullptr), "refused");
  EXPECT_EQ(Visit(security, certificate, &client), "user= tls");
  security.client_certificates = kVerifiedIfGiven;
  EXPECT_EQ(Visit(security, certificate, nullptr), "user= tls");
  EXPECT_EQ(Visit(security, certificate, &client), "refused") << "the system does not know it";
  security.client_ca_file = client.cert_file();
  EXPECT_EQ(Visit(security, certificate, &client), "user= tls");
  // Names that the certificate has: localhost, named.example, 127.0.0.1.
  for (const char* name : {"named.example", "127.0.0.1"}) {
    security.client_allowed_sans = {"another", name};
    EXPECT_EQ(Visit(security, certificate, &client), "user= tls") << name;
  }
  security.client_allowed_sans = {"another", "client"};
  EXPECT_EQ(Visit(security, certificate, &client), "refused");
}

TEST(WebSecurityTest, VersionsCiphersAndCurvesMeetTheClients) {
  TestCertificate certificate;
  auto visit = [&](WebSecurity security, std::string min, std::string max) {
    security.cert_file = certificate.cert_file();
    security.key_file = certificate.key_file();
    TestServer server(UserRouter(), {.security = security});
    TlsClientOptions tls{.ca_file = certificate.cert_file()};
    tls.min_version = min;
    tls.max_version = max;
    auto answer = FetchSync({.url = fmt::format("https://127.0.0.1:{}/user", server.port()),
                             .tls = std::make_shared<TlsClientOptions>(tls)});
    return answer.has_value();
  };
  EXPECT_TRUE(visit({}, "TLS13", ""));
  EXPECT_FALSE(visit({.max_tls_version = "TLS12"}, "TLS13", ""));
  EXPECT_TRUE(visit({.max_tls_version = "TLS12"}, "TLS12", ""));
  // The certificate's key is one of elliptic curves.
  EXPECT_TRUE(visit({.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}}, "TLS12", "TLS12"));
  EXPECT_FALSE(visit({.cipher_suites = {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}, "TLS12", "TLS12"));
  EXPECT_FALSE(visit({.cipher_suites = {"TLS_AES_128_GCM_SHA256"}}, "TLS12", "TLS12"));
  EXPECT_TRUE(visit({.cipher_suites = {"TLS_AES_128_GCM_SHA256"}}, "TLS13", ""));
  EXPECT_TRUE(visit({.curves = {"CurveP521", "X25519"}}, "TLS13", ""));
  // Old versions, for clients that know no better ones.
  EXPECT_TRUE(visit({.min_tls_version = "TLS10"}, "TLS10", "TLS10"));
  EXPECT_TRUE(visit({.min_tls_version = "TLS10"}, "TLS12", ""));
  EXPECT_TRUE(visit({.min_tls_version = "TLS10", .max_tls_version = "TLS11"}, "TLS11", ""));
  EXPECT_TRUE(visit({.min_tls_version = "TLS11", .cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"}},
                    "TLS11", "TLS11"));
  EXPECT_FALSE(visit({.min_tls_version = "TLS11"}, "TLS10", "TLS10"));
  EXPECT_FALSE(visit({}, "TLS10", "TLS11"));
}

TEST(WebSecurityTest, RequestsPastTheRateAreRefused) {
  TestServer server(UserRouter(), {.security = {.rate_interval_ms = 3'600'000, .rate_burst = 2}});
  auto status = [&] { return FetchSync({.url = server.Url("/user")})->status; };
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(status(), 429);
  RateLimiter limiter(100, 1, 0);
  EXPECT_TRUE(limiter.Allow(0));
  EXPECT_FALSE(limiter.Allow(99));
  EXPECT_TRUE(limiter.Allow(100));
  EXPECT_FALSE(limiter.Allow(150));
  EXPECT_TRUE(limiter.Allow(10'000));
  EXPECT_FALSE(limiter.Allow(10'000)) << "no more than the burst is saved up";
}

TEST(WebSecurityTest, PlainHttpOnATlsPortIsTold) {
  TestCertificate certificate;
  TestServer server(UserRouter(),
                    {.security = {.cert_file = certificate.cert_file(), .key_file = certificate.key_file()}});
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse().body, "400 Bad Request: this port speaks TLS: use https://\n");

  TestServer plain(UserRouter());
  auto wrong = FetchSync({.url = fmt::format("https://127.0.0.1:{}/", plain.port())});
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message().ends_with("http: server gave HTTP response to HTTPS client"))
      << wrong.error().message();
}

TEST(WebSecurityTest, SilentTlsClientsAreDropped) {
  TestCertificate certificate;
  TestServer server(UserRouter(),
                    {.security = {.cert_file = certificate.cert_file(), .key_file = certificate.key_file()},
                     .timeouts = {.tls_handshake_ms = 30}});
  RawClient client(server.port());
  EXPECT_TRUE(client.IsAtEnd());
}

TEST(WebSecurityTest, NamesTheFileThatIsWrong) {
  TestCertificate good;
  TestCertificate other("other");
  std::string garbage = good.WriteFile("garbage.pem", "garbage");
  const std::pair<WebSecurity, std::string> cases[] = {
      {{.cert_file = "/no/such.pem", .key_file = good.key_file()},
       "cert_file: open /no/such.pem: No such file or directory"},
      {{.cert_file = good.cert_file(), .key_file = "/no/key.pem"},
       "key_file: open /no/key.pem: No such file or directory"},
      {{.cert_file = garbage, .key_file = good.key_file()},
       "cert_file " + garbage + " holds no PEM certificate"},
      {{.cert_file = good.cert_file(), .key_file = garbage}, "key_file " + garbage + " holds no PEM key"},
      {{.cert_file = good.cert_file(), .key_file = other.key_file()},
       "key_file " + other.key_file() + " does not belong to cert_file " + good.cert_file()},
      {{.cert_file = good.cert_file()}, "TLS needs both a certificate and a key"},
      {{.cert_file = good.cert_file(),
        .key_file = good.key_file(),
        .client_ca_file = garbage,
        .client_certificates = ClientCertificates::kVerifiedIfGiven},
       "client_ca_file " + garbage + " holds no PEM certificate"},
      {{.cert_file = good.cert_file(),
        .key_file = good.key_file(),
        .client_ca = "garbage",
        .client_certificates = ClientCertificates::kRequiredVerified},
       "client_ca holds no PEM certificate"},
      {{.cert = "garbage", .key_file = good.key_file()}, "cert holds no PEM certificate"},
      {{.cert_file = good.cert_file(), .key = "garbage"}, "key holds no PEM key"},
      {{.cert_file = good.cert_file(), .key = ReadAll(other.key_file())},
       "key does not belong to cert_file " + good.cert_file()},
      {{.cert_file = good.cert_file(),
        .key_file = good.key_file(),
        .min_tls_version = "TLS13",
        .max_tls_version = "TLS12"},
       "max_version is less than min_version"},
      {{.cert_file = good.cert_file(), .key_file = good.key_file(), .cipher_suites = {"TLS_X"}},
       "unknown cipher: TLS_X"},
      {{.cert_file = good.cert_file(), .key_file = good.key_file(), .curves = {"P1"}}, "unknown curve: P1"},
      {{.cert_file = good.cert_file(), .key_file = good.key_file(), .min_tls_version = "SSL3"},
       "min_version: unknown TLS version: SSL3"},
  };
  for (const auto& [security, expected] : cases) {
    core::Status status = ValidateWebSecurity(security);
    ASSERT_FALSE(status) << expected;
    EXPECT_TRUE(status.error().message().starts_with(expected)) << status.error().message();
  }
  EXPECT_TRUE(ValidateWebSecurity(
      {.cert_file = good.cert_file(), .key_file = good.key_file(), .min_tls_version = "TLS13"}));
}

}  // namespace
}  // namespace sextant::net
