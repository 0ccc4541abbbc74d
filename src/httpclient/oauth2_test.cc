// Tokens from a server of ours, put into requests to another path of it.
#include "httpclient/oauth2.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "core/metrics.h"
#include "httpclient/fake_cloud.h"
#include "httpclient/settings.h"
#include "net/http_server.h"

namespace sextant::httpclient {
namespace {

class OAuth2Test : public testing::Test {
 protected:
  OAuth2Test() {
    net::Router router;
    router.Add("POST", "/token", [this](const net::HttpRequest& request) { return GiveToken(request); });
    router.Add("GET", "/metrics", [](const net::HttpRequest& request) {
      return net::HttpResponse::Text(200, std::string(request.headers.Get("Authorization")));
    });
    auto server =
        net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(), std::move(router),
                               {.listen = {"127.0.0.1:0"}, .security = {}, .limits = {}, .timeouts = {}});
    EXPECT_TRUE(server);
    server_ = std::move(*server);
    url_ = "http://" + server_->bound_address();
    config_.oauth2.emplace();
    config_.oauth2->client_id = "my id";
    config_.oauth2->client_secret = config::Secret("s&cret");
    config_.oauth2->token_url = url_ + "/token";
  }
  ~OAuth2Test() override {
    client_.Stop();
    server_->Stop(1000);
  }

  net::HttpResponse GiveToken(const net::HttpRequest& request) {
    std::lock_guard lock(mutex_);
    ++asked_;
    body_ = request.body;
    authorization_ = request.headers.Get("Authorization");
    if (wants_body_ && body_.find("client_secret") == std::string::npos) {
      return net::HttpResponse::Json(401, R"({"error":"invalid_client"})");
    }
    net::HttpResponse response = net::HttpResponse::Json(status_, answer_);
    if (!type_.empty()) response.headers.Set("Content-Type", type_);
    return response;
  }

  net::FetchRequest MakeRequest() {
    net::FetchRequest request;
    request.url = url_ + "/metrics";
    ApplyHttpConfig(config_, clock_, request);
    return request;
  }
  core::Result<net::FetchResponse> Fetch(const net::FetchRequest& request) {
    std::promise<core::Result<net::FetchResponse>> promise;
    client_.Fetch(request, {.executor = &executor_},
                  [&](auto answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
  config::HttpClientConfig config_;

  std::mutex mutex_;  // guards what follows
  int asked_ = 0;
  int status_ = 200;
  bool wants_body_ = false;
  std::string answer_ = R"({"access_token":"T1","token_type":"bearer","expires_in":3600})";
  std::string type_;
  std::string body_;
  std::string authorization_;
};

TEST_F(OAuth2Test, ATokenIsFetchedOnceAndKept) {
  config_.oauth2->scopes = {"a", "b"};
  config_.oauth2->endpoint_params = {{"hello", "w orld"}};
  net::FetchRequest request = MakeRequest();
  for (int i = 0; i < 3; ++i) {
    auto answer = Fetch(request);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, "Bearer T1");
  }
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(body_, "grant_type=client_credentials&hello=w+orld&scope=a+b");
  EXPECT_EQ(authorization_, "Basic bXkraWQ6cyUyNmNyZXQ=");  // my+id:s%26cret
  EXPECT_EQ(net::FetchSync(request)->body, "Bearer T1");
}

TEST_F(OAuth2Test, ManyRequestsWaitForOneToken) {
  net::FetchRequest request = MakeRequest();
  constexpr int kRequests = 50;
  std::vector<std::promise<std::string>> bodies(kRequests);
  for (auto& body : bodies) {
    client_.Fetch(request, {.executor = &executor_}, [&body](const core::Result<net::FetchResponse>& answer) {
      body.set_value(answer ? answer->body : answer.error().message());
    });
  }
  for (auto& body : bodies) EXPECT_EQ(body.get_future().get(), "Bearer T1");
  EXPECT_EQ(asked_, 1);
}

TEST_F(OAuth2Test, AnExpiredTokenIsFetchedAnew) {
  answer_ = R"({"access_token":"T2","expires_in":"5"})";  // less than the margin
  net::FetchRequest request = MakeRequest();
  EXPECT_EQ(Fetch(request)->body, "Bearer T2");
  EXPECT_EQ(Fetch(request)->body, "Bearer T2");
  EXPECT_EQ(asked_, 2);
}

TEST_F(OAuth2Test, ATokenIsKeptUntilTenSecondsBeforeItExpires) {
  core::ManualClock clock(1'000);
  net::FetchRequest request;
  request.url = url_ + "/metrics";
  ApplyHttpConfig(config_, clock, request);
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  clock.Advance(3'589'000);
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 1);
  clock.Advance(2'000);
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 2);
}

TEST_F(OAuth2Test, TheSecretGoesIntoTheBodyForServersThatWantItThere) {
  wants_body_ = true;
  answer_ = "access_token=T3&token_type=mac";
  type_ = "application/x-www-form-urlencoded";
  net::FetchRequest request = MakeRequest();
  EXPECT_EQ(Fetch(request)->body, "MAC T3");
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(body_, "client_id=my+id&client_secret=s%26cret&grant_type=client_credentials");
  EXPECT_EQ(authorization_, "");
}

TEST_F(OAuth2Test, AnotherSecretInTheFileDropsTheToken) {
  char name[] = "/tmp/sextant_oauth2_XXXXXX";
  std::string dir = mkdtemp(name);
  config_.oauth2->client_secret = config::Secret();
  config_.oauth2->client_secret_file = dir + "/secret";
  net::FetchRequest request = MakeRequest();
  EXPECT_TRUE(HasSecretFiles(config_));
  auto answer = Fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("unable to read oauth2 client secret: unable to read file"),
            std::string::npos)
      << answer.error().message();
  std::ofstream(dir + "/secret") << "one\n";
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 1);
  std::ofstream(dir + "/secret") << "two\n";
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 2);
  std::filesystem::remove_all(dir);
}

TEST_F(OAuth2Test, AnAssertionIsSignedInPlaceOfASecret) {
  RsaKey key;
  config::OAuth2Config& oauth2 = *config_.oauth2;
  oauth2.grant_type = config::kJwtBearerGrant;
  oauth2.client_secret = config::Secret();
  oauth2.client_certificate_key = config::Secret(key.pem());
  oauth2.client_certificate_key_id = "kid";
  oauth2.signature_algorithm = "RS512";
  oauth2.scopes = {"a", "b"};
  oauth2.claims_json = R"({"org":{"id":7},"aud":["x"]})";
  net::FetchRequest request = MakeRequest();
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(authorization_, "");
  auto form = net::ParseQuery(body_);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->Get("grant_type"), config::kJwtBearerGrant);
  std::string assertion(form->Get("assertion"));
  EXPECT_EQ(key.PartOf(assertion, 0, EVP_sha512()), R"({"alg":"RS512","typ":"JWT","kid":"kid"})");
  std::string claims = key.PartOf(assertion, 1, EVP_sha512());
  EXPECT_EQ(JsonMember(claims, "iss"), "\"my id\"");
  EXPECT_EQ(JsonMember(claims, "sub"), "\"my id\"");
  EXPECT_EQ(JsonMember(claims, "scope"), "\"a b\"");
  EXPECT_EQ(JsonMember(claims, "org"), R"({"id":7})");
  EXPECT_EQ(JsonMember(claims, "aud"), R"(["x"])") << "further claims come last";
  EXPECT_EQ(JsonMember(claims, "jti").size(), 38u);
  EXPECT_NE(JsonMember(claims, "exp"), "");

  oauth2.claims_json = "";
  oauth2.iss = "issuer";
  oauth2.signature_algorithm = "";
  EXPECT_EQ(Fetch(MakeRequest())->body, "Bearer T1");
  claims = key.PartOf(std::string(net::ParseQuery(body_)->Get("assertion")), 1);
  EXPECT_EQ(JsonMember(claims, "iss"), "\"issuer\"");
  EXPECT_EQ(JsonMember(claims, "aud"), "\"" + oauth2.token_url + "\"");
  oauth2.audience = "them";
  EXPECT_EQ(Fetch(MakeRequest())->body, "Bearer T1");
  claims = key.PartOf(std::string(net::ParseQuery(body_)->Get("assertion")), 1);
  EXPECT_EQ(JsonMember(claims, "aud"), "\"them\"");
}

TEST_F(OAuth2Test, AnotherKeyInTheFileDropsTheToken) {
  char name[] = "/tmp/sextant_oauth2_XXXXXX";
  std::string dir = mkdtemp(name);
  config_.oauth2->grant_type = config::kJwtBearerGrant;
  config_.oauth2->client_certificate_key_file = dir + "/key";
  net::FetchRequest request = MakeRequest();
  EXPECT_TRUE(HasSecretFiles(config_));
  EXPECT_NE(Fetch(request).error().message().find("unable to read oauth2 client certificate key: unable to"),
            std::string::npos);
  std::ofstream(dir + "/key") << "no key";
  EXPECT_NE(Fetch(request).error().message().find("invalid key: it must be an RSA key"), std::string::npos);
  EXPECT_EQ(asked_, 0);
  std::ofstream(dir + "/key") << RsaKey().pem();
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 1);
  std::ofstream(dir + "/key") << RsaKey().pem();
  EXPECT_EQ(Fetch(request)->body, "Bearer T1");
  EXPECT_EQ(asked_, 2);
  std::filesystem::remove_all(dir);
}

TEST_F(OAuth2Test, BadAnswersAreErrorsOfTheRequest) {
  struct Case {
    int status;
    const char* answer;
    const char* error;
  };
  for (const Case& one :
       {Case{401, "go away", "oauth2: cannot fetch token: 401 Unauthorized\nResponse: go away"},
        Case{400, R"({"error":"e","error_description":"d"})", "oauth2: \"e\" \"d\""},
        Case{200, "{}", "oauth2: server response missing access_token"},
        Case{200, "[1", "oauth2: cannot parse json"}}) {
    status_ = one.status;
    answer_ = one.answer;
    auto answer = Fetch(MakeRequest());
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message().find(one.error), std::string::npos) << answer.error().message();
    EXPECT_TRUE(answer.error().message().starts_with("Get \"" + url_ + "/metrics\": "));
  }
  status_ = 200;
  answer_ = "\"" + std::string(2 << 20, 'x') + "\"";
  EXPECT_FALSE(Fetch(MakeRequest()));
  EXPECT_FALSE(net::FetchSync(MakeRequest()));
}

TEST_F(OAuth2Test, StoppingTheClientEndsThoseThatWait) {
  config_.oauth2->token_url = "http://192.0.2.1/token";  // nobody answers there
  std::promise<core::Code> promise;
  client_.Fetch(MakeRequest(), {.executor = &executor_}, [&](const core::Result<net::FetchResponse>& answer) {
    promise.set_value(answer ? core::Code::kInternal : answer.error().code());
  });
  client_.Stop();
  EXPECT_EQ(promise.get_future().get(), core::Code::kCancelled);
}

}  // namespace
}  // namespace sextant::httpclient
