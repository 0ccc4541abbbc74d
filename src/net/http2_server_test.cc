#include <atomic>
#include <future>
#include <thread>

#include "net/compression.h"
#include "net/grpc_wire.h"
#include "net/http2_test_util.h"
#include "net/passwords.h"

namespace sextant::net {
namespace {

using Answer = Http2TestClient::Answer;

HttpResponse Echo(const HttpRequest& request) {
  return HttpResponse::Text(200, request.method + " " + request.path + "?" + request.query_string + " " +
                                     std::string(request.headers.Get("Host")) + "\n" + request.body);
}

Router EchoRouter() {
  Router router;
  router.Add("GET", "/echo", Echo);
  router.Add("POST", "/echo", Echo);
  router.Add("PUT", "/small", Echo, {.max_body_bytes = 10});
  router.Add("GET", "/inline", Echo, {.run_inline = true});
  router.Add("GET", "/big",
             [](const HttpRequest&) { return HttpResponse::Text(200, std::string(300'000, 'x')); });
  router.AddStream("GET", "/pieces", [](HttpRequest, ResponseWriter writer) {
    writer.Start(200, {{"Content-Type", "text/plain"}});
    for (int i = 0; i < 1'000; ++i) {
      if (!writer.Write(std::string(1'000, 'p'))) return;
    }
    writer.Finish();
  });
  return router;
}

TEST(Http2ServerTest, AnswersSeveralRequestsOfOneConnection) {
  TestServer server(EchoRouter());
  Http2TestClient client(server.port());
  int32_t first = client.Send("GET", "/echo?a=b");
  int32_t second = client.Send("POST", "/echo", {}, "body");
  int32_t third = client.Send("GET", "/inline");
  EXPECT_EQ(client.Wait(first).body, "GET /echo?a=b x\n");
  EXPECT_EQ(client.Wait(second).body, "POST /echo? x\nbody");
  EXPECT_EQ(client.Wait(third).status, 200);
  EXPECT_EQ(client.answers[first].headers.Get("content-length"), "16");
  EXPECT_EQ(client.answers[first].headers.Get("date").size(), 29u);
  EXPECT_FALSE(client.answers[first].headers.Has("connection"));
}

TEST(Http2ServerTest, AnswersWhatHasNoRoute) {
  TestServer server(EchoRouter());
  Http2TestClient client(server.port());
  EXPECT_EQ(client.Ask("GET", "/nothing").status, 404);
  EXPECT_EQ(client.Ask("DELETE", "/echo").status, 405);
  EXPECT_EQ(client.Ask("GET", "/echo/%").status, 400);
  EXPECT_EQ(client.Ask("HEAD", "/echo").body, "");
}

TEST(Http2ServerTest, SendsLargeAndPiecewiseAnswers) {
  TestServer server(EchoRouter());
  Http2TestClient client(server.port());
  EXPECT_EQ(client.Ask("GET", "/big").body.size(), 300'000u);
  EXPECT_EQ(client.Ask("GET", "/pieces").body.size(), 1'000'000u);
  const Answer& compressed = client.Ask("GET", "/big", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(compressed.headers.Get("content-encoding"), "gzip");
  std::string plain;
  ASSERT_TRUE(Decompress(Encoding::kGzip, compressed.body, 1 << 20, plain));
  EXPECT_EQ(plain.size(), 300'000u);
}

TEST(Http2ServerTest, DecompressesBodies) {
  TestServer server(EchoRouter());
  Http2TestClient client(server.port());
  std::string body;
  ASSERT_TRUE(Compress(Encoding::kZstd, "hello", body));
  EXPECT_EQ(client.Ask("POST", "/echo", {{"content-encoding", "zstd"}}, body).body, "POST /echo? x\nhello");
}

TEST(Http2ServerTest, TellsAHandlerThatItsStreamWasReset) {
  std::promise<void> begun;
  std::promise<void> cancelled;
  Router router;
  router.AddStream("GET", "/wait", [&](HttpRequest, ResponseWriter writer) {
    auto kept = std::make_shared<ResponseWriter>(std::move(writer));
    kept->OnCancelled([kept, &cancelled] { cancelled.set_value(); });
    begun.set_value();
  });
  router.Add("GET", "/echo", Echo);
  TestServer server(std::move(router));
  Http2TestClient client(server.port());
  int32_t id = client.Send("GET", "/wait");
  client.Flush();
  begun.get_future().wait();
  client.session.Reset(*client.session.Find(id), Http2Error::kCancel);
  client.Flush();
  cancelled.get_future().wait();
  EXPECT_EQ(client.Ask("GET", "/echo").status, 200) << "the connection goes on";
}

TEST(Http2ServerTest, RefusesBodiesThatAreTooLong) {
  TestServer server(EchoRouter());
  Http2TestClient client(server.port());
  const Answer& answer = client.Ask("PUT", "/small", {}, std::string(100'000, 'x'));
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("the body is larger than 10 bytes"), std::string::npos) << answer.body;
  EXPECT_EQ(client.Ask("GET", "/echo").status, 200);
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"body_bytes\"} 1"));
}

TEST(Http2ServerTest, CountsBodiesOfAllConnections) {
  HttpServerOptions options;
  options.limits.max_buffered_body_bytes = 64 << 10;
  TestServer server(EchoRouter(), options);
  Http2TestClient client(server.port());
  EXPECT_EQ(client.Ask("POST", "/echo", {}, std::string(100'000, 'x')).status, 503);
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"buffered_bodies\"} 1"));
  EXPECT_EQ(client.Ask("POST", "/echo", {}, std::string(10'000, 'x')).status, 200)
      << "the room is free again";
}

TEST(Http2ServerTest, RefusesLargeHeadersAndTrailers) {
  HttpServerOptions options;
  options.limits.max_header_bytes = 4'000;
  options.limits.max_header_fields = 20;
  TestServer server(EchoRouter(), options);
  Http2TestClient client(server.port());
  EXPECT_EQ(client.Ask("GET", "/echo", {{"large", std::string(5'000, 'x')}}).status, 431);
  HttpHeaders many;
  for (int i = 0; i < 30; ++i) many.Add("n" + std::to_string(i), "v");
  EXPECT_EQ(client.Ask("GET", "/echo", many).status, 431);
  int32_t id = client.Begin("POST", "/echo");
  client.Append(id, "body");
  client.End(id, {{"large", std::string(5'000, 'x')}});
  EXPECT_EQ(client.Wait(id).status, 431);
  EXPECT_EQ(client.Ask("GET", "/echo").status, 200);
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"header_bytes\"} 2"));
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"header_fields\"} 1"));
}

TEST(Http2ServerTest, ASlowBodyTimesOut) {
  HttpServerOptions options;
  options.timeouts.body_ms = 50;
  TestServer server(EchoRouter(), options);
  Http2TestClient client(server.port());
  int32_t id = client.Begin("POST", "/echo");
  client.Append(id, "begun");
  EXPECT_EQ(client.Wait(id).status, 408);
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"body_timeout\"} 1"));
}

TEST(Http2ServerTest, AClientThatOpensNoWindowLosesTheAnswer) {
  HttpServerOptions options;
  options.timeouts.write_ms = 50;
  TestServer server(EchoRouter(), options);
  Http2TestClient client(server.port(),
                         {.is_server = false, .stream_window_bytes = 100, .connection_window_bytes = 65'535});
  // The window is opened when half of it was used: only a client that does not read on keeps it shut.
  std::string out;
  int32_t id = client.Send("GET", "/big");
  client.Flush();
  std::string seen;
  while (seen.find(std::string("\0\0\4\3", 4)) == std::string::npos) {  // RST_STREAM
    std::string more = client.socket.ReadBytes(1);
    if (more.empty()) break;
    seen += more;
  }
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"write_timeout\"} 1"));
  EXPECT_NE(id, 0);
}

TEST(Http2ServerTest, AHeaderThatNeverEndsTimesOut) {
  HttpServerOptions options;
  options.timeouts.header_ms = 50;
  TestServer server(EchoRouter(), options);
  RawClient client(server.port());
  client.Send(std::string(kHttp2Preface) + Http2Frame(kSettingsFrame, 0, 0, "") +
              Http2Frame(kHeadersFrame, 0, 1, HpackRequest("GET", "/echo")));
  client.ReadAll();
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"header_timeout\"} 1"));
}

TEST(Http2ServerTest, EndsAFloodOfContinuations) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  client.Send(std::string(kHttp2Preface) + Http2Frame(kSettingsFrame, 0, 0, "") +
              Http2Frame(kHeadersFrame, 0, 1, HpackRequest("GET", "/echo")));
  std::string block;
  for (int i = 0; i < 100; ++i) block += HpackField("name", std::string(100, 'x'));
  for (int i = 0; i < 1'000 && client.Send(Http2Frame(kContinuationFrame, 0, 1, block)); ++i) {
  }
  client.ReadAll();
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"http2_"));
}

TEST(Http2ServerTest, EndsAFloodOfResets) {
  TestServer server(EchoRouter());
  Http2TestClient client(server.port());
  for (int i = 0; i < 3'000; ++i) {
    int32_t id = client.Send("GET", "/inline");
    std::string out;
    client.session.Produce(out, SIZE_MAX);
    out += Http2Frame(kResetFrame, 0, static_cast<uint32_t>(id), std::string("\0\0\0\x08", 4));
    if (!client.socket.Send(out)) break;
    client.session.Reset(*client.session.Find(id), Http2Error::kCancel);
    out.clear();
    client.session.Produce(out, SIZE_MAX);
  }
  client.socket.ReadAll();
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"http2_resets\"} 1"));
}

TEST(Http2ServerTest, EndsAFloodOfPingsAndSettings) {
  for (uint8_t type : {kPingFrame, kSettingsFrame, kPriorityFrame}) {
    TestServer server(EchoRouter());
    RawClient client(server.port());
    client.Send(std::string(kHttp2Preface) + Http2Frame(kSettingsFrame, 0, 0, ""));
    std::string frame = type == kPingFrame       ? Http2Frame(type, 0, 0, "12345678")
                        : type == kSettingsFrame ? Http2Frame(type, 0, 0, "")
                                                 : Http2Frame(type, 0, 1, std::string(5, '\0'));
    std::string frames;
    for (int i = 0; i < 100; ++i) frames += frame;
    // What is sent must be read, or neither side goes on.
    std::thread reader([&] { client.ReadAll(); });
    for (int i = 0; i < 1'000 && client.Send(frames); ++i) {
    }
    client.ShutdownSend();
    reader.join();
    EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"http2_controls\"} 1")) << int{type};
  }
}

TEST(Http2ServerTest, RefusesMoreStreamsThanAllowed) {
  std::atomic<int> begun{0};
  Router router;
  std::mutex mutex;
  std::vector<ResponseWriter> writers;
  router.AddStream("GET", "/wait", [&](HttpRequest, ResponseWriter writer) {
    std::lock_guard lock(mutex);
    writers.push_back(std::move(writer));
    ++begun;
  });
  HttpServerOptions options;
  options.limits.max_concurrent_streams = 3;
  TestServer server(std::move(router), options);
  {
    // By hand, since a true client keeps to the limit.
    RawClient client(server.port());
    std::string out = std::string(kHttp2Preface) + Http2Frame(kSettingsFrame, 0, 0, "");
    for (uint32_t id = 1; id <= 9; id += 2)
      out += Http2Frame(kHeadersFrame, 4 | 1, id, HpackRequest("GET", "/wait"));
    client.Send(out);
    std::string seen;
    std::string refused = Http2Frame(kResetFrame, 0, 9, std::string("\0\0\0\7", 4));
    client.ReadUntil(refused);
    EXPECT_LE(begun.load(), 3);
    // Resetting them frees their places in the protocol, but the handlers still hold theirs.
    out.clear();
    for (uint32_t id = 1; id <= 5; id += 2)
      out += Http2Frame(kResetFrame, 0, id, std::string("\0\0\0\x08", 4));
    out += Http2Frame(kHeadersFrame, 4 | 1, 11, HpackRequest("GET", "/wait"));
    client.Send(out);
    client.ReadUntil(Http2Frame(kResetFrame, 0, 11, std::string("\0\0\0\7", 4)));
    EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"http2_streams\"} 1"));
  }
  std::lock_guard lock(mutex);
  writers.clear();
}

TEST(Http2ServerTest, StopsWithAGoAwayAndFinishesWhatWasBegun) {
  std::promise<void> begun;
  std::promise<void> go_on;
  Router router;
  router.Add("GET", "/slow", [&](const HttpRequest&) {
    begun.set_value();
    go_on.get_future().wait();
    return HttpResponse::Text(200, "done");
  });
  TestServer server(std::move(router));
  Http2TestClient client(server.port());
  int32_t id = client.Send("GET", "/slow");
  client.Flush();
  begun.get_future().wait();
  std::thread stopper([&] { server.server->Stop(20'000); });
  EXPECT_TRUE(client.RunUntil([&] { return client.has_goaway; }));
  go_on.set_value();
  EXPECT_EQ(client.Wait(id).body, "done");
  client.RunToEnd();
  stopper.join();
}

TEST(Http2ServerTest, RefusesWhatIsNotHttp2) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  client.Send(std::string(kHttp2Preface) + "this is no frame at all, and much too long");
  client.ReadAll();
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"http2_protocol\"}"));
}

TEST(Http2ServerTest, CanBeSwitchedOff) {
  HttpServerOptions options;
  options.security.http2 = false;
  TestServer server(EchoRouter(), options);
  RawClient client(server.port());
  client.Send(kHttp2Preface);
  EXPECT_EQ(client.ReadResponse().status(), 505);
}

TEST(Http2ServerTest, AsksForPasswords) {
  HttpServerOptions options;
  // "secret" at the least cost.
  options.security.basic_auth_users = {{"ann", HashBcrypt("secret", 4)}};
  TestServer server(EchoRouter(), options);
  Http2TestClient client(server.port());
  EXPECT_EQ(client.Ask("GET", "/echo").status, 401);
  EXPECT_EQ(client.Ask("POST", "/echo", {{"authorization", "Basic YW5uOnNlY3JldA=="}}, "body").body,
            "POST /echo? x\nbody");
  EXPECT_EQ(client.Ask("GET", "/echo", {{"authorization", "Basic YW5uOndyb25n"}}).status, 401);
}

TEST(Http2ServerTest, AsksASilentClientForASignOfLife) {
  HttpServerOptions options;
  options.timeouts.http2_ping_ms = 20;
  options.timeouts.http2_ping_timeout_ms = 20;
  options.timeouts.idle_ms = 60'000;
  options.timeouts.header_ms = 20;
  TestServer server(EchoRouter(), options);
  RawClient client(server.port());
  client.Send(std::string(kHttp2Preface) + Http2Frame(kSettingsFrame, 0, 0, ""));
  client.ReadAll();
  EXPECT_TRUE(server.HasMetric("sextant_http_refused_total{reason=\"http2_ping_timeout\"} 1"));
}

}  // namespace
}  // namespace sextant::net
