// What net's tests share: a server on a free port with everything it needs, and a raw client socket that
// speaks bytes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "net/http_server.h"

namespace sextant::net {

// A blocking TCP socket to 127.0.0.1. Reads wait up to 20 s, which only a failing test reaches.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool is_connected() const { return is_connected_; }
  int fd() const { return fd_; }

  // False when the server has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  void ShutdownSend() { shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  // Ends with a reset instead of an orderly close.
  void Reset() {
    linger abort{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    Close();
  }

  // Everything until the server closes (or a reset).
  std::string ReadAll() {
    while (ReadMore()) {
    }
    return std::move(buffer_);
  }

  // Up to and including `end`.
  std::string ReadUntil(std::string_view end) {
    size_t found = buffer_.find(end);
    while (found == std::string::npos) {
      if (!ReadMore()) return std::move(buffer_);
      found = buffer_.find(end);
    }
    return Take(found + end.size());
  }

  std::string ReadBytes(size_t count) {
    while (buffer_.size() < count) {
      if (!ReadMore()) break;
    }
    return Take(std::min(count, buffer_.size()));
  }

  // One response: its head, and a body by Content-Length or chunks (decoded).
  struct Response {
    std::string head;
    std::string body;
    int status() const { return head.size() > 12 ? atoi(head.c_str() + 9) : 0; }
    std::string Header(std::string_view name) const {
      size_t begin = head.find("\r\n" + std::string(name) + ": ");
      if (begin == std::string::npos) return "";
      begin += name.size() + 4;
      return head.substr(begin, head.find("\r\n", begin) - begin);
    }
  };
  Response ReadResponse(bool has_body = true) {
    Response response;
    response.head = ReadUntil("\r\n\r\n");
    if (!has_body) return response;
    if (response.Header("Transfer-Encoding") == "chunked") {
      while (true) {
        size_t size = strtoull(ReadUntil("\r\n").c_str(), nullptr, 16);
        std::string chunk = ReadBytes(size + 2);
        if (chunk.size() != size + 2 || size == 0) return response;
        response.body.append(chunk, 0, size);
      }
    }
    std::string length = response.Header("Content-Length");
    response.body = length.empty() ? (response.Header("Connection") == "close" ? ReadAll() : "")
                                   : ReadBytes(strtoull(length.c_str(), nullptr, 10));
    return response;
  }

  // True once the server has closed the connection and nothing is left to read.
  bool IsAtEnd() { return buffer_.empty() && !ReadMore() && buffer_.empty(); }

 private:
  bool ReadMore() {
    char bytes[16 << 10];
    ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
    if (count <= 0) {
      EXPECT_FALSE(count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) << "nothing came for 20 s";
      return false;
    }
    buffer_.append(bytes, static_cast<size_t>(count));
    return true;
  }

  std::string Take(size_t count) {
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
  }

  int fd_;
  bool is_connected_ = false;
  std::string buffer_;
};

// A server with its surroundings, on a free port of 127.0.0.1.
class TestServer {
 public:
  explicit TestServer(Router router, HttpServerOptions options = {},
                      core::ExecutorOptions executor_options = {}, size_t io_threads = 2)
      : executor(executor_options), io({.threads = io_threads}) {
    if (options.listen == std::vector<std::string>{"127.0.0.1:9090"}) options.listen = {"127.0.0.1:0"};
    auto started = HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                     std::move(router), std::move(options));
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message());
    if (started) server = std::move(*started);
  }
  ~TestServer() {
    if (server) server->Stop(0);
    executor.Stop();
    server = nullptr;
    io.Stop();
  }

  uint16_t port() const { return server->bound_port(); }
  std::string Url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port()) + std::string(path);
  }
  // Whether a line of the own metrics starts with this.
  bool HasMetric(std::string_view line) const {
    return registry.RenderText().find(line) != std::string::npos;
  }

  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor;
  IoContext io;
  std::unique_ptr<HttpServer> server;
};

}  // namespace sextant::net
