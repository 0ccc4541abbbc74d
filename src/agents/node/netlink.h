// Dumps of the kernel's tables over netlink. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::node {

// Called with each message of a dump: its type and what follows the netlink header.
using NetlinkReader = std::function<void(uint16_t type, std::string_view body)>;

// Who answers: the kernel, or a test that says what the kernel would.
class Netlink {
 public:
  virtual ~Netlink() = default;

  // Asks for a dump with a request of this type and body and reads the answer to its end. Errors: kIo and
  // what errno says; kResourceExhausted for an answer without end.
  virtual core::Status Dump(uint16_t type, std::string_view request, const NetlinkReader& reader) = 0;
  // The name of the network device with this index; empty when there is none.
  virtual std::string DeviceName(uint32_t index) = 0;
};

// The kernel, by one protocol (NETLINK_ROUTE, ...). A socket stays open from a dump to the next.
class NetlinkClient final : public Netlink {
 public:
  explicit NetlinkClient(int protocol) : protocol_(protocol) {}
  ~NetlinkClient() override;
  NetlinkClient(const NetlinkClient&) = delete;
  NetlinkClient& operator=(const NetlinkClient&) = delete;

  core::Status Dump(uint16_t type, std::string_view request, const NetlinkReader& reader) override;
  std::string DeviceName(uint32_t index) override;

 private:
  const int protocol_;
  std::mutex mutex_;
  int spare_fd_ = -1;  // guarded by mutex_; nobody waits for an answer on it
};

// Reads the messages of one datagram of an answer, up to the first that is not whole. True when it ends the
// dump; kIo when it refuses the request.
core::Result<bool> ReadNetlinkDatagram(std::string_view datagram, const NetlinkReader& reader);

// The attributes (rtattr, nlattr) in a message, in order; ends at the first that is not whole.
class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(std::string_view bytes) : bytes_(bytes) {}
  // False at the end. Flags in the type are taken off.
  bool Next(uint16_t& type, std::string_view& value);

 private:
  std::string_view bytes_;
};

// What follows a structure of this size at the start of a message; nothing when the message ends before.
inline std::string_view BehindNetlinkStruct(std::string_view body, size_t size) {
  constexpr size_t kAlignment = 4;
  const size_t start = (size + kAlignment - 1) / kAlignment * kAlignment;
  return body.size() < start ? std::string_view() : body.substr(start);
}

// Copies the start of `bytes` into a kernel structure, of which older kernels may send less; the rest stays
// zero.
template <typename T>
T NetlinkStruct(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), bytes.size() < sizeof value ? bytes.size() : sizeof value);
  return value;
}

// A text attribute without its end mark.
inline std::string_view NetlinkText(std::string_view value) { return value.substr(0, value.find('\0')); }

// The bytes of a kernel structure.
template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace sextant::node
