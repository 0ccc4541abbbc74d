// Collectors that ask daemons: runit's status files, supervisord's XML-RPC, NTP servers.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "agents/node/collectors.h"
#include "agents/node/ntp_answer.h"
#include "agents/node/plain_http.h"
#include "agents/node/runit_status.h"
#include "agents/node/test_tree.h"
#include "agents/node/xml_rpc.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Collected {
  core::Status status;
  std::string text;
  std::string warnings;
};

Collected Collect(Collector& collector) {
  MetricSink sink;
  Collected collected;
  collected.status = collector.Collect({}, sink);
  collected.warnings = sink.TakeWarnings();
  collected.text = sink.RenderText();
  return collected;
}

// 20 bytes as runsv writes them.
std::string Status(int64_t changed_s, char wanted, char state) {
  std::string bytes(20, '\0');
  const uint64_t tai = (uint64_t{1} << 62) + 10 + static_cast<uint64_t>(changed_s);
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(tai >> (56 - 8 * i) & 0xff);
  bytes[17] = wanted;
  bytes[19] = state;
  return bytes;
}

TEST(Runit, ReadsServices) {
  const TestTree tree;
  tree.Write("web/supervise/status", Status(1'700'000'000, 'u', 1));
  tree.Write("db/supervise/status", Status(1'600'000'000, 'd', 0));
  tree.Write("db/supervise/down", "");
  tree.Write("broken/supervise/status", "short");
  tree.Write("idle/run", "");
  tree.Write("file", "");
  NodeOptions options;
  options.runit_service_directory = tree.path().string();
  const Collected collected = Collect(*MakeRunitCollector(options));
  ASSERT_TRUE(collected.status);
  for (const char* line :
       {"node_service_state{service=\"web\",supervisor=\"runit\"} 1\n",
        "node_service_desired_state{service=\"web\",supervisor=\"runit\"} 1\n",
        "node_service_normal_state{service=\"web\",supervisor=\"runit\"} 1\n",
        "node_service_state_last_change_timestamp_seconds{service=\"web\",supervisor=\"runit\"} 1.7e+09\n",
        "node_service_state{service=\"db\",supervisor=\"runit\"} 0\n",
        "node_service_desired_state{service=\"db\",supervisor=\"runit\"} 0\n",
        "node_service_normal_state{service=\"db\",supervisor=\"runit\"} 0\n"}) {
    EXPECT_THAT(collected.text, HasSubstr(line));
  }
  EXPECT_THAT(collected.text, Not(HasSubstr("idle")));
  EXPECT_THAT(collected.warnings, HasSubstr("broken: a status of 5 bytes"));
  options.runit_service_directory += "/none";
  EXPECT_EQ(Collect(*MakeRunitCollector(options)).status.error().code(), core::Code::kNotFound);
}

TEST(XmlRpc, ReadsStructures) {
  const auto structs = ParseXmlRpcStructs(
      "<?xml version='1.0'?>\n<methodResponse>\n<params><param><value><array><data>\n<value><struct>\n"
      "<member>\n<name>name</name>\n<value><string>a &amp; b &#60;&#xe9;&gt; &nope; "
      "&</string></value>\n</member>\n"
      "<member><name>state</name><value><int>20</int></value></member>"
      "<member><name>bare</name><value>text</value></member>"
      "<member><name>empty</name><value><string></string></value></member>"
      "</struct></value><value><struct/></value></data></array></value></param></params></methodResponse>");
  ASSERT_TRUE(structs) << structs.error().message();
  ASSERT_EQ(structs->size(), 1u);
  EXPECT_EQ((*structs)[0].at("name"), "a & b <\xc3\xa9> &nope; &");
  EXPECT_EQ((*structs)[0].at("state"), "20");
  EXPECT_EQ((*structs)[0].at("bare"), "text");
  EXPECT_EQ((*structs)[0].at("empty"), "");
}

TEST(XmlRpc, SaysWhatIsWrong) {
  const auto fault = ParseXmlRpcStructs(
      "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>1</int></value></"
      "member>"
      "<member><name>faultString</name><value><string>UNKNOWN_METHOD</string></value></member></struct></"
      "value>"
      "</fault></methodResponse>");
  ASSERT_FALSE(fault);
  EXPECT_THAT(fault.error().message(), HasSubstr("UNKNOWN_METHOD"));
  for (const char* wrong :
       {"", "<html></html>", "<methodResponse><params>", "<methodResponse>", "<", "a<b"}) {
    EXPECT_FALSE(ParseXmlRpcStructs(wrong)) << wrong;
  }
  std::string deep = "<methodResponse>";
  for (int i = 0; i < 100; ++i) deep += "<struct><member><name>a</name><value>";
  EXPECT_FALSE(ParseXmlRpcStructs(deep));
}

TEST(PlainHttp, TakesAnswersApart) {
  EXPECT_EQ(*BodyOfAnswer("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"), "body");
  EXPECT_THAT(BodyOfAnswer("HTTP/1.0 401 No\r\n\r\n").error().message(), HasSubstr("status 401"));
  for (const char* wrong : {"", "HTTP/1.0 200 OK\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.\r\n\r\n"}) {
    EXPECT_FALSE(BodyOfAnswer(wrong)) << wrong;
  }
}

TEST(PlainHttp, RefusesWhatItCannotAsk) {
  EXPECT_THAT(PostXml("https://a/", "", 100).error().message(), HasSubstr("only http:// and unix://"));
  EXPECT_EQ(PostXml("http:///RPC2", "", 100).error().code(), core::Code::kInvalidArgument);
  EXPECT_EQ(PostXml("unix:///none/here", "", 100).error().code(), core::Code::kNotFound);
  EXPECT_EQ(PostXml("unix://" + std::string(200, 'x'), "", 100).error().code(), core::Code::kInvalidArgument);
}

// A socket of the loopback with one thread behind it.
class LoopbackServer {
 public:
  LoopbackServer(int type, std::function<void(int fd)> serve) : fd_(::socket(AF_INET, type, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(type != SOCK_STREAM || ::listen(fd_, 1) == 0);
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] { serve(fd_); });
  }
  ~LoopbackServer() {
    thread_.join();
    ::close(fd_);
  }
  uint16_t port() const { return port_; }

 private:
  const int fd_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Supervisord, TellsItsProcesses) {
  std::string request;
  const std::string process =
      "<value><struct><member><name>name</name><value><string>{}</string></value></"
      "member><member><name>group</name>"
      "<value><string>shop</string></value></member><member><name>start</name><value><int>1700000000</int></"
      "value>"
      "</member><member><name>state</name><value><int>{}</int></value></member><member><name>exitstatus</"
      "name>"
      "<value><int>{}</int></value></member></struct></value>";
  const std::string body = "<methodResponse><params><param><value><array><data>" +
                           fmt::format(fmt::runtime(process), "web", 20, 0) +
                           fmt::format(fmt::runtime(process), "job", 100, 3) +
                           "</data></array></value></param></params></methodResponse>";
  NodeOptions options;
  {
    const LoopbackServer server(SOCK_STREAM, [&](int fd) {
      const int client = ::accept(fd, nullptr, nullptr);
      char buffer[4'096];
      while (request.find("</methodCall>") == std::string::npos) {
        const ssize_t got = ::recv(client, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<size_t>(got));
      }
      const std::string answer = "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n" + body;
      EXPECT_EQ(::send(client, answer.data(), answer.size(), 0), static_cast<ssize_t>(answer.size()));
      ::close(client);
    });
    options.supervisord_url = fmt::format("http://user:pass@127.0.0.1:{}/RPC2", server.port());
    const Collected collected = Collect(*MakeSupervisordCollector(options));
    EXPECT_TRUE(collected.status) << collected.status.error().message();
    for (const char* line : {"node_supervisord_up{group=\"shop\",name=\"web\"} 1\n",
                             "node_supervisord_state{group=\"shop\",name=\"web\"} 20\n",
                             "node_supervisord_start_time_seconds{group=\"shop\",name=\"web\"} 1.7e+09\n",
                             "node_supervisord_up{group=\"shop\",name=\"job\"} 0\n",
                             "node_supervisord_exit_status{group=\"shop\",name=\"job\"} 3\n"}) {
      EXPECT_THAT(collected.text, HasSubstr(line));
    }
    EXPECT_THAT(collected.text, Not(HasSubstr("start_time_seconds{group=\"shop\",name=\"job\"}")));
  }
  EXPECT_THAT(request, AllOf(HasSubstr("POST /RPC2 HTTP/1.0\r\n"), HasSubstr("supervisor.getAllProcessInfo"),
                             HasSubstr("Authorization: Basic dXNlcjpwYXNz\r\n")));
  // The server has gone.
  EXPECT_EQ(Collect(*MakeSupervisordCollector(options)).status.error().code(), core::Code::kNotFound);
}

// An answer with all times one second apart: reference 1'000'000'000, received …01, transmitted …02.
std::string NtpPacket(int leap, int stratum, uint64_t nonce, int64_t server_s) {
  std::string packet(kNtpPacketBytes, '\0');
  const auto put = [&](size_t at, size_t length, uint64_t value) {
    for (size_t i = 0; i < length; ++i)
      packet[at + i] = static_cast<char>(value >> (8 * (length - 1 - i)) & 0xff);
  };
  const auto time = [](int64_t seconds) { return static_cast<uint64_t>(seconds + 2'208'988'800) << 32; };
  packet[0] = static_cast<char>(leap << 6 | 4 << 3 | 4);
  packet[1] = static_cast<char>(stratum);
  put(4, 4, 0x8000);   // half a second
  put(8, 4, 0x10000);  // a second
  put(16, 8, time(server_s - 1));
  put(24, 8, nonce);
  put(32, 8, time(server_s));
  put(40, 8, time(server_s + 1));
  return packet;
}

constexpr NtpNs kSecond = 1'000'000'000;

TEST(NtpAnswer, TellsTimes) {
  const auto answer = ParseNtpAnswer(NtpPacket(0, 2, 77, 1'700'000'000), 77, 1'699'999'990 * kSecond,
                                     1'699'999'992 * kSecond);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->stratum, 2);
  EXPECT_EQ(answer->root_delay_ns, kSecond / 2);
  EXPECT_EQ(answer->root_dispersion_ns, kSecond);
  EXPECT_EQ(answer->reference_ns, 1'699'999'999 * kSecond);
  EXPECT_EQ(answer->RoundTripNs(), kSecond);
  EXPECT_EQ(answer->OffsetNs(), 19 * kSecond / 2);
  EXPECT_EQ(answer->RootDistanceNs(), kSecond * 7 / 4);
  EXPECT_EQ(answer->LeastErrorNs(), 9 * kSecond);
  EXPECT_TRUE(answer->IsSane());
}

TEST(NtpAnswer, KnowsWhomNotToTrust) {
  const auto parse = [](int leap, int stratum) {
    return *ParseNtpAnswer(NtpPacket(leap, stratum, 1, 1'700'000'000), 1, 0, 0);
  };
  EXPECT_TRUE(parse(1, 15).IsSane());
  EXPECT_FALSE(parse(3, 2).IsSane());
  EXPECT_FALSE(parse(0, 0).IsSane());
  EXPECT_FALSE(parse(0, 16).IsSane());
  NtpAnswer old = parse(0, 2);
  old.reference_ns -= (int64_t{1} << 18) * kSecond;
  EXPECT_FALSE(old.IsSane());
  NtpAnswer far = parse(0, 2);
  far.root_dispersion_ns = 17 * kSecond;
  EXPECT_FALSE(far.IsSane());
}

TEST(NtpAnswer, RefusesWhatIsNone) {
  std::string packet = NtpPacket(0, 2, 5, 1'700'000'000);
  EXPECT_FALSE(ParseNtpAnswer(packet, 6, 0, 0));  // to another request
  EXPECT_FALSE(ParseNtpAnswer(packet.substr(0, 47), 5, 0, 0));
  packet[0] = 0x23;  // a client's
  EXPECT_FALSE(ParseNtpAnswer(packet, 5, 0, 0));
  packet = NtpPacket(0, 2, 5, 1'700'000'000);
  packet.replace(40, 8, 8, '\0');
  EXPECT_FALSE(ParseNtpAnswer(packet, 5, 0, 0));
}

TEST(Ntp, AsksTheServer) {
  const auto serve = [](int leap) {
    return [leap](int fd) {
      sockaddr_in from{};
      socklen_t length = sizeof from;
      char request[100];
      const ssize_t got =
          ::recvfrom(fd, request, sizeof request, 0, reinterpret_cast<sockaddr*>(&from), &length);
      ASSERT_EQ(got, static_cast<ssize_t>(kNtpPacketBytes));
      EXPECT_EQ(request[0], 3 << 3 | 3);
      uint64_t nonce = 0;
      for (size_t i = 40; i < 48; ++i) nonce = nonce << 8 | static_cast<unsigned char>(request[i]);
      const std::string answer = NtpPacket(leap, 3, nonce, ::time(nullptr) + 1'000);
      ::sendto(fd, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    };
  };
  NodeOptions options;
  options.ntp.protocol_version = 3;
  {
    const LoopbackServer server(SOCK_DGRAM, serve(0));
    options.ntp.server_port = server.port();
    const Collected collected = Collect(*MakeNtpCollector(options));
    ASSERT_TRUE(collected.status) << collected.status.error().message();
    EXPECT_THAT(collected.text,
                AllOf(HasSubstr("node_ntp_stratum 3\n"), HasSubstr("node_ntp_leap 0\n"),
                      ContainsRegex("node_ntp_offset_seconds (999|100)"), HasSubstr("node_ntp_sanity 0\n"),
                      HasSubstr("node_ntp_root_dispersion_seconds 1\n")));
  }
  options.ntp.offset_tolerance_ms = 10'000'000;
  {
    const LoopbackServer server(SOCK_DGRAM, serve(0));
    options.ntp.server_port = server.port();
    EXPECT_THAT(Collect(*MakeNtpCollector(options)).text, HasSubstr("node_ntp_sanity 1\n"));
  }
  {
    const LoopbackServer server(SOCK_DGRAM, serve(3));
    options.ntp.server_port = server.port();
    EXPECT_THAT(Collect(*MakeNtpCollector(options)).text, HasSubstr("node_ntp_sanity 0\n"));
  }
  EXPECT_FALSE(Collect(*MakeNtpCollector(options)).status);  // nobody is there any more
}

}  // namespace
}  // namespace sextant::node
