#include "agents/node/netlink.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace sextant::node {
namespace {

constexpr size_t kDatagramLimit = 100'000;
constexpr int kErrnoLimit = 4'096;               // the kernel's MAX_ERRNO
constexpr uint16_t kAttributeTypeMask = 0x3fff;  // without the flags "nested" and "network byte order"

core::Result<int> OpenSocket(int protocol) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return core::FailErrno(errno, "opening a netlink socket");
  // The kernel answers at once; the timeout only guards against a lost answer.
  const timeval timeout{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return fd;
}

core::Status DumpFrom(int fd, uint16_t type, std::string_view request, const NetlinkReader& reader) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(NLMSG_HDRLEN + request.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::string message(BytesOf(header));
  message.resize(NLMSG_HDRLEN, '\0');
  message += request;
  if (::send(fd, message.data(), message.size(), 0) < 0) {
    return core::FailErrno(errno, "asking netlink for a table");
  }
  // Larger than any message that the kernel sends in a dump.
  constexpr size_t kBufferSize = 64 << 10;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kBufferSize);
  for (size_t datagrams = 0; datagrams < kDatagramLimit; ++datagrams) {
    const ssize_t got = ::recv(fd, buffer.get(), kBufferSize, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return core::FailErrno(errno, "reading a table from netlink");
    SEXTANT_ASSIGN(const bool is_done, ReadNetlinkDatagram({buffer.get(), static_cast<size_t>(got)}, reader));
    if (is_done) return {};
  }
  return core::Fail(core::Code::kResourceExhausted, "more than {} netlink datagrams", kDatagramLimit);
}

}  // namespace

NetlinkClient::~NetlinkClient() {
  if (spare_fd_ >= 0) ::close(spare_fd_);
}

core::Status NetlinkClient::Dump(uint16_t type, std::string_view request, const NetlinkReader& reader) {
  int fd = -1;
  {
    const std::lock_guard lock(mutex_);
    fd = std::exchange(spare_fd_, -1);
  }
  if (fd < 0) {
    SEXTANT_ASSIGN(fd, OpenSocket(protocol_));
  }
  core::Status dumped = DumpFrom(fd, type, request, reader);
  if (dumped) {
    const std::lock_guard lock(mutex_);
    std::swap(fd, spare_fd_);
  }
  if (fd >= 0) ::close(fd);  // one too many, or with half an answer in it
  return dumped;
}

std::string NetlinkClient::DeviceName(uint32_t index) {
  char name[IF_NAMESIZE];
  return ::if_indextoname(index, name) == nullptr ? "" : name;
}

core::Result<bool> ReadNetlinkDatagram(std::string_view datagram, const NetlinkReader& reader) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = NetlinkStruct<nlmsghdr>(datagram);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    const std::string_view body = datagram.substr(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      // Negative in what the kernel sends; anything else is no errno.
      const int error = NetlinkStruct<nlmsgerr>(body).error;
      return core::FailErrno(error < 0 && error > -kErrnoLimit ? -error : EBADMSG,
                             "netlink refuses the request");
    }
    reader(header.nlmsg_type, body);
    datagram.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  return false;
}

bool NetlinkAttributes::Next(uint16_t& type, std::string_view& value) {
  if (bytes_.size() < sizeof(nlattr)) return false;
  const auto header = NetlinkStruct<nlattr>(bytes_);
  if (header.nla_len < sizeof header || header.nla_len > bytes_.size()) {
    bytes_ = {};
    return false;
  }
  type = header.nla_type & kAttributeTypeMask;
  value = bytes_.substr(NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
  bytes_.remove_prefix(std::min<size_t>(NLA_ALIGN(header.nla_len), bytes_.size()));
  return true;
}

}  // namespace sextant::node
