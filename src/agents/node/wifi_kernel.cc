// Wireless devices over nl80211, a family of generic netlink.
#include <linux/nl80211.h>

#include "agents/node/generic_netlink.h"
#include "agents/node/netlink.h"
#include "agents/node/wifi_data.h"

namespace sextant::node {
namespace {

constexpr uint8_t kSsidElement = 0;
constexpr double kBitrateUnit = 100'000;  // bits per second

// A request of this command for a device.
std::string MakeRequest(uint8_t command, uint32_t index) {
  return GenericNetlinkRequest(command, NetlinkAttribute(NL80211_ATTR_IFINDEX, BytesOf(index)));
}

double Bitrate(std::string_view nested) {
  NetlinkAttributes attributes(nested);
  uint16_t type = 0;
  std::string_view value;
  double rate = 0;
  while (attributes.Next(type, value)) {
    if (type == NL80211_RATE_INFO_BITRATE32) return NetlinkStruct<uint32_t>(value) * kBitrateUnit;
    if (type == NL80211_RATE_INFO_BITRATE) rate = NetlinkStruct<uint16_t>(value) * kBitrateUnit;
  }
  return rate;
}

void ReadStationInfo(std::string_view nested, WifiStation& station) {
  NetlinkAttributes attributes(nested);
  uint16_t type = 0;
  std::string_view value;
  const auto number32 = [&] { return static_cast<double>(NetlinkStruct<uint32_t>(value)); };
  const auto number64 = [&] { return static_cast<double>(NetlinkStruct<uint64_t>(value)); };
  while (attributes.Next(type, value)) {
    switch (type) {
      case NL80211_STA_INFO_CONNECTED_TIME:
        station.connected_seconds = number32();
        break;
      case NL80211_STA_INFO_INACTIVE_TIME:
        station.inactive_seconds = number32() / 1'000;
        break;
      case NL80211_STA_INFO_RX_BYTES64:
        station.received_bytes = number64();
        break;
      case NL80211_STA_INFO_TX_BYTES64:
        station.transmitted_bytes = number64();
        break;
      case NL80211_STA_INFO_RX_PACKETS:
        station.received_packets = number32();
        break;
      case NL80211_STA_INFO_TX_PACKETS:
        station.transmitted_packets = number32();
        break;
      case NL80211_STA_INFO_SIGNAL:
        station.signal_dbm = NetlinkStruct<int8_t>(value);
        break;
      case NL80211_STA_INFO_RX_BITRATE:
        station.receive_bits_per_second = Bitrate(value);
        break;
      case NL80211_STA_INFO_TX_BITRATE:
        station.transmit_bits_per_second = Bitrate(value);
        break;
      case NL80211_STA_INFO_TX_RETRIES:
        station.transmit_retries = number32();
        break;
      case NL80211_STA_INFO_TX_FAILED:
        station.transmit_failed = number32();
        break;
      case NL80211_STA_INFO_BEACON_LOSS:
        station.beacon_losses = number32();
        break;
      default:
        break;
    }
  }
}

// The name of the network among the elements of a beacon: each a type, a length and bytes.
std::string FindSsid(std::string_view elements) {
  while (elements.size() >= 2) {
    const auto type = static_cast<uint8_t>(elements[0]);
    const auto length = static_cast<uint8_t>(elements[1]);
    if (elements.size() < size_t{2} + length) break;
    if (type == kSsidElement) return std::string(elements.substr(2, length));
    elements.remove_prefix(size_t{2} + length);
  }
  return "";
}

// Networks in reach; the one that has a status is the one that the device is part of.
std::optional<WifiNetwork> ReadNetwork(std::string_view message) {
  NetlinkAttributes attributes(GenericNetlinkAttributes(message));
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) {
    if (type != NL80211_ATTR_BSS) continue;
    NetlinkAttributes nested(value);
    WifiNetwork network;
    bool is_ours = false;
    while (nested.Next(type, value)) {
      if (type == NL80211_BSS_BSSID) network.bssid = FormatMacAddress(value);
      if (type == NL80211_BSS_INFORMATION_ELEMENTS) network.ssid = FindSsid(value);
      if (type == NL80211_BSS_STATUS) {
        network.status = NetlinkStruct<uint32_t>(value);
        is_ours = true;
      }
    }
    if (is_ours) return network;
  }
  return std::nullopt;
}

void ReadDevice(std::string_view message, std::vector<WifiDevice>& devices) {
  WifiDevice device;
  NetlinkAttributes attributes(GenericNetlinkAttributes(message));
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) {
    if (type == NL80211_ATTR_IFNAME) device.name = NetlinkText(value);
    if (type == NL80211_ATTR_IFINDEX) device.index = NetlinkStruct<uint32_t>(value);
    if (type == NL80211_ATTR_WIPHY_FREQ) device.frequency_mhz = NetlinkStruct<uint32_t>(value);
  }
  // Some virtual devices have no name.
  if (!device.name.empty() && device.index != 0) devices.push_back(std::move(device));
}

void ReadStation(std::string_view message, WifiDevice& device) {
  WifiStation station;
  NetlinkAttributes attributes(GenericNetlinkAttributes(message));
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) {
    if (type == NL80211_ATTR_MAC) station.mac_address = FormatMacAddress(value);
    if (type == NL80211_ATTR_STA_INFO) ReadStationInfo(value, station);
  }
  device.stations.push_back(std::move(station));
}

}  // namespace

core::Result<std::vector<WifiDevice>> ReadWifiFromKernel(Netlink& generic) {
  SEXTANT_ASSIGN(const uint16_t family, FindGenericNetlinkFamily(generic, NL80211_GENL_NAME));
  std::vector<WifiDevice> devices;
  SEXTANT_TRY(generic
                  .Dump(family, GenericNetlinkRequest(NL80211_CMD_GET_INTERFACE),
                        [&](uint16_t, std::string_view message) { ReadDevice(message, devices); })
                  .map_error(core::AddContext("listing wireless devices")));
  for (WifiDevice& device : devices) {
    // A device that is no client has no network, and one that is down has no stations.
    static_cast<void>(generic.Dump(family, MakeRequest(NL80211_CMD_GET_SCAN, device.index),
                                   [&](uint16_t, std::string_view message) {
                                     if (auto network = ReadNetwork(message)) device.network = network;
                                   }));
    static_cast<void>(
        generic.Dump(family, MakeRequest(NL80211_CMD_GET_STATION, device.index),
                     [&](uint16_t, std::string_view message) { ReadStation(message, device); }));
  }
  return devices;
}

}  // namespace sextant::node
