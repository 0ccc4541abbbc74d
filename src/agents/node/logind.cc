// node_logind_sessions: sessions of users as logind counts them, over D-Bus.
#include <algorithm>
#include <array>
#include <map>

#include "agents/node/collectors.h"
#include "agents/node/dbus.h"

namespace sextant::node {
namespace {

constexpr std::string_view kService = "org.freedesktop.login1";
constexpr const char* kManagerPath = "/org/freedesktop/login1";
constexpr std::string_view kManager = "org.freedesktop.login1.Manager";
constexpr std::string_view kSession = "org.freedesktop.login1.Session";
constexpr core::DurationMs kTimeoutMs = 1'500;

// "other" stands for what later versions may add.
constexpr std::string_view kTypes[] = {"other", "unspecified", "tty", "x11", "wayland", "mir", "web"};
constexpr std::string_view kClasses[] = {"other", "user", "greeter", "lock-screen", "background"};

struct Session {
  std::string seat;
  std::string path;
};

using Key = std::array<std::string, 4>;  // seat, remote, type, class

template <size_t N>
std::string KnownOrOther(std::string_view text, const std::string_view (&known)[N]) {
  return std::string(std::find(std::begin(known), std::end(known), text) != std::end(known) ? text : "other");
}

core::Status CheckSignature(const DbusMessage& message, std::string_view expected) {
  if (message.signature == expected) return {};
  return core::Fail(core::Code::kCorruption, "logind answers with {}", message.signature.substr(0, 100));
}

core::Result<std::vector<std::string>> ListSeats(DbusConnection& bus) {
  SEXTANT_ASSIGN(const DbusMessage list, bus.Call({kService, kManagerPath, kManager, "ListSeats"}));
  SEXTANT_TRY(CheckSignature(list, "a(so)"));
  std::vector<std::string> seats;
  DbusReader reader = list.Reader();
  const size_t end = reader.Array(8);
  while (reader.at() < end && !reader.IsBroken()) {
    reader.Align(8);
    seats.emplace_back(reader.String());
    reader.String();
  }
  if (reader.IsBroken()) return core::Fail(core::Code::kCorruption, "logind's list of seats is cut");
  seats.emplace_back();  // of sessions from elsewhere
  return seats;
}

core::Result<std::vector<Session>> ListSessions(DbusConnection& bus) {
  SEXTANT_ASSIGN(const DbusMessage list, bus.Call({kService, kManagerPath, kManager, "ListSessions"}));
  SEXTANT_TRY(CheckSignature(list, "a(susso)"));
  std::vector<Session> sessions;
  DbusReader reader = list.Reader();
  const size_t end = reader.Array(8);
  while (reader.at() < end && !reader.IsBroken()) {
    reader.Align(8);
    reader.String();
    reader.Uint32();
    reader.String();
    Session& session = sessions.emplace_back();
    session.seat = reader.String();
    session.path = reader.String();
  }
  if (reader.IsBroken()) return core::Fail(core::Code::kCorruption, "logind's list of sessions is cut");
  return sessions;
}

// False for a session that has ended meanwhile.
bool ReadVariant(const DbusMessage& message, std::string_view type, std::string& text, bool& flag) {
  if (message.type != DbusMessageType::kAnswer || message.signature != "v") return false;
  DbusReader reader = message.Reader();
  if (reader.Signature() != type) return false;
  if (type == "b") {
    flag = reader.Uint32() != 0;
  } else {
    text = reader.String();
  }
  return !reader.IsBroken();
}

core::Result<std::map<Key, double>> CountSessions(DbusConnection& bus, const std::vector<Session>& sessions) {
  std::vector<DbusCall> calls;
  for (const Session& session : sessions) {
    for (std::string_view property : {"Remote", "Type", "Class"}) {
      calls.push_back(
          {kService, session.path, "org.freedesktop.DBus.Properties", "Get", {kSession, property}});
    }
  }
  SEXTANT_ASSIGN(const std::vector<DbusMessage> answers, bus.CallAll(calls));
  std::map<Key, double> counts;
  for (size_t i = 0; i < sessions.size(); ++i) {
    bool is_remote = false;
    std::string type;
    std::string session_class;
    if (!ReadVariant(answers[3 * i], "b", type, is_remote) ||
        !ReadVariant(answers[3 * i + 1], "s", type, is_remote) ||
        !ReadVariant(answers[3 * i + 2], "s", session_class, is_remote)) {
      continue;
    }
    ++counts[{sessions[i].seat, is_remote ? "true" : "false", KnownOrOther(type, kTypes),
              KnownOrOther(session_class, kClasses)}];
  }
  return counts;
}

core::Status CollectLogind(const std::string& socket, MetricSink& sink) {
  SEXTANT_ASSIGN(const auto bus, DbusConnection::Open(socket, kTimeoutMs));
  SEXTANT_ASSIGN(const std::vector<std::string> seats, ListSeats(*bus));
  SEXTANT_ASSIGN(const std::vector<Session> sessions, ListSessions(*bus));
  SEXTANT_ASSIGN(const auto counts, CountSessions(*bus, sessions));
  auto& family = sink.GetFamily("node_logind_sessions", "Sessions of users.", MetricType::kGauge,
                                {"class", "remote", "seat", "type"});
  for (const std::string& seat : seats) {
    for (const char* remote : {"true", "false"}) {
      for (std::string_view type : kTypes) {
        for (std::string_view session_class : kClasses) {
          const auto found = counts.find({seat, remote, std::string(type), std::string(session_class)});
          family.Add({session_class, remote, seat, type}, found == counts.end() ? 0 : found->second);
        }
      }
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeLogindCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "logind", [socket = options.dbus_socket](const HostPaths&, MetricSink& sink) {
        return CollectLogind(socket, sink);
      });
}

}  // namespace sextant::node
