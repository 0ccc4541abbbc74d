#include "net/http_server.h"

#include <condition_variable>
#include <future>
#include <mutex>

#include "net/compression.h"
#include "net/net_test_util.h"

namespace sextant::net {
namespace {

using Response = RawClient::Response;

std::string Get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(more) + "\r\n";
}

Response Ask(uint16_t port, std::string_view request, bool has_body = true) {
  RawClient client(port);
  EXPECT_TRUE(client.Send(request));
  return client.ReadResponse(has_body);
}

HttpResponse Echo(const HttpRequest& request) {
  std::string text = request.method + " " + request.path + "\n" + request.body;
  return HttpResponse::Text(200, std::move(text));
}

Router EchoRouter() {
  Router router;
  router.Add("GET", "/echo", Echo);
  router.Add("POST", "/echo", Echo);
  router.Add("PUT", "/small", Echo, {.max_body_bytes = 10});
  router.Add("GET", "/inline", Echo, {.run_inline = true});
  router.Add("GET", "/big",
             [](const HttpRequest&) { return HttpResponse::Text(200, std::string(300'000, 'x')); });
  router.Add("POST", "/form", [](const HttpRequest& request) {
    auto form = request.Form();
    if (!form) return HttpResponse::Text(400, form.error().message());
    std::string text;
    for (const auto& [key, value] : form->pairs()) text += key + "=" + value + "\n";
    return HttpResponse::Text(200, std::move(text));
  });
  return router;
}

TEST(HttpServerTest, AnswersWithDateAndLength) {
  TestServer server(EchoRouter());
  Response response = Ask(server.port(), Get("/echo?a=b"));
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body, "GET /echo\n");
  EXPECT_EQ(response.Header("Content-Length"), "10");
  EXPECT_EQ(response.Header("Connection"), "");
  std::string date = response.Header("Date");
  EXPECT_EQ(date.size(), 29u) << date;
  EXPECT_TRUE(date.ends_with(" GMT")) << date;
}

TEST(HttpServerTest, RoutesCanBeReplacedOnceUnderWay) {
  Router first;
  first.Add("GET", "/*", [](const HttpRequest&) { return HttpResponse::Text(503, "not yet\n"); });
  TestServer server(std::move(first));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/echo")));
  EXPECT_EQ(client.ReadResponse().status(), 503);
  server.server->SetRouter(EchoRouter());
  ASSERT_TRUE(client.Send(Get("/echo")));
  EXPECT_EQ(client.ReadResponse().status(), 200);
  EXPECT_EQ(Ask(server.port(), Get("/nothing")).status(), 404);
}

TEST(HttpServerTest, KeepsConnectionsOpen) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(Get(i % 2 == 0 ? "/echo" : "/inline")));
    EXPECT_EQ(client.ReadResponse().status(), 200);
  }
  ASSERT_TRUE(client.Send(Get("/echo", "Connection: close\r\n")));
  Response last = client.ReadResponse();
  EXPECT_EQ(last.Header("Connection"), "close");
  EXPECT_TRUE(client.IsAtEnd());
}

TEST(HttpServerTest, ClosesAfterHttp10UnlessAsked) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse().Header("Connection"), "keep-alive");
  ASSERT_TRUE(client.Send("GET /echo HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse().Header("Connection"), "close");
  EXPECT_TRUE(client.IsAtEnd());
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    std::string body = std::to_string(i);
    requests += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body;
    requests += Get(i % 3 == 0 ? "/inline" : "/big");
  }
  std::thread sender([&] { EXPECT_TRUE(client.Send(requests)); });
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(client.ReadResponse().body, "POST /echo\n" + std::to_string(i));
    EXPECT_EQ(client.ReadResponse().status(), 200);
  }
  sender.join();
}

TEST(HttpServerTest, ReadsRequestsByteByByte) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  std::string request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n";
  for (char c : request) ASSERT_TRUE(client.Send(std::string_view(&c, 1)));
  EXPECT_EQ(client.ReadResponse().body, "POST /echo\nabcde");
}

TEST(HttpServerTest, ReadsLargeChunkedBodies) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  std::string chunk(100'000, 'c');
  std::string request = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 30; ++i) request += "186a0\r\n" + chunk + "\r\n";
  request += "0\r\n\r\n";
  std::thread sender([&] { EXPECT_TRUE(client.Send(request + Get("/inline"))); });
  EXPECT_EQ(client.ReadResponse().body.size(), 11 + 3'000'000u);
  EXPECT_EQ(client.ReadResponse().body, "GET /inline\n");
  sender.join();
}

TEST(HttpServerTest, GivesLeaveToSendTheBody) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send("hi"));
  EXPECT_EQ(client.ReadResponse().body, "POST /echo\nhi");
  ASSERT_TRUE(
      client.Send("POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse().status(), 404);
  EXPECT_TRUE(client.IsAtEnd());
}

TEST(HttpServerTest, HeadHasNoBodyAndOptionsAllows) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("HEAD /big HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS /echo HTTP/1.1\r\nHost: x\r\n\r\n" +
                          Get("/echo")));
  Response head = client.ReadResponse(false);
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.Header("Content-Length"), "300000");
  Response options = client.ReadResponse(false);
  EXPECT_EQ(options.status(), 204);
  EXPECT_EQ(options.Header("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(client.ReadResponse().status(), 200);
}

TEST(HttpServerTest, SaysWhatIsNotThere) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/nothing") +
                          "DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + Get("/echo")));
  Response missing = client.ReadResponse();
  EXPECT_EQ(missing.status(), 404);
  EXPECT_EQ(missing.body, "404 Not Found: nothing is at /nothing\n");
  Response wrong = client.ReadResponse();
  EXPECT_EQ(wrong.status(), 405);
  EXPECT_EQ(wrong.Header("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(client.ReadResponse().status(), 200);  // the connection survived both
}

TEST(HttpServerTest, ParsesForms) {
  TestServer server(EchoRouter());
  Response response =
      Ask(server.port(),
          "POST /form?a=url&c=%20 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded; "
          "charset=UTF-8\r\nContent-Length: 12\r\n\r\na=body&b=1+2");
  EXPECT_EQ(response.body, "a=body\nb=1 2\na=url\nc= \n");
}

TEST(HttpServerTest, RefusesMalformedRequests) {
  struct Case {
    std::string request;
    int status;
    std::string_view text;
  };
  const Case cases[] = {
      {"GARBAGE\r\n\r\n", 400, "method"},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "version"},
      {"GET / HTTP/1.1\nHost: x\n\n", 505, "version"},
      {"GET /echo HTTP/1.1\r\n\r\n", 400, "Host header"},
      {"GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "Host header"},
      {"GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host header"},
      {"GET echo HTTP/1.1\r\nHost: x\r\n\r\n", 400, "must start with /"},
      {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid URL escape \"%zz\""},
      {"GET /a/../echo HTTP/1.1\r\nHost: x\r\n\r\n", 400, "segment"},
      {"GET /%2e%2e/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400, "segment"},
      {"GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "zero byte"},
      {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 505, "version"},
      {"GET /echo HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n", 400, "name is malformed"},
      {"GET /echo HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400, "name is malformed"},
      {"GET /echo HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400, "value is malformed"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", 400, "Content-Length"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400,
       "Content-Length"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400,
       "Content-Length"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400, "Transfer-Encoding"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
       400, "Content-Length"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
       "Transfer-Encoding"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501, "Transfer-Encoding"},
      {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "HTTP/1.0"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, "chunk"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400,
       "chunk"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400,
       "chunk"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n", 417, "Expect"},
      {"PUT /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", 413, "11 bytes, allowed are 10"},
      {"PUT /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n",
       413, "larger than 10 bytes"},
  };
  TestServer server(EchoRouter());
  for (const Case& test : cases) {
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(test.request));
    client.ShutdownSend();
    Response response = client.ReadResponse();
    EXPECT_EQ(response.status(), test.status) << test.request << response.head << response.body;
    EXPECT_NE(response.body.find(test.text), std::string::npos) << test.request << response.body;
    EXPECT_EQ(std::count(response.body.begin(), response.body.end(), '\n'), 1) << response.body;
    EXPECT_TRUE(client.IsAtEnd()) << test.request;
  }
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"malformed\"}"));
}

TEST(HttpServerTest, LimitsHeaders) {
  TestServer server(
      EchoRouter(),
      {.limits = {.max_header_bytes = 8'000, .max_header_fields = 20, .max_target_bytes = 1'000}});
  std::string many;
  for (int i = 0; i < 30; ++i) many += "A" + std::to_string(i) + ": b\r\n";
  EXPECT_EQ(Ask(server.port(), Get("/echo", many)).status(), 431);
  EXPECT_EQ(Ask(server.port(), Get("/" + std::string(2'000, 'u'))).status(), 414);
  EXPECT_EQ(Ask(server.port(), Get("/echo", "A: " + std::string(9'000, 'v') + "\r\n")).status(), 431);
  EXPECT_EQ(Ask(server.port(), std::string(9'000, 'M')).status(), 431);
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"header_bytes\"} 2"));
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"header_fields\"} 1"));
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"target_bytes\"} 1"));
}

TEST(HttpServerTest, EndsEndlessHeaders) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET /echo HTTP/1.1\r\nHost: x\r\n"));
  std::string field = "A: " + std::string(900, 'b') + "\r\n";
  int sent = 0;
  while (sent < 10'000 && client.Send(field)) ++sent;
  EXPECT_LT(sent, 10'000);
}

TEST(HttpServerTest, EndsEndlessChunkExtensionsAndTrailers) {
  TestServer server(EchoRouter());
  std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Ask(server.port(), head + "1;" + std::string(100'000, 'e')).status(), 431);
  std::string trailers;
  for (int i = 0; i < 10'000; ++i) trailers += "Trailer: abcdef\r\n";
  EXPECT_EQ(Ask(server.port(), head + "0\r\n" + trailers).status(), 431);
}

TEST(HttpServerTest, TimesOutSlowRequests) {
  TestServer server(EchoRouter(), {.timeouts = {.header_ms = 50, .body_ms = 50, .idle_ms = 50}});
  RawClient header(server.port());
  ASSERT_TRUE(header.Send("GET /echo HTTP/1.1\r\nHos"));
  Response late_header = header.ReadResponse();
  EXPECT_EQ(late_header.status(), 408);
  EXPECT_TRUE(header.IsAtEnd());

  RawClient body(server.port());
  ASSERT_TRUE(body.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
  EXPECT_EQ(body.ReadResponse().status(), 408);
  EXPECT_TRUE(body.IsAtEnd());

  RawClient silent(server.port());
  EXPECT_TRUE(silent.IsAtEnd());

  RawClient idle(server.port());
  ASSERT_TRUE(idle.Send(Get("/echo")));
  EXPECT_EQ(idle.ReadResponse().status(), 200);
  EXPECT_TRUE(idle.IsAtEnd());
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"header_timeout\"} 1"));
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"body_timeout\"} 1"));
}

// One byte at a time, each before any timeout of its own: the deadline holds for the whole header.
TEST(HttpServerTest, SlowLorisIsCutOff) {
  TestServer server(EchoRouter(), {.timeouts = {.header_ms = 100}});
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET /echo HTTP/1.1\r\nHost: x\r\nX: "));
  while (client.Send("y")) {
    pollfd wait{client.fd(), POLLIN, 0};
    if (poll(&wait, 1, 10) > 0) break;
  }
  EXPECT_EQ(client.ReadResponse().status(), 408);
}

TEST(HttpServerTest, DropsClientsThatDoNotRead) {
  Router router;
  std::promise<core::Error> ended;
  router.AddStream("GET", "/endless", [&](HttpRequest, ResponseWriter writer) {
    writer.Start(200, {{"Content-Type", "application/octet-stream"}});
    std::string piece(64 << 10, 'p');
    while (true) {
      core::Status status = writer.Write(piece);
      if (!status) {
        ended.set_value(status.error());
        return;
      }
    }
  });
  TestServer server(std::move(router), {.timeouts = {.write_ms = 50}});
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/endless")));
  EXPECT_EQ(ended.get_future().get().code(), core::Code::kCancelled);
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"write_timeout\"} 1"));
}

TEST(HttpServerTest, LimitsConnections) {
  TestServer server(EchoRouter(), {.limits = {.max_connections = 2}});
  RawClient first(server.port());
  RawClient second(server.port());
  ASSERT_TRUE(first.Send(Get("/echo")));
  EXPECT_EQ(first.ReadResponse().status(), 200);
  ASSERT_TRUE(second.Send(Get("/echo")));
  EXPECT_EQ(second.ReadResponse().status(), 200);
  RawClient third(server.port());
  Response refused = third.ReadResponse();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_EQ(refused.body, "503 Service Unavailable: too many connections; try again later\n");
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"connections\"} 1"));
}

TEST(HttpServerTest, LimitsBodiesOfAllConnections) {
  TestServer server(EchoRouter(), {.limits = {.max_buffered_body_bytes = 100'000}});
  std::string body(200'000, 'b');
  Response response =
      Ask(server.port(), "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + body);
  EXPECT_EQ(response.status(), 503);
  // What a finished request held is free again, at the latest soon after its answer has come.
  std::string request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + body.substr(0, 60'000);
  int answered = 0;
  for (int attempts = 0; answered < 5 && attempts < 10'000; ++attempts) {
    answered += Ask(server.port(), request).status() == 200 ? 1 : 0;
  }
  EXPECT_EQ(answered, 5);
}

TEST(HttpServerTest, CompressesByAcceptEncoding) {
  TestServer server(EchoRouter());
  for (auto [accept, expected] :
       {std::pair("gzip", Encoding::kGzip), std::pair("gzip, zstd", Encoding::kZstd)}) {
    Response response = Ask(server.port(), Get("/big", "Accept-Encoding: " + std::string(accept) + "\r\n"));
    EXPECT_EQ(response.Header("Content-Encoding"), EncodingName(expected));
    EXPECT_EQ(response.Header("Vary"), "Accept-Encoding");
    EXPECT_LT(response.body.size(), 30'000u);
    std::string plain;
    ASSERT_TRUE(Decompress(expected, response.body, 1'000'000, plain));
    EXPECT_EQ(plain, std::string(300'000, 'x'));
  }
  EXPECT_EQ(Ask(server.port(), Get("/big")).Header("Content-Encoding"), "");
  EXPECT_EQ(Ask(server.port(), Get("/echo", "Accept-Encoding: gzip\r\n")).Header("Content-Encoding"), "");
}

TEST(HttpServerTest, DecompressesRequests) {
  TestServer server(EchoRouter());
  auto post = [&](std::string_view path, std::string_view encoding, const std::string& body) {
    return Ask(server.port(),
               fmt::format("{} HTTP/1.1\r\nHost: x\r\nContent-Encoding: {}\r\nContent-Length: {}\r\n\r\n",
                           path, encoding, body.size()) +
                   body);
  };
  for (Encoding encoding : {Encoding::kGzip, Encoding::kDeflate, Encoding::kZstd}) {
    std::string body;
    ASSERT_TRUE(Compress(encoding, "hello", body));
    EXPECT_EQ(post("POST /echo", EncodingName(encoding), body).body, "POST /echo\nhello");
  }
  std::string bomb;
  ASSERT_TRUE(Compress(Encoding::kZstd, std::string(1'000, 'a'), bomb));
  Response exploded = post("PUT /small", "zstd", bomb.substr(0, 0) + bomb);
  EXPECT_EQ(exploded.status(), 413) << exploded.body;
  EXPECT_EQ(post("POST /echo", "gzip", "not gzip").status(), 400);
  EXPECT_EQ(post("POST /echo", "br", "x").status(), 415);
}

TEST(HttpServerTest, StreamsChunksWithCompression) {
  Router router;
  router.AddStream("GET", "/stream", [](HttpRequest, ResponseWriter writer) {
    writer.Start(200, {{"Content-Type", "text/plain"}});
    for (int i = 0; i < 1'000; ++i)
      ASSERT_TRUE(writer.Write(std::string(1'000, static_cast<char>('a' + i % 26))));
    writer.Finish();
  });
  router.AddStream("GET", "/length", [](HttpRequest, ResponseWriter writer) {
    writer.Start(200, {{"Content-Length", "6"}});
    ASSERT_TRUE(writer.Write("abc"));
    ASSERT_TRUE(writer.Write("def"));
    EXPECT_FALSE(writer.Write("more"));
    writer.Finish();
  });
  TestServer server(std::move(router));
  EXPECT_EQ(Ask(server.port(), Get("/stream")).body.size(), 1'000'000u);
  for (Encoding encoding : {Encoding::kGzip, Encoding::kZstd}) {
    Response response = Ask(
        server.port(), Get("/stream", "Accept-Encoding: " + std::string(EncodingName(encoding)) + "\r\n"));
    EXPECT_EQ(response.Header("Content-Encoding"), EncodingName(encoding));
    std::string plain;
    ASSERT_TRUE(Decompress(encoding, response.body, 2'000'000, plain));
    EXPECT_EQ(plain.size(), 1'000'000u);
  }
  Response length = Ask(server.port(), Get("/length"));
  EXPECT_EQ(length.Header("Content-Length"), "6");
  EXPECT_EQ(length.body, "abcdef");
  // HTTP/1.0 knows no chunks: the end of the connection ends the body.
  Response old = Ask(server.port(), "GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.Header("Transfer-Encoding"), "");
  EXPECT_EQ(old.body.size(), 1'000'000u);
}

TEST(HttpServerTest, HandlersLearnThatTheClientIsGone) {
  std::promise<void> started;
  std::promise<void> cancelled;
  std::promise<core::Status> result;
  Router router;
  router.AddStream("GET", "/watch", [&](HttpRequest request, ResponseWriter writer) {
    writer.OnCancelled([&] { cancelled.set_value(); });
    started.set_value();
    cancelled.get_future().wait();
    EXPECT_TRUE(request.IsCancelled());
    writer.Start(200, {});
    result.set_value(writer.Write("too late"));
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/watch")));
  started.get_future().wait();
  client.Reset();
  EXPECT_FALSE(result.get_future().get());
}

TEST(HttpServerTest, HalfClosedClientsGetTheirAnswer) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/big")));
  client.ShutdownSend();
  EXPECT_EQ(client.ReadResponse().body.size(), 300'000u);
  EXPECT_TRUE(client.IsAtEnd());
}

TEST(HttpServerTest, UnansweredAndBrokenAnswersAreSeen) {
  Router router;
  router.AddStream("GET", "/dropped", [](HttpRequest, ResponseWriter) {});
  router.AddStream("GET", "/cut", [](HttpRequest, ResponseWriter writer) {
    writer.Start(200, {});
    ASSERT_TRUE(writer.Write("part"));
  });
  router.Add("GET", "/throws",
             [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("broken"); });
  TestServer server(std::move(router));
  EXPECT_EQ(Ask(server.port(), Get("/dropped")).status(), 500);
  EXPECT_EQ(Ask(server.port(), Get("/throws")).status(), 500);
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/cut")));
  EXPECT_FALSE(client.ReadAll().ends_with("0\r\n\r\n"));
}

TEST(HttpServerTest, CleansHeadersOfLineBreaks) {
  Router router;
  router.Add("GET", "/inject", [](const HttpRequest&) {
    HttpResponse response = HttpResponse::Text(200, "x");
    response.headers.Add("X-Name", "a\r\nSet-Cookie: evil");
    return response;
  });
  TestServer server(std::move(router));
  EXPECT_EQ(Ask(server.port(), Get("/inject")).Header("X-Name"), "a  Set-Cookie: evil");
}

TEST(HttpServerTest, FullExecutorAnswers503) {
  std::promise<void> blocked;
  std::shared_future<void> release = blocked.get_future().share();
  std::promise<void> running;
  Router router;
  router.Add("GET", "/block", [&](const HttpRequest&) {
    running.set_value();
    release.wait();
    return HttpResponse::Text(200, "done");
  });
  router.Add("GET", "/wait", [](const HttpRequest&) { return HttpResponse::Text(200, "waited"); });
  TestServer server(std::move(router), {}, {.threads = 2, .queue_limit_tasks = 1});
  RawClient first(server.port());
  ASSERT_TRUE(first.Send(Get("/block")));
  running.get_future().wait();  // the only thread for queries is busy
  RawClient second(server.port());
  ASSERT_TRUE(second.Send(Get("/wait")));
  while (server.executor.QueuedTasks(core::Priority::kQuery) == 0) std::this_thread::yield();
  Response refused = Ask(server.port(), Get("/wait"));
  EXPECT_EQ(refused.status(), 503);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  blocked.set_value();
  EXPECT_EQ(first.ReadResponse().body, "done");
  EXPECT_EQ(second.ReadResponse().body, "waited");
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"executor_full\"} 1"));
}

TEST(HttpServerTest, SendsEvents) {
  std::mutex mutex;
  std::unique_ptr<SseWriter> events;
  std::promise<void> subscribed;
  std::promise<void> gone;
  Router router;
  router.AddStream("GET", "/events", [&](HttpRequest, ResponseWriter writer) {
    std::lock_guard lock(mutex);
    events = std::make_unique<SseWriter>(std::move(writer));
    events->OnCancelled([&] { gone.set_value(); });
    subscribed.set_value();
  });
  {
    TestServer server(std::move(router));
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(Get("/events", "Accept-Encoding: gzip\r\n")));
    subscribed.get_future().wait();
    std::string head = client.ReadUntil("\r\n\r\n");
    EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), std::string::npos);
    EXPECT_EQ(head.find("Content-Encoding"), std::string::npos);
    std::lock_guard lock(mutex);
    ASSERT_TRUE(events->Send("alert", "one\ntwo", "7"));
    ASSERT_TRUE(events->KeepAlive());
    EXPECT_EQ(client.ReadUntil("\n\n\r\n"), "28\r\nevent: alert\nid: 7\ndata: one\ndata: two\n\n\r\n");
    EXPECT_EQ(client.ReadUntil("\n\n\r\n"), "4\r\n: \n\n\r\n");
    EXPECT_FALSE(events->Send("a\nb", "x"));
    client.Close();
    gone.get_future().wait();
    EXPECT_TRUE(events->IsCancelled());
    EXPECT_FALSE(events->Send("", "late"));
  }
  events = nullptr;  // outliving the server is harmless
}

TEST(HttpServerTest, SlowEventReaderIsNoticed) {
  std::promise<core::Error> refused;
  Router router;
  router.AddStream("GET", "/events", [&](HttpRequest, ResponseWriter writer) {
    SseWriter events(std::move(writer));
    std::string data(10'000, 'd');
    while (true) {
      core::Status status = events.Send("", data);
      if (!status) {
        refused.set_value(status.error());
        return;
      }
    }
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/events")));
  EXPECT_EQ(refused.get_future().get().code(), core::Code::kResourceExhausted);
}

TEST(HttpServerTest, StopsGracefully) {
  std::promise<void> running;
  std::promise<void> release;
  Router router = EchoRouter();
  router.Add("GET", "/slow", [&](const HttpRequest&) {
    running.set_value();
    release.get_future().wait();
    return HttpResponse::Text(200, "finished");
  });
  std::unique_ptr<SseWriter> events;
  std::promise<void> subscribed;
  router.AddStream("GET", "/events", [&](HttpRequest, ResponseWriter writer) {
    events = std::make_unique<SseWriter>(std::move(writer));
    events->OnCancelled([&] { events = nullptr; });
    subscribed.set_value();
  });
  TestServer server(std::move(router), {}, {.threads = 4});
  RawClient idle(server.port());
  ASSERT_TRUE(idle.Send(Get("/echo")));
  EXPECT_EQ(idle.ReadResponse().status(), 200);
  RawClient listener(server.port());
  ASSERT_TRUE(listener.Send(Get("/events")));
  subscribed.get_future().wait();
  RawClient slow(server.port());
  ASSERT_TRUE(slow.Send(Get("/slow")));
  running.get_future().wait();

  std::thread stopper([&] { server.server->Stop(20'000); });
  EXPECT_TRUE(idle.IsAtEnd());
  listener.ReadAll();
  release.set_value();
  Response response = slow.ReadResponse();
  EXPECT_EQ(response.body, "finished");
  EXPECT_EQ(response.Header("Connection"), "close");
  slow.Close();
  stopper.join();
  EXPECT_FALSE(RawClient(server.port()).is_connected());
}

TEST(HttpServerTest, StopCutsWhatDoesNotEnd) {
  std::promise<void> running;
  Router router;
  router.Add("GET", "/stubborn", [&](const HttpRequest& request) {
    running.set_value();
    while (!request.IsCancelled()) std::this_thread::yield();
    return HttpResponse::Text(200, "too late");
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/stubborn")));
  running.get_future().wait();
  server.server->Stop(1);
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServerTest, NamesTheAddressInUse) {
  TestServer server(EchoRouter());
  std::string address = "127.0.0.1:" + std::to_string(server.port());
  auto second = HttpServer::Start(server.io, server.executor, server.clock, server.registry,
                                  core::Logger::Discard(), Router(), {.listen = {address}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), core::Code::kUnavailable);
  EXPECT_EQ(second.error().message(),
            "listen on " + address +
                ": address already in use; stop the program that uses it or choose another address");
}

TEST(HttpServerTest, RefusesBadAddresses) {
  TestServer server(EchoRouter());
  for (const char* address :
       {"9090", "127.0.0.1:x", "127.0.0.1:70000", "no.such.host.invalid:1", "[::1:1", "192.0.2.1:0"}) {
    auto started = HttpServer::Start(server.io, server.executor, server.clock, server.registry,
                                     core::Logger::Discard(), Router(), {.listen = {address}});
    ASSERT_FALSE(started) << address;
    EXPECT_NE(started.error().message().find(address), std::string::npos) << started.error().message();
  }
}

TEST(HttpServerTest, ListensOnSeveralAddresses) {
  Router router = EchoRouter();
  TestServer server(std::move(router), {.listen = {"127.0.0.1:0", ":0", "localhost:0"}});
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(Ask(server.server->bound_port(i), Get("/echo")).status(), 200);
  EXPECT_EQ(server.server->bound_address(0), "127.0.0.1:" + std::to_string(server.port()));
}

TEST(HttpServerTest, ServesBelowAPrefix) {
  Router router = EchoRouter();
  router.SetPrefix("/sextant/");
  TestServer server(std::move(router));
  EXPECT_EQ(Ask(server.port(), Get("/sextant/echo")).body, "GET /echo\n");
  EXPECT_EQ(Ask(server.port(), Get("/echo")).status(), 404);
  EXPECT_EQ(Ask(server.port(), Get("/")).Header("Location"), "/sextant/");
}

TEST(HttpServerTest, CountsRequests) {
  TestServer server(EchoRouter());
  EXPECT_EQ(Ask(server.port(), Get("/echo")).status(), 200);
  EXPECT_EQ(Ask(server.port(), Get("/nothing")).status(), 404);
  EXPECT_TRUE(server.HasMetric("prometheus_http_requests_total{code=\"200\",handler=\"/echo\"} 1"));
  EXPECT_TRUE(server.HasMetric("prometheus_http_requests_total{code=\"404\",handler=\"unmatched\"} 1"));
  EXPECT_TRUE(server.HasMetric("prometheus_http_request_duration_seconds_count{handler=\"/echo\"} 1"));
}

}  // namespace
}  // namespace sextant::net
