// Names of metrics for what drivers of network devices call their statistics.
#pragma once

#include <string>
#include <string_view>

namespace sextant::node {

// "rx_bytes" → "node_ethtool_received_bytes_total", "port.tx_dropped" →
// "node_ethtool_port_transmitted_dropped".
std::string EthtoolMetricName(std::string_view statistic);

}  // namespace sextant::node
