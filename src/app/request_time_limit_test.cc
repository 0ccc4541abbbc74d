#include "app/request_time_limit.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "net/net_test_util.h"

namespace sextant::app {
namespace {

// The server's loops outlive its routes, so they are not its own here.
class RequestTimeLimitTest : public ::testing::Test {
 protected:
  std::string Get(uint16_t port) {
    net::RawClient client(port);
    EXPECT_TRUE(client.Send("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    return client.ReadAll();
  }

  net::IoContext timers_;
};

TEST_F(RequestTimeLimitTest, LateAnswersAreGivenUpAtTheTime) {
  std::promise<void> go;
  std::shared_future<void> wait = go.get_future().share();
  std::atomic<bool> was_told{false};
  net::Router router;
  router.Add("GET", "/x", [&](const net::HttpRequest& request) {
    wait.wait();
    was_told = request.IsCancelled();
    return net::HttpResponse::Text(200, "late");
  });
  LimitRequestTime(router, timers_, 50);
  {
    net::TestServer server(std::move(router));
    const std::string answer = Get(server.port());  // while the handler still waits
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    EXPECT_TRUE(answer.ends_with("Exceeded configured timeout of 50ms.\n")) << answer;
    go.set_value();
  }
  EXPECT_TRUE(was_told);
}

TEST_F(RequestTimeLimitTest, AnswersInTimeAreAsTheyWere) {
  net::Router router;
  router.Add("GET", "/x", [](const net::HttpRequest&) { return net::HttpResponse::Text(200, "soon"); });
  LimitRequestTime(router, timers_, 60'000);
  net::TestServer server(std::move(router));
  const std::string answer = Get(server.port());
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_TRUE(answer.ends_with("soon")) << answer;
}

TEST_F(RequestTimeLimitTest, AHandlerThatFailsIsAnswered) {
  net::Router router;
  router.Add("GET", "/x",
             [](const net::HttpRequest&) -> net::HttpResponse { throw std::runtime_error("x"); });
  LimitRequestTime(router, timers_, 60'000);
  net::TestServer server(std::move(router));
  EXPECT_TRUE(Get(server.port()).starts_with("HTTP/1.1 500 "));
}

}  // namespace
}  // namespace sextant::app
