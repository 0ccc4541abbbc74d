#include "agents/node/net_links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>

#include "agents/node/host_files.h"

namespace sextant::node {
namespace {

constexpr uint32_t kDormantFlag =
    0x20000;  // IFF_DORMANT of <linux/if.h>, which <net/if.h> cannot stand beside

constexpr size_t kAlternativeNameLimit = 100;  // of a device; the kernel has its own, by size

// By IF_OPER_*. Other numbers have no name, and the file gives an error for them.
constexpr std::string_view kOperstates[] = {"unknown", "notpresent", "down", "lowerlayerdown",
                                            "testing", "dormant",    "up"};

std::string HardwareAddress(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// The files print whatever they have as an int.
int64_t AsInt(std::string_view value) { return static_cast<int32_t>(NetlinkStruct<uint32_t>(value)); }
int64_t AsByte(std::string_view value) { return NetlinkStruct<uint8_t>(value); }

void TakeProperties(std::string_view nested, NetLink& link) {
  NetlinkAttributes properties(nested);
  uint16_t type = 0;
  std::string_view value;
  while (properties.Next(type, value)) {
    if (type != IFLA_ALT_IFNAME || link.alternative_names.size() >= kAlternativeNameLimit) continue;
    const std::string_view name = NetlinkText(value);
    if (!name.empty()) link.alternative_names.emplace_back(name);
  }
}

void TakeAttribute(uint16_t type, std::string_view value, NetLink& link) {
  switch (type) {
    case IFLA_IFNAME:
      link.name = NetlinkText(value);
      return;
    case IFLA_IFALIAS:
      link.alias = TrimSpace(NetlinkText(value));
      return;
    case IFLA_ADDRESS:
      link.address = HardwareAddress(value);
      return;
    case IFLA_BROADCAST:
      link.broadcast = HardwareAddress(value);
      return;
    case IFLA_OPERSTATE: {
      const auto state = static_cast<size_t>(AsByte(value));
      if (state < std::size(kOperstates)) link.operstate = kOperstates[state];
      return;
    }
    case IFLA_CARRIER:
      link.carrier = AsByte(value);
      return;
    case IFLA_CARRIER_CHANGES:
      link.carrier_changes = AsInt(value);
      return;
    case IFLA_CARRIER_DOWN_COUNT:
      link.carrier_down_count = AsInt(value);
      return;
    case IFLA_CARRIER_UP_COUNT:
      link.carrier_up_count = AsInt(value);
      return;
    case IFLA_LINK:
      link.iflink = AsInt(value);
      return;
    case IFLA_LINKMODE:
      link.link_mode = AsByte(value);
      return;
    case IFLA_MTU:
      link.mtu = AsInt(value);
      return;
    case IFLA_GROUP:
      link.netdev_group = AsInt(value);
      return;
    case IFLA_STATS64:
      link.statistics = NetlinkStruct<rtnl_link_stats64>(value);
      return;
    case IFLA_PROP_LIST:
      TakeProperties(value, link);
      return;
    case IFLA_TXQLEN:
      link.tx_queue_len = AsInt(value);
      return;
    default:
      return;
  }
}

}  // namespace

std::optional<NetLink> ParseNetLink(std::string_view body) {
  if (body.size() < sizeof(ifinfomsg)) return std::nullopt;
  const auto header = NetlinkStruct<ifinfomsg>(body);
  NetLink link;
  link.flags = header.ifi_flags;
  link.is_up = (header.ifi_flags & IFF_UP) != 0;
  link.dormant = (header.ifi_flags & kDormantFlag) != 0 ? 1 : 0;
  link.ifindex = header.ifi_index;
  link.type = header.ifi_type;
  NetlinkAttributes attributes(BehindNetlinkStruct(body, sizeof header));
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) TakeAttribute(type, value, link);
  if (!link.iflink) link.iflink = link.ifindex;  // told only when it is another
  if (link.name.empty()) return std::nullopt;
  return link;
}

core::Result<std::vector<NetLink>> ListNetLinks(Netlink& route, bool with_statistics) {
  struct Request {
    ifinfomsg header{};
    nlattr mask_header{.nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = IFLA_EXT_MASK};
    uint32_t mask = RTEXT_FILTER_SKIP_STATS;
  };
  static_assert(sizeof(Request) == NLMSG_ALIGN(sizeof(ifinfomsg)) + NLA_HDRLEN + sizeof(uint32_t));
  Request request;
  if (with_statistics) request.mask = 0;
  std::vector<NetLink> links;
  const auto read = [&](uint16_t type, std::string_view body) {
    if (type != RTM_NEWLINK || links.size() >= kDirectoryLimit) return;
    if (auto link = ParseNetLink(body)) links.push_back(*std::move(link));
  };
  SEXTANT_TRY(
      route.Dump(RTM_GETLINK, BytesOf(request), read).map_error(core::AddContext("listing network devices")));
  std::ranges::sort(links, {}, &NetLink::name);
  return links;
}

}  // namespace sextant::node
