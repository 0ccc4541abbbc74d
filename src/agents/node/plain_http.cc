#include "agents/node/plain_http.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "core/base64.h"

namespace sextant::node {
namespace {

constexpr size_t kAnswerLimit = 8 << 20;

struct Place {
  bool is_unix = false;
  std::string host;  // or the socket's path
  std::string port = "80";
  std::string path = "/RPC2";
  std::string credentials;  // "user:password"; empty: none
};

core::Result<Place> ParsePlace(std::string_view url) {
  Place place;
  if (url.starts_with("unix://")) {
    place.is_unix = true;
    place.host = url.substr(7);
    return place;
  }
  if (!url.starts_with("http://")) {
    return core::Fail(core::Code::kInvalidArgument, "{}: only http:// and unix:// can be asked",
                      url.substr(0, 200));
  }
  url.remove_prefix(7);
  const size_t slash = url.find('/');
  std::string_view host = url.substr(0, slash);
  place.path = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) {
    place.credentials = host.substr(0, at);
    host.remove_prefix(at + 1);
  }
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    place.port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return core::Fail(core::Code::kInvalidArgument, "a URL without a host");
  place.host = host;
  return place;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

void SetTimeout(int fd, core::DurationMs timeout_ms) {
  const timeval timeout{.tv_sec = timeout_ms / 1'000, .tv_usec = timeout_ms % 1'000 * 1'000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

tl::unexpected<core::Error> ConnectError(const Place& place) {
  if (errno == ENOENT || errno == ECONNREFUSED) {
    return core::Fail(core::Code::kNotFound, "{}: nobody listens here", place.host);
  }
  return core::FailErrno(errno, place.host);
}

core::Result<Socket> ConnectUnix(const Place& place, core::DurationMs timeout_ms) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (place.host.size() >= sizeof address.sun_path) {
    return core::Fail(core::Code::kInvalidArgument, "{}: too long for a socket", place.host.substr(0, 200));
  }
  std::memcpy(address.sun_path, place.host.data(), place.host.size());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return core::FailErrno(errno, "opening a socket");
  SetTimeout(socket.fd(), timeout_ms);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return ConnectError(place);
  }
  return socket;
}

core::Result<Socket> ConnectTcp(const Place& place, core::DurationMs timeout_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int failed = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &list); failed != 0) {
    return core::Fail(core::Code::kUnavailable, "{}:{}: {}", place.host, place.port, ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    Socket socket(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) continue;
    SetTimeout(socket.fd(), timeout_ms);
    if (::connect(socket.fd(), one->ai_addr, one->ai_addrlen) == 0) return socket;
  }
  return ConnectError(place);
}

core::Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return core::FailErrno(errno, "sending a request");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

// The socket's own timeout bounds each wait; a peer that drips is given up when `timeout_ms` is over in all.
core::Result<std::string> ReceiveAll(int fd, core::DurationMs timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::string answer;
  char buffer[16 << 10];
  for (;;) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    const bool is_waiting = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (is_waiting || (got > 0 && std::chrono::steady_clock::now() > deadline)) {
      return core::Fail(core::Code::kDeadlineExceeded, "no answer in time");
    }
    if (got < 0) return core::FailErrno(errno, "reading an answer");
    if (got == 0) return answer;
    answer.append(buffer, static_cast<size_t>(got));
    if (answer.size() > kAnswerLimit) {
      return core::Fail(core::Code::kResourceExhausted, "an answer of more than {} bytes", kAnswerLimit);
    }
  }
}

}  // namespace

core::Result<std::string> BodyOfAnswer(std::string_view answer) {
  const size_t head_end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || answer.size() < 12 || head_end == std::string_view::npos) {
    return core::Fail(core::Code::kUnavailable, "the answer is not HTTP");
  }
  if (const std::string_view status = answer.substr(9, 3); status != "200") {
    return core::Fail(core::Code::kUnavailable, "the answer has the status {}", status);
  }
  return std::string(answer.substr(head_end + 4));
}

core::Result<std::string> PostXml(std::string_view url, std::string_view body, core::DurationMs timeout_ms) {
  SEXTANT_ASSIGN(const Place place, ParsePlace(url));
  SEXTANT_ASSIGN(const Socket socket,
                 place.is_unix ? ConnectUnix(place, timeout_ms) : ConnectTcp(place, timeout_ms));
  // HTTP/1.0: the answer ends with the connection, and is in one piece.
  std::string request =
      fmt::format("POST {} HTTP/1.0\r\nHost: {}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n",
                  place.path, place.is_unix ? "unix" : place.host, body.size());
  if (!place.credentials.empty()) {
    request += fmt::format("Authorization: Basic {}\r\n", core::EncodeBase64(place.credentials));
  }
  request += "\r\n";
  request += body;
  SEXTANT_TRY(SendAll(socket.fd(), request));
  SEXTANT_ASSIGN(const std::string answer, ReceiveAll(socket.fd(), timeout_ms));
  return BodyOfAnswer(answer);
}

}  // namespace sextant::node
