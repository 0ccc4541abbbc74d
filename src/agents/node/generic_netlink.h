// Generic netlink: families of messages (nl80211, ethtool) that the kernel numbers when it meets them.
// Stateless; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agents/node/netlink.h"
#include "core/result.h"

namespace sextant::node {

// The body of a request with this command and these attributes.
std::string GenericNetlinkRequest(uint8_t command, std::string_view attributes = {});

// The attributes of a message, behind its header of generic netlink; nothing when it is too short.
std::string_view GenericNetlinkAttributes(std::string_view message);

// One attribute as it stands in a message, padded.
std::string NetlinkAttribute(uint16_t type, std::string_view value);

// The number of the family with this name, asked of `generic` (NETLINK_GENERIC). kNotFound when this kernel
// does not have it; errors as of Netlink::Dump.
core::Result<uint16_t> FindGenericNetlinkFamily(Netlink& generic, std::string_view name);

}  // namespace sextant::node
