#include "agents/node/dbus.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sextant::node {
namespace {

constexpr size_t kCallsAtOnce = 64;
constexpr size_t kGreetingLimit = 4'096;

}  // namespace

core::Result<std::unique_ptr<DbusConnection>> DbusConnection::Open(const std::string& socket_path,
                                                                   core::DurationMs timeout_ms, Peer peer) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return core::Fail(core::Code::kInvalidArgument, "{}: too long for a socket", socket_path.substr(0, 200));
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return core::FailErrno(errno, "opening a socket for D-Bus");
  std::unique_ptr<DbusConnection> connection(new DbusConnection(fd));
  const timeval timeout{.tv_sec = timeout_ms / 1'000, .tv_usec = timeout_ms % 1'000 * 1'000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) {
      return core::Fail(core::Code::kNotFound, "{}: no D-Bus here", socket_path);
    }
    return core::FailErrno(errno, socket_path);
  }
  SEXTANT_TRY(connection->Authenticate().map_error(core::AddContext("{}", socket_path)));
  if (peer == Peer::kProgram) return connection;
  SEXTANT_TRY(
      connection->Call({"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"})
          .map_error(core::AddContext("{}", socket_path)));
  return connection;
}

DbusConnection::~DbusConnection() { ::close(fd_); }

// The kernel vouches for our user; we only say which it is, in hexadecimal.
core::Status DbusConnection::Authenticate() {
  std::string user;
  for (char c : std::to_string(::geteuid())) user += fmt::format("{:02x}", static_cast<unsigned char>(c));
  SEXTANT_TRY(Send(std::string(1, '\0') + "AUTH EXTERNAL " + user + "\r\n"));
  while (received_.find("\r\n") == std::string::npos) {
    if (received_.size() > kGreetingLimit) return core::Fail(core::Code::kCorruption, "not a D-Bus");
    SEXTANT_TRY(Receive());
  }
  if (!received_.starts_with("OK ")) {
    return core::Fail(core::Code::kPermissionDenied, "D-Bus does not let us in");
  }
  received_.clear();
  return Send("BEGIN\r\n");
}

core::Status DbusConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return core::FailErrno(errno, "sending to D-Bus");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

core::Status DbusConnection::Receive() {
  char buffer[16 << 10];
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return core::Fail(core::Code::kDeadlineExceeded, "no answer from D-Bus");
    }
    if (got < 0) return core::FailErrno(errno, "reading from D-Bus");
    if (got == 0) return core::Fail(core::Code::kUnavailable, "D-Bus closed the connection");
    received_.append(buffer, static_cast<size_t>(got));
    return {};
  }
}

core::Result<DbusMessage> DbusConnection::ReceiveMessage() {
  for (;;) {
    SEXTANT_ASSIGN(const std::optional<size_t> length, DbusMessageLength(received_));
    if (length && *length <= received_.size()) {
      auto message = DecodeDbusMessage(received_);
      received_.erase(0, *length);
      return message;
    }
    SEXTANT_TRY(Receive());
  }
}

core::Result<DbusMessage> DbusConnection::Call(const DbusCall& call) {
  SEXTANT_ASSIGN(std::vector<DbusMessage> answers, CallAll({&call, 1}));
  if (answers[0].type == DbusMessageType::kError) {
    return core::Fail(core::Code::kUnavailable, "D-Bus: {}: {}", call.member,
                      answers[0].error_name.substr(0, 200));
  }
  return std::move(answers[0]);
}

core::Result<std::vector<DbusMessage>> DbusConnection::CallAll(std::span<const DbusCall> calls) {
  std::vector<DbusMessage> answers(calls.size());
  for (size_t start = 0; start < calls.size(); start += kCallsAtOnce) {
    const size_t count = std::min(kCallsAtOnce, calls.size() - start);
    const uint32_t first_serial = last_serial_ + 1;
    std::string bytes;
    for (size_t i = 0; i < count; ++i) bytes += EncodeDbusCall(calls[start + i], ++last_serial_);
    SEXTANT_TRY(Send(bytes));
    for (size_t missing = count; missing > 0;) {
      SEXTANT_ASSIGN(DbusMessage message, ReceiveMessage());
      const bool is_answer =
          message.type == DbusMessageType::kAnswer || message.type == DbusMessageType::kError;
      const uint32_t index = message.answer_to - first_serial;
      if (!is_answer || index >= count) continue;  // a signal
      answers[start + index] = std::move(message);
      --missing;
    }
  }
  return answers;
}

}  // namespace sextant::node
