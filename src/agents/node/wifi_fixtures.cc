// Wireless devices from JSON files, which stand in for devices that a test's machine does not have.
#include <simdjson.h>

#include "agents/node/host_files.h"
#include "agents/node/wifi_data.h"
#include "core/base64.h"

namespace sextant::node {
namespace {

constexpr double kNanoseconds = 1e9;

double Number(const simdjson::dom::element& object, std::string_view key) {
  double value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}

std::string_view Text(const simdjson::dom::element& object, std::string_view key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

std::string Bytes(const simdjson::dom::element& object, std::string_view key) {
  return core::DecodeBase64(Text(object, key)).value_or("");
}

core::Status ReadJson(const std::string& path, simdjson::dom::parser& parser, simdjson::dom::element& root) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  if (parser.parse(text).get(root) != simdjson::SUCCESS) {
    return core::Fail(core::Code::kInvalidArgument, "{}: not JSON", path);
  }
  return {};
}

core::Status ReadNetwork(const std::string& path, WifiDevice& device) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  SEXTANT_TRY(ReadJson(path, parser, root));
  device.network = WifiNetwork{std::string(Text(root, "ssid")), FormatMacAddress(Bytes(root, "bssid")),
                               static_cast<uint32_t>(Number(root, "status"))};
  return {};
}

core::Status ReadStations(const std::string& path, WifiDevice& device) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  SEXTANT_TRY(ReadJson(path, parser, root));
  simdjson::dom::array entries;
  if (root.get(entries) != simdjson::SUCCESS) {
    return core::Fail(core::Code::kInvalidArgument, "{}: not an array", path);
  }
  for (const simdjson::dom::element entry : entries) {
    WifiStation& station = device.stations.emplace_back();
    station.mac_address = FormatMacAddress(Bytes(entry, "hardwareaddr"));
    station.connected_seconds = Number(entry, "connected") / kNanoseconds;
    station.inactive_seconds = Number(entry, "inactive") / kNanoseconds;
    station.receive_bits_per_second = Number(entry, "receivebitrate");
    station.transmit_bits_per_second = Number(entry, "transmitbitrate");
    station.received_bytes = Number(entry, "receivedbytes");
    station.transmitted_bytes = Number(entry, "transmittedbytes");
    station.received_packets = Number(entry, "receivedpackets");
    station.transmitted_packets = Number(entry, "transmittedpackets");
    station.signal_dbm = Number(entry, "signal");
    station.transmit_retries = Number(entry, "transmitretries");
    station.transmit_failed = Number(entry, "transmitfailed");
    station.beacon_losses = Number(entry, "beaconloss");
  }
  return {};
}

// Files that a device may lack.
core::Status UnlessMissing(core::Status status) {
  if (!status && status.error().code() == core::Code::kNotFound) return {};
  return status;
}

}  // namespace

std::string FormatMacAddress(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    fmt::format_to(std::back_inserter(text), "{}{:02x}", text.empty() ? "" : ":", static_cast<uint8_t>(c));
  }
  return text;
}

core::Result<std::vector<WifiDevice>> ReadWifiFromFixtures(const std::string& folder) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  SEXTANT_TRY(ReadJson(folder + "/interfaces.json", parser, root));
  simdjson::dom::array entries;
  if (root.get(entries) != simdjson::SUCCESS) {
    return core::Fail(core::Code::kInvalidArgument, "{}/interfaces.json: not an array", folder);
  }
  std::vector<WifiDevice> devices;
  for (const simdjson::dom::element entry : entries) {
    const std::string_view name = Text(entry, "name");
    if (!IsPathComponent(name)) continue;
    WifiDevice& device = devices.emplace_back();
    device.name = name;
    device.frequency_mhz = Number(entry, "frequency");
    SEXTANT_TRY(UnlessMissing(ReadNetwork(fmt::format("{}/{}/bss.json", folder, name), device)));
    SEXTANT_TRY(UnlessMissing(ReadStations(fmt::format("{}/{}/stationinfo.json", folder, name), device)));
  }
  return devices;
}

}  // namespace sextant::node
