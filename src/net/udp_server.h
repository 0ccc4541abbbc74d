// A UDP socket that receives packets. It never answers: protocols over UDP here have no replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "net/io.h"

namespace sextant::net {

struct UdpPacket {
  std::string bytes;
  std::string remote_address;  // "127.0.0.1:40123"
  bool is_cut = false;         // it was longer than max_packet_bytes
};

struct UdpServerOptions {
  std::string listen;  // "127.0.0.1:6831", ":6831"
  size_t max_packet_bytes = 65'000;
  int socket_buffer_bytes = 0;  // of the kernel for what was not read yet; 0: the system's
};

class UdpServer {
 public:
  using Handler = std::function<void(UdpPacket packet)>;

  // Receives from now on. `handler` is called on a loop's thread, so it must be short; nothing runs at the
  // same time as another call of it. kUnavailable, kPermissionDenied or kInvalidArgument when the address
  // cannot be bound. `io` must outlive the server.
  static core::Result<std::unique_ptr<UdpServer>> Start(IoContext& io, UdpServerOptions options,
                                                        Handler handler);
  ~UdpServer();  // stops
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  uint16_t bound_port() const;
  // After it returns the handler is neither running nor will it run. Not from a loop's thread.
  void Stop();

 private:
  struct State;
  explicit UdpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace sextant::net
