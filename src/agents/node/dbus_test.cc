// The D-Bus client and its two collectors, against a bus that a thread of the test plays.
#include "agents/node/dbus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "agents/node/collectors.h"
#include "agents/node/test_tree.h"

namespace sextant::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What the peer answers to a call: a signature and a body, or nothing for an error.
using Answer = std::optional<std::pair<std::string, std::string>>;
using Answers = std::function<Answer(std::string_view member, std::string_view path,
                                     std::string_view interface, std::string_view property)>;

// A bus that serves one connection.
class FakeBus {
 public:
  FakeBus(const TestTree& tree, Answers answers)
      : path_((tree.path() / "bus").string()), answers_(std::move(answers)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeBus() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  const std::string& path() const { return path_; }
  // How many have introduced themselves.
  int greetings() const { return greetings_; }

 private:
  void Serve() {
    const int fd = ::accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    std::string received;
    bool is_greeted = false;
    char buffer[4'096];
    for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      received.append(buffer, static_cast<size_t>(got));
      if (!is_greeted) {
        if (received.find("AUTH") != std::string::npos && received.find("\r\n") != std::string::npos) {
          Reply(fd, "OK 1234\r\n");
          received.erase(0, received.find("\r\n") + 2);
        }
        if (received.find("BEGIN\r\n") == std::string::npos) continue;
        received.erase(0, received.find("BEGIN\r\n") + 7);
        is_greeted = true;
      }
      for (;;) {
        const auto length = DbusMessageLength(received);
        if (!length || !*length || **length > received.size()) break;
        AnswerCall(fd, received.substr(0, **length));
        received.erase(0, **length);
      }
    }
    ::close(fd);
  }

  void AnswerCall(int fd, std::string_view bytes) {
    const uint32_t serial = [&] {
      DbusReader reader(bytes, false);
      reader.Uint32();
      reader.Uint32();
      return reader.Uint32();
    }();
    // The fields by their code.
    std::string fields[10];
    DbusReader reader(bytes, false);
    for (int i = 0; i < 3; ++i) reader.Uint32();
    const size_t end = reader.Array(8);
    while (reader.at() < end) {
      reader.Align(8);
      const uint8_t code = reader.Byte();
      fields[code] = reader.Signature() == "g" ? reader.Signature() : reader.String();
    }
    const auto call = DecodeDbusMessage(bytes);
    ASSERT_TRUE(call);
    DbusReader body = call->Reader();
    const std::string interface(call->signature.size() >= 2 ? body.String() : "");
    const std::string property(call->signature.size() >= 2 ? body.String() : "");
    if (fields[3] == "Hello") ++greetings_;
    if (fields[3] == "Hello") return Reply(fd, EncodeDbusAnswer(serial, "s", Text(":1.7")));
    const Answer answer = answers_(fields[3], fields[1], interface, property);
    std::string message = EncodeDbusAnswer(serial, answer ? answer->first : "", answer ? answer->second : "");
    if (!answer) message[1] = static_cast<char>(DbusMessageType::kError);
    Reply(fd, message);
  }

  static std::string Text(std::string_view value) {
    DbusWriter writer;
    writer.String(value);
    return writer.text();
  }
  static void Reply(int fd, std::string_view bytes) {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  const std::string path_;
  const Answers answers_;
  std::atomic<int> greetings_ = 0;
  int listener_ = -1;
  std::thread thread_;
};

Answer TextValue(std::string_view value) {
  DbusWriter writer;
  writer.Signature("s");
  writer.String(value);
  return std::pair("v", writer.text());
}

Answer NumberValue(uint64_t value, bool is_long = false) {
  DbusWriter writer;
  writer.Signature(is_long ? "t" : "u");
  if (is_long) {
    writer.Uint64(value);
  } else {
    writer.Uint32(static_cast<uint32_t>(value));
  }
  return std::pair("v", writer.text());
}

Answer Units() {
  DbusWriter writer;
  const size_t start = writer.StartArray();
  const auto add = [&](std::string_view name, std::string_view load, std::string_view active) {
    writer.Align(8);
    writer.String(name);
    writer.String("A unit");
    writer.String(load);
    writer.String(active);
    writer.String("sub");
    writer.String("");
    writer.String("/unit/" + std::string(name));
    writer.Uint32(0);
    writer.String("");
    writer.String("/");
  };
  add("ssh.service", "loaded", "active");
  add("gone.service", "not-found", "inactive");
  add("daily.timer", "loaded", "active");
  add("dbus.socket", "loaded", "failed");
  add("dev-sda.device", "loaded", "active");
  writer.EndArray(start);
  return std::pair("a(ssssssouso)", writer.text());
}

std::string Collect(Collector& collector, core::Status& status) {
  MetricSink sink;
  status = collector.Collect({}, sink);
  return sink.RenderText();
}

TEST(Systemd, ReadsUnitsAndTheirProperties) {
  const TestTree tree;
  const FakeBus bus(tree,
                    [](std::string_view member, std::string_view path, std::string_view,
                       std::string_view property) -> Answer {
                      if (member == "ListUnits") return Units();
                      if (property == "Version") return TextValue("252.39-1~deb12u1");
                      if (property == "Virtualization") return TextValue("");
                      if (property == "SystemState") return TextValue("degraded");
                      if (property == "Type" && path == "/unit/ssh.service") return TextValue("notify");
                      if (property == "NRestarts") return NumberValue(3);
                      if (property == "ActiveEnterTimestamp") return NumberValue(1'700'000'000'500'000, true);
                      if (property == "LastTriggerUSec") return NumberValue(1'600'000'000'000'000, true);
                      if (property == "NAccepted") return NumberValue(7);
                      return std::nullopt;
                    });
  auto parsed = ParseNodeFlags(std::vector<std::string>{"--collector.systemd",
                                                        "--collector.systemd.enable-restarts-metrics",
                                                        "--collector.systemd.enable-start-time-metrics"});
  ASSERT_TRUE(parsed);
  parsed->options.dbus_socket = bus.path();
  const auto collector = MakeSystemdCollector(parsed->options);
  core::Status status;
  const std::string text = Collect(*collector, status);
  EXPECT_TRUE(status) << status.error().message();
  for (const char* line :
       {"node_systemd_version{version=\"252.39-1~deb12u1\"} 252.39\n",
        "node_systemd_virtualization_info{virtualization_type=\"none\"} 1\n",
        "node_systemd_system_running 0\n", "node_systemd_units{state=\"active\"} 3\n",
        "node_systemd_units{state=\"failed\"} 1\n",
        "node_systemd_unit_state{name=\"ssh.service\",state=\"active\",type=\"notify\"} 1\n",
        "node_systemd_unit_state{name=\"ssh.service\",state=\"failed\",type=\"notify\"} 0\n",
        "node_systemd_unit_state{name=\"dbus.socket\",state=\"failed\",type=\"\"} 1\n",
        "node_systemd_service_restart_total{name=\"ssh.service\"} 3\n",
        "node_systemd_unit_start_time_seconds{name=\"ssh.service\"} 1.7000000005e+09\n",
        "node_systemd_unit_start_time_seconds{name=\"dbus.socket\"} 0\n",
        "node_systemd_timer_last_trigger_seconds{name=\"daily.timer\"} 1.6e+09\n",
        "node_systemd_socket_accepted_connections_total{name=\"dbus.socket\"} 7\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("gone.service")));
  EXPECT_THAT(text, Not(HasSubstr("dev-sda.device")));
  EXPECT_THAT(text, Not(HasSubstr("node_systemd_socket_refused")));
}

TEST(Systemd, IsAskedWithoutABusWhenTold) {
  const TestTree tree;
  const FakeBus bus(
      tree,
      [](std::string_view member, std::string_view, std::string_view, std::string_view property) -> Answer {
        if (member == "ListUnits") return Units();
        if (property == "Version") return TextValue("252");
        return std::nullopt;
      });
  auto parsed =
      ParseNodeFlags(std::vector<std::string>{"--collector.systemd", "--collector.systemd.private"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.systemd_socket, "/run/systemd/private");
  parsed->options.systemd_socket = bus.path();
  parsed->options.dbus_socket = "/none";
  const auto collector = MakeSystemdCollector(parsed->options);
  core::Status status;
  const std::string text = Collect(*collector, status);
  EXPECT_TRUE(status) << status.error().message();
  EXPECT_THAT(text, HasSubstr("node_systemd_units{state=\"active\"} 3\n"));
  EXPECT_EQ(bus.greetings(), 0);
}

TEST(Logind, CountsSessions) {
  const TestTree tree;
  const FakeBus bus(tree,
                    [](std::string_view member, std::string_view path, std::string_view,
                       std::string_view property) -> Answer {
                      DbusWriter writer;
                      if (member == "ListSeats") {
                        const size_t start = writer.StartArray();
                        writer.String("seat0");
                        writer.String("/seat0");
                        writer.EndArray(start);
                        return std::pair("a(so)", writer.text());
                      }
                      if (member == "ListSessions") {
                        const size_t start = writer.StartArray();
                        for (const char* id : {"c1", "c2"}) {
                          writer.Align(8);
                          writer.String(id);
                          writer.Uint32(1'000);
                          writer.String("user");
                          writer.String(std::string_view(id) == "c1" ? "seat0" : "");
                          writer.String("/session/" + std::string(id));
                        }
                        writer.EndArray(start);
                        return std::pair("a(susso)", writer.text());
                      }
                      if (property == "Remote") {
                        writer.Signature("b");
                        writer.Uint32(path == "/session/c2" ? 1 : 0);
                        return std::pair("v", writer.text());
                      }
                      if (property == "Type") return TextValue(path == "/session/c2" ? "tty" : "hologram");
                      if (property == "Class") return TextValue("user");
                      return std::nullopt;
                    });
  NodeOptions options;
  options.dbus_socket = bus.path();
  const auto collector = MakeLogindCollector(options);
  core::Status status;
  const std::string text = Collect(*collector, status);
  EXPECT_TRUE(status) << status.error().message();
  EXPECT_THAT(text, HasSubstr("{class=\"user\",remote=\"false\",seat=\"seat0\",type=\"other\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("{class=\"user\",remote=\"true\",seat=\"\",type=\"tty\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("{class=\"greeter\",remote=\"true\",seat=\"\",type=\"tty\"} 0\n"));
}

TEST(Systemd, HasNoDataWithoutABus) {
  const TestTree tree;
  NodeOptions options;
  options.dbus_socket = (tree.path() / "none").string();
  const auto collector = MakeSystemdCollector(options);
  core::Status status;
  EXPECT_EQ(Collect(*collector, status), "");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), core::Code::kNotFound);
}

TEST(DbusMessage, SurvivesWhatIsNoMessage) {
  EXPECT_FALSE(DbusMessageLength("x234567890123456"));
  EXPECT_FALSE(*DbusMessageLength("l23"));
  const std::string message = EncodeDbusCall({"a.b", "/c", "d.e", "F", {"g", "h"}}, 7);
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(DecodeDbusMessage(std::string_view(message).substr(0, size)));
  }
  std::string broken = message;
  for (size_t i = 16; i < broken.size(); ++i) broken[i] = '\xff';
  static_cast<void>(DecodeDbusMessage(broken));
  DbusReader reader(std::string_view("\xff\xff\xff\x7f", 4), false);
  std::string_view signature = "a{s(iv)}";
  reader.Skip(signature);
  EXPECT_TRUE(reader.IsBroken());
}

}  // namespace
}  // namespace sextant::node
