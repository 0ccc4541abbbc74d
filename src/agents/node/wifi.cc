// node_wifi_*: wireless devices, the network that each is part of and the stations that it hears.
#include "agents/node/collectors.h"
#include "agents/node/wifi_data.h"

namespace sextant::node {
namespace {

struct StationMetric {
  std::string_view name;
  std::string_view help;
  MetricType type;
  double WifiStation::* value;
};

constexpr StationMetric kStationMetrics[] = {
    {"node_wifi_station_connected_seconds_total", "Time that a station has been connected.",
     MetricType::kCounter, &WifiStation::connected_seconds},
    {"node_wifi_station_inactive_seconds", "Time since anything was heard of a station.", MetricType::kGauge,
     &WifiStation::inactive_seconds},
    {"node_wifi_station_receive_bits_per_second", "Bit rate of what is received from a station.",
     MetricType::kGauge, &WifiStation::receive_bits_per_second},
    {"node_wifi_station_transmit_bits_per_second", "Bit rate of what is sent to a station.",
     MetricType::kGauge, &WifiStation::transmit_bits_per_second},
    {"node_wifi_station_receive_bytes_total", "Bytes received from a station.", MetricType::kCounter,
     &WifiStation::received_bytes},
    {"node_wifi_station_transmit_bytes_total", "Bytes sent to a station.", MetricType::kCounter,
     &WifiStation::transmitted_bytes},
    {"node_wifi_station_received_packets_total", "Packets received from a station.", MetricType::kCounter,
     &WifiStation::received_packets},
    {"node_wifi_station_transmitted_packets_total", "Packets sent to a station.", MetricType::kCounter,
     &WifiStation::transmitted_packets},
    {"node_wifi_station_signal_dbm", "Strength of a station's signal in dBm.", MetricType::kGauge,
     &WifiStation::signal_dbm},
    {"node_wifi_station_transmit_retries_total", "Packets that had to be sent again.", MetricType::kCounter,
     &WifiStation::transmit_retries},
    {"node_wifi_station_transmit_failed_total", "Packets that could not be sent.", MetricType::kCounter,
     &WifiStation::transmit_failed},
    {"node_wifi_station_beacon_loss_total", "Beacons of a station that were missed.", MetricType::kCounter,
     &WifiStation::beacon_losses},
};

std::string_view Mode(uint32_t status) {
  if (status <= 1) return "client";
  return status == 2 ? "ad-hoc" : "unknown";
}

core::Status CollectWifi(Netlink& generic, const std::string& fixtures, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::vector<WifiDevice> devices,
                 fixtures.empty() ? ReadWifiFromKernel(generic) : ReadWifiFromFixtures(fixtures));
  for (const WifiDevice& device : devices) {
    sink.GetFamily("node_wifi_interface_frequency_hertz", "Frequency that a device uses now.",
                   MetricType::kGauge, {"device"})
        .Add({device.name}, device.frequency_mhz * 1e6);
    if (device.network) {
      sink.GetFamily("node_wifi_station_info", "The network that a device is part of; always 1.",
                     MetricType::kGauge, {"bssid", "device", "mode", "ssid"})
          .Add({device.network->bssid, device.name, Mode(device.network->status), device.network->ssid}, 1);
    }
    for (const WifiStation& station : device.stations) {
      for (const StationMetric& metric : kStationMetrics) {
        sink.GetFamily(metric.name, metric.help, metric.type, {"device", "mac_address"})
            .Add({device.name, station.mac_address}, station.*metric.value);
      }
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeWifiCollector(const NodeOptions& options, std::shared_ptr<Netlink> generic) {
  return std::make_unique<StatelessCollector>(
      "wifi", [fixtures = options.wifi_fixtures, generic = std::move(generic)](
                  const HostPaths&, MetricSink& sink) { return CollectWifi(*generic, fixtures, sink); });
}

}  // namespace sextant::node
