#include "net/udp_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace sextant::net {

namespace {

// Keeps packets.
class Packets {
 public:
  UdpServer::Handler handler() {
    return [this](UdpPacket packet) {
      std::lock_guard lock(mutex_);
      all_.push_back(std::move(packet));
      changed_.notify_all();
    };
  }
  std::vector<UdpPacket> Wait(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<UdpPacket> all_;
};

void SendTo(uint16_t port, const std::string& bytes) {
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
            static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

TEST(UdpServerTest, ReceivesPackets) {
  IoContext io;
  Packets packets;
  auto server =
      UdpServer::Start(io, {.listen = "127.0.0.1:0", .max_packet_bytes = 4, .socket_buffer_bytes = 1 << 20},
                       packets.handler());
  ASSERT_TRUE(server) << server.error().message();
  SendTo((*server)->bound_port(), "four");
  packets.Wait(1);
  SendTo((*server)->bound_port(), "");
  packets.Wait(2);
  SendTo((*server)->bound_port(), "more than four");
  std::vector<UdpPacket> all = packets.Wait(3);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].bytes, "four");
  EXPECT_TRUE(all[0].remote_address.starts_with("127.0.0.1:")) << all[0].remote_address;
  EXPECT_FALSE(all[0].is_cut);
  EXPECT_EQ(all[1].bytes, "");
  EXPECT_EQ(all[2].bytes, "more");
  EXPECT_TRUE(all[2].is_cut);
  (*server)->Stop();
  (*server)->Stop();
}

TEST(UdpServerTest, ListensOnEveryAddress) {
  IoContext io;
  Packets packets;
  auto server = UdpServer::Start(io, {.listen = ":0"}, packets.handler());
  ASSERT_TRUE(server) << server.error().message();
  SendTo((*server)->bound_port(), "x");
  EXPECT_EQ(packets.Wait(1).size(), 1u);
  io.Stop();
  (*server)->Stop();  // also after its loops
}

TEST(UdpServerTest, SaysWhyItCannotListen) {
  IoContext io;
  Packets packets;
  auto first = UdpServer::Start(io, {.listen = "127.0.0.1:0"}, packets.handler());
  ASSERT_TRUE(first);
  std::string address = fmt::format("127.0.0.1:{}", (*first)->bound_port());
  auto second = UdpServer::Start(io, {.listen = address}, packets.handler());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), core::Code::kUnavailable);
  EXPECT_FALSE(UdpServer::Start(io, {.listen = "no.such.host.invalid:1"}, packets.handler()));
}

}  // namespace

}  // namespace sextant::net
