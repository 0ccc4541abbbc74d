#include <gtest/gtest.h>

#include "api/status_api.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace sextant::api {
namespace {

// A sender of remote write comes again after 503 only.
TEST(StartRoutesTest, WhoSendsSamplesIsToldToComeAgain) {
  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({.threads = 2, .queue_limit_tasks = 100});
  net::IoContext io;
  net::Router router;
  AddStartRoutes(router, registry, std::make_shared<tsdb::ReplayProgress>());
  net::HttpServerOptions options;
  options.listen = {"127.0.0.1:0"};
  auto server = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                       std::move(router), options);
  ASSERT_TRUE(server.has_value()) << server.error().message();
  for (std::string_view path : {"/api/v1/write", "/api/v1/query"}) {
    net::FetchRequest request;
    request.method = "POST";
    request.url = "http://" + (*server)->bound_address(0) + std::string(path);
    request.headers.Set("Content-Encoding", "snappy");
    request.body = "anything";
    auto response = net::FetchSync(std::move(request));
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ(response->status, 503);
  }
  (*server)->Stop(0);
  executor.Stop();
  io.Stop();
}

}  // namespace
}  // namespace sextant::api
