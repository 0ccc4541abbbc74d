// Tokens from a server of ours, put into requests to another path of it.
#include "httpclient/oauth2.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "core/metrics.h"
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
    ApplyHttpConfig(config_, request);
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
