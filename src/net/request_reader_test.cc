#include "net/request_reader.h"

#include <gtest/gtest.h>

namespace sextant::net {
namespace {

using State = RequestReader::State;

// Feeds everything, reading bodies up to a limit; returns what was read as "method target [body]" lines, or
// the refusal.
std::string ReadAll(std::string_view bytes, size_t step, const HttpLimits& limits = {}) {
  RequestReader reader(limits);
  std::string seen;
  std::string pending;
  size_t fed = 0;
  while (true) {
    switch (reader.state()) {
      case State::kHeader:
      case State::kBody: {
        size_t used = pending.empty() ? 0 : reader.Feed(pending);
        pending.erase(0, used);
        bool needs_more = reader.state() == State::kHeader || reader.state() == State::kBody;
        if (used != 0 || !needs_more) break;
        if (fed == bytes.size()) return seen;
        pending += bytes.substr(fed, step);
        fed = std::min(fed + step, bytes.size());
        break;
      }
      case State::kHeaderDone:
        reader.ReadBody(1'000);
        break;
      case State::kDone:
        seen += reader.request().method + " " + std::string(reader.raw_path()) + " [" +
                reader.request().body + "]\n";
        reader.Next();
        break;
      case State::kRefused:
        return seen + std::to_string(reader.refusal().status) + " " + reader.refusal().message;
    }
  }
}

TEST(RequestReaderTest, ReadsTheSameInAnyPieces) {
  std::string bytes =
      "GET /a?x=y HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "\r\nPOST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3;a=b\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: x\r\n\r\n"
      "GET http://h/d HTTP/1.1\r\nHost: h\r\nX: folded\r\n and more\r\n\r\n"
      "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n";
  std::string expected = "GET /a []\nPOST /b [hello]\nPOST /c [abc0123456789]\nGET /d []\nOPTIONS * []\n";
  for (size_t step = 1; step <= bytes.size(); ++step) EXPECT_EQ(ReadAll(bytes, step), expected) << step;
}

TEST(RequestReaderTest, RefusesTheSameInAnyPieces) {
  HttpLimits limits{.max_header_bytes = 200, .max_header_fields = 3, .max_target_bytes = 50};
  const std::string cases[] = {
      "GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\nA: b\r\nA: b\r\n\r\n",
      "GET /" + std::string(60, 'u') + " HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(300, 'v') + "\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2'000, 'c'),
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(20'000, 'e'),
  };
  const std::string_view expected[] = {"431", "414", "431", "413", "413", "431"};
  for (size_t i = 0; i < std::size(cases); ++i) {
    for (size_t step : {1u, 2u, 3u, 7u, 64u, 100'000u}) {
      EXPECT_EQ(ReadAll(cases[i], step, limits).substr(0, 3), expected[i]) << i << " step " << step;
    }
  }
}

TEST(RequestReaderTest, KeepAliveFollowsVersionAndHeader) {
  const std::pair<std::string_view, bool> cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, Close\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
  };
  for (auto [bytes, expected] : cases) {
    RequestReader reader(HttpLimits{});
    EXPECT_EQ(reader.Feed(bytes), bytes.size());
    ASSERT_EQ(reader.state(), State::kHeaderDone) << bytes;
    EXPECT_EQ(reader.keeps_alive(), expected) << bytes;
  }
}

TEST(RequestReaderTest, StopsBehindEachRequest) {
  RequestReader reader(HttpLimits{});
  std::string first = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
  std::string bytes = first + "GET / HTTP/1.1\r\n";
  size_t header = reader.Feed(bytes);
  EXPECT_EQ(header, first.size() - 2);
  EXPECT_TRUE(reader.has_body());
  reader.ReadBody(2);
  EXPECT_EQ(reader.Feed(std::string_view(bytes).substr(header)), 2u);
  EXPECT_EQ(reader.state(), State::kDone);
  EXPECT_EQ(reader.request().body, "ab");
}

}  // namespace
}  // namespace sextant::net
