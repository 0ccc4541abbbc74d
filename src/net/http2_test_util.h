// A client that speaks HTTP/2 over a raw socket, and frames made by hand, for tests of the server.
#pragma once

#include <sys/socket.h>

#include <map>
#include <string>
#include <string_view>

#include "net/http2_session.h"
#include "net/net_test_util.h"

namespace sextant::net {

// A frame with the given payload (RFC 9113 4.1).
inline std::string Http2Frame(uint8_t type, uint8_t flags, uint32_t stream_id, std::string_view payload) {
  std::string frame;
  for (int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream_id >> shift);
  return frame.append(payload);
}

inline constexpr uint8_t kDataFrame = 0, kHeadersFrame = 1, kPriorityFrame = 2, kResetFrame = 3,
                         kSettingsFrame = 4, kPingFrame = 6, kContinuationFrame = 9;

// A literal header field without indexing, both strings raw and short (RFC 7541 6.2.2).
inline std::string HpackField(std::string_view name, std::string_view value) {
  std::string field(1, '\0');
  for (std::string_view text : {name, value}) {
    field += static_cast<char>(text.size());
    field += text;
  }
  return field;
}

inline std::string HpackRequest(std::string_view method, std::string_view path) {
  return HpackField(":method", method) + HpackField(":scheme", "http") + HpackField(":authority", "x") +
         HpackField(":path", path);
}

class Http2TestClient final : public Http2Session::Owner {
 public:
  struct Answer {
    int status = 0;
    HttpHeaders headers;
    HttpHeaders trailers;
    std::string body;
    bool is_closed = false;
    Http2Error error = Http2Error::kNone;
  };

  explicit Http2TestClient(uint16_t port, Http2Options options = {.is_server = false})
      : socket(port), session(options, *this) {}

  // Begins a request; its stream's number.
  int32_t Begin(std::string_view method, std::string_view path, const HttpHeaders& headers = {}) {
    Http2Stream* stream = session.Open(std::make_unique<Http2Stream>(), method, "http", "x", path, headers);
    EXPECT_NE(stream, nullptr);
    return stream == nullptr ? 0 : stream->id();
  }
  void Append(int32_t id, std::string body) {
    if (Http2Stream* stream = session.Find(id)) session.Append(*stream, std::move(body));
  }
  void End(int32_t id, HttpHeaders trailers = {}) {
    if (Http2Stream* stream = session.Find(id)) session.End(*stream, std::move(trailers));
  }
  int32_t Send(std::string_view method, std::string_view path, const HttpHeaders& headers = {},
               std::string body = "") {
    int32_t id = Begin(method, path, headers);
    Append(id, std::move(body));
    End(id);
    return id;
  }

  // Sends what is due. False when the server has closed.
  bool Flush() {
    std::string out;
    session.Produce(out, SIZE_MAX);
    return out.empty() || socket.Send(out);
  }
  // Exchanges bytes until `is_done`, or the server closes.
  template <typename Condition>
  bool RunUntil(Condition is_done) {
    while (!is_done()) {
      if (!Flush()) return false;
      if (is_done()) return true;
      char bytes[64 << 10];
      ssize_t count = recv(socket.fd(), bytes, sizeof bytes, 0);
      if (count <= 0) return is_done();
      if (!session.Receive(std::string_view(bytes, static_cast<size_t>(count)), 0)) return is_done();
    }
    return true;
  }
  const Answer& Wait(int32_t id) {
    EXPECT_TRUE(RunUntil([&] { return answers[id].is_closed; })) << "the server closed the connection";
    return answers[id];
  }
  const Answer& Ask(std::string_view method, std::string_view path, const HttpHeaders& headers = {},
                    std::string body = "") {
    return Wait(Send(method, path, headers, std::move(body)));
  }
  // Until the server closes.
  void RunToEnd() {
    RunUntil([] { return false; });
  }

  std::unique_ptr<Http2Stream> NewStream() override { return std::make_unique<Http2Stream>(); }
  void OnHeader(Http2Stream& stream) override { answers[stream.id()].status = stream.status; }
  void OnData(Http2Stream& stream, std::string_view bytes) override { answers[stream.id()].body += bytes; }
  void OnEnd(Http2Stream&) override {}
  void OnAnsweredEarly(Http2Stream&) override {}
  void OnSent(Http2Stream&, size_t) override {}
  void OnClosed(Http2Stream& stream, Http2Error error) override {
    Answer& answer = answers[stream.id()];
    answer.headers = stream.headers;
    answer.trailers = stream.trailers;
    answer.is_closed = true;
    answer.error = error;
  }
  void OnGoAway(int32_t, std::string_view) override { has_goaway = true; }
  void OnPong() override {}
  void OnRefused(std::string_view) override {}

  RawClient socket;
  Http2Session session;
  std::map<int32_t, Answer> answers;
  bool has_goaway = false;
};

}  // namespace sextant::net
