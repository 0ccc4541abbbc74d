// Network devices as rtnetlink tells of them, in the terms of /sys/class/net: one question for all devices
// instead of a file for each of their attributes. Where not said otherwise it is the same number or text as
// in the file (net/core/net-sysfs.c and rtnetlink.c of the kernel). Not here, because netlink does not tell
// it: addr_assign_type, dev_id, duplex, name_assign_type, speed.
#pragma once

#include <linux/if_link.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/netlink.h"
#include "core/result.h"

namespace sextant::node {

struct NetLink {
  std::string name;
  // While a device is down, the kernel refuses to read some of its files: carrier, dormant, duplex, speed.
  bool is_up = false;
  std::string_view operstate;  // a literal
  std::string address;
  std::string broadcast;
  std::string alias;
  std::vector<std::string> alternative_names;  // in no file
  uint32_t flags = 0;                          // with some that the file leaves out
  std::optional<rtnl_link_stats64> statistics;
  // Numbers, under the names of their files; nothing where this kernel does not tell.
  std::optional<int64_t> carrier;
  std::optional<int64_t> carrier_changes;
  std::optional<int64_t> carrier_down_count;
  std::optional<int64_t> carrier_up_count;
  std::optional<int64_t> dormant;
  std::optional<int64_t> ifindex;
  std::optional<int64_t> iflink;
  std::optional<int64_t> link_mode;
  std::optional<int64_t> mtu;
  std::optional<int64_t> netdev_group;
  std::optional<int64_t> tx_queue_len;
  std::optional<int64_t> type;
};

// All devices of our network namespace, sorted by name; `route` is of NETLINK_ROUTE. Statistics make the
// answer much longer. Errors as of Netlink::Dump. Any thread.
core::Result<std::vector<NetLink>> ListNetLinks(Netlink& route, bool with_statistics = false);

// One RTM_NEWLINK message without its netlink header; nothing when it has no name.
std::optional<NetLink> ParseNetLink(std::string_view body);

}  // namespace sextant::node
