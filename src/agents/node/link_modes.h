// Speed and duplex of network devices as ethtool's family of generic netlink tells them (Linux 5.6 and
// later).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agents/node/netlink.h"
#include "core/result.h"

namespace sextant::node {

struct LinkMode {
  std::string device;
  uint32_t speed_megabits = 0;  // all bits set: unknown
  uint8_t duplex = 0;           // DUPLEX_HALF, DUPLEX_FULL or DUPLEX_UNKNOWN of linux/ethtool.h
};

// One answer to ETHTOOL_MSG_LINKMODES_GET without its netlink header; nothing when it names no device.
std::optional<LinkMode> ParseLinkMode(std::string_view message);

// Any thread.
class LinkModes {
 public:
  // `generic` is of NETLINK_GENERIC.
  explicit LinkModes(std::shared_ptr<Netlink> generic) : generic_(std::move(generic)) {}

  // By device; those whose drivers know no modes are not in it. kNotFound when the kernel has no such family;
  // errors as of Netlink::Dump.
  core::Result<std::map<std::string, LinkMode, std::less<>>> List();

 private:
  const std::shared_ptr<Netlink> generic_;
  std::atomic<uint16_t> family_ = 0;  // 0: not asked for yet
};

}  // namespace sextant::node
