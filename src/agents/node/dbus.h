// A connection to the system's D-Bus, as far as collectors need one: calls with texts as arguments, and their
// answers. One thread. Calls wait for the answers, each wait at most the timeout.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/dbus_message.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

class DbusConnection {
 public:
  // Who listens at a socket: a bus, to which one introduces oneself, or a program that speaks as if over a
  // bus.
  enum class Peer { kBus, kProgram };

  // Connects to a socket. kNotFound when nobody listens there.
  static core::Result<std::unique_ptr<DbusConnection>> Open(const std::string& socket_path,
                                                            core::DurationMs timeout_ms,
                                                            Peer peer = Peer::kBus);
  ~DbusConnection();
  DbusConnection(const DbusConnection&) = delete;
  DbusConnection& operator=(const DbusConnection&) = delete;

  // One call. An error that the peer answers is kUnavailable with its name.
  core::Result<DbusMessage> Call(const DbusCall& call);
  // Many calls at once, answers in their order. An outer error ends the connection's usefulness; the peer's
  // errors are messages of the type kError.
  core::Result<std::vector<DbusMessage>> CallAll(std::span<const DbusCall> calls);

 private:
  explicit DbusConnection(int fd) : fd_(fd) {}

  core::Status Authenticate();
  core::Status Send(std::string_view bytes);
  core::Status Receive();
  core::Result<DbusMessage> ReceiveMessage();

  const int fd_;
  std::string received_;  // not yet taken apart
  uint32_t last_serial_ = 0;
};

}  // namespace sextant::node
