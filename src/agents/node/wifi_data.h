// What is known of wireless devices, from the kernel or from fixtures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agents/node/netlink.h"
#include "core/result.h"

namespace sextant::node {

struct WifiStation {
  std::string mac_address;
  double connected_seconds = 0;
  double inactive_seconds = 0;
  double receive_bits_per_second = 0;
  double transmit_bits_per_second = 0;
  double received_bytes = 0;
  double transmitted_bytes = 0;
  double received_packets = 0;
  double transmitted_packets = 0;
  double signal_dbm = 0;
  double transmit_retries = 0;
  double transmit_failed = 0;
  double beacon_losses = 0;
};

// The network that a device has joined.
struct WifiNetwork {
  std::string ssid;
  std::string bssid;
  uint32_t status = 0;  // of nl80211: 0 authenticated, 1 associated, 2 joined ad hoc
};

struct WifiDevice {
  std::string name;
  uint32_t index = 0;
  double frequency_mhz = 0;
  std::optional<WifiNetwork> network;
  std::vector<WifiStation> stations;
};

// Asks the kernel over nl80211; `generic` is of NETLINK_GENERIC. kNotFound when it knows no wireless devices
// at all.
core::Result<std::vector<WifiDevice>> ReadWifiFromKernel(Netlink& generic);
// Reads interfaces.json, DEVICE/bss.json and DEVICE/stationinfo.json (--collector.wifi.fixtures).
core::Result<std::vector<WifiDevice>> ReadWifiFromFixtures(const std::string& folder);

// "01:02:0a:...".
std::string FormatMacAddress(std::string_view bytes);

}  // namespace sextant::node
