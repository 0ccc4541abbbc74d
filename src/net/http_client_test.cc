#include "net/http_client.h"

#include <sys/un.h>

#include <future>
#include <semaphore>
#include <set>

#include "net/compression.h"
#include "net/net_test_util.h"

namespace sextant::net {
namespace {

using core::Code;

// A server that answers each connection with fixed bytes, to show the client what ours never sends.
class CannedServer {
 public:
  // `afterword` is sent some time after the answer.
  CannedServer(std::string answer, bool closes, std::string afterword = {})
      : answer_(std::move(answer)), closes_(closes), afterword_(std::move(afterword)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~CannedServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }

  // Lets it send the afterword, and waits until it has.
  void WaitForAfterword() {
    may_speak_.release();
    has_spoken_.acquire();
  }

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/metrics"; }
  uint16_t port() const { return port_; }
  // The last request, as it came.
  std::string Request() {
    std::lock_guard lock(mutex_);
    return request_;
  }

 private:
  void Serve() {
    std::vector<int> open;
    while (true) {
      int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) break;
      char request[16 << 10];
      ssize_t size = recv(client, request, sizeof request, 0);
      {
        std::lock_guard lock(mutex_);
        request_.assign(request, size > 0 ? static_cast<size_t>(size) : 0);
      }
      (void)!send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      if (!afterword_.empty()) {
        may_speak_.acquire();
        (void)!send(client, afterword_.data(), afterword_.size(), MSG_NOSIGNAL);
        has_spoken_.release();
      }
      if (closes_) {
        close(client);
      } else {
        open.push_back(client);
      }
    }
    for (int client : open) close(client);
  }

  const std::string answer_;
  const bool closes_;
  const std::string afterword_;
  std::binary_semaphore may_speak_{0};
  std::binary_semaphore has_spoken_{0};
  int fd_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::string request_;  // guarded by mutex_
  std::thread thread_;
};

class HttpClientTest : public testing::Test {
 protected:
  HttpClientTest() : client_(io_, registry_) {}
  ~HttpClientTest() override {
    client_.Stop();
    executor_.Stop();
  }

  core::Result<FetchResponse> Fetch(FetchRequest request) {
    std::promise<core::Result<FetchResponse>> promise;
    client_.Fetch(std::move(request), {.executor = &executor_, .priority = core::Priority::kIngest},
                  [&](core::Result<FetchResponse> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }

  core::Registry registry_;
  core::Executor executor_{core::ExecutorOptions{}};
  IoContext io_;
  HttpClient client_;
};

std::string Repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

Router ClientRouter() {
  Router router;
  router.Add("GET", "/metrics", [](const HttpRequest&) {
    return HttpResponse::Text(200, Repeat("http_requests_total{code=\"200\"} 1\n", 6'000));
  });
  auto describe = [](const HttpRequest& request) {
    std::string text = request.method + " " + request.target + "\n";
    for (size_t i = 0; i < request.headers.size(); ++i) {
      text += fmt::format("{}: {}\n", request.headers.name(i), request.headers.value(i));
    }
    return HttpResponse::Text(200, text + "\n" + request.body);
  };
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"})
    router.Add(method, "/describe", describe);
  router.Add("GET", "/peer",
             [](const HttpRequest& request) { return HttpResponse::Text(200, request.remote_address); });
  router.Add("GET", "/once", [](const HttpRequest&) { return HttpResponse::Redirect(302, "/describe"); });
  router.Add("GET", "/loop", [](const HttpRequest&) { return HttpResponse::Redirect(302, "/loop"); });
  router.Add("GET", "/error", [](const HttpRequest&) { return HttpResponse::Text(500, "broken"); });
  router.Add("GET", "/bomb", [](const HttpRequest& request) {
    HttpResponse response = HttpResponse::Text(200, "");
    Encoding encoding = *ParseEncoding(*request.Query().GetAll("coding").begin());
    EXPECT_TRUE(Compress(encoding, std::string(10'000'000, 'a'), response.body));
    response.headers.Add("Content-Encoding", EncodingName(encoding));
    return response;
  });
  router.Add("GET", "/broken-gzip", [](const HttpRequest&) {
    HttpResponse response = HttpResponse::Text(200, "this is not gzip");
    response.headers.Add("Content-Encoding", "gzip");
    return response;
  });
  return router;
}

TEST_F(HttpClientTest, FetchesCompressedBodies) {
  TestServer server(ClientRouter());
  auto response = Fetch({.url = server.Url("/metrics")});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body.size(), 6'000 * 34u);
  EXPECT_LT(response->received_bytes, 20'000u);
  EXPECT_EQ(response->headers.Get("content-type"), "text/plain; charset=utf-8");

  auto plain = Fetch({.url = server.Url("/metrics"), .accept_compressed = false});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->received_bytes, 6'000 * 34u);
  EXPECT_EQ(plain->body, response->body);
}

TEST_F(HttpClientTest, ReusesConnectionsAndBuffers) {
  TestServer server(ClientRouter());
  auto first = Fetch({.url = server.Url("/peer")});
  ASSERT_TRUE(first);
  std::string buffer;
  buffer.reserve(1 << 20);
  const char* memory = buffer.data();
  std::promise<core::Result<FetchResponse>> promise;
  client_.Fetch(client_.Prepare({.url = server.Url("/peer")}), std::move(buffer), {.executor = &executor_},
                [&](core::Result<FetchResponse> result) { promise.set_value(std::move(result)); });
  auto second = promise.get_future().get();
  ASSERT_TRUE(second);
  EXPECT_EQ(first->body, second->body);  // the same address and port: the same connection
  EXPECT_EQ(second->body.data(), memory);
  EXPECT_TRUE(server.HasMetric("sextant_http_connections_accepted_total 1"));
}

TEST_F(HttpClientTest, SurvivesConnectionsClosedWhileIdle) {
  auto server = std::make_unique<TestServer>(ClientRouter(), HttpServerOptions{.timeouts = {.idle_ms = 20}});
  for (int i = 0; i < 20; ++i) {
    auto response = Fetch({.url = server->Url("/peer")});
    ASSERT_TRUE(response) << response.error().message();
    pollfd nothing{-1, 0, 0};
    poll(&nothing, 1, i * 3);  // lets the close come at different moments
  }
}

// What a server says on a connection that waits is not the answer to the next request.
TEST_F(HttpClientTest, DoesNotTakeWhatCameUnaskedForAnAnswer) {
  CannedServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false,
                      "HTTP/1.1 408 Late\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    auto response = Fetch({.url = server.Url()});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hello");
    server.WaitForAfterword();
  }
}

// The same answers, whether a request goes the short way or libcurl's.
TEST_F(HttpClientTest, SendsPreparedRequestsAgainAndAgain) {
  TestServer server(ClientRouter());
  auto prepared = client_.Prepare({.url = server.Url("/describe?a=b#c"),
                                   .headers = {{"X-One", "1"}, {"User-Agent", "me"}},
                                   .basic_user = "Aladdin",
                                   .basic_password = "open sesame"});
  FetchRequest by_curl = {.url = server.Url("/describe?a=b#c"),
                          .headers = {{"X-One", "1"}, {"User-Agent", "me"}},
                          .basic_user = "Aladdin",
                          .basic_password = "open sesame"};
  auto expected = FetchSync(by_curl);
  ASSERT_TRUE(expected);
  auto fields = [](const std::string& text) {
    std::multiset<std::string> lines;
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      lines.insert(text.substr(at, end - at));
    }
    return lines;
  };
  for (int i = 0; i < 3; ++i) {
    std::promise<core::Result<FetchResponse>> promise;
    client_.Fetch(prepared, "what was here before", {.executor = &executor_},
                  [&](core::Result<FetchResponse> result) { promise.set_value(std::move(result)); });
    auto response = promise.get_future().get();
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(fields(response->body), fields(expected->body));
    EXPECT_EQ(response->final_url, server.Url("/describe?a=b#c"));
  }
  EXPECT_TRUE(server.HasMetric("sextant_http_connections_accepted_total 2"));  // one of FetchSync
}

TEST_F(HttpClientTest, FindsThisMachineByName) {
  TestServer server(ClientRouter());
  std::string url = server.Url("/describe");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  for (int i = 0; i < 2; ++i) {
    auto response = Fetch({.url = url});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_NE(response->body.find("Host: localhost:"), std::string::npos);
  }
  EXPECT_TRUE(server.HasMetric("sextant_http_connections_accepted_total 1"));
}

TEST_F(HttpClientTest, LeavesOddResponsesToLibcurl) {
  CannedServer interim(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true);
  for (int i = 0; i < 2; ++i) {
    auto response = Fetch({.url = interim.Url()});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "ok");
  }
}

TEST_F(HttpClientTest, SendsMethodsHeadersAndBodies) {
  TestServer server(ClientRouter());
  auto get =
      Fetch({.url = server.Url("/describe?a=b%20c#part"), .headers = {{"X-One", "1"}, {"X-Empty", ""}}});
  ASSERT_TRUE(get);
  EXPECT_TRUE(get->body.starts_with("GET /describe?a=b%20c\n")) << get->body;
  for (std::string_view part :
       {"X-One: 1\n", "X-Empty: \n", "User-Agent: sextant\n", "Accept-Encoding: gzip, zstd\n"}) {
    EXPECT_NE(get->body.find(part), std::string::npos) << get->body;
  }
  EXPECT_EQ(get->body.find("Expect"), std::string::npos);

  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    auto sent = Fetch({.method = method,
                       .url = server.Url("/describe"),
                       .headers = {{"Content-Type", "application/json"}},
                       .body = std::string(100'000, 'b')});
    ASSERT_TRUE(sent) << sent.error().message();
    EXPECT_TRUE(sent->body.starts_with(method)) << sent->body.substr(0, 20);
    EXPECT_TRUE(sent->body.ends_with("\n\n" + std::string(100'000, 'b')));
    EXPECT_NE(sent->body.find("Content-Type: application/json\n"), std::string::npos);
    EXPECT_EQ(sent->body.find("Expect"), std::string::npos);
  }
  auto empty = Fetch({.method = "POST", .url = server.Url("/describe")});
  ASSERT_TRUE(empty);
  EXPECT_NE(empty->body.find("Content-Length: 0\n"), std::string::npos) << empty->body;
  auto head = Fetch({.method = "HEAD", .url = server.Url("/describe")});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
}

TEST_F(HttpClientTest, SendsCredentials) {
  TestServer server(ClientRouter());
  auto basic = Fetch({.url = server.Url("/describe"), .basic_user = "me", .basic_password = "secret"});
  ASSERT_TRUE(basic);
  EXPECT_NE(basic->body.find("Authorization: Basic bWU6c2VjcmV0\n"), std::string::npos) << basic->body;
  auto bearer = Fetch({.url = server.Url("/describe"), .bearer_token = "abc"});
  ASSERT_TRUE(bearer);
  EXPECT_NE(bearer->body.find("Authorization: Bearer abc\n"), std::string::npos) << bearer->body;
}

TEST_F(HttpClientTest, FollowsRedirectsWhenAsked) {
  TestServer server(ClientRouter());
  auto followed = Fetch({.url = server.Url("/once")});
  ASSERT_TRUE(followed);
  EXPECT_EQ(followed->status, 200);
  EXPECT_EQ(followed->final_url, server.Url("/describe"));
  EXPECT_FALSE(followed->headers.Has("Location"));
  auto kept = Fetch({.url = server.Url("/once"), .follow_redirects = false});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->status, 302);
  auto endless = Fetch({.url = server.Url("/loop")});
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().message(), "Get \"" + server.Url("/loop") + "\": stopped after 10 redirects");
}

TEST_F(HttpClientTest, KeepsCredentialsFromOtherHosts) {
  TestServer target(ClientRouter());
  Router router;
  std::string elsewhere = "http://localhost:" + std::to_string(target.port()) + "/describe";
  router.Add("GET", "/away",
             [elsewhere](const HttpRequest&) { return HttpResponse::Redirect(307, elsewhere); });
  TestServer server(std::move(router));
  for (FetchRequest request :
       {FetchRequest{.basic_user = "me", .basic_password = "x"}, FetchRequest{.bearer_token = "t"},
        FetchRequest{.headers = {{"Authorization", "Custom x"}}}}) {
    request.url = server.Url("/away");
    auto response = Fetch(std::move(request));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_TRUE(response->body.starts_with("GET /describe")) << response->body;
    EXPECT_EQ(response->body.find("Authorization"), std::string::npos) << response->body;
  }
}

TEST_F(HttpClientTest, StatusesAreNotErrors) {
  TestServer server(ClientRouter());
  auto response = Fetch({.url = server.Url("/error")});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body, "broken");
}

TEST_F(HttpClientTest, LimitsBodies) {
  TestServer server(ClientRouter());
  std::string get = "Get \"" + server.Url("");
  auto plain = Fetch({.url = server.Url("/metrics"), .accept_compressed = false, .max_body_bytes = 100'000});
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(plain.error().message(), get + "/metrics\": the response's body is larger than 100000 bytes");
  for (const char* coding : {"gzip", "zstd"}) {
    std::string path = std::string("/bomb?coding=") + coding;
    auto bomb = Fetch({.url = server.Url(path), .max_body_bytes = 1'000'000});
    ASSERT_FALSE(bomb);
    EXPECT_EQ(bomb.error().code(), Code::kResourceExhausted);
    EXPECT_EQ(bomb.error().message(), get + path + "\": the decompressed body is larger than 1000000 bytes");
    auto fits = Fetch({.url = server.Url(path)});
    ASSERT_TRUE(fits);
    EXPECT_EQ(fits->body.size(), 10'000'000u);
  }
  EXPECT_EQ(Fetch({.url = server.Url("/broken-gzip")}).error().message(),
            get + "/broken-gzip\": the body is not well-formed gzip");
}

TEST_F(HttpClientTest, LimitsHeaders) {
  CannedServer server("HTTP/1.1 200 OK\r\n" + Repeat("A: " + std::string(1'000, 'b') + "\r\n", 50) + "\r\n",
                      false);
  auto response = Fetch({.url = server.Url(), .max_header_bytes = 10'000});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), Code::kResourceExhausted);
}

// The port of a socket that was closed again: nobody listens there.
uint16_t ClosedPort() {
  CannedServer server("", true);
  return server.port();
}

TEST_F(HttpClientTest, WordsFailuresLikeGo) {
  std::string dead = "127.0.0.1:" + std::to_string(ClosedPort());
  auto refused = Fetch({.url = "http://" + dead + "/metrics"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  EXPECT_EQ(refused.error().message(),
            "Get \"http://" + dead + "/metrics\": dial tcp " + dead + ": connect: connection refused");

  auto secret = Fetch({.method = "POST", .url = "http://me:secret@" + dead + "/"});
  EXPECT_EQ(secret.error().message(),
            "Post \"http://me:***@" + dead + "/\": dial tcp " + dead + ": connect: connection refused");

  auto unknown = Fetch({.url = "http://no.such.host.invalid/"});
  EXPECT_EQ(unknown.error().message(),
            "Get \"http://no.such.host.invalid/\": dial tcp: lookup no.such.host.invalid: no such host");

  CannedServer silent("", true);
  EXPECT_EQ(Fetch({.url = silent.Url()}).error().message(), "Get \"" + silent.Url() + "\": EOF");
  CannedServer short_body("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", true);
  EXPECT_EQ(Fetch({.url = short_body.Url()}).error().message(),
            "Get \"" + short_body.Url() + "\": unexpected EOF");
  CannedServer garbage("SSH-2.0-OpenSSH_9.2\r\n", true);
  EXPECT_TRUE(Fetch({.url = garbage.Url()})
                  .error()
                  .message()
                  .starts_with("Get \"" + garbage.Url() + "\": malformed HTTP response"));

  for (auto [url, text] : {std::pair("ftp://x/", "unsupported protocol scheme \"ftp\""),
                           std::pair("nonsense", "missing protocol scheme"),
                           std::pair("http:///x", "no host"), std::pair("http://x:99999/", "invalid port")}) {
    auto malformed = Fetch({.url = url});
    ASSERT_FALSE(malformed);
    EXPECT_EQ(malformed.error().code(), Code::kInvalidArgument);
    EXPECT_NE(malformed.error().message().find(text), std::string::npos) << malformed.error().message();
  }
  EXPECT_EQ(Fetch({.url = "http://x/", .headers = {{"A", "b\r\nC: d"}}}).error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Fetch({.method = "BAD METHOD", .url = "http://x/"}).error().code(), Code::kInvalidArgument);
}

TEST_F(HttpClientTest, TimesOut) {
  CannedServer silent("", false);
  auto response = Fetch({.url = silent.Url(), .timeout_ms = 30});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(response.error().message(), "Get \"" + silent.Url() + "\": context deadline exceeded");
  CannedServer slow_body("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", false);
  EXPECT_EQ(Fetch({.url = slow_body.Url(), .timeout_ms = 30}).error().code(), Code::kDeadlineExceeded);
}

TEST_F(HttpClientTest, Cancels) {
  CannedServer silent("", false);
  std::promise<core::Result<FetchResponse>> promise;
  FetchHandle handle = client_.Fetch({.url = silent.Url()}, {}, [&](core::Result<FetchResponse> result) {
    promise.set_value(std::move(result));
  });
  handle.Cancel();
  auto result = promise.get_future().get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kCancelled);
  EXPECT_EQ(result.error().message(), "Get \"" + silent.Url() + "\": context canceled");
  handle.Cancel();  // harmless
}

TEST_F(HttpClientTest, StopCancelsEverything) {
  CannedServer silent("", false);
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 10; ++i) {
    client_.Fetch({.url = silent.Url()}, {}, [&](const core::Result<FetchResponse>& result) {
      cancelled += !result && result.error().code() == Code::kCancelled;
    });
  }
  client_.Stop();
  EXPECT_EQ(cancelled, 10);
  EXPECT_EQ(Fetch({.url = silent.Url()}).error().code(), Code::kCancelled);
}

TEST_F(HttpClientTest, RunsManyAtOnce) {
  TestServer server(ClientRouter());
  constexpr int kCount = 300;
  std::atomic<int> left = kCount;
  std::atomic<size_t> bytes = 0;
  std::promise<void> done;
  for (int i = 0; i < kCount; ++i) {
    client_.Fetch({.url = server.Url("/metrics")}, {.executor = &executor_},
                  [&](core::Result<FetchResponse> result) {
                    if (result) bytes += result->body.size();
                    if (--left == 0) done.set_value();
                  });
  }
  done.get_future().wait();
  EXPECT_EQ(bytes, kCount * 6'000 * 34u);
}

TEST(FetchSyncTest, Fetches) {
  TestServer server(ClientRouter());
  auto response = FetchSync({.url = server.Url("/metrics")});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body.size(), 6'000 * 34u);
  EXPECT_FALSE(FetchSync({.url = "nonsense"}));
}

TEST(HttpClient, GoesThroughAProxyUnlessTheHostIsExempt) {
  Router router;
  router.Add("GET", "/x", [](const HttpRequest&) { return HttpResponse::Text(200, "through the proxy"); });
  TestServer proxy(std::move(router));
  FetchRequest request;
  request.url = "http://target.invalid/x";
  request.proxy_url = proxy.Url("");
  auto response = FetchSync(request);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "through the proxy");
  request.no_proxy = "other.example,invalid";
  EXPECT_FALSE(FetchSync(request));
}

TEST(HttpClient, HeadersForTheProxyGoWithConnectOnly) {
  CannedServer proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", true);
  FetchRequest request{.url = "https://somewhere.invalid/x"};
  request.proxy_url = fmt::format("http://127.0.0.1:{}", proxy.port());
  request.headers.Set("X-Server", "s");
  request.proxy_connect_headers.Set("X-Proxy", "p");
  EXPECT_FALSE(FetchSync(request));
  EXPECT_TRUE(proxy.Request().starts_with("CONNECT somewhere.invalid:443 ")) << proxy.Request();
  EXPECT_NE(proxy.Request().find("X-Proxy: p\r\n"), std::string::npos);
  EXPECT_EQ(proxy.Request().find("X-Server"), std::string::npos);
  request.url = "http://somewhere.invalid/x";
  EXPECT_TRUE(FetchSync(request));
  EXPECT_NE(proxy.Request().find("X-Server: s\r\n"), std::string::npos);
  EXPECT_EQ(proxy.Request().find("X-Proxy"), std::string::npos);
}

TEST(HttpClient, SpeaksThroughUnixSockets) {
  char name[] = "/tmp/sextant_unix_XXXXXX";
  std::string dir = mkdtemp(name);
  std::string path = dir + "/socket";
  FetchRequest request{.url = "http://localhost/x", .unix_socket = path};
  auto nobody = FetchSync(request);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().message(),
            "Get \"http://localhost/x\": dial unix " + path + ": connect: no such file or directory");
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  std::thread server([fd] {
    int client = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    char text[4096];
    (void)!recv(client, text, sizeof text, 0);
    constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    (void)!send(client, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    close(client);
  });
  auto answer = FetchSync(request);
  server.join();
  close(fd);
  unlink(path.c_str());
  rmdir(dir.c_str());
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "hi");
}

TEST(HttpClient, GivesTheBodyAsItComesToWhoAsksForThat) {
  Router router;
  router.Add("GET", "/x", [](const HttpRequest&) { return HttpResponse::Text(500, "piece"); });
  TestServer server(std::move(router));
  std::string got;
  FetchRequest request;
  request.url = server.Url("/x");
  request.on_data = [&](std::string_view piece) { got += piece; };
  auto response = FetchSync(request);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(got, "piece");
}

}  // namespace
}  // namespace sextant::net
