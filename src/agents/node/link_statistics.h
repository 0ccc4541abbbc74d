// The kernel's counters of a network device, under node_exporter's detailed names.
#pragma once

#include <linux/if_link.h>

#include <string_view>

namespace sextant::node {

struct LinkStatistic {
  std::string_view name;  // the metric is node_network_NAME_total
  __u64 rtnl_link_stats64::* counter;
};

inline constexpr LinkStatistic kLinkStatistics[] = {
    {"receive_packets", &rtnl_link_stats64::rx_packets},
    {"transmit_packets", &rtnl_link_stats64::tx_packets},
    {"receive_bytes", &rtnl_link_stats64::rx_bytes},
    {"transmit_bytes", &rtnl_link_stats64::tx_bytes},
    {"receive_errors", &rtnl_link_stats64::rx_errors},
    {"transmit_errors", &rtnl_link_stats64::tx_errors},
    {"receive_dropped", &rtnl_link_stats64::rx_dropped},
    {"transmit_dropped", &rtnl_link_stats64::tx_dropped},
    {"multicast", &rtnl_link_stats64::multicast},
    {"collisions", &rtnl_link_stats64::collisions},
    {"receive_length_errors", &rtnl_link_stats64::rx_length_errors},
    {"receive_over_errors", &rtnl_link_stats64::rx_over_errors},
    {"receive_crc_errors", &rtnl_link_stats64::rx_crc_errors},
    {"receive_frame_errors", &rtnl_link_stats64::rx_frame_errors},
    {"receive_fifo_errors", &rtnl_link_stats64::rx_fifo_errors},
    {"receive_missed_errors", &rtnl_link_stats64::rx_missed_errors},
    {"transmit_aborted_errors", &rtnl_link_stats64::tx_aborted_errors},
    {"transmit_carrier_errors", &rtnl_link_stats64::tx_carrier_errors},
    {"transmit_fifo_errors", &rtnl_link_stats64::tx_fifo_errors},
    {"transmit_heartbeat_errors", &rtnl_link_stats64::tx_heartbeat_errors},
    {"transmit_window_errors", &rtnl_link_stats64::tx_window_errors},
    {"receive_compressed", &rtnl_link_stats64::rx_compressed},
    {"transmit_compressed", &rtnl_link_stats64::tx_compressed},
    {"receive_nohandler", &rtnl_link_stats64::rx_nohandler},
};

}  // namespace sextant::node
