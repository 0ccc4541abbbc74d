#include "net/websocket.h"

#include <future>
#include <mutex>

#include "net/net_test_util.h"

namespace sextant::net {
namespace {

// The example of RFC 6455, 1.3.
constexpr std::string_view kUpgrade =
    "GET /echo HTTP/1.1\r\nHost: server.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

// A client's frame: masked with zeros, which leaves the payload as it is.
std::string Frame(int opcode, std::string_view payload, bool is_final = true) {
  std::string out;
  out += static_cast<char>((is_final ? 0x80 : 0) | opcode);
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  }
  out.append(4, '\0');
  return out.append(payload);
}

struct ServerFrame {
  int opcode = -1;
  std::string payload;
};

ServerFrame ReadFrame(RawClient& client) {
  std::string head = client.ReadBytes(2);
  if (head.size() < 2) return {};
  auto byte = [](char c) { return static_cast<size_t>(static_cast<unsigned char>(c)); };
  size_t size = byte(head[1]) & 0x7f;
  if (size >= 126) {
    std::string extended = client.ReadBytes(size == 126 ? 2 : 8);
    size = 0;
    for (char c : extended) size = size << 8 | byte(c);
  }
  return {static_cast<int>(byte(head[0]) & 15), client.ReadBytes(size)};
}

uint16_t CloseCode(const ServerFrame& frame) {
  if (frame.opcode != 8 || frame.payload.size() < 2) return 0;
  return static_cast<uint16_t>(static_cast<unsigned char>(frame.payload[0]) << 8 |
                               static_cast<unsigned char>(frame.payload[1]));
}

class WebSocketTest : public testing::Test {
 protected:
  Router MakeRouter() {
    Router router;
    router.AddWebSocket("/echo", [this](HttpRequest request, std::shared_ptr<WebSocket> socket) {
      EXPECT_EQ(request.path, "/echo");
      opened_.set_value(socket);
      return WebSocketEvents{
          .on_message =
              [socket](std::string message, bool is_text) {
                (void)(is_text ? socket->SendText("echo " + message) : socket->SendBinary(message));
              },
          .on_close = [this] { closed_.set_value(); }};
    });
    return router;
  }

  void Open(RawClient& client) {
    ASSERT_TRUE(client.Send(std::string(kUpgrade) + "\r\n"));
    std::string head = client.ReadUntil("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
    EXPECT_NE(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos) << head;
  }

  std::promise<std::shared_ptr<WebSocket>> opened_;
  std::promise<void> closed_;
};

TEST_F(WebSocketTest, Echoes) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  std::shared_ptr<WebSocket> socket = opened_.get_future().get();
  EXPECT_TRUE(socket->IsOpen());
  ASSERT_TRUE(client.Send(Frame(1, "one") + Frame(1, "tw", false) + Frame(9, "ping") + Frame(0, "o") +
                          Frame(2, std::string(100'000, 'b'))));
  std::string texts;
  size_t pongs = 0;
  size_t binary = 0;
  for (int i = 0; i < 4; ++i) {
    ServerFrame frame = ReadFrame(client);
    if (frame.opcode == 1) texts += frame.payload + ";";
    if (frame.opcode == 10) pongs += frame.payload == "ping";
    if (frame.opcode == 2) binary = frame.payload.size();
  }
  EXPECT_EQ(texts, "echo one;echo two;");
  EXPECT_EQ(pongs, 1u);
  EXPECT_EQ(binary, 100'000u);

  ASSERT_TRUE(client.Send(Frame(8, std::string("\x03\xe8", 2))));
  EXPECT_EQ(CloseCode(ReadFrame(client)), 1000);
  closed_.get_future().wait();
  EXPECT_FALSE(socket->IsOpen());
  EXPECT_EQ(socket->SendText("late").error().code(), core::Code::kCancelled);
}

TEST_F(WebSocketTest, LearnsOfClientsThatVanish) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  opened_.get_future().wait();
  client.Reset();
  closed_.get_future().wait();
}

TEST_F(WebSocketTest, ServerCloses) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  opened_.get_future().get()->Close(1008, "not you");
  ServerFrame frame = ReadFrame(client);
  EXPECT_EQ(CloseCode(frame), 1008);
  EXPECT_EQ(frame.payload.substr(2), "not you");
  ASSERT_TRUE(client.Send(Frame(8, std::string("\x03\xf0", 2))));
  closed_.get_future().wait();
}

TEST_F(WebSocketTest, RefusesLargeMessages) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  (void)client.Send(Frame(2, std::string(kWebSocketMaxMessageBytes + 1, 'x')));
  EXPECT_EQ(CloseCode(ReadFrame(client)), 1009);
  closed_.get_future().wait();
}

TEST_F(WebSocketTest, RefusesProtocolErrors) {
  const std::string cases[] = {
      std::string("\x81\x01x", 3),  // not masked
      Frame(3, "reserved opcode"),   Frame(1, "\xff\xfe not UTF-8"),
      Frame(0, "continues nothing"), std::string("\xf1\x80\0\0\0\0", 6),  // reserved bits
  };
  for (const std::string& bytes : cases) {
    opened_ = {};
    closed_ = {};
    TestServer server(MakeRouter());
    RawClient client(server.port());
    Open(client);
    ASSERT_TRUE(client.Send(bytes));
    uint16_t code = CloseCode(ReadFrame(client));
    EXPECT_TRUE(code == 1002 || code == 1007) << code;
    client.Close();
    closed_.get_future().wait();
  }
}

TEST_F(WebSocketTest, ServerStopSaysGoingAway) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  opened_.get_future().wait();
  std::thread stopper([&] { server.server->Stop(20'000); });
  EXPECT_EQ(CloseCode(ReadFrame(client)), 1001);
  ASSERT_TRUE(client.Send(Frame(8, std::string("\x03\xe9", 2))));
  closed_.get_future().wait();
  stopper.join();
}

TEST_F(WebSocketTest, StopCutsSilentPeers) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  opened_.get_future().wait();
  server.server->Stop(1);
  closed_.get_future().wait();
}

TEST_F(WebSocketTest, SilentPeersAreDropped) {
  TestServer server(MakeRouter(), {.timeouts = {.websocket_ping_ms = 20}});
  RawClient client(server.port());
  Open(client);
  EXPECT_EQ(ReadFrame(client).opcode, 9);  // a ping, which we leave unanswered
  closed_.get_future().wait();
}

TEST_F(WebSocketTest, SlowReadersAreNoticed) {
  TestServer server(MakeRouter());
  RawClient client(server.port());
  Open(client);
  std::shared_ptr<WebSocket> socket = opened_.get_future().get();
  core::Status status;
  while (status) status = socket->SendBinary(std::string(1 << 20, 'x'));
  EXPECT_EQ(status.error().code(), core::Code::kResourceExhausted);
}

TEST_F(WebSocketTest, RefusesOtherRequests) {
  TestServer server(MakeRouter());
  auto ask = [&](const std::string& request) {
    RawClient client(server.port());
    EXPECT_TRUE(client.Send(request));
    return client.ReadResponse().status();
  };
  EXPECT_EQ(ask("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 426);
  EXPECT_EQ(ask(std::string(kUpgrade) + "Origin: https://evil.example\r\n\r\n"), 403);
  EXPECT_EQ(ask(std::string(kUpgrade) + "\r\nextra"), 400);
  EXPECT_EQ(ask("GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: "
                "Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"),
            400);
  EXPECT_EQ(ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 405);
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(std::string(kUpgrade) + "Origin: http://server.example\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse(false).status(), 101);
}

}  // namespace
}  // namespace sextant::net
