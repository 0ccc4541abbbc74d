#include "app/systemd_sockets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace sextant::app {

core::Result<std::vector<std::string>> SystemdSockets() {
  constexpr int kFirst = 3;
  constexpr int kMost = 100;
  const auto number = [](const char* name) {
    const char* const text = std::getenv(name);
    int value = 0;
    if (text != nullptr) std::from_chars(text, text + std::char_traits<char>::length(text), value);
    return value;
  };
  const int count = number("LISTEN_PID") == ::getpid() ? number("LISTEN_FDS") : 0;
  if (count < 1 || count > kMost) {
    return core::Fail(core::Code::kInvalidArgument,
                      "--web.systemd-socket: systemd has opened no sockets for this program");
  }
  std::vector<std::string> sockets;
  for (int i = 0; i < count; ++i) sockets.push_back(fmt::format("fd:{}", kFirst + i));
  return sockets;
}

}  // namespace sextant::app
