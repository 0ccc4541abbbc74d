// For tests and fuzzers: answers of netlink that were recorded or made up, datagram by datagram.
#pragma once

#include <linux/netlink.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/node/netlink.h"

namespace sextant::node {

// A message with its header, padded as in a datagram.
inline std::string NetlinkMessage(uint16_t type, std::string_view body) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(NLMSG_HDRLEN + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_MULTI;
  std::string message(BytesOf(header));
  message += body;
  message.resize(NLMSG_ALIGN(message.size()), '\0');
  return message;
}

// The end of a dump.
inline std::string NetlinkDone() { return NetlinkMessage(NLMSG_DONE, std::string(sizeof(int), '\0')); }

class NetlinkRecording final : public Netlink {
 public:
  // What comes back to requests of this type, each datagram as it comes from the socket.
  void Answer(uint16_t type, std::vector<std::string> datagrams) { answers_[type] = std::move(datagrams); }
  // The same to all requests.
  void AnswerAll(std::vector<std::string> datagrams) { otherwise_ = std::move(datagrams); }
  void NameDevice(uint32_t index, std::string name) { devices_[index] = std::move(name); }

  core::Status Dump(uint16_t type, std::string_view request, const NetlinkReader& reader) override {
    requests_.emplace_back(type, request);
    const auto answer = answers_.find(type);
    for (const std::string& datagram : answer == answers_.end() ? otherwise_ : answer->second) {
      SEXTANT_ASSIGN(const bool is_done, ReadNetlinkDatagram(datagram, reader));
      if (is_done) return {};
    }
    return core::Fail(core::Code::kIo, "the recording ends before the answer");
  }

  std::string DeviceName(uint32_t index) override {
    const auto device = devices_.find(index);
    return device == devices_.end() ? "" : device->second;
  }

  // What was asked: types and bodies.
  const std::vector<std::pair<uint16_t, std::string>>& requests() const { return requests_; }

 private:
  std::map<uint16_t, std::vector<std::string>> answers_;
  std::vector<std::string> otherwise_;
  std::map<uint32_t, std::string> devices_;
  std::vector<std::pair<uint16_t, std::string>> requests_;
};

}  // namespace sextant::node
