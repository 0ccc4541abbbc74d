#include "agents/node/link_modes.h"

#include <linux/ethtool_netlink.h>
#include <linux/netlink.h>

#include <utility>

#include "agents/node/generic_netlink.h"
#include "agents/node/host_files.h"

namespace sextant::node {

std::optional<LinkMode> ParseLinkMode(std::string_view message) {
  NetlinkAttributes attributes(GenericNetlinkAttributes(message));
  LinkMode mode;
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) {
    if (type == ETHTOOL_A_LINKMODES_SPEED) mode.speed_megabits = NetlinkStruct<uint32_t>(value);
    if (type == ETHTOOL_A_LINKMODES_DUPLEX) mode.duplex = NetlinkStruct<uint8_t>(value);
    if (type != ETHTOOL_A_LINKMODES_HEADER) continue;
    NetlinkAttributes header(value);
    while (header.Next(type, value)) {
      if (type == ETHTOOL_A_HEADER_DEV_NAME) mode.device = NetlinkText(value);
    }
  }
  if (mode.device.empty()) return std::nullopt;
  return mode;
}

core::Result<std::map<std::string, LinkMode, std::less<>>> LinkModes::List() {
  uint16_t family = family_;
  if (family == 0) {
    SEXTANT_ASSIGN(family, FindGenericNetlinkFamily(*generic_, ETHTOOL_GENL_NAME));
    family_ = family;
  }
  // Compact sets of bits make the answer a tenth as long.
  constexpr uint32_t kFlags = ETHTOOL_FLAG_COMPACT_BITSETS;
  const std::string header = NetlinkAttribute(ETHTOOL_A_LINKMODES_HEADER | NLA_F_NESTED,
                                              NetlinkAttribute(ETHTOOL_A_HEADER_FLAGS, BytesOf(kFlags)));
  std::map<std::string, LinkMode, std::less<>> modes;
  const auto read = [&](uint16_t, std::string_view message) {
    if (modes.size() >= kDirectoryLimit) return;
    if (auto mode = ParseLinkMode(message)) modes.insert_or_assign(mode->device, *mode);
  };
  SEXTANT_TRY(generic_->Dump(family, GenericNetlinkRequest(ETHTOOL_MSG_LINKMODES_GET, header), read)
                  .map_error(core::AddContext("listing the modes of network devices")));
  return modes;
}

}  // namespace sextant::node
