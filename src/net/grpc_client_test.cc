#include "net/grpc_client.h"

#include <future>
#include <mutex>
#include <thread>

#include "net/http2_test_util.h"

namespace sextant::net {
namespace {

class Client {
 public:
  explicit Client(GrpcClientOptions options) {
    auto made = GrpcClient::Create(io, std::move(options));
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message());
    if (made) client = std::move(*made);
  }
  ~Client() {
    client = nullptr;
    io.Stop();
  }
  std::future<GrpcResult> Start(GrpcRequest request, GrpcCallHandle* handle = nullptr) {
    auto promise = std::make_shared<std::promise<GrpcResult>>();
    GrpcCallHandle made = client->Call(
        std::move(request), {}, [promise](GrpcResult result) { promise->set_value(std::move(result)); });
    if (handle != nullptr) *handle = made;
    return promise->get_future();
  }
  GrpcResult Ask(GrpcRequest request) { return Start(std::move(request)).get(); }

  IoContext io;
  std::unique_ptr<GrpcClient> client;
};

GrpcMessage Message(std::string text) { return std::make_shared<std::string>(std::move(text)); }

Router TestRouter() {
  Router router;
  router.AddGrpc("/test.Echo/Echo", [](GrpcCall call, GrpcResponder responder) {
    GrpcReply reply{.message = *call.message};
    reply.headers.Add("seen-bin", call.metadata.Get("asked-bin"));
    reply.trailers.Add("encoding", call.metadata.Get("grpc-encoding"));
    responder.Reply(std::move(reply));
  });
  router.AddGrpc("/test.Echo/Busy", [](GrpcCall, GrpcResponder responder) {
    responder.Fail(GrpcStatusWithRetry(GrpcCode::kUnavailable, "busy 100%", 2'000));
  });
  router.AddGrpc("/test.Echo/Dropped", [](GrpcCall, GrpcResponder) {});
  router.Add("POST", "/page", [](const HttpRequest&) { return HttpResponse::Text(404, "nothing"); });
  return router;
}

std::string Target(const TestServer& server) { return "127.0.0.1:" + std::to_string(server.port()); }

TEST(GrpcClientTest, CallsAndGetsAnswers) {
  TestServer server(TestRouter());
  for (auto compression :
       {GrpcCompression::kNone, GrpcCompression::kGzip, GrpcCompression::kZstd, GrpcCompression::kSnappy}) {
    Client client({.target = Target(server), .compression = compression});
    std::string text(100'000, 'x');
    GrpcResult result = client.Ask({.method = "/test.Echo/Echo",
                                    .message = Message(text),
                                    .metadata = {{"asked-bin", std::string_view("\0\xff", 2)}},
                                    .timeout_ms = 20'000});
    EXPECT_TRUE(result.status.is_ok()) << result.status.message;
    EXPECT_EQ(result.message, text);
    EXPECT_EQ(result.headers.Get("seen-bin"), std::string_view("\0\xff", 2));
    EXPECT_EQ(client.Ask({.method = "/test.Echo/Echo"}).message, "");
  }
}

TEST(GrpcClientTest, TellsHowACallFailed) {
  TestServer server(TestRouter());
  Client client({.target = Target(server), .max_receive_bytes = 1'000});
  GrpcResult busy = client.Ask({.method = "/test.Echo/Busy"});
  EXPECT_EQ(busy.status.code, GrpcCode::kUnavailable);
  EXPECT_EQ(busy.status.message, "busy 100%");
  EXPECT_EQ(busy.retry_delay_ms, 2'000);
  EXPECT_EQ(client.Ask({.method = "/test.Echo/Dropped"}).status.code, GrpcCode::kInternal);
  GrpcResult unknown = client.Ask({.method = "/test.Echo/Nothing"});
  EXPECT_EQ(unknown.status.code, GrpcCode::kUnimplemented);
  EXPECT_EQ(unknown.status.message, "unknown method Nothing for service test.Echo");
  GrpcResult large = client.Ask({.method = "/test.Echo/Echo", .message = Message(std::string(1'001, 'x'))});
  EXPECT_EQ(large.status.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(large.status.message, "grpc: received message larger than max (1001 vs. 1000)");
}

TEST(GrpcClientTest, KeepsManyCallsInFlightOnOneConnection) {
  TestServer server(TestRouter());
  Client client({.target = Target(server)});
  std::vector<std::future<GrpcResult>> results;
  for (int i = 0; i < 1'000; ++i)
    results.push_back(client.Start({.method = "/test.Echo/Echo", .message = Message(std::to_string(i))}));
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(results[static_cast<size_t>(i)].get().message, std::to_string(i));
  EXPECT_TRUE(server.HasMetric("sextant_http_connections_accepted_total 1"));
}

TEST(GrpcClientTest, DeadlinesAndCancellationsReachTheServer) {
  std::mutex mutex;
  std::vector<GrpcResponder> held;
  std::promise<void> deadline_seen;
  std::promise<void> cancel_seen;
  std::promise<void> arrived;
  Router router;
  router.AddGrpc("/test.Hold/Deadline", [&](GrpcCall call, GrpcResponder responder) {
    EXPECT_TRUE(call.deadline_ns);
    responder.OnCancelled([&] { deadline_seen.set_value(); });
    std::lock_guard lock(mutex);
    held.push_back(std::move(responder));
  });
  router.AddGrpc("/test.Hold/Cancel", [&](GrpcCall call, GrpcResponder responder) {
    EXPECT_FALSE(call.deadline_ns);
    responder.OnCancelled([&] { cancel_seen.set_value(); });
    std::lock_guard lock(mutex);
    held.push_back(std::move(responder));
    arrived.set_value();
  });
  router.AddGrpc("/test.Hold/Silent", [&](GrpcCall, GrpcResponder responder) {
    std::lock_guard lock(mutex);
    held.push_back(std::move(responder));
  });
  TestServer server(std::move(router));
  Client client({.target = Target(server)});
  GrpcResult late = client.Ask({.method = "/test.Hold/Deadline", .timeout_ms = 50});
  EXPECT_EQ(late.status.code, GrpcCode::kDeadlineExceeded);
  deadline_seen.get_future().wait();
  GrpcCallHandle handle;
  auto cancelled = client.Start({.method = "/test.Hold/Cancel"}, &handle);
  arrived.get_future().wait();
  handle.Cancel();
  EXPECT_EQ(cancelled.get().status.code, GrpcCode::kCancelled);
  cancel_seen.get_future().wait();
  auto stopped = client.Start({.method = "/test.Hold/Silent", .timeout_ms = 60'000});
  client.client->Stop();
  EXPECT_EQ(stopped.get().status.code, GrpcCode::kCancelled);
  EXPECT_EQ(client.Ask({.method = "/test.Hold/Cancel"}).status.code, GrpcCode::kCancelled);
  std::lock_guard lock(mutex);
  held.clear();
}

TEST(GrpcClientTest, FailsWithoutAServerAndConnectsOnceThereIsOne) {
  auto first = std::make_unique<TestServer>(TestRouter());
  uint16_t port = first->port();
  Client client({.target = "127.0.0.1:" + std::to_string(port), .min_backoff_ms = 10, .max_backoff_ms = 20});
  EXPECT_TRUE(client.Ask({.method = "/test.Echo/Echo"}).status.is_ok());
  first = nullptr;
  // A call may still go to the connection that is being lost.
  GrpcResult lost;
  do {
    lost = client.Ask({.method = "/test.Echo/Echo"});
    ASSERT_EQ(lost.status.code, GrpcCode::kUnavailable) << lost.status.message;
  } while (lost.status.message.find("Connection refused") == std::string::npos);
  TestServer second(TestRouter(), {.listen = {"127.0.0.1:" + std::to_string(port)}});
  // The pause between attempts has to pass.
  while (!client.Ask({.method = "/test.Echo/Echo"}).status.is_ok()) std::this_thread::yield();
}

TEST(GrpcClientTest, TakesAllAddressesInTurn) {
  TestServer server(TestRouter());
  Client client({.target = "localhost:" + std::to_string(server.port()),
                 .balancing = GrpcClientOptions::Balancing::kRoundRobin});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.Ask({.method = "/test.Echo/Echo"}).status.is_ok());
}

TEST(GrpcClientTest, BoundsCallsInFlight) {
  TestServer server(TestRouter());
  Client client({.target = Target(server), .max_send_bytes = 10, .max_calls_in_flight = 0});
  EXPECT_EQ(client.Ask({.method = "/test.Echo/Echo"}).status.code, GrpcCode::kResourceExhausted);
  Client small({.target = Target(server), .max_send_bytes = 10});
  EXPECT_EQ(small.Ask({.method = "/test.Echo/Echo", .message = Message("longer than ten")}).status.message,
            "trying to send message larger than max (15 vs. 10)");
}

TEST(GrpcClientTest, ReportsServersThatDoNotSpeakGrpc) {
  TestServer server(TestRouter(), {.listen = {"127.0.0.1:0"}, .security = {.http2 = false}});
  Client client({.target = Target(server), .min_backoff_ms = 10});
  EXPECT_EQ(client.Ask({.method = "/test.Echo/Echo", .timeout_ms = 20'000}).status.code,
            GrpcCode::kUnavailable);
}

TEST(GrpcClientTest, RefusesWrongOptions) {
  IoContext io;
  EXPECT_FALSE(GrpcClient::Create(io, {.target = "no port"}));
  auto tls = std::make_shared<TlsClientOptions>();
  tls->ca_file = "/nonexistent/ca.pem";
  auto made = GrpcClient::Create(io, {.target = "x:1", .tls = tls});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace sextant::net
