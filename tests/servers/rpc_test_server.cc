// A server for tests with other programs' clients (e2e/http2_test.py): a few HTTP routes and gRPC methods
// that answer with what they were asked.
//
//   rpc_test_server [WEB_CERT WEB_KEY]
//
// Prints its address, writes its own metrics to /metrics, and runs until standard input ends.
#include <charconv>
#include <cstdio>
#include <string>
#include <thread>

#include "net/http_server.h"

namespace {

using namespace sextant;

// What the call's metadata and message say, so that the client can compare.
net::GrpcReply Describe(const net::GrpcCall& call) {
  net::GrpcReply reply{.message = *call.message};
  reply.headers.Add("seen-authority", call.metadata.Get("Host"));
  reply.headers.Add("seen-plain", call.metadata.Get("plain"));
  reply.headers.Add("seen-bytes-bin", call.metadata.Get("bytes-bin"));
  reply.trailers.Add("has-deadline", call.deadline_ns ? "yes" : "no");
  return reply;
}

net::GrpcStatus StatusOf(std::string_view message) {
  int code = 0;
  size_t space = std::min(message.find(' '), message.size());
  std::from_chars(message.data(), message.data() + space, code);
  std::string text(message.substr(std::min(space + 1, message.size())));
  if (text == "retry") return net::GrpcStatusWithRetry(static_cast<net::GrpcCode>(code), text, 1'500);
  return {static_cast<net::GrpcCode>(code), std::move(text)};
}

void AddGrpcMethods(net::Router& router, core::Registry& registry) {
  net::RouteOptions options{.priority = core::Priority::kIngest, .max_body_bytes = 4 << 20};
  router.AddGrpc(
      "/test.Echo/Echo",
      [](net::GrpcCall call, net::GrpcResponder responder) { responder.Reply(Describe(call)); }, options);
  router.AddGrpc(
      "/test.Echo/Fail",
      [](net::GrpcCall call, net::GrpcResponder responder) { responder.Fail(StatusOf(*call.message)); },
      options);
  // Answers after the handler has returned, from another thread.
  router.AddGrpc(
      "/test.Echo/Later",
      [](net::GrpcCall call, net::GrpcResponder responder) {
        std::thread([call = std::move(call), responder = std::move(responder)]() mutable {
          responder.Reply(Describe(call));
        }).detach();
      },
      options);
  // Never answers by itself; counts cancellations.
  core::Counter& cancelled = registry.AddCounter("test_cancelled_total", "Calls that were cancelled.");
  router.AddGrpc(
      "/test.Echo/Hang",
      [&cancelled](net::GrpcCall, net::GrpcResponder responder) {
        auto kept = std::make_shared<net::GrpcResponder>(std::move(responder));
        kept->OnCancelled([kept, &cancelled] { cancelled.Increment(); });
      },
      options);
}

net::HttpResponse Echo(const net::HttpRequest& request) {
  return net::HttpResponse::Text(
      200, request.method + " " + request.path + "?" + request.query_string + "\n" + request.body);
}

net::Router MakeRouter(core::Registry& registry) {
  net::Router router;
  for (const char* method : {"GET", "POST", "PUT"})
    router.Add(method, "/echo", Echo, {.max_body_bytes = 1 << 20});
  router.Add("GET", "/big", [](const net::HttpRequest&) {
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + "\n";
    return net::HttpResponse::Text(200, std::move(text));
  });
  router.AddStream("GET", "/stream", [](net::HttpRequest, net::ResponseWriter writer) {
    writer.Start(200, {{"Content-Type", "text/plain"}});
    for (int i = 0; i < 1'000; ++i) {
      if (!writer.Write(std::string(1'000, 'x') + "\n")) return;
    }
    writer.Finish();
  });
  router.Add("GET", "/metrics", [&registry](const net::HttpRequest&) {
    return net::HttpResponse::Text(200, registry.RenderText());
  });
  AddGrpcMethods(router, registry);
  return router;
}

}  // namespace

int main(int argc, char** argv) {
  net::HttpServerOptions options{.listen = {"127.0.0.1:0"}};
  if (argc == 3) {
    options.security.cert_file = argv[1];
    options.security.key_file = argv[2];
  }
  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({});
  net::IoContext io;
  auto server = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                       MakeRouter(registry), std::move(options));
  if (!server) {
    fprintf(stderr, "%s\n", server.error().message().c_str());
    return 1;
  }
  printf("%s\n", (*server)->bound_address().c_str());
  fflush(stdout);
  while (getchar() != EOF) {
  }
  (*server)->Stop(1'000);
  return 0;
}
